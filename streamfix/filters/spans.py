"""How a picture is cut into overlapping tiles, along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..motion import Floats


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one axis, in input pixels.

    begin, end: what the network sees. keep_begin, keep_end: what of it is used.
    weight: of each kept output pixel, None for 1; the weights of all tiles add up to 1.
    """

    begin: int
    end: int
    keep_begin: int
    keep_end: int
    weight: Floats | None = None

    def kept(self, scale: int, origin: int = 0) -> slice:
        """What is kept, in output pixels counted from input pixel `origin`."""
        return slice((self.keep_begin - origin) * scale, (self.keep_end - origin) * scale)


def spans(
    size: int, side: int, overlap: int, scale: int, *, align: int = 1, blend: int = 0, least: int = 1
) -> list[Span]:
    """Cut `size` pixels into tiles of at most `side`, each seeing `overlap` more beyond its inner edges.

    align: tiles begin at multiples of this. blend: mix neighbours over so many
    pixels on each side of an inner edge, at most `overlap`, and fewer where the
    edges are near. least: no tile is smaller; what is added is seen, not kept.
    """
    core = max(align, side - 2 * overlap - 2 * align)
    count = -(-size // core)
    edges = sorted({min(size, round(i * size / count / align) * align) for i in range(count)} | {size})
    cores = [high - low for low, high in pairwise(edges)]
    # half a blend on each side of an inner edge; none at the picture's border
    blends = [0, *(min(blend, overlap, a // 2, b // 2) for a, b in pairwise(cores)), 0]
    found = []
    for i, (low, high) in enumerate(pairwise(edges)):
        begin, end = max(0, (low - overlap) // align * align), min(size, high + overlap)
        if end - begin < least:
            end = min(size, begin + least)
            begin = max(0, end - least)
        keep_begin, keep_end = low - blends[i], high + blends[i + 1]
        at = (np.arange(keep_begin * scale, keep_end * scale, dtype=np.float32) + np.float32(0.5)) / np.float32(scale)
        weight = None
        if blends[i] or blends[i + 1]:
            weight = _ramp(at - low, blends[i]) * _ramp(high - at, blends[i + 1])
        found.append(Span(begin, end, keep_begin, keep_end, weight))
    return found


def _ramp(distance: Floats, half: int) -> Floats:
    """Weight by the signed distance from an edge: 0 to 1 over `half` on either side of it."""
    if not half:
        return np.ones_like(distance)
    return np.asarray(np.clip(np.float32(0.5) + distance / np.float32(2 * half), 0, 1), np.float32)
