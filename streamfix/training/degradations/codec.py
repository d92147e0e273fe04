"""Lossy coding: clips encoded and decoded in memory by FFmpeg's codecs, with one thread, so that results repeat."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal, cast

import av
import numpy as np
from numpy.typing import NDArray

from ...errors import FilterError
from ...media.output.encoder import repeatable_x264_params
from ..planes420 import Planes420

CodecName = Literal["libx264", "libx265", "mpeg4", "mjpeg"]
_DECODERS = {"libx264": "h264", "libx265": "hevc", "mpeg4": "mpeg4", "mjpeg": "mjpeg"}
_OCTAVE = 6.0  # six steps of the quantiser double it and, by and large, halve the size
_TRIES = 4  # encodings until the size is the one asked for
_X265_LEAST = 64  # pixels: smaller pictures make x265 write where nothing is its own, and x264 codes them instead
_CLOSE = 0.15  # relative error of the size that is close enough


@dataclass(frozen=True, slots=True)
class Coding:
    """How a clip is encoded.

    quality: crf for libx264 and libx265 (0 to 51), the quantiser scale for mpeg4 and mjpeg (1 to 31): more is worse.
    gop: frames from one keyframe to the next. bframes: consecutive B-frames at most, where the codec has them.
    """

    codec: CodecName = "libx264"
    quality: float = 28.0
    gop: int = 50
    preset: str = "veryfast"
    bframes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A clip that was encoded and decoded.

    planes: 8-bit codes / 255. size: bytes of all packets, without x264's banner. keyframe: (T,), True where one is.
    coding: how it was encoded.
    """

    planes: Planes420
    size: int
    keyframe: NDArray[np.bool_]
    coding: Coding


def code_clip(planes: Planes420, coding: Coding) -> Coded:
    """Encode and decode a clip, rounded to 8 bits first.

    Raises FilterError where this build of FFmpeg has no such encoder, or it does not take these settings.
    """
    frames, height, width = planes.y.shape
    if coding.codec == "libx265" and min(height, width) < _X265_LEAST:
        coding = replace(coding, codec="libx264")
    try:
        encoder = _encoder(coding, height, width)
        decoder = cast(av.VideoCodecContext, av.CodecContext.create(_DECODERS[coding.codec], "r"))
        decoder.thread_count = 1
        out_y = np.empty((frames, height, width), np.uint8)
        out_uv = np.empty((frames, height // 2, width // 2, 2), np.uint8)
        keyframe = np.zeros(frames, np.bool_)
        size = count = 0
        pictures = _pictures(planes, str(encoder.pix_fmt), coding)
        for picture in (*pictures, None):
            packets = encoder.encode(picture)
            size += sum(packet.size - _banner(packet) for packet in packets)
            for packet in (*packets, *([None] if picture is None else [])):
                for frame in decoder.decode(packet):
                    keyframe[count] = frame.key_frame
                    _read(frame, out_y[count], out_uv[count])
                    count += 1
    except (av.error.FFmpegError, ValueError) as error:
        raise FilterError(f"{coding}: {error}; choose another codec or preset, or install PyAV's own wheel") from error
    if count != frames:
        raise FilterError(f"{coding}: {frames} frames went in and {count} came out; choose another codec")
    unit = np.float32(1 / 255)
    return Coded(Planes420(out_y * unit, out_uv * unit), size, keyframe, coding)


def code_clip_to_rate(planes: Planes420, bits_per_pixel: float, coding: Coding) -> Coded:
    """Encode so that a luma pixel takes `bits_per_pixel`, by a search over the constant rate factor.

    A codec's own rate control needs longer than these clips to settle. At most four encodings are tried, and the one
    whose size is nearest is returned, also where no crf from 10 to 51 gives the size. coding: libx264 or
    libx265; its quality is where the search begins.
    """
    wanted = bits_per_pixel * planes.y.size / 8
    best, best_excess = None, np.inf
    finer: tuple[float, float] | None = None  # the coarsest quality that was too large so far, by how many octaves
    coarser: tuple[float, float] | None = None
    quality = coding.quality
    for _ in range(_TRIES):
        coded = code_clip(planes, replace(coding, quality=quality))
        excess = float(np.log2(coded.size / wanted))
        if abs(excess) < abs(best_excess):
            best, best_excess = coded, excess
        if abs(excess) < np.log2(1 + _CLOSE):
            break
        if excess > 0:
            finer = quality, excess
        else:
            coarser = quality, excess
        if finer and coarser:  # between them, but not too near to either: noise appears at once on the way
            share = float(np.clip(finer[1] / (finer[1] - coarser[1]), 0.2, 0.8))
            following = finer[0] + share * (coarser[0] - finer[0])
        else:
            following = quality + _OCTAVE * excess
        following = round(float(np.clip(following, 10, 51)), 1)
        if following == quality:
            break
        quality = following
    assert best is not None
    return best


def _encoder(coding: Coding, height: int, width: int) -> av.VideoCodecContext:
    encoder = cast(av.VideoCodecContext, av.CodecContext.create(str(coding.codec), "w"))
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuvj420p" if coding.codec == "mjpeg" else "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.thread_count = 1
    encoder.gop_size = coding.gop
    if coding.codec == "libx264":
        encoder.options = {
            "crf": str(coding.quality),
            "preset": coding.preset,
            "x264-params": f"bframes={coding.bframes}:keyint={coding.gop}:rc-lookahead=10:threads=1:"
            + repeatable_x264_params(),
        }
    elif coding.codec == "libx265":
        encoder.options = {
            "crf": str(coding.quality),
            "preset": coding.preset,
            "x265-params": f"bframes={coding.bframes}:keyint={coding.gop}:rc-lookahead=10:pools=none:frame-threads=1"
            ":info=0:log-level=none",
        }
    else:
        quantiser = str(round(coding.quality))
        encoder.options = {"qmin": quantiser, "qmax": quantiser}  # whatever the rate control wants
    return encoder


def _banner(packet: av.Packet[Any]) -> int:
    """Bytes of x264's settings in the first packet: some 700, as many as ten small frames have at a low rate."""
    data = bytes(packet)
    at = data.find(b"x264 - core")
    if at < 0:
        return 0
    start, end = data.rfind(b"\0\0\1", 0, at), data.find(b"\0\0\1", at)
    return end - start


def _pictures(planes: Planes420, pix_fmt: str, coding: Coding) -> list[av.VideoFrame]:
    frames, height, width = planes.y.shape
    flat = np.empty((frames, height * 3 // 2, width), np.uint8)
    half = height * width // 4
    chroma = flat.reshape(frames, -1)[:, height * width :]
    flat[:, :height] = _codes(planes.y)
    uv = _codes(planes.uv)
    chroma[:, :half] = uv[..., 0].reshape(frames, half)
    chroma[:, half:] = uv[..., 1].reshape(frames, half)
    pictures = []
    for t in range(frames):
        picture = av.VideoFrame.from_ndarray(flat[t], format=pix_fmt)
        picture.pts, picture.time_base = t, Fraction(1, 25)
        pictures.append(picture)
    return pictures


def _codes(plane: NDArray[np.float32]) -> NDArray[np.uint8]:
    codes = plane * np.float32(255)
    codes += np.float32(0.5)
    return np.clip(codes, 0, 255, out=codes).astype(np.uint8)


def _read(frame: av.VideoFrame, y: NDArray[np.uint8], uv: NDArray[np.uint8]) -> None:
    for plane, out in zip(frame.planes, (y, uv[..., 0], uv[..., 1]), strict=True):
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        out[:] = lines[: out.shape[0], : out.shape[1]]
