"""What a writer has to know of where its frames come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Protocol

import av
from av.stream import Disposition

from ..errors import StreamfixError
from ..frame import VideoInfo
from .specs import InputSpec
from .streams import MappedStream


class SourceInfo(Protocol):
    """A source's streams and tags: a `Reader`, or what has its interface.

    inputs: that were opened. streams: in output order, one of them restored. metadata, chapters: of the first input.
    begin_s: the time that counts as 0 for -ss and -to. failure: why the source ended early. stopped: it was told to.
    """

    @property
    def inputs(self) -> Sequence[InputSpec]: ...

    @property
    def streams(self) -> Sequence[MappedStream]: ...

    @property
    def info(self) -> VideoInfo: ...

    @property
    def metadata(self) -> Mapping[str, str]: ...

    @property
    def chapters(self) -> list[Any]: ...

    @property
    def begin_s(self) -> Fraction: ...

    @property
    def failure(self) -> StreamfixError | None: ...

    @property
    def stopped(self) -> bool: ...

    def stream_of(self, packet: av.Packet[Any]) -> MappedStream | None:
        """The stream that a packet belongs to, None if it is none of these."""


class DetachedSourceInfo:
    """Another footage with streams of its own: whoever uses these decoders disturbs nobody, and needs no open input."""

    def __init__(self, whole: SourceInfo) -> None:
        self._whole = whole
        self.streams: Sequence[MappedStream] = detach(whole.streams)
        self._own = {id(old.stream): own for old, own in zip(whole.streams, self.streams, strict=True)}

    @property
    def inputs(self) -> Sequence[InputSpec]:
        return self._whole.inputs

    @property
    def info(self) -> VideoInfo:
        return self._whole.info

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._whole.metadata

    @property
    def chapters(self) -> list[Any]:
        return self._whole.chapters

    @property
    def begin_s(self) -> Fraction:
        return self._whole.begin_s

    @property
    def failure(self) -> StreamfixError | None:
        return self._whole.failure

    @property
    def stopped(self) -> bool:
        return self._whole.stopped

    def stream_of(self, packet: av.Packet[Any]) -> MappedStream | None:
        whole = self._whole.stream_of(packet)
        return None if whole is None else self._own[id(whole.stream)]


def detach(streams: Sequence[MappedStream]) -> list[MappedStream]:
    """The same streams, none of which points into an open input.

    Their `stream` has the parameters, the decoder and the tags of the original; packets may be given to it,
    outputs made like it, after the input has been closed.
    """
    home = av.open("detached", "w", format="null")  # never opened for writing: a place for streams to be in
    detached = []
    for mapped in streams:
        stream = home.add_stream_from_template(mapped.stream, opaque=True)
        stream.metadata.update(mapped.metadata)
        stream.disposition = Disposition(mapped.disposition)
        detached.append(replace(mapped, stream=stream))
    return detached
