"""Writes an output whose video was encoded before, in segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import av

from ...errors import OutputError
from ...frame import Frame
from ..source_info import SourceInfo
from ..specs import OutputSpec
from ..timestamps import shift_packet, to_units
from .writer import Writer


class Encoded:
    """A packet of the restored video, as its encoder gave it."""

    __slots__ = ("packet",)

    def __init__(self, packet: av.Packet[Any]) -> None:
        self.packet = packet


class JoiningWriter(Writer):
    """A `Writer` that is given packets of the video in place of its frames.

    first: a frame that tells size, pixel format and colour, and when the video begins. extradata: what the segments'
    encoders had, which is that of the whole output.
    Raises as `Writer`; and OutputError if the output's encoder is set up in another way than theirs were.
    """

    def __init__(self, spec: OutputSpec, source: SourceInfo, first: Frame, extradata: bytes) -> None:
        super().__init__(spec, source)
        self._first, self._extradata = first, extradata

    keeps_incomplete = False  # the segments are kept: a part of the output is worth nothing

    @property
    def path(self) -> str:
        """The file that is written now: another one than the output until that is complete."""
        path = self._target.path
        assert path is not None
        return path

    def push(self, item: Any) -> Iterable[Any]:
        if not isinstance(item, Encoded):
            return super().push(item)
        packet = item.packet
        if self._output is None:
            self._begin()
        shift_packet(packet, to_units(self._shift_s, packet.time_base))
        at_s = None if packet.pts is None else float(packet.pts * packet.time_base)
        lasts_s = float((packet.duration or 0) * packet.time_base)
        self._mux([packet])
        self.frames_written += 1
        if at_s is not None:
            self.position_s = max(self.position_s, at_s + lasts_s)
        return ()

    def _end_video(self) -> None:
        """The encoder has had no frame: its packets are those of the segments."""

    def _begin(self) -> None:
        self._keep_visible(self._first)
        shifted = self._shifted(self._first)
        self._newest = shifted
        self._open(shifted)
        assert self._output is not None
        if (self._output.encoder.context.extradata or b"") != self._extradata:
            raise OutputError(
                f"{self.spec.shown}: its encoder is not set up as it was for the segments; "
                "delete the folder beside it, and begin anew"
            )


def in_decoding_order(packets: Iterable[av.Packet[Any]], times: Sequence[int], delay: int) -> Iterator[av.Packet[Any]]:
    """The packets with decoding times that go on from segment to segment, whatever each encoder began with.

    packets: in decoding order. times: of all of them, in order of time. delay: by how many packets decoding is ahead.
    Decoding times are the pictures' times in order, that many packets later, as x264 has them; the first packets come
    before all pictures, as far apart as these are.
    """
    last = len(times) - 1
    for i, packet in enumerate(packets):
        packet.dts = times[i - delay] if i >= delay else times[i] - (times[min(delay, last)] - times[0])
        yield packet
