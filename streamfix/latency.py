"""How many frames a chain of filters holds back, found by a trial without pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from math import lcm
from typing import TYPE_CHECKING, Any

from .errors import FilterError, UsageError
from .frame import Frame, VideoInfo, scaled
from .pipeline import Chain, Stage

if TYPE_CHECKING:
    from .filters.restorer import Restorer
    from .jobs import Restoration

_TRIALS = 16  # moments of the trial's stream at which it is looked at
_LONGEST = 256  # frames; what holds more has no look-ahead to tell of
_SIDE = 32  # of the trial's pictures: look-ahead does not depend on their size, the trial's time does
_USUAL_RATE = Fraction(25)


def latency_frames(restoration: Restoration, info: VideoInfo | None) -> int:
    """Look-ahead in input frames: so many more are pushed, at most, until all comes out that a frame leads to.

    info: what the frames will be; needed only where libavfilter's filters are in the chain. Raises UsageError where
    it is missing or the chain holds back more than 256 frames, FilterError where libavfilter does not take such frames.
    """
    from .media.picture.avfilter import GraphStage

    if not any(isinstance(stage, GraphStage) for stage in restoration.stages):
        return _measured(restoration, VideoInfo(_SIDE, _SIDE, "gray", 1 / _USUAL_RATE), known_total=True)
    if info is None:
        name = next(stage.name for stage in restoration.stages if isinstance(stage, GraphStage))
        raise UsageError(
            f"how far {name!r} looks ahead depends on the video: give the Stream an info, or push a frame first"
        )
    try:
        return _measured(restoration, replace(info, width=_SIDE, height=_SIDE))
    except FilterError:  # a crop of 1280:720, say, does not take small pictures
        return _measured(restoration, info)


def _measured(restoration: Restoration, info: VideoInfo, known_total: bool = False) -> int:
    """known_total: as many frames come out in the end as went in, which then need not be tried."""
    make, period = _twin(restoration)
    going_on = make()
    come_out = [0]  # after as many pushes as the index

    def after(pushed: int) -> int:
        while len(come_out) <= pushed:
            come_out.append(come_out[-1] + len(list(going_on.push(_blank(info, len(come_out))))))
        return come_out[pushed]

    def in_the_end(pushed: int) -> int:
        if known_total:
            return pushed
        ended = make()
        return sum(len(list(ended.push(_blank(info, i + 1)))) for i in range(pushed)) + len(list(ended.flush()))

    latency = 0
    for pushed in range(1, max(_TRIALS, 2 * period) + 1):
        total = in_the_end(pushed)
        while after(pushed + latency) < total:
            latency += 1
            if latency > _LONGEST:
                names = ",".join(stage.name for stage in restoration.stages)
                raise UsageError(f"{names!r} holds back more than {_LONGEST} frames: it has no fixed look-ahead")
    return latency


def _twin(restoration: Restoration) -> tuple[Callable[[], Chain], int]:
    """What makes a chain that holds frames back as this one does; and after how many frames its ways repeat."""
    from .media.picture.avfilter import GraphStage

    makers: list[Callable[[], Stage]] = []
    period = 1
    for stage in restoration.stages:
        if isinstance(stage, GraphStage):
            makers.append(partial(GraphStage, stage.specs))
        elif restoration.filters:  # torch is loaded then
            from .filters.restorer import Restorer

            if isinstance(stage, Restorer):
                makers.append(partial(_Holding, stage))
                period = lcm(period, stage.filter.step)
    return lambda: Chain(*(make() for make in makers)), period


class _Holding(Stage):
    """Holds frames back as a Restorer does, and restores none."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._held: deque[Frame] = deque()
        self._pushed = self._emitted = 0

    def push(self, item: Any) -> Iterator[Any]:
        self._held.append(item)
        self._pushed += 1
        while self._emitted < self._restorer.emitted(self._pushed):
            self._emitted += 1
            yield self._enlarged(self._held.popleft())

    def flush(self) -> Iterator[Frame]:
        yield from map(self._enlarged, self._held)

    def _enlarged(self, frame: Frame) -> Frame:
        scale = self._restorer.filter.scale
        if scale == 1:
            return frame
        picture = _blank_picture(scaled(frame.width, scale), scaled(frame.height, scale), frame.picture.format.name)
        return frame.with_picture(picture)


def _blank(info: VideoInfo, number: int) -> Frame:
    """A frame as `info` describes it, of no particular colour. number: its place in the stream."""
    duration = max(1, round(1 / ((info.rate or _USUAL_RATE) * info.time_base)))
    return Frame(
        _blank_picture(info.width, info.height, info.pix_fmt),
        number * duration,
        info.time_base,
        duration=duration,
        color=info.color,
        sample_aspect_ratio=info.sample_aspect_ratio,
    )


def _blank_picture(width: int, height: int, pix_fmt: str) -> Any:
    import av

    from .media.picture.planes import DecodedPicture

    return DecodedPicture(av.VideoFrame(width, height, pix_fmt))
