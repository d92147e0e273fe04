"""Finds the parameters that suit a peer best, one after the other, judged by the truth: that favours the peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .metrics import psnr_planes, settle
from .peers import Axis, Peer, restored_by
from .suites import Degraded

LEAST_GAIN_DB = 0.01  # a step that brings less is not taken
_ROUNDS = 4

Score = Callable[[Mapping[str, float]], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best parameters, the axes on which they lie at the end of the grid, and how many were tried."""

    parameters: dict[str, float]
    at_edge: list[str]
    tried: int


def tune(axes: Sequence[Axis], score: Score) -> Tuned:
    """Coordinate search: along each axis uphill from where it stands, until a round changes nothing.

    score: (PSNR-Y, PSNR-UV) of given parameters; each axis says which of them it is judged by.
    """
    at = {axis.name: axis.start for axis in axes}
    seen: dict[tuple[int, ...], tuple[float, float]] = {}

    def look(axis: Axis, index: int) -> float:
        place = {**at, axis.name: index}
        key = tuple(place.values())
        if key not in seen:
            seen[key] = score({a.name: a.values[place[a.name]] for a in axes})
        return seen[key][0 if axis.judged_by == "psnr_y" else 1]

    for _ in range(_ROUNDS):
        before = dict(at)
        for axis in axes:
            at[axis.name] = _uphill(axis, at[axis.name], look)
        if at == before:
            break
    edge = [
        a.name
        for a in axes
        if at[a.name] in (0, len(a.values) - 1) and a.values[at[a.name]] not in a.limits and len(a.values) > 1
    ]
    return Tuned({a.name: a.values[at[a.name]] for a in axes}, edge, len(seen))


def _uphill(axis: Axis, index: int, look: Callable[[Axis, int], float]) -> int:
    """The index at which a step to neither side brings LEAST_GAIN_DB."""
    for step in (1, -1):
        moved = False
        while 0 <= index + step < len(axis.values) and look(axis, index + step) > look(axis, index) + LEAST_GAIN_DB:
            index += step
            moved = True
        if moved:  # what lies behind is known to be worse
            break
    return index


def tune_peer(peer: Peer, degraded: Degraded) -> Tuned:
    """The best parameters of a peer for one clip, tried on the peer's excerpt of it."""
    axes = peer.axes(degraded)
    if not axes:
        return Tuned({}, [], 0)
    excerpt = degraded
    if peer.excerpt is not None:
        frames, *size = peer.excerpt
        frames = min(frames, len(degraded.truth))
        excerpt = degraded.part((len(degraded.truth) - frames) // 2, frames, (size[0], size[1]))

    def score(parameters: Mapping[str, float]) -> tuple[float, float]:
        out = restored_by(peer, excerpt, parameters).clip
        return psnr_planes(excerpt.truth, out, settle(len(out)))

    return tune(axes, score)
