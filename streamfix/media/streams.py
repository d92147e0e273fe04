"""One stream of an input that was mapped to the output (ffmpeg's -map)."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import Disposition, Stream

from .printable import printable

Kind = Literal["video", "audio", "subtitle", "data", "attachment", "cover"]
KINDS: tuple[Kind, ...] = ("video", "audio", "subtitle", "data", "attachment", "cover")


@dataclass(frozen=True, slots=True, eq=False)
class MappedStream:
    """A stream that goes to the output.

    All but `stream` may be read after the input was closed.
    input_index, index: of the input, and of the stream in it. stream: PyAV's stream, which its packets point to.
    codec: its name, "none" if it is unknown.
    restored: its frames are decoded and pass the filters; other streams are copied or transcoded.
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
        shown = "" if language == "und" else f", {printable(language)}"
        return f"stream {self.place} ({self.kind}, {printable(self.codec)}{shown})"


def describe(input_index: int, stream: Stream, *, restored: bool = False) -> MappedStream:
    """The MappedStream of a stream of an open input."""
    time_base = stream.time_base or Fraction(1, 1_000_000)
    return MappedStream(
        input_index,
        stream.index,
        stream,
        kind_of(stream),
        codec_of(stream),
        time_base,
        dict(stream.metadata),
        stream.disposition.value,
        stream.duration * time_base if stream.duration else None,
        restored,
    )


def kind_of(stream: Stream) -> Kind:
    """The kind of a stream. A picture attached to a file is a "cover"; what libav does not know is "data"."""
    if stream.type == "video":
        return "cover" if stream.disposition & Disposition.attached_pic else "video"
    return "data" if stream.type == "unknown" else stream.type


def codec_of(stream: Stream) -> str:
    """The codec's name; for an attachment the file's; "none" if libav knows neither a decoder nor a name."""
    context: CodecContext | None = stream.codec_context  # PyAV's stub leaves out the None
    if context is not None:
        return str(context.codec.canonical_name)
    return (stream.name if stream.type in ("data", "attachment") else None) or "none"


def is_mp4(container: InputContainer) -> bool:
    """True for MP4 and its kin. PyAV names the demuxer "mov,mp4,m4a,..." if it was probed, else as -f did."""
    return not {"mov", "mp4", "m4a", "3gp", "3g2", "mj2"}.isdisjoint(container.format.name.split(","))
