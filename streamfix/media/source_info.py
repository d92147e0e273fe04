"""What a writer has to know about the source of its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Protocol

import av

from ..errors import StreamfixError
from ..frame import VideoInfo
from . import pyav
from .specs import InputSpec
from .streams import MappedStream


class SourceInfo(Protocol):
    """A source's streams and tags. `Reader` has this interface, and so has a live source.

    inputs: the inputs that were opened. streams: in output order; one of them is restored.
    info: of the restored video. metadata, chapters: of the first input. begin_s: the time that -ss and -to count from.
    failure: why the source ended early, None if it did not. stopped: True once it was told to stop.
    stopped_early: True if that ended it before its own end; a camera has none.
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

    @property
    def stopped_early(self) -> bool: ...

    def stream_of(self, packet: av.Packet[Any]) -> MappedStream | None:
        """The stream that a packet belongs to, None if it belongs to none of `streams`."""


class DetachedSourceInfo:
    """A copy of a SourceInfo with streams of its own, so that several writers can use their decoders independently.

    The streams stay valid after the input is closed.
    """

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

    @property
    def stopped_early(self) -> bool:
        return self._whole.stopped_early

    def stream_of(self, packet: av.Packet[Any]) -> MappedStream | None:
        whole = self._whole.stream_of(packet)
        return None if whole is None else self._own[id(whole.stream)]


def detach(streams: Sequence[MappedStream]) -> list[MappedStream]:
    """Copies of the streams that stay valid after their input is closed.

    Each copy's `stream` has the parameters, decoder and tags of the original: it decodes packets and serves as the
    template of an output stream.
    """
    home = av.open("detached", "w", format="null")  # never written to: a stream must belong to some container
    detached = []
    for mapped in streams:
        stream = home.add_stream_from_template(mapped.stream, opaque=True)
        stream.metadata.update(mapped.metadata)
        pyav.set_disposition(stream, mapped.disposition)
        detached.append(replace(mapped, stream=stream))
    home.close()  # it lets go of its streams, which hold it
    return detached
