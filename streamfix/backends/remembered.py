"""How a network was opened the last time, so that the next time it is opened without PyTorch.

Whatever the choice depends on is in the entry's name, so an entry is right for as long as it is found.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from .. import cores
from ..devices import cpu
from ..errors import StreamfixError
from .cache import Cache, digest

if TYPE_CHECKING:
    from .base import Runner
    from .compiled import Compiled

_log = logging.getLogger(__name__)

_FORMAT = "1"  # raise this when an entry's meaning changes
_PRECISIONS = ("fp32", "bf16", "int8")


def entry_name(*parts: str) -> str:
    """The entry of a network on this machine as it is now. parts: the network, its weights and its options."""
    versions = (_version(package) for package in ("openvino", "torch", "nncf", "onnxruntime"))
    return digest("opened", _FORMAT, *versions, cpu.identity(), str(cores.threads()), *parts)


def remember(cache: Cache, name: str, runner: Runner) -> None:
    """Keep how the network runs, if OpenVINO runs it."""
    from .openvino import OpenVinoRunner

    if isinstance(runner, OpenVinoRunner) and cache.read(name) is None:
        cache.write(name, {"precision": runner.compiled.precision.encode(), **runner.compiled.parts()})


def recall(cache: Cache, name: str) -> Compiled | None:
    """The network as it ran the last time; None if it is not known, or cannot be opened so any more."""
    parts = cache.read(name)
    if parts is None:
        return None
    from . import compiled

    precision = parts.get("precision", b"").decode()
    if precision not in _PRECISIONS or not compiled.is_installed():
        return None
    try:
        opened = compiled.Compiled(compiled.from_parts(parts), precision)
    except StreamfixError as error:
        _log.warning("the network is opened anew: %s", error)
        return None
    _log.info("the network runs on %s, as it did the last time on this machine", opened.name)
    return opened


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


__all__: Sequence[str] = ("entry_name", "recall", "remember")
