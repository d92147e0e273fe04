"""Reads what lies beside the restored video, when that was restored before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av

from ...frame import Frame
from .packet_reader import PacketReader
from .reader import Reader
from .source import InputSource, LoopEnd


class BesideReader(Reader):
    """A `Reader` that gives the video's first frame, by which outputs are opened, and of the video nothing more."""

    _opened = False

    def _open(self, maps: Any, audio: bool, subtitles: bool, data: bool) -> None:
        super()._open(maps, audio, subtitles, data)
        self._opened = True
        self._decoder.restart()  # what it still holds is not missing
        at = self._video.input_index
        self._sources[at].select([s for s in self.streams if s.input_index == at and s is not self._video])

    def _items_of(self, packet: av.Packet[Any] | LoopEnd, reader: PacketReader) -> Iterator[Any]:
        if not self._opened or not isinstance(packet, av.Packet) or packet.stream is not self._video.stream:
            yield from super()._items_of(packet, reader)

    def _frames(
        self, packet: av.Packet[Any] | None, source: InputSource, arrived_s: float | None = None
    ) -> Iterator[Frame]:
        return iter(()) if self._opened else super()._frames(packet, source, arrived_s)
