"""What is asked of an output: its encoder, its streams, and which option goes where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import av
from av.codec.codec import Codec

from ...errors import BadOption, UsageError
from ..specs import OutputSpec
from ..streams import MappedStream
from .negotiate import default_encoder
from .options import check_known, find_encoder, share_out
from .target import Target

_SPECIAL = {"q", "qscale", "ar", "ac"}  # ffmpeg's own options, which no encoder has


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of an output. codec: the video encoder's name; the rest: options by name, for each part."""

    codec: str
    video: dict[str, str]
    audio: dict[str, str]
    subtitle: dict[str, str]
    format: dict[str, str]


def request_of(spec: OutputSpec, format: str, usual_codec: str) -> Request:
    """Check codecs and options as far as possible without opening anything.

    usual_codec: the encoder if the spec names none. Raises UsageError, UnknownName or BadOption.
    """
    if spec.video_codec == "copy":
        raise UsageError(f"{spec.shown}: -c:v copy: a restored video must be encoded; name an encoder or leave it out")
    codec = find_encoder(spec.video_codec or usual_codec, "video", f"-c:v of {spec.shown}").name
    encoders = [codec]
    for kind, name in (("audio", spec.audio_codec), ("subtitle", spec.subtitle_codec)):
        if name != "copy":
            encoders.append(find_encoder(name, kind, f"-c:{kind[0]} of {spec.shown}").name)
    loose = {k: v for k, v in spec.options.items() if k not in _SPECIAL}
    shares, rest = share_out(loose, *encoders)
    special = {k: v for k, v in spec.options.items() if k in _SPECIAL}
    video = {**shares[0], **{k: v for k, v in special.items() if k in ("q", "qscale")}, **spec.video_options}
    check_known({k: v for k, v in video.items() if k not in _SPECIAL}, codec)
    audio: dict[str, str] = {k: v for k, v in special.items() if k in ("ar", "ac")}
    subtitle: dict[str, str] = {}
    for name, share in zip(encoders[1:], shares[1:], strict=True):
        (audio if Codec(name, "w").type == "audio" else subtitle).update(share)
    audio.update(spec.audio_options)
    subtitle.update(spec.subtitle_options)
    if spec.audio_codec == "copy" and audio:
        raise BadOption(f"{spec.shown}: -{next(iter(audio))}: the audio is copied; name an encoder, such as -c:a aac")
    return Request(codec, video, audio, subtitle, {**rest, **spec.format_options})


def usual_encoder(target: Target, format: str) -> str:
    """The encoder that an output gets if none is named."""
    return default_encoder(av.open(target.url, "w", format=format), target.shown)


def streams_for(spec: OutputSpec, streams: Sequence[MappedStream]) -> list[MappedStream]:
    """The streams that an output takes."""
    out = {k for k, wanted in (("audio", spec.audio), ("subtitle", spec.subtitles), ("data", spec.data)) if not wanted}
    return [s for s in streams if s.kind not in out]
