"""The footage that is learnt from: consecutive frames of one shot."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..analysis import BlockGrid
from ..errors import InputError
from ..filters.cut import CutDetector
from ..frame import Frame
from ..fusion import Floats, unpack420
from ..layout import to_layout
from ..media.input.reader import Reader
from ..media.specs import InputSpec

_WIDEST, _HIGHEST = 1280, 720  # of a larger picture its middle is taken: learning sees small parts of it anyway


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """frames: (6, H/2, W/2) in [0, 1], packed 4:2:0, of one shot.

    gop: frames from one keyframe to the next, the most there were; None where there was but one.
    blockiness: mean height of block edges, [0, 1] units.
    """

    frames: Sequence[Floats]
    gop: int | None
    blockiness: float

    def lumas(self) -> list[Floats]:
        """(H, W) each."""
        return [unpack420(frame)[0] for frame in self.frames]

    def chromas(self) -> list[Floats]:
        """(H/2, W/2) each: the first chroma plane."""
        return [frame[4] for frame in self.frames]


def read(spec: InputSpec, wanted: int, needed: int) -> Footage:
    """Read until there are `wanted` frames of one shot, or the input ends.

    Raises InputError where not even `needed` follow each other without a cut or a damaged frame.
    """
    best: list[Floats] = []
    now: list[Floats] = []
    keys: list[int] = []
    grid = BlockGrid()
    cuts = CutDetector()
    seen = gop = 0
    with closing(Reader((spec,), audio=False, subtitles=False, data=False)) as reader:
        for item in reader:
            if not isinstance(item, Frame):
                continue
            (frame,) = cuts.push(item)
            picture = None if frame.damaged else _middle(np.asarray(to_layout(frame, "yuv420").numpy(), np.float32))
            if picture is None or frame.cut or (now and picture.shape != now[0].shape):
                best, now = max(best, now, key=len), []
            if _is_key(item):
                keys.append(seen)
                gop = max(gop, *np.diff(keys[-2:]), 0)
            seen += 1
            if picture is not None:
                now.append(picture)
                grid.add(unpack420(picture)[0])
            if len(now) == wanted:
                break
    best = max(best, now, key=len)
    if len(best) < needed:
        raise InputError(
            f"{spec.shown}: only {len(best)} good frames of one shot follow each other, and {needed} are needed; "
            "give a longer part without cuts"
        )
    return Footage(best, gop or None, grid.found.step)


def _middle(packed: Floats) -> Floats:
    """The middle of a large picture, a multiple of 8 pixels wide and high."""
    h, w = packed.shape[1:]
    high, wide = min(h, _HIGHEST // 2) // 4 * 4, min(w, _WIDEST // 2) // 4 * 4
    top, left = (h - high) // 2, (w - wide) // 2
    return packed[:, top : top + high, left : left + wide].copy()


def _is_key(frame: Frame) -> bool:
    native: Any = getattr(frame.picture, "av_frame", None)
    return bool(getattr(native, "key_frame", False))
