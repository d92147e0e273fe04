"""Which part of its input an output takes: ffmpeg's -ss, -t, -to, -frames and -shortest."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ...errors import UsageError
from ..source_info import SourceInfo
from ..specs import OutputSpec
from ..streams import MappedStream

# Seconds that the other streams have to reach the end once -t has ended the video; then reading stops anyway.
_PATIENCE_S = 2


class Limits:
    """Where an output begins and ends, and whether it has everything.

    from_s, until_s: the wanted part in the input's time; until_s is None if nothing ends it.
    enough: every stream has reached the end of the part. May be read from any thread.
    Raises UsageError if there cannot be such a part.
    """

    def __init__(self, spec: OutputSpec, source: SourceInfo, streams: Sequence[MappedStream]) -> None:
        _check(spec)
        self._spec = spec
        self.from_s = source.begin_s + (spec.start_s or 0)
        self.until_s = self._until(source.begin_s, streams)
        self.enough = False
        self._video = next(id(s.stream) for s in streams if s.restored)
        self._waiting = {id(s.stream) for s in streams if s.kind == "audio"} | {self._video}

    def holds_frame(self, at_s: Fraction) -> bool:
        """True if a frame at that time lies in the part."""
        if self.until_s is not None and at_s >= self.until_s:
            if at_s >= self.until_s + _PATIENCE_S:
                self._waiting.clear()
            self._has_ended(self._video)
            return False
        return not self.enough and not self._too_early(at_s)

    def holds_packet(self, at_s: Fraction, stream: int) -> bool:
        """True if a packet at that time lies in the part. stream: the `id` of its stream."""
        if self.until_s is not None and at_s >= self.until_s:
            self._has_ended(stream)
            return False
        return not self._too_early(at_s)

    def end_video(self, at_s: Fraction) -> None:
        """End the video at that time, because -frames is reached."""
        self.until_s = at_s
        self._has_ended(self._video)

    def _too_early(self, at_s: Fraction) -> bool:
        return self._spec.start_s is not None and at_s < self.from_s

    def _has_ended(self, stream: int) -> None:
        """Note that a stream has reached the end; after the last one the source may stop."""
        self._waiting.discard(stream)
        if not self._waiting:
            self.enough = True

    def _until(self, begin_s: Fraction, streams: Sequence[MappedStream]) -> Fraction | None:
        spec, ends = self._spec, []
        if spec.duration_s is not None:
            ends.append(self.from_s + spec.duration_s)
        elif spec.end_s is not None:
            ends.append(begin_s + spec.end_s)
        if spec.shortest:  # the audio's length is the container's; the video's end is seen when it comes
            ends += [begin_s + s.duration_s for s in streams if s.kind == "audio" and s.duration_s]
        return min(ends, default=None)


def _check(spec: OutputSpec) -> None:
    shown = spec.shown
    for name, value in (("-ss", spec.start_s), ("-t", spec.duration_s), ("-to", spec.end_s)):
        if value is not None and value < 0:
            raise UsageError(f"{shown}: {name} {float(value):g} is negative")
    if spec.end_s is not None and spec.end_s <= (spec.start_s or 0):
        raise UsageError(f"{shown}: -to {float(spec.end_s):g} lies before -ss {float(spec.start_s or 0):g}")
    if spec.rate is not None and spec.rate <= 0:
        raise UsageError(f"{shown}: -r {spec.rate}: it takes frames a second, more than 0")
    if spec.max_frames is not None and spec.max_frames < 1:
        raise UsageError(f"{shown}: -frames:v {spec.max_frames}: it takes at least 1")
