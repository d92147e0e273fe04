"""Reads a stretch of the input: segments one after the other, with a boundary in front of each but the first."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from ...boundary import Boundary
from ...errors import InputError
from ...frame import Frame
from ...media.input.reader import Reader
from .plan import Lead, Segment

log = logging.getLogger("streamfix.jobs")


class StretchSource:
    """The frames of some segments that follow each other, for a pipeline. Packets of other streams are left out.

    open_reader: opens the input anew. segments: which; the frames behind the last one come as well, since filters look
    ahead. warm_up: the first segment begins with its warm-up. tail: what another run saw right before the first
    segment (`Boundary.tail`): if something else is found there, the index has led to another place, and the input is
    read from its beginning.
    """

    name = "decode"

    def __init__(
        self,
        open_reader: Callable[[], Reader],
        segments: Sequence[Segment],
        *,
        warm_up: bool = False,
        tail: Sequence[str] = (),
    ) -> None:
        self._open, self._segments, self._tail = open_reader, segments, list(tail)
        self._warm_up = warm_up
        self._stopped = False
        self.reader = open_reader()

    @property
    def complete(self) -> bool:
        """True if the frames have come to the input's own end."""
        return not self._stopped and self.reader.failure is None

    def stop(self) -> None:
        self._stopped = True
        self.reader.stop()

    def close(self) -> None:
        self.reader.close()

    def __iter__(self) -> Iterator[Frame | Boundary]:
        first = self._segments[0]
        if first.begin_s is None:
            yield from self._with_boundaries(self._frames(None))
            return
        lead = first.warm_up if self._warm_up else first.tail
        assert lead is not None
        self.reader.begin_at(lead.seek_s)
        if self._warm_up:
            yield from self._with_boundaries(self._frames(lead.from_s))
            return
        frames = self._behind(first.begin_s, lead)
        if frames is None:
            log.warning(
                "%s: its index does not lead to %.3f s; it is read from its beginning",
                *(self.reader.inputs[0].shown, float(first.begin_s)),
            )
            self.reader.close()
            self.reader = self._open()
            frames = self._behind(first.begin_s, lead)
        if frames is None:
            raise InputError(
                f"{self.reader.inputs[0].shown}: the pictures before {float(first.begin_s):.3f} s are not those that "
                "this job saw there; if the file was replaced, delete the job's folder and begin anew"
            )
        yield from self._with_boundaries(frames)

    def _behind(self, begin_s: Fraction, lead: Lead) -> Iterator[Frame] | None:
        """The frames from `begin_s` on; None if those before are not the ones that are known from another run."""
        frames = self._frames(lead.from_s)
        seen: list[str] = []
        for frame in frames:
            if frame.pts * frame.time_base >= begin_s:
                return _and_then(frame, frames) if seen == self._tail else None
            seen.append(mark_of(frame))
        # stopped while it was searched: there is nothing to compare, and nothing comes
        return iter(()) if self._stopped else None

    def _frames(self, from_s: Fraction | None) -> Iterator[Frame]:
        for item in self.reader:
            if isinstance(item, Frame) and (from_s is None or item.pts * item.time_base >= from_s):
                yield item

    def _with_boundaries(self, frames: Iterator[Frame]) -> Iterator[Frame | Boundary]:
        """Frames with a boundary in front of each segment, which says what the last frames before it were."""
        later = list(self._segments[1:])
        tail: list[str] = []
        for frame in frames:
            at_s = frame.pts * frame.time_base
            if later:
                begin_s, lead = later[0].begin_s, later[0].tail
                assert begin_s is not None
                assert lead is not None
                if at_s >= begin_s:
                    yield Boundary(later.pop(0).index, begin_s, tail=tail)
                    tail = []
                elif at_s >= lead.from_s:
                    tail.append(mark_of(frame))
            yield frame
            del frame


def mark_of(frame: Frame) -> str:
    """By what a frame is known again: its time and a hash of its picture."""
    state = hashlib.blake2b(f"{frame.pts} {frame.time_base} {frame.damaged}".encode(), digest_size=16)
    for plane in frame.picture.planes(frame.color).data:
        state.update(plane.tobytes())
    return state.hexdigest()


def _and_then(first: Frame, frames: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    del first
    yield from frames
