"""Which streams a container can hold as a copy, and how to keep those that it cannot."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import av
import av.error
from av.codec.codec import Codec
from av.container import OutputContainer
from av.stream import Stream

from ...errors import UsageError
from .. import pyav
from ..libav_errors import libav_explains, message_of
from ..streams import MappedStream, is_mp4
from ..transport.protocols import format_protocols
from .muxer_options import MOV_LIKE
from .ungated import copy_of, place

# What MPEG-TS has a stream type or descriptor for; libavformat writes anything else as data that no player can read.
_IN_MPEGTS = {
    *("mpeg1video", "mpeg2video", "mpeg4", "h264", "hevc", "vvc", "av1", "cavs", "avs2", "avs3", "dirac", "vc1"),
    *("mp1", "mp2", "mp3", "aac", "aac_latm", "ac3", "eac3", "ac4", "dts", "truehd", "opus", "s302m", "pcm_bluray"),
    *("dvb_subtitle", "dvb_teletext", "hdmv_pgs_subtitle", "arib_caption", "klv", "timed_id3", "scte_35"),
    *("smpte_2038", "jpeg2000"),
}
# What libavformat's RTP muxer supports (rtpenc.c, is_supported).
_IN_RTP = {
    *("h261", "h263", "h263p", "h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "vp8", "vp9", "av1"),
    *("dirac", "theora", "aac", "mp2", "mp3", "ac3", "opus", "vorbis", "speex", "ilbc", "amr_nb", "amr_wb"),
    *("pcm_alaw", "pcm_mulaw", "pcm_s8", "pcm_u8", "pcm_s16be", "pcm_u16be", "adpcm_g722", "adpcm_g726"),
}
# What libavformat's FLV muxer writes in every case. Of other sound (PCM, Speex, Nellymoser, ADPCM) it takes a first
# track of one or two named channels; with any other layout or place an assertion (flvenc.c, write_codec_fourcc) ends
# the whole process, as it does for a second video.
_IN_FLV = {"aac", "mp3", "ac3", "eac3", "opus", "flac"}
_FLV_CONFIGURED = {"opus", "flac"}  # asserted on, too
# Of these the process ends with a division by zero or a null pointer where their parameters are incomplete.
_FATAL = {("aiff", "pcm_s16be"), ("aiff", "pcm_s8"), ("caf", "adpcm_ima_wav"), ("caf", "adpcm_ms")}
_FATAL |= {("avif", "av1"), ("image2pipe", "av1")}
# MP4 and its kin write the header for these. But they want one block of ADPCM a packet, and say so only when the second
# comes; and they do not write the size of Windows Media Audio's blocks, without which nothing plays it.
_NOT_IN_MOV = {"adpcm_ms", "adpcm_ima_wav", "wmav1", "wmav2", "wmapro"}
BARE_AAC = {"matroska", "flv"}  # like MP4, these hold AAC without headers in its packets
_SUBTITLES = {"matroska": "srt", "webm": "webvtt", "mp4": "mov_text", "mov": "mov_text", "ipod": "mov_text"}
_USUAL_AUDIO = {
    "matroska": "aac",
    "mpegts": "aac",
    "rtsp": "aac",
    "hls": "aac",
    "flv": "aac",
    "webm": "libopus",
    "avi": "libmp3lame",
}


def why_unsupported(format: str, mapped: MappedStream) -> str | None:
    """Why a container cannot hold a copy of a stream; None if it can.

    What its muxer would end the process for is answered from tables; the rest is found by writing a header to memory:
    libav's own tables are not reliable.
    """
    context: Any = mapped.stream.codec_context  # PyAV's stub leaves out the None
    configured = context is not None and bool(context.extradata)
    known = known_refusal(format, mapped.kind, mapped.codec, configured=configured)
    if known is not None:
        return known
    if any(protocol.rtp for protocol in format_protocols(format)):
        bare = mapped.codec != "aac" or configured
        return None if bare else "its headers are in its packets (ADTS)"
    if mapped.codec == "aac" and not configured and format in MOV_LIKE | BARE_AAC and _bare_aac(mapped):
        return "its configuration is missing"
    return why_refused(format, lambda scratch: add_copy(scratch, mapped))


def _bare_aac(mapped: MappedStream) -> bool:
    """True if the packets of AAC come from a container in which they have no headers of their own."""
    container: Any = mapped.stream.container
    return is_mp4(container) or not {"matroska", "webm", "flv"}.isdisjoint(container.format.name.split(","))


def known_refusal(format: str, kind: str, codec: str, *, configured: bool) -> str | None:
    """Why a container cannot hold a stream beside the restored video, by the tables alone; None if they allow it.

    configured: the stream has its codec's configuration beside its packets (extradata).
    """
    if any(protocol.rtp for protocol in format_protocols(format)):
        return None if codec in _IN_RTP else f"RTP has no payload for {codec}"
    if format == "mpegts" and codec not in _IN_MPEGTS:
        return f"MPEG-TS has no stream type for {codec}"
    if format == "flv" and kind in ("video", "cover"):
        return "FLV holds one video"
    if format == "flv" and kind == "audio" and codec not in _IN_FLV:
        return f"FLV is not written with {codec}"
    if (format == "flv" and codec in _FLV_CONFIGURED and not configured) or (format, codec) in _FATAL:
        return f"libav's muxer {format} cannot write {codec} as it is here"
    if format in MOV_LIKE and codec in _NOT_IN_MOV:
        return f"{format} does not keep the blocks of {codec}"
    if bare_video(format):
        return f"{format} holds one video and nothing else"
    return None


def why_refused(format: str, add: Callable[[OutputContainer], object]) -> str | None:
    """Why a muxer refuses the header of a container with one stream, as libav puts it; None if it writes it.

    add: adds the stream.
    """
    scratch = av.open(io.BytesIO(), "w", format=format)
    try:
        add(scratch)
        with libav_explains():
            scratch.start_encoding()
    except (av.FFmpegError, ValueError, OSError) as error:
        return message_of(error)
    finally:
        with suppress(av.FFmpegError, OSError):
            scratch.close()
    return None


def held(container: OutputContainer, format: str, draft: Any, shown: str) -> Stream:
    """The container's stream for a draft whose encoder is open (see `ungated`). Raises UsageError if it cannot hold it.

    format: the container's. shown: the output, for the error.
    """
    context = draft.codec_context
    codec, kind = context.codec, draft.type
    reason = None
    if kind != "video":
        reason = known_refusal(format, kind, codec.canonical_name, configured=bool(context.extradata))
    if reason is None and draft.container is not container:
        reason = why_refused(format, lambda scratch: place(scratch, draft))
    if reason is not None:
        raise UsageError(f"{shown}: {format} holds no {codec.name} {kind} ({reason}); use another -c:{kind[0]} or .mkv")
    return place(container, draft)


@cache
def bare_video(format: str) -> bool:
    """True for the formats of a video alone, such as rawvideo: some of their muxers write whatever packets come."""
    try:
        container: Any = av.open(io.BytesIO(), "w", format=format)
    except ValueError:
        return False
    other = container.default_audio_codec, container.default_subtitle_codec
    return container.default_video_codec != "none" and other == ("none", "none")


def usual_audio_encoder(container: OutputContainer, format: str) -> str | None:
    """The encoder for sound that a container cannot hold as it is; None if there is none.

    format: the inner format.
    """
    name = _USUAL_AUDIO.get(format, container.default_audio_codec)
    return name if name != "none" and name in av.codecs_available and Codec(name, "w").type == "audio" else None


def inner_format(format: str, url: str, options: Mapping[str, str]) -> str:
    """The format inside the files that a muxer such as hls or segment makes; of any other muxer its own."""
    if format == "hls":
        return "mp4" if options.get("hls_segment_type") == "fmp4" else "mpegts"
    if format in ("dash", "smoothstreaming"):
        return "mp4"
    if format not in ("segment", "stream_segment", "ssegment"):
        return format
    named = options.get("segment_format")
    try:
        return av.open(url, "w", format=named).format.name
    except ValueError:
        return format


def add_copy(container: OutputContainer, mapped: MappedStream) -> Stream:
    """Add an output stream for a copy of an input stream. Raises ValueError if the container does not take it."""
    stream = copy_of(container, mapped.stream)
    stream.metadata.update(mapped.metadata)
    pyav.set_disposition(stream, mapped.disposition)
    return stream


def remedy(mapped: MappedStream, format: str, usual: str) -> str:
    """The advice for a stream that a container cannot hold as a copy. usual: the container's default codec."""
    if mapped.kind == "subtitle":
        usual = _SUBTITLES.get(format, "")
    else:
        usual = _USUAL_AUDIO.get(format, usual)
    if mapped.kind in ("audio", "subtitle") and usual not in ("", "none"):
        letter = mapped.kind[0]
        bitmap = mapped.kind == "subtitle" and mapped.codec != "none" and Codec(mapped.codec, "r").bitmap_sub
        if not bitmap:
            return (
                f"-c:{letter} {usual} converts it, or write to .mkv" if format != "matroska" else f"-c:{letter} {usual}"
            )
    if mapped.kind == "data":
        return "the input's own container may hold it; -dn leaves it out without this warning"
    return "write to .mkv" if format != "matroska" else f"-map -{mapped.place} leaves it out without this warning"
