"""One stream of one input, as it was mapped."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import Disposition, Stream

Kind = Literal["video", "audio", "subtitle", "data", "attachment", "cover"]
KINDS: tuple[Kind, ...] = ("video", "audio", "subtitle", "data", "attachment", "cover")


@dataclass(frozen=True, slots=True, eq=False)
class MappedStream:
    """A stream that goes to the output.

    All but `stream` may be asked for after the input was closed.
    input_index, index: the stream's place, "0:1". stream: PyAV's, which its packets carry.
    codec: its name, "none" where nobody knows it.
    restored: it is decoded and its frames pass the filters; else its packets are copied or transcoded.
    """

    input_index: int
    index: int
    stream: Stream
    kind: Kind
    codec: str
    time_base: Fraction
    metadata: dict[str, str] = field(default_factory=dict)
    disposition: int = 0
    duration_s: Fraction | None = None
    restored: bool = False

    @property
    def place(self) -> str:
        """Its name on the command line, such as "0:1"."""
        return f"{self.input_index}:{self.index}"

    def __str__(self) -> str:
        language = self.metadata.get("language", "und")
        return f"stream {self.place} ({self.kind}, {self.codec}{'' if language == 'und' else ', ' + language})"


def describe(input_index: int, stream: Stream, *, restored: bool = False) -> MappedStream:
    """A stream of an open input as a MappedStream."""
    time_base = stream.time_base or Fraction(1, 1_000_000)
    return MappedStream(
        input_index,
        stream.index,
        stream,
        kind_of(stream),
        codec_of(stream),
        time_base,
        dict(stream.metadata),
        int(stream.disposition),
        stream.duration * time_base if stream.duration else None,
        restored,
    )


def kind_of(stream: Stream) -> Kind:
    """What a stream is; a picture attached to a file is a "cover"; what libav does not know is "data"."""
    if stream.type == "video":
        return "cover" if int(stream.disposition) & int(Disposition.attached_pic) else "video"
    return "data" if stream.type == "unknown" else stream.type


def codec_of(stream: Stream) -> str:
    """A codec's name; of an attachment the file name; "none" where libav has no decoder for it and no name."""
    context: CodecContext | None = stream.codec_context  # PyAV's stub leaves out the None
    if context is not None:
        return str(context.codec.canonical_name)
    return (stream.name if stream.type in ("data", "attachment") else None) or "none"


def is_mp4(container: InputContainer) -> bool:
    """True for MP4 and its kin: PyAV calls the demuxer "mov,mp4,m4a,..." where it was probed, and as -f named it."""
    return not {"mov", "mp4", "m4a", "3gp", "3g2", "mj2"}.isdisjoint(container.format.name.split(","))
