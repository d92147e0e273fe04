"""Smooths one stream: measures the noise, fuses frames, then smooths the remaining noise within each frame."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np

from streamfix.fusion import Floats, Fused, Noise, Tile, bound_pixels, each_tile, enlarge_part
from streamfix.models import Front

from .wiener import reach, smoothed

REACH = 4.0  # no pixel ends up further than this many standard deviations from the recorded one
# Window and share of the remaining noise for each pass. The second pass works on statistics without single outliers.
LUMA_PASSES = ((5, 0.5), (3, 0.5))
CHROMA_PASSES = ((3, 0.7), (5, 0.3))
_own = threading.local()


class Denoiser:
    """One stream's state.

    sigma: standard deviation of the noise in [0, 1] units, the same for all planes; None measures it.
    flicker: smallest deviation over time that is averaged away, in [0, 1] units, however low the noise is. A model that
    works frame by frame leaves changes that look like detail within each frame.
    keeps: whether luma and variance of the last fused frame are `kept`.
    """

    def __init__(self, sigma: float | None = None, flicker: float = 0.0, *, keeps: bool = False) -> None:
        self._front = Front(None if sigma is None else Noise(sigma, sigma), fine=False, flicker=flicker)
        self._keeps = keeps
        self.kept: tuple[Floats, Floats] | None = None

    @property
    def noise(self) -> Noise:
        """The current noise estimate."""
        return self._front.noise

    def saved(self) -> Mapping[str, Any]:
        """All that it knows, as `Filter.save_state` wants it."""
        return self._front.saved()

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what another one gave, which had the same options."""
        self._front.load(saved)

    def step(self, luma: Floats, chroma: Floats) -> tuple[Floats, Floats]:
        """Smooth the next frame. luma: (H, W), chroma: (H/2, W/2, 2), float32 in [0, 1].

        The results are valid until this thread's next call.
        """
        return self.begin(luma, chroma)()

    def begin(self, luma: Floats, chroma: Floats) -> Callable[[], tuple[Floats, Floats]]:
        """Do the part of `step` that needs the frames before, and changes what is known of them; return the rest.

        Frames after this one may be begun before the rest is done.
        """
        fused = self._front.fuse(luma, chroma)
        # The fuser overwrites its pictures two steps later.
        own = Fused(fused.luma.copy(), fused.chroma.copy(), fused.variance)
        self.kept = (own.luma, own.variance) if self._keeps else None
        return partial(_finished, own, (luma, chroma), self.noise, self._front.changes)


def _finished(fused: Fused, recorded: tuple[Floats, Floats], noise: Noise, changes: Noise) -> tuple[Floats, Floats]:
    """The fused frame with the noise left in it smoothed, no pixel of it too far from the recorded one.

    The results are valid until this thread's next call.
    """
    luma, chroma = recorded
    luma_out, chroma_out = _kept(luma, chroma)

    def smooth(tile: Tile) -> None:
        at, core = tile.around(-(-reach(LUMA_PASSES) // 2)), tile.core
        inner = core.inside(at)
        left = enlarge_part(fused.variance, at, tile)
        luma_out[core.full] = smoothed(fused.luma[at.full], left, noise.luma, LUMA_PASSES)[inner.full]
        bound_pixels(luma_out[core.full], luma[core.full], REACH * changes.luma)

        at = tile.around(reach(CHROMA_PASSES))
        inner = core.inside(at)
        left = np.asarray(cv2.merge([fused.variance[at.half]] * 2), np.float32)
        chroma_out[core.half] = smoothed(fused.chroma[at.half], left, noise.chroma, CHROMA_PASSES)[inner.half]
        bound_pixels(chroma_out[core.half], chroma[core.half], REACH * changes.chroma)

    each_tile(smooth, *chroma.shape[:2])
    return luma_out, chroma_out


def _kept(luma: Floats, chroma: Floats) -> tuple[Floats, Floats]:
    """This thread's pictures of these shapes: the system hands over fresh memory page by page, which takes its time."""
    if getattr(_own, "shapes", None) != (luma.shape, chroma.shape):
        _own.shapes, _own.pictures = (luma.shape, chroma.shape), (np.empty_like(luma), np.empty_like(chroma))
    found: tuple[Floats, Floats] = _own.pictures
    return found
