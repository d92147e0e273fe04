"""Chooses how to run a network by timing the candidates on this machine, not by what such processors usually do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from .cache import Cache

Call = Callable[[Tensor], Tensor]

_CLEARLY = 1.15  # times faster; a smaller gain may be chance, and does not justify less exact arithmetic
_ROUNDS, _LONGEST_S = 5, 2.0
_LEAST_SHARE = 0.8  # share of the time in which this process must have had a core
_LARGEST = (192, 320)  # a larger picture takes longer and does not change the ratio
_chosen: dict[
    str, tuple[dict[str, float], bool]
] = {}  # this process's timings: filters of one job agree even without a cache


def choose(
    networks: Mapping[str, Call], example: Tensor, cache: Cache, name: str
) -> tuple[str, dict[str, float], bool]:
    """The name of the one to use, how many milliseconds each takes for `example`, and whether that is kept for later.

    networks: most exact first. A later one is chosen only if it is clearly faster.
    name: the cache entry under which timings are kept. Timings vary between measurements; without the cache, results
    would vary between runs.
    """
    times, kept = _chosen.get(name) or (_recall(cache, name), True)
    if not networks.keys() <= times.keys():  # not measured yet, or not yet with int8
        times, kept = _measure(networks, example)
        if kept:
            cache.write(name, {"ms": json.dumps(times).encode()})
    _chosen[name] = times, kept
    names = iter(networks)
    best = next(names)
    for other in names:
        if times[best] > _CLEARLY * times[other]:
            best = other
    return best, times, kept


def timed_on(example: Tensor) -> Tensor:
    """The part of a picture (B, C, h, w) used for timing: from the first in the batch, at most 192x320."""
    height, width = (min(size, largest) for size, largest in zip(example.shape[-2:], _LARGEST, strict=True))
    return example[:1, :, :height, :width].contiguous()


def _recall(cache: Cache, name: str) -> dict[str, float]:
    parts = cache.read(name)
    times: dict[str, float] = {} if parts is None else json.loads(parts["ms"])
    return times


def _measure(networks: Mapping[str, Call], x: Tensor) -> tuple[dict[str, float], bool]:
    """The shortest of a few calls each, taking turns, so that load from other programs affects all alike.

    Also returns whether that load was low: threads that wait for a core say nothing about the network.
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
