"""Picture operations that temporal filters are built from: float32 arrays (H, W[, C])."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np

from .. import motion
from ..yuv420 import joined_luma, split_luma
from .tiles import Area, Tile

Floats: TypeAlias = motion.Floats

_WEIGHTS = {window: np.full(window, 1 / window, np.float32) for window in (3, 5)}
_TENT = np.array([1, 2, 3, 2, 1], np.float32) / 9
TENT_NOISE = 19 / 81  # what `tent` leaves of white noise's standard deviation


def box(picture: Floats, window: int, out: Floats | None = None) -> Floats:
    """Means over window x window pixels, 3 or 5, mirrored at the edges."""
    if out is None:
        out = np.empty_like(picture)
    weights = _WEIGHTS[window]
    cv2.sepFilter2D(picture, -1, weights, weights, dst=out)  # a third faster than boxFilter at these sizes
    return out


def tent(picture: Floats) -> Floats:
    """Means over 5x5 pixels, weighted towards the middle. Unlike a box, it inverts the sign of no frequency."""
    return np.asarray(cv2.sepFilter2D(picture, -1, _TENT, _TENT), np.float32)


def shrink(picture: Floats, height: int, width: int) -> Floats:
    """Resize down by averaging the pixels that each new one covers."""
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def enlarge_part(picture: Floats, part: Area, tile: Tile) -> Floats:
    """`part` of `tile`, of a picture that is enlarged to twice its size. picture: (H/2, W/2[, C]), all of it."""
    wider = Area(
        max(part.top - 1, 0),
        min(part.bottom + 1, tile.height),
        max(part.left - 1, 0),
        min(part.right + 1, tile.width),
    )
    seen = picture[wider.half]
    h, w = seen.shape[:2]
    large = cv2.resize(seen, (2 * w, 2 * h), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[part.inside(wider).full], np.float32)


def enlarge(picture: Floats, height: int, width: int) -> Floats:
    """Resize by linear interpolation."""
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def scaled(pair: Floats, by: Floats) -> Floats:
    """Both planes of a pair (H, W, 2) times one plane (H, W). NumPy would go through such an array pixel by pixel."""
    return np.asarray(cv2.multiply(pair, cv2.merge([by, by])), np.float32)


def blend(history: Floats, frame: Floats, gain: Floats) -> None:
    """history += gain * (frame - history), in place. Pictures (H, W) or (H, W, 2); gain: (H, W)."""
    difference = cv2.subtract(frame, history)
    cv2.multiply(difference, gain if frame.ndim == 2 else cv2.merge([gain, gain]), dst=difference)
    history += difference


def bound_difference(out: Floats, frame: Floats, limit: float) -> None:
    """Pull `out` towards `frame`, in place, by whatever their local means (see `tent`) differ beyond `limit`.

    Repeating it never makes a difference grow. A box filter would: it inverts the sign of some frequencies, and frames
    averaged for a long time would end up as nothing but those.
    """
    missed = np.asarray(cv2.subtract(frame, out), np.float32)
    _reduce(missed, limit)
    np.subtract(frame, missed, out=out)


def bound_missed(missed: Floats, limit: float) -> None:
    """Bound what a picture misses of its frame, in place, so that local means near `limit` at most remain.

    Twice: the first pass spreads what it takes from a ghost's edge; the second catches that.
    """
    for _ in range(2):
        _reduce(missed, limit)


def _reduce(missed: Floats, limit: float) -> None:
    mean = tent(missed)
    missed -= mean
    missed += np.clip(mean, np.float32(-limit), np.float32(limit), out=mean)


def bound_pixels(out: Floats, frame: Floats, limit: float) -> None:
    """Pull `out` towards `frame`, in place, so that no pixel is further away than `limit`."""
    out -= frame
    np.clip(out, np.float32(-limit), np.float32(limit), out=out)
    out += frame


def unpack420(packed: Floats) -> tuple[Floats, Floats]:
    """Luma (H, W) and chroma (H/2, W/2, 2) of a packed picture (6, H/2, W/2); float32 copies.

    Turns the layout `yuv420` into the fuser's two pictures: the NumPy twin of `streamfix.layout.unpack420`.
    """
    return joined_luma(packed), np.asarray(cv2.merge([packed[4], packed[5]]), np.float32)


def pack420(luma: Floats, chroma: Floats, out: Floats | None = None) -> Floats:
    """The inverse of `unpack420`. out: array to fill, (6, H/2, W/2); None makes a new one."""
    h, w = chroma.shape[:2]
    if out is None:
        out = np.empty((6, h, w), np.float32)
    split_luma(luma, out)
    out[4], out[5] = chroma[..., 0], chroma[..., 1]
    return out
