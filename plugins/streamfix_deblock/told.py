"""What a codec's own quantiser says of the level of artifacts, and whether it is to be believed.

It tells of the last encoding alone. A recording that was encoded badly and then well still shows the borders of the
first encoding's blocks; where these are found, the level that was measured counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Artifacts of luma and chroma, root mean square, are no more than so many of the quantiser's steps. On twelve scenes
# behind x264 at crf 12 to 40, 95 % of macroblocks are below 0.46, 0.42, 0.30 and 0.18 of a step at QP 17, 23, 33 and 45
# (chroma 0.28, 0.21, 0.11, 0.05): a step that is larger takes away more, and of less.
MOST = (0.36, 0.25)
_LEAST_STEP = 0.625 / 255  # at QP 0

# The quantisers from which it is worth the while: below the one nothing is undone, above the other all that can be.
# Behind x264 at crf 18 and less, undoing takes more away than it brings.
_FINE, _COARSE = 22, 34

# Blocks are seen where the contrast of their borders is so high. It is 1.02 to 1.16 behind x264 at crf 12 to 18 where
# the original showed none, and 1.2 to 1.8 at crf 34 and then 18.
_UNSEEN, _SEEN = 1.14, 1.24


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """What is made of a frame's quantisers. most, worth: for each macroblock.

    most: the highest level of artifacts, luma and chroma, (2, H/16, W/16) in [0, 1] units.
    worth: how much of what can be undone is worth it, 0 to 1, (1, H/16, W/16).
    doubt: how far the picture itself says otherwise, 0 to 1: then what is measured counts.
    """

    most: Floats
    worth: Floats
    doubt: float

    def share(self) -> Floats:
        """`worth` with the doubt, (1, H/16, W/16)."""
        return self.worth + (1 - self.worth) * np.float32(self.doubt)


def word(qp: Floats, contrast: float) -> Word:
    """What quantisers say, see `streamfix.FrameCoding`, of a picture whose block borders have this contrast."""
    told = np.asarray(qp, np.float32)[None]
    most = np.exp2(told / 6) * (np.float32(_LEAST_STEP) * np.array(MOST, np.float32)[:, None, None])
    return Word(most, np.clip((told - _FINE) / (_COARSE - _FINE), 0, 1), doubt(contrast))


def doubt(contrast: float) -> float:
    """How far the contrast of its block borders shows that a picture was coded worse before, 0 to 1."""
    return min(1.0, max(0.0, (contrast - _UNSEEN) / (_SEEN - _UNSEEN)))
