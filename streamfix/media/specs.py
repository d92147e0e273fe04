"""What to read and what to write, as the command line or a library call says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from .redact import redact


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input.

    url: path, URL, "-" or "pipe:0", or an image pattern such as "img%03d.png".
    format: demuxer by name, None to probe.
    options: demuxer, protocol and decoder options by name (framerate, video_size, rtsp_transport ...).
    start_s, duration_s, end_s: ffmpeg's -ss, -t and -to before -i, seconds from the
    input's own start; end_s counts from there too, not from start_s. With start_s the
    timestamps are shifted so that it becomes 0, as in ffmpeg.
    realtime: read no faster than the timestamps say (ffmpeg's -re).
    loops: how often to start over, -1 for ever (-stream_loop); timestamps go on.
    autorotate: turn the picture as its display matrix says; False keeps the matrix.
    thread_count: the decoder's threads, 0 for one a core.
    video_codec: decoder by name, None for the usual one.
    hwaccel: kind of video engine that decodes, such as "cuda"; "auto" for one that is there, "none" for the CPU.
    copy_timestamps: leave timestamps as they are, even with start_s (-copyts). Else a file of which the clock begins
    anywhere begins at 0; where it starts again, time goes on in either case.
    max_error_rate: decoding fails if a greater part of the frames than this had errors, 0 to 1.
    timeout_s: give up after so many seconds without data, None to wait for ever.
    """

    url: str
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    start_s: Fraction | None = None
    duration_s: Fraction | None = None
    end_s: Fraction | None = None
    realtime: bool = False
    loops: int = 0
    autorotate: bool = True
    thread_count: int = 0
    video_codec: str | None = None
    hwaccel: str = "none"
    copy_timestamps: bool = False
    max_error_rate: float = 2 / 3
    timeout_s: float | None = None

    @property
    def shown(self) -> str:
        """The URL without its secrets, for messages."""
        return redact(self.url)


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output.

    url: path, URL, "-" or "pipe:1", or an image pattern.
    format: muxer by name, None to go by the URL's protocol or ending.
    video_codec: encoder by name; None for the container's usual one (libx264 where H.264 fits).
    audio_codec, subtitle_codec: "copy", or an encoder by name.
    video_options, audio_options, subtitle_options: encoder options by name.
    format_options: muxer options by name.
    options: each goes to the encoders that know it, else to the muxer.
    pix_fmt: None keeps the source's where the encoder can.
    rate: constant frames a second, by repeating and dropping frames (-r); None keeps every timestamp.
    start_s, duration_s, end_s: ffmpeg's -ss, -t and -to of an output.
    max_frames: ffmpeg's -frames:v.
    shortest: end with the shortest stream.
    metadata: tags added to the input's; an empty value removes one.
    stream_metadata: the same for streams, by output stream specifier, such as {"a:0": {"language": "deu"}}.
    map_metadata, map_chapters: take over the first input's tags and chapters.
    dispositions: by output stream specifier, such as {"a:0": "default", "s": "0"}.
    overwrite: an existing file may be replaced, which happens once the new one is complete.
    audio, subtitles, data: False leaves them out of this output.
    """

    url: str
    format: str | None = None
    video_codec: str | None = None
    audio_codec: str = "copy"
    subtitle_codec: str = "copy"
    video_options: Mapping[str, str] = field(default_factory=dict)
    audio_options: Mapping[str, str] = field(default_factory=dict)
    subtitle_options: Mapping[str, str] = field(default_factory=dict)
    format_options: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    pix_fmt: str | None = None
    rate: Fraction | None = None
    start_s: Fraction | None = None
    duration_s: Fraction | None = None
    end_s: Fraction | None = None
    max_frames: int | None = None
    shortest: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    stream_metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    map_metadata: bool = True
    map_chapters: bool = True
    dispositions: Mapping[str, str] = field(default_factory=dict)
    overwrite: bool = False
    audio: bool = True
    subtitles: bool = True
    data: bool = True

    @property
    def shown(self) -> str:
        """The URL without its secrets, for messages."""
        return redact(self.url)
