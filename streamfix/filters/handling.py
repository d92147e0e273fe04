"""What pictures are to a filter: how frames become what its call takes, and how what it gives becomes frames.

`ndarrays` does it for filters that compute in NumPy, `tensors` for those that compute in PyTorch. Only the second loads
torch, which takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Any, Protocol

from ..frame import Frame, Layout


class Handling(Protocol):
    """Arrays are what the filter takes and gives: (..., C, H, W) floating point in [0, 1].

    noun: what such an array is called, for messages.
    """

    noun: str

    def in_layout(self, frame: Frame, layout: Layout) -> Frame:
        """The frame with its picture as an array of that layout, unchanged."""

    def window(self, frames: Sequence[Frame], layout: Layout) -> Any:
        """The frames' pictures, (1, T, C, H, W)."""

    def padded(self, x: Any, multiple: int) -> Any:
        """x (B, T, C, H, W) with its last row and column repeated until height and width are multiples."""

    def calling(self) -> AbstractContextManager[Any]:
        """Surrounds calls of the filter."""

    def is_floating(self, result: Any) -> bool | None:
        """Whether a filter's result has floating-point values; None if it is no such array at all."""

    def is_finite(self, pictures: Any) -> bool:
        """True if there is no NaN and no infinity in them."""

    def frame(self, frame: Frame, picture: Any, layout: Layout, scale: int | Fraction) -> Frame:
        """The frame with a filter's result (C, H, W) as its picture, see `streamfix.layout.from_tensor`."""

    def is_memory_error(self, error: Exception) -> bool:
        """True if it says that memory ran out."""
