"""Negotiates what encoder and container are given: the encoder, time base, pixel format and aspect ratio."""

from __future__ import annotations

import logging
import os
from fractions import Fraction

import av
from av.codec.codec import Codec
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext

from ...errors import UsageError
from ...frame import Frame
from .. import pyav
from ..picture.convert import choose_pix_fmt
from ..streams import MappedStream
from .muxer_options import MOV_LIKE

log = logging.getLogger("streamfix.media")

DEFAULT_RATE = Fraction(25)  # ffmpeg's, for an unknown rate

_H264_BY_DEFAULT = {"mp4", "mov", "matroska", "mpegts", "avi", "flv", "nut", "ismv", "3gp", "3g2", "ipod", "psp"}
_H264_BY_DEFAULT |= {"hls", "dash", "segment", "rtsp", "rtp_mpegts", "h264", "tee", "stream_segment", "ssegment"}
_BY_ENDING = {
    ".png": "png", ".bmp": "bmp", ".tif": "tiff", ".tiff": "tiff", ".webp": "libwebp", ".ppm": "ppm", ".pgm": "pgm",
    ".pam": "pam", ".tga": "targa", ".exr": "exr", ".dpx": "dpx", ".jp2": "jpeg2000", ".gif": "gif", ".xwd": "xwd",
}  # fmt: skip
_COUNTING = {"yuv4mpegpipe", "rawvideo", "image2", "image2pipe"}
_UNEVEN_BUT_COUNTING = {"avi"}  # it numbers frames, and may leave numbers out
_TELLS_ASPECT = {"h264", "hevc", "vvc", "mpeg4", "mpeg2video", "mpeg1video", "theora", "mjpeg", "prores", "dnxhd"}
_WITHOUT_HEADER = {"null", "rawvideo", "image2", "image2pipe"}
_SMALL_TIME_BASE = {"mpeg4", "libxvid", "msmpeg4v2", "msmpeg4", "h263", "h263p", "wmv1", "wmv2", "flv"}
_Y4M_FORMATS = [
    *("gray", "yuv411p", "yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray9le", "gray10le"),
    *("gray12le", "gray16le", "yuv420p9le", "yuv420p10le", "yuv420p12le", "yuv420p14le", "yuv420p16le", "yuv422p9le"),
    *("yuv422p10le", "yuv422p12le", "yuv422p14le", "yuv422p16le", "yuv444p9le", "yuv444p10le", "yuv444p12le"),
    *("yuv444p14le", "yuv444p16le"),
]


def default_encoder(container: OutputContainer, url: str) -> str:
    """A container's default encoder: H.264 where it is usual, else the container's own default."""
    name = container.format.name
    if name in _H264_BY_DEFAULT and "libx264" in av.codecs_available:
        return "libx264"
    if name in ("image2", "image2pipe"):
        return _BY_ENDING.get(os.path.splitext(url)[1].lower(), "mjpeg")
    if name == "yuv4mpegpipe":
        return "rawvideo"
    usual = container.default_video_codec
    if usual == "none":
        raise UsageError(f"{url}: the format {name} holds no video; use another format")
    return Codec(usual, "w").name


def counts_frames(format: str) -> bool:
    """True for a container without timestamps, where frames are numbered."""
    return format in _COUNTING


def negotiate_time_base(
    codec: Codec, first: Frame, format: str, rate: Fraction, source: MappedStream, shown: str
) -> Fraction:
    """The encoder's time base: the frames' own, so that no pts is rounded, if encoder and container can take it.

    rate: frames a second. shown: the output's name for a warning.
    """
    if rates := pyav.frame_rates(codec):
        nearest = min(rates, key=lambda r: abs(r - rate))
        if nearest != rate:
            log.warning("%s: %s cannot encode %s frames a second; add -r %s", shown, codec.name, rate, nearest)
        return 1 / nearest
    if format in _COUNTING:
        return 1 / rate
    if format in _UNEVEN_BUT_COUNTING:
        finest: Fraction | None = getattr(source.stream, "base_rate", None)
        usable = finest is not None and rate < finest <= 240 and first.time_base == source.time_base
        return 1 / finest if usable and finest else 1 / rate
    if codec.name in _SMALL_TIME_BASE and first.time_base.denominator > 65535:
        return 1 / rate
    return first.time_base


def negotiate_pix_fmt(codec: Codec, source: str, wanted: str | None, format: str, shown: str) -> str:
    """The pixel format to encode: the wanted one, the source's, or the nearest with a warning of what is lost."""
    offered = [f.name for f in codec.video_formats or ()] or None
    if format == "yuv4mpegpipe":
        offered = _Y4M_FORMATS
    if wanted is not None:
        if offered and wanted not in offered:
            raise UsageError(f"{shown}: {codec.name} takes no -pix_fmt {wanted}; it takes: {', '.join(offered)}")
        try:
            return av.VideoFormat(wanted).name
        except ValueError as error:
            raise UsageError(f"{shown}: there is no -pix_fmt {wanted!r}") from error
    chosen, lost = choose_pix_fmt(source, offered)
    if lost:
        log.warning("%s: %s takes no %s; it gets %s, at a loss of %s", shown, codec.name, source, chosen, lost)
    return chosen


def warn_unseen(first: Frame, frame: av.VideoFrame, source: MappedStream, shown: str) -> None:
    """Warn of what the filters do not see: transparency, and that a frame is two fields.

    first: the first frame to encode; frame: the same one as libav's object.
    """
    context, origin = source.stream.codec_context, first.origin
    given = [context.pix_fmt] if isinstance(context, VideoCodecContext) else []
    given += [origin.format.name] if isinstance(origin, av.VideoFrame) else []
    transparent = any(_has_alpha(name) for name in given if name)
    if transparent and not _has_alpha(frame.format.name):
        log.warning("%s: transparency is lost in the filters, which see only colour; -vf null keeps it", shown)
    elif not transparent and any(k.lower() == "alpha_mode" and v == "1" for k, v in source.metadata.items()):
        decoder = "libvpx" if source.codec == "vp8" else "libvpx-vp9"
        log.warning("%s: the transparency of %s is not decoded; -c:v %s before -i reads it", shown, source, decoder)
    if isinstance(origin, av.VideoFrame) and origin.interlaced_frame and origin is not frame:
        log.warning(
            "%s: the video is interlaced, and the filters see both fields as one picture; begin -vf with bwdif", shown
        )


def _has_alpha(pix_fmt: str) -> bool:
    format = av.VideoFormat(pix_fmt)
    return not format.has_palette and any(c.is_alpha for c in format.components)


def warn_lost_aspect(codec: Codec, aspect: Fraction | None, format: str, shown: str) -> None:
    """Warn if the aspect ratio is lost: PyAV sets the codec's, but some containers write the stream's."""
    known = format in MOV_LIKE or codec.canonical_name in _TELLS_ASPECT or format in _WITHOUT_HEADER
    if aspect not in (None, 1) and not known:
        log.warning(
            "%s: the sample aspect ratio %s is lost with %s in %s; use -c:v libx264 or .mov",
            *(shown, aspect, codec.name, format),
        )
