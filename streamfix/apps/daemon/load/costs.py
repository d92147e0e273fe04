"""What streams cost: measured once for each kind of job on this machine, then corrected by the jobs that run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from ....frame import VideoInfo
from ....jobs import JobSpec
from .admission import Need

USUAL_RATE = Fraction(25)  # frames a second of a camera that does not say
_NEWS = 0.2  # weight of a new measurement against what is known


@dataclass(frozen=True, slots=True)
class FrameCost:
    """Seconds of work that one frame takes.

    restoring_s, coding_s: of processor cores, for filters, and for decoding and encoding. gpu_s: of the GPU.
    """

    restoring_s: float = 0.0
    coding_s: float = 0.0
    gpu_s: float = 0.0

    def __mul__(self, factor: float) -> FrameCost:
        return FrameCost(self.restoring_s * factor, self.coding_s * factor, self.gpu_s * factor)


class Costs:
    """Estimates the work that a job needs.

    measure: measures the cost of a frame of a job with its input on this machine. Called for each new kind of job, one
    call at a time, since two would disturb each other.
    """

    def __init__(self, measure: Callable[[JobSpec, VideoInfo], FrameCost]) -> None:
        self._measure = measure
        self._known: dict[object, FrameCost] = {}  # cost of a megapixel, by kind of job
        self._lock = threading.Lock()
        self._measuring = threading.Lock()

    def need(self, spec: JobSpec, info: VideoInfo) -> Need:
        """The work that a job will need. info: of its input. Raises whatever its filters raise when they are made."""
        key, size = _key(spec, info), _megapixels(info)
        known = self._known.get(key)
        if known is None:
            with self._measuring:
                known = self._known.get(key)  # another thread may just have measured the same kind
                if known is None:
                    known = self._known[key] = self._measure(spec, info) * (1 / size)
        return _need(known * size, info)

    def known_need(self, spec: JobSpec, info: VideoInfo) -> Need | None:
        """The same, None if nothing of the kind is known yet; measures nothing."""
        known = self._known.get(_key(spec, info))
        return None if known is None else _need(known * _megapixels(info), info)

    def learn(self, spec: JobSpec, info: VideoInfo, restoring_s: float) -> None:
        """Note how long a running job's filters took for a frame, without a GPU, on processors with spare time."""
        key = _key(spec, info)
        with self._lock:
            known = self._known.get(key)
            if known is not None and not known.gpu_s:
                news = restoring_s / _megapixels(info) - known.restoring_s
                self._known[key] = replace(known, restoring_s=known.restoring_s + _NEWS * news)


def _need(frame: FrameCost, info: VideoInfo) -> Need:
    rate = float(info.rate or USUAL_RATE)
    return Need(rate * (frame.restoring_s + frame.coding_s), rate * frame.gpu_s)


def _megapixels(info: VideoInfo) -> float:
    return info.width * info.height / 1e6


def _key(spec: JobSpec, info: VideoInfo) -> object:
    """Equal for jobs that cost the same for each pixel.

    Sizes within a factor of two count as alike; beyond that, the share of a frame's cost that does not depend on its
    pixels differs too much.
    """
    encoders = [(o.video_codec, tuple(sorted(o.video_options.items()))) for o in spec.outputs]
    return spec.device, tuple(spec.filters), tuple(encoders), (info.width * info.height).bit_length()
