"""The way to a Ray cluster: Ray is loaded here, and only once it is asked for."""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import InputError, UsageError

_REACHED_WITHIN_S = 5.0
_ADDRESS = re.compile(r"(?P<host>\[[^]]+\]|[^:/\s]+):(?P<port>\d{1,5})")


def loaded() -> Any:
    """The package `ray`. Raises UsageError where it is not installed."""
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray is about to stop hiding GPUs, and says so
    try:
        import ray
    except ImportError as error:
        raise UsageError(f'Ray is not installed here ({error.name or error}); pip install "streamfix[ray]"') from error
    return ray


@contextmanager
def connected(address: str = "auto", **options: Any) -> Iterator[Any]:
    """Be connected to a cluster; gives the package `ray`. A connection that is there already is used, and stays.

    address: HOST:PORT of its head; "auto" for the cluster that runs on this machine or that RAY_ADDRESS names; "local"
    starts Ray on this machine alone, until the end of the block. options: of `ray.init`.
    Raises UsageError for what is no address, InputError if nothing answers there, or another version of Ray does.
    """
    ray = loaded()
    if ray.is_initialized():
        yield ray
        return
    _connect(ray, address, options)
    try:
        yield ray
    finally:
        ray.shutdown()


def connect(address: str, **options: Any) -> None:
    """Connect this process to a cluster until `ray.shutdown`. Raises as `connected`."""
    _connect(loaded(), address, options)


def _connect(ray: Any, address: str, options: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    if address == "local":
        ray.init(address="local", include_dashboard=False, **usual, **options)
        return
    wanted = os.environ.get("RAY_ADDRESS", "auto") if address == "auto" else address
    if wanted != "auto":
        _check_reached(wanted)
    try:
        ray.init(address=wanted, **usual, **options)
    except ConnectionError as error:
        where = "no cluster of Ray runs on this machine" if wanted == "auto" else f"{wanted}: no cluster answers"
        raise InputError(
            f"-address {address}: {where}; start one with `ray start --head`, name its head as HOST:PORT, or use "
            "-address local for this machine alone"
        ) from error
    except (RuntimeError, ValueError) as error:
        if "ersion" in str(error):
            raise InputError(
                f"-address {address}: the cluster has another version of Ray or Python than this machine, which has "
                f"Ray {ray.__version__}: {' '.join(str(error).split())}; install the same on all"
            ) from error
        raise InputError(f"-address {address}: {' '.join(str(error).split())}") from error


def _check_reached(address: str) -> None:
    """Raise UsageError for what is no address, InputError if nothing listens there: Ray itself tries for long."""
    known = _ADDRESS.fullmatch(address)
    if known is None or int(known["port"]) > 65535:
        raise UsageError(f"-address {address}: expected HOST:PORT of the head, as in 10.0.0.5:6379, auto, or local")
    try:
        socket.create_connection((known["host"].strip("[]"), int(known["port"])), _REACHED_WITHIN_S).close()
    except OSError as error:
        raise InputError(
            f"-address {address}: {error.strerror or 'it does not answer'}; is the head running there "
            "(`ray status`), and its port open?"
        ) from error


def alive(ray: Any) -> list[dict[str, Any]]:
    """The nodes that are there, as `ray.nodes()` tells of them."""
    return [node for node in ray.nodes() if node["Alive"]]


def name_of(node: dict[str, Any]) -> str:
    """What a user knows a node by: its address, with its host's name and the beginning of its id."""
    return f"{node['NodeManagerAddress']} ({node['NodeManagerHostname']}, {node['NodeID'][:8]})"


def kill(ray: Any, actor: Any) -> None:
    """End an actor's process, whatever state it is in."""
    with suppress(ValueError, RuntimeError):  # it has ended
        ray.kill(actor, no_restart=True)
