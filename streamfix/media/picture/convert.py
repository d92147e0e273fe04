"""Converts pixel formats and sizes by swscale, with the right matrix and range on both sides."""

from __future__ import annotations

import threading
from typing import Any

import av
from av.codec.codec import PixFmtLoss, find_best_pix_fmt_of_list
from av.video.format import VideoFormat
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from ...frame import Color, usual_matrix

# Only scaling interpolates; a conversion between two formats of the same kind copies values.
_FLAGS = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
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
    key = (frame.format.name, frame.width, frame.height, pix_fmt, width, height)
    with _FRAMES[id(frame) % len(_FRAMES)]:
        saved = frame.colorspace, frame.color_range
        try:
            out = _context(key).reformat(
                frame,
                width,
                height,
                pix_fmt,
                src_colorspace=matrix,
                dst_colorspace=matrix,
                interpolation=_FLAGS,
                src_color_range=ColorRange.JPEG if full_in else ColorRange.MPEG,
                dst_color_range=ColorRange.JPEG if full_out else ColorRange.MPEG,
                threads=1 if pix_fmt in _ONE_THREAD else 0,
            )
        finally:
            frame.colorspace, frame.color_range = saved
    _tag(out, color, matrix, source_rgb, target_rgb, full_out)
    out.pts, out.duration = frame.pts, frame.duration
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
    best, loss = find_best_pix_fmt_of_list(offered, source, alpha)
    if best is None:
        return offered[0], "unknown values"
    names = (
        (PixFmtLoss.DEPTH, "bit depth"),
        (PixFmtLoss.RESOLUTION, "chroma resolution"),
        (PixFmtLoss.ALPHA, "transparency"),
        (PixFmtLoss.CHROMA, "colour"),
        (PixFmtLoss.COLORQUANT, "colours"),
    )
    gray = len([c for c in VideoFormat(source).components if not c.is_alpha]) == 1
    lost = [text for flag, text in names if loss & flag and not (gray and flag == PixFmtLoss.RESOLUTION)]
    return best.name, ", ".join(lost)


def _matrix(color: Color, height: int) -> Colorspace:
    known = {
        1: Colorspace.ITU709,
        4: Colorspace.FCC,
        5: Colorspace.ITU601,
        6: Colorspace.ITU601,
        7: Colorspace.SMPTE240M,
        9: Colorspace.BT2020,
        10: Colorspace.BT2020,
    }
    return known.get(color.matrix) or known[usual_matrix(height)]


def _tag(
    out: av.VideoFrame, color: Color, matrix: Colorspace, source_rgb: bool, target_rgb: bool, full_out: bool
) -> None:
    if target_rgb:
        out.colorspace = 0
    elif source_rgb:
        # The matrix that was just used; without the tag a player could not know it.
        out.colorspace = {Colorspace.ITU709: 1, Colorspace.BT2020: 9, Colorspace.SMPTE240M: 7}.get(matrix, 6)
    else:
        out.colorspace = color.matrix
    untagged = color.full_range is None and not source_rgb and not target_rgb and not full_out
    out.color_range = 0 if untagged else (2 if full_out else 1)
