"""How a picture was coded, as its decoder tells: its type, and the quantiser of each macroblock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Side of the squares, in pixels of luma, for which a quantiser is told.
MACROBLOCK = 16


@dataclass(frozen=True, slots=True, eq=False)
class FrameCoding:
    """What the decoder tells of a picture. It holds for the last encoding alone, and for the picture's recorded size.

    picture_type: "I", "P" or "B", None if the decoder does not say.
    since_key: pictures since the last keyframe, 0 for a keyframe; None before the first.
    qp: of each macroblock, (ceil H/16, ceil W/16) float32, on the scale of 8-bit H.264 whatever the codec: the
    quantiser's step in 8-bit codes is 0.625 * 2**(qp / 6) (ITU-T H.264, 8.5.12). None where the codec does not tell.
    lossless: its codec can only be lossless, as PNG, FFV1 and raw video are: the picture is as its encoder got it.
    """

    picture_type: Literal["I", "P", "B"] | None = None
    since_key: int | None = None
    qp: NDArray[np.float32] | None = None
    lossless: bool = False
