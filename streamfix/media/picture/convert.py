"""Converts pixel formats and sizes by swscale, with the right matrix and range on both sides."""

from __future__ import annotations

import threading
from enum import IntEnum
from typing import Any

import av
from av.video.format import VideoFormat
from av.video.reformatter import VideoReformatter

from ...frame import Color, usual_matrix
from .. import pyav
from ..pyav import Loss

# Only scaling interpolates; a conversion between two formats of the same kind copies values.
_FLAGS = 0x4 | 0x40000 | 0x2000  # SWS_BICUBIC, SWS_ACCURATE_RND, SWS_FULL_CHR_H_INT, which PyAV names from 18 on
_CONTEXTS = 16  # swscale contexts a thread keeps
# swscale writes whole vectors past the end of a row of these, over what another of its threads has written there.
_ONE_THREAD = {"yuyv422", "uyvy422", "yvyu422"}
# PyAV changes a frame's tags while it converts it, so only one thread may convert a frame at a time. A frame's lock is
# found by its address; two frames seldom share one.
_FRAMES = [threading.Lock() for _ in range(61)]

_own = threading.local()


def _context(key: Any) -> VideoReformatter:
    """This thread's swscale context for a conversion; made anew each time, contexts are slow and memory grows."""
    contexts = _own.__dict__.setdefault("contexts", {})
    if key not in contexts:
        while len(contexts) >= _CONTEXTS:
            del contexts[next(iter(contexts))]
        contexts[key] = VideoReformatter()
    found: VideoReformatter = contexts[key]
    return found


def reformat(
    frame: av.VideoFrame,
    pix_fmt: str,
    width: int | None = None,
    height: int | None = None,
    *,
    color: Color,
    full_range: bool | None = None,
) -> av.VideoFrame:
    """The frame in another pixel format and size.

    color: the frame's own tags; an untagged matrix is taken by size, BT.709 from 720 lines on.
    full_range: range of the result if it is Y'CbCr; None keeps the source's
    (R'G'B' becomes limited). The result is tagged accordingly.
    """
    width, height = width or frame.width, height or frame.height
    if (frame.format.name, frame.width, frame.height) == (pix_fmt, width, height):
        return frame
    source_rgb, target_rgb = is_rgb(frame.format.name), is_rgb(pix_fmt)
    full_in = color.is_full(default=source_rgb)
    full_out = True if target_rgb else full_range
    if full_out is None:
        full_out = full_in if source_rgb == target_rgb else False
    matrix = _matrix(color, frame.height)
    key = (frame.format.name, frame.width, frame.height, pix_fmt, width, height, matrix, full_in, full_out)
    with _FRAMES[id(frame) % len(_FRAMES)]:
        saved = frame.colorspace, frame.color_range
        try:
            out = pyav.reformatted(
                _context(key),
                frame,
                (width, height, pix_fmt),
                matrix,
                _FLAGS,
                full=(full_in, full_out),
                rgb=(source_rgb, target_rgb),
                one_thread=pix_fmt in _ONE_THREAD,
            )
        finally:
            frame.colorspace, frame.color_range = saved
    _tag(out, color, matrix, source_rgb, target_rgb, full_out)
    out.pts = frame.pts
    pyav.set_duration(out, pyav.duration_of(frame))
    if frame.time_base is not None:
        out.time_base = frame.time_base
    return out


def is_rgb(pix_fmt: str) -> bool:
    """True for R'G'B' formats, palettes included."""
    format = VideoFormat(pix_fmt)
    return format.is_rgb or format.has_palette or format.is_bayer


def choose_pix_fmt(source: str, offered: list[str] | None) -> tuple[str, str]:
    """The pixel format to encode: the source's if it is offered, else the one that loses least.

    Returns the name and what is lost in words ("bit depth, chroma resolution"), "" if nothing is
    (between Y'CbCr and R'G'B' no more than rounding is).
    """
    if not offered or source in offered:
        return source, ""
    alpha = any(c.is_alpha for c in VideoFormat(source).components)
    best, loss = pyav.nearest_pix_fmt(offered, source, alpha=alpha)
    if best is None:
        return offered[0], "unknown values"
    names = (
        (Loss.DEPTH, "bit depth"),
        (Loss.RESOLUTION, "chroma resolution"),
        (Loss.ALPHA, "transparency"),
        (Loss.CHROMA, "colour"),
        (Loss.COLORQUANT, "colours"),
    )
    gray = len([c for c in VideoFormat(source).components if not c.is_alpha]) == 1
    lost = [text for flag, text in names if loss & flag and not (gray and flag == Loss.RESOLUTION)]
    return best, ", ".join(lost)


class _Matrix(IntEnum):
    """SWS_CS_..., libswscale/swscale.h"""

    ITU709 = 1
    FCC = 4
    ITU601 = 5
    SMPTE240M = 7
    BT2020 = 9


def _matrix(color: Color, height: int) -> _Matrix:
    known = {
        1: _Matrix.ITU709,
        4: _Matrix.FCC,
        5: _Matrix.ITU601,
        6: _Matrix.ITU601,
        7: _Matrix.SMPTE240M,
        9: _Matrix.BT2020,
        10: _Matrix.BT2020,
    }
    return known.get(color.matrix) or known[usual_matrix(height)]


def _tag(out: av.VideoFrame, color: Color, matrix: _Matrix, source_rgb: bool, target_rgb: bool, full_out: bool) -> None:
    if target_rgb:
        out.colorspace = 0
    elif source_rgb:
        # The matrix that was just used; without the tag a player could not know it.
        out.colorspace = {_Matrix.ITU709: 1, _Matrix.BT2020: 9, _Matrix.SMPTE240M: 7}.get(matrix, 6)
    else:
        out.colorspace = color.matrix
    untagged = color.full_range is None and not source_rgb and not target_rgb and not full_out
    out.color_range = 0 if untagged else (2 if full_out else 1)
