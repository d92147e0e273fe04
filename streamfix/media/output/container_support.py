"""Which streams a container can hold as a copy, and how to keep those that it cannot."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress

import av
import av.error
from av.codec.codec import Codec
from av.container import OutputContainer
from av.stream import Disposition, Stream

from ..libav_errors import libav_explains, message_of
from ..streams import MappedStream
from ..transport.protocols import format_protocols

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
_SUBTITLES = {"matroska": "srt", "webm": "webvtt", "mp4": "mov_text", "mov": "mov_text", "ipod": "mov_text"}


def why_unsupported(format: str, mapped: MappedStream) -> str | None:
    """Why a container cannot hold a copy of a stream, as libav puts it; None if it can.

    It is found by writing a header to memory: libav's own tables are not reliable.
    """
    if any(protocol.rtp for protocol in format_protocols(format)):
        if mapped.codec not in _IN_RTP:
            return f"RTP has no payload for {mapped.codec}"
        bare = mapped.codec != "aac" or mapped.stream.codec_context.extradata
        return None if bare else "its headers are in its packets (ADTS)"
    if format == "mpegts" and mapped.codec not in _IN_MPEGTS:
        return f"MPEG-TS has no stream type for {mapped.codec}"
    scratch = av.open(io.BytesIO(), "w", format=format)
    try:
        add_copy(scratch, mapped)
        with libav_explains():
            scratch.start_encoding()
    except (av.FFmpegError, ValueError, OSError) as error:
        return message_of(error)
    finally:
        with suppress(av.FFmpegError, OSError):
            scratch.close()
    return None


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
    stream: Stream = container.add_stream_from_template(mapped.stream, opaque=True)
    stream.metadata.update(mapped.metadata)
    stream.disposition = Disposition(mapped.disposition)
    return stream


def remedy(mapped: MappedStream, format: str, usual: str) -> str:
    """The advice for a stream that a container cannot hold as a copy. usual: the container's default codec."""
    if mapped.kind == "subtitle":
        usual = _SUBTITLES.get(format, "")
    elif format in ("mpegts", "rtsp", "hls"):
        usual = "aac"
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
