"""What PyAV's versions have under different names, or not at all. The rest of the code is written for the newest one.

| what | since | before |
|---|---|---|
| the options that an encoder has | 18.1 | libavcodec is asked, see `libav_options` |
| the loss between two pixel formats, named | 18.0 | the same numbers, of libavutil |
| a stream's rotation is written (`set_display_matrix`) | 17.1 | it is not, and the log says so |
| demuxers that skip streams (`Stream.discard`) | 17.1 | packets of the others are read, and left aside |
| a frame's primaries and transfer | 17.0 | the decoder's, for all of its frames |
| the nearest pixel format of several | 16.0 | libavcodec is asked |
| chapters, attachments | 16.0 | they are left out |
| a frame's duration | 15.0 | unknown: the encoder goes by the rate |
"""

from __future__ import annotations

import ctypes
from enum import IntFlag
from fractions import Fraction
from typing import Any

import av
from av.codec.codec import Codec
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, VideoReformatter

from .libav_functions import functions

_VERSION = tuple(int(part) for part in av.__version__.split(".")[:2])
_MEMORY_BEGINS_AT_FIRST_ROW = _VERSION < (17, 1)
_HAS_PRIMARIES = hasattr(VideoFrame, "color_primaries")
_HAS_DURATION = hasattr(VideoFrame, "duration")
# From 17 on, whose conversion has the source's matrix and range for every pair of formats too.
_HAS_SCALING_THREADS = _VERSION >= (17, 0)
_BT470BG, _SMPTE170M = 5, 6  # AVCOL_SPC_...
_MPEG_RATES = "24000/1001", 24, 25, "30000/1001", 30, 50, "60000/1001", 60  # ISO/IEC 13818-2, table 6-4
_NO_PIX_FMT = -1  # AV_PIX_FMT_NONE, the end of a list


class Loss(IntFlag):
    """FF_LOSS_..., libavutil/pixdesc.h"""

    RESOLUTION = 1
    DEPTH = 2
    COLORSPACE = 4
    ALPHA = 8
    COLORQUANT = 16
    CHROMA = 32


def nearest_pix_fmt(offered: list[str], source: str, *, alpha: bool) -> tuple[str | None, Loss]:
    """The one of several pixel formats that loses least, and what; None where libavcodec knows of none.

    alpha: transparency counts.
    """
    try:
        from av.codec.codec import find_best_pix_fmt_of_list
    except ImportError:
        return _asked_libav(offered, source, alpha=alpha)
    best, loss = find_best_pix_fmt_of_list(offered, source, alpha)
    return None if best is None else best.name, Loss(int(loss))


def _asked_libav(offered: list[str], source: str, *, alpha: bool) -> tuple[str | None, Loss]:
    libav = functions()
    if libav is None:
        return None, Loss(0)
    numbers = [libav.av_get_pix_fmt(name.encode()) for name in offered]
    loss = ctypes.c_int()
    best = libav.avcodec_find_best_pix_fmt_of_list(
        (ctypes.c_int * (len(numbers) + 1))(*numbers, _NO_PIX_FMT),
        *(libav.av_get_pix_fmt(source.encode()), int(alpha), ctypes.byref(loss)),
    )
    return (offered[numbers.index(best)], Loss(loss.value)) if best in numbers else (None, Loss(0))


def reformatted(
    context: VideoReformatter,
    frame: av.VideoFrame,
    shape: tuple[int, int, str],
    matrix: int,
    flags: int,
    *,
    full: tuple[bool, bool],
    rgb: tuple[bool, bool],
    one_thread: bool,
) -> av.VideoFrame:
    """The frame in another shape: width, height, pixel format. full, rgb: of the source and of the result."""
    matrices = (matrix, matrix)
    if not _HAS_SCALING_THREADS:
        # It tells swscale of matrix and range only where one of them changes. R'G'B' has no range that counts, and
        # these two matrices are the same, which Y'CbCr does not go by where it stays what it is.
        if rgb == (True, False):
            full = (not full[1], full[1])
        elif rgb == (False, True):
            full = (full[0], not full[0])
        else:
            matrices = (_BT470BG, _SMPTE170M)
    threads: dict[str, Any] = {"threads": 1 if one_thread else 0} if _HAS_SCALING_THREADS else {}
    ranges = [ColorRange.JPEG if is_full else ColorRange.MPEG for is_full in full]
    return context.reformat(
        frame,
        *shape,
        src_colorspace=matrices[0],
        dst_colorspace=matrices[1],
        interpolation=flags,
        src_color_range=ranges[0],
        dst_color_range=ranges[1],
        **threads,
    )


def memory_of(plane: VideoPlane) -> Any:
    """A plane's memory, from its lowest address on: rows of a negative length lie there from the bottom up."""
    if plane.line_size >= 0 or not _MEMORY_BEGINS_AT_FIRST_ROW:
        return memoryview(plane)
    height = plane.buffer_size // -plane.line_size
    begin = plane.buffer_ptr + plane.line_size * (height - 1)
    return (ctypes.c_ubyte * plane.buffer_size).from_address(begin)  # good as long as the frame is


def skip(stream: Any) -> None:
    """Have the demuxer leave out a stream's packets, if it can."""
    try:
        from av.stream import Discard
    except ImportError:
        return
    stream.discard = Discard.all


def primaries_and_transfer(frame: av.VideoFrame, otherwise: tuple[int, int] = (2, 2)) -> tuple[int, int]:
    """A frame's code points; `otherwise` where frames do not tell."""
    return (int(frame.color_primaries), int(frame.color_trc)) if _HAS_PRIMARIES else otherwise


def set_primaries_and_transfer(frame: av.VideoFrame, primaries: int, transfer: int) -> None:
    """Set them, if a frame can have them: else encoders get them by their context."""
    if _HAS_PRIMARIES:
        frame.color_primaries, frame.color_trc = primaries, transfer


def duration_of(frame: av.VideoFrame) -> int:
    """In units of the frame's time base; 0 if unknown."""
    return (frame.duration or 0) if _HAS_DURATION else 0


def set_duration(frame: av.VideoFrame, duration: int) -> None:
    """Set it, if a frame can have one."""
    if _HAS_DURATION:
        frame.duration = duration


def set_disposition(stream: Any, bits: int) -> None:
    """Set what a stream is for, of AV_DISPOSITION_..."""
    stream.disposition = Disposition(bits) if issubclass(Disposition, int) else bits


def set_display_matrix(stream: Any, matrix: Any) -> bool:
    """Have the container say how the picture is turned; False where that cannot be said."""
    if not hasattr(stream, "set_display_matrix"):
        return False
    stream.set_display_matrix(matrix)
    return True


def chapters(container: Any) -> list[Any]:
    """A container's chapters; none where PyAV does not tell."""
    return list(container.chapters()) if hasattr(container, "chapters") else []


def set_chapters(container: Any, given: list[Any]) -> None:
    """Write chapters, if that can be done."""
    if hasattr(container, "set_chapters"):
        container.set_chapters(given)


def frame_rates(codec: Codec) -> list[Fraction] | None:
    """The rates that an encoder is bound to; None for any."""
    try:
        return [Fraction(rate.numerator, rate.denominator) for rate in codec.frame_rates or ()] or None
    except AttributeError:  # PyAV before 17 stumbles over its own list; only MPEG-1 and 2 have one
        return [Fraction(rate) for rate in _MPEG_RATES]
