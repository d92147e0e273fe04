"""How far the truth may lie from a stacked luma: further than the frames' spread tells.

The spread cannot show what all frames have in common. Edges lie a little elsewhere, and are finer than any frame could
record: that matters in the measure of the steps around. And a codec has rounded what it kept to its quantiser's steps
(which double with every six of QP: ITU-T H.264, 8.5.9). Both constants are set so that of plates with known text at
least nine pixels of ten lie within two deviations (tests/bench/bench_stack.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .region import Floats

_ELSEWHERE = 0.125  # recorded pixels by which an edge's place and width are unsure
_OF_STEP = 0.12  # of a quantiser's step that is missing alike in all frames
_STEP_AT_0 = 0.625  # codes: the step of quantiser 0
_REACH = 4  # recorded pixels across, in which steps are averaged
_ROUNDING = 0.5  # codes


def doubt(spread: Floats, values: Floats, scale: int, quantisers: Sequence[float]) -> Floats:
    """Standard deviation of the luma's error, (H, W) float32 codes of 8 bits; infinity where nothing was seen.

    spread: the standard error by the spread of the frames. values: the luma. scale: fine pixels for a recorded one.
    quantisers: mean of each frame's, where the codec tells.
    """
    across, down = (cv2.Sobel(values, cv2.CV_32F, *way, ksize=3) / 8 for way in ((1, 0), (0, 1)))
    side = _REACH * scale + 1
    steps = np.sqrt(np.maximum(cv2.blur(np.square(across) + np.square(down), (side, side)), 0))
    coded = _OF_STEP * _STEP_AT_0 * 2 ** (float(np.mean(quantisers)) / 6) if len(quantisers) else 0.0
    known = np.isfinite(spread)
    total = np.square(np.where(known, spread, 0)) + np.square(_ELSEWHERE * scale * steps) + coded**2 + _ROUNDING**2
    return np.where(known, np.sqrt(total), np.inf).astype(np.float32)
