"""What stacking gives: the picture, what it was made of, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..frame import Frame
from .choice import Reason
from .region import Floats, Matrix, Region


@dataclass(frozen=True, slots=True, eq=False)
class StackedFrame:
    """What became of one frame.

    number: its place in the source, from 0. pts, time_base: its time. reason: why it was left out ("damage", "cut",
    "correlation", "outside", "blur"), "" if it was kept. to_frame: 3x3, from luma pixels of the reference frame to
    those of this one; None where the region was not found. correlation: with the reference, -1 to 1. sharpness: energy
    of the region's gradient over the reference's. weight: what it counted, 1 for the frame that counted most.
    residual: standard deviation of what it differs by from the result, 8-bit codes of luma; None if left out.
    picture_type, qp: as the codec tells, qp the mean over the frame.
    """

    number: int
    pts: int
    time_base: Fraction
    reason: Reason
    to_frame: Matrix | None
    correlation: float
    sharpness: float
    weight: float
    residual: float | None
    picture_type: str | None
    qp: float | None

    @property
    def kept(self) -> bool:
        return not self.reason


@dataclass(frozen=True, slots=True, eq=False)
class Stacked:
    """One picture made of many frames.

    frame: the result, in the recording's own pixel format and colour, with the reference frame's time;
    `frame.rgb()` is (H, W, 3) uint8.
    average: the registered frames' average on the finer grid, before back-projection; of the same format.
    single: the reference frame alone on the finer grid, by bicubic interpolation; of the same format.
    error: (H, W) float32: standard deviation of the error of the result's luma, in 8-bit codes: by the spread of the
    frames, the steps around, and the codec's quantisers, see `doubt`; infinity where no frame shows the point.
    frames: of every frame that was read, in order of time.
    reference: place of the reference frame in `frames`.
    region, parameters: everything that was asked, resolved.
    registered: each kept frame on the finer grid by bicubic interpolation, in order of time.
    planes: the result's planes before rounding, float32 codes.
    """

    frame: Frame
    average: Frame
    single: Frame
    registered: Sequence[Frame]
    planes: Sequence[Floats]
    error: Floats
    frames: Sequence[StackedFrame]
    reference: int
    region: Region
    parameters: Mapping[str, Any]

    @property
    def kept(self) -> int:
        """How many frames the result is made of."""
        return sum(one.kept for one in self.frames)

    def rgb(self) -> NDArray[np.uint8]:
        """The result as (H, W, 3) uint8 R'G'B'."""
        return self.frame.rgb()

    def confidence(self) -> NDArray[np.uint8]:
        """How sure the luma is, (H, W) uint8: 255 for a deviation of 0, 16 less for each code, 0 for unseen."""
        return np.asarray(np.rint(np.clip(255 - 16 * self.error, 0, 255)), np.uint8)
