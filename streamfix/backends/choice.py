"""Chooses among ways to run one network by timing them here, not by what processors of the kind usually do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from .cache import Cache

Call = Callable[[Tensor], Tensor]

_CLEARLY = 1.15  # times faster: less is no reason to compute less exactly, and may be chance
_ROUNDS, _LONGEST_S = 5, 2.0
_LEAST_SHARE = 0.8  # of the time in which this process must have had a core
_LARGEST = (192, 320)  # a larger picture says nothing more about the ratio, and takes longer
_chosen: dict[str, dict[str, float]] = {}  # what this process measured: one job's filters agree even without a cache


def choose(networks: Mapping[str, Call], example: Tensor, cache: Cache, name: str) -> tuple[str, dict[str, float]]:
    """The one to use, and the milliseconds that each takes for `example`.

    networks: the most exact one first. A later one is taken if it is clearly faster.
    name: of the entry in `cache` under which the times are found next time: times differ between two measurements,
    and with them results would differ between two runs.
    """
    times = _chosen.get(name) or _recall(cache, name)
    if not networks.keys() <= times.keys():  # nothing measured, or not yet with int8
        times, undisturbed = _measure(networks, example)
        if undisturbed:
            cache.write(name, {"ms": json.dumps(times).encode()})
    _chosen[name] = times
    names = iter(networks)
    best = next(names)
    for other in names:
        if times[best] > _CLEARLY * times[other]:
            best = other
    return best, times


def timed_on(example: Tensor) -> Tensor:
    """The part of a picture (B, C, h, w) that is timed: of its first, at most 192x320."""
    height, width = (min(size, largest) for size, largest in zip(example.shape[-2:], _LARGEST, strict=True))
    return example[:1, :, :height, :width].contiguous()


def _recall(cache: Cache, name: str) -> dict[str, float]:
    parts = cache.read(name)
    times: dict[str, float] = {} if parts is None else json.loads(parts["ms"])
    return times


def _measure(networks: Mapping[str, Call], x: Tensor) -> tuple[dict[str, float], bool]:
    """The shortest of a few calls, taken in turn: another program's load then meets all of them.

    And whether there was little of it: threads that wait for one that has no core say nothing about the network.
    """
    for network in networks.values():
        network(x)  # the first call compiles and allocates
    times, began, computed = dict.fromkeys(networks, float("inf")), time.perf_counter(), time.process_time()
    for _ in range(_ROUNDS):
        for name, network in networks.items():
            started = time.perf_counter()
            network(x)
            if x.device.type == "cuda":
                torch.cuda.synchronize(x.device)
            times[name] = min(times[name], 1e3 * (time.perf_counter() - started))
        if time.perf_counter() - began > _LONGEST_S:
            break
    return times, time.process_time() - computed > _LEAST_SHARE * (time.perf_counter() - began)
