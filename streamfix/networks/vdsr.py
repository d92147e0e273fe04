"""VDSR: twenty plain layers that learn what bicubic interpolation lacks.

Kim, Lee and Lee, "Accurate image super-resolution using very deep convolutional networks", CVPR 2016,
arXiv:1511.04587.
"""

from __future__ import annotations

from .plain import Plain


class VDSR(Plain):
    """665 thousand parameters, and as many multiplications a pixel of the luma enlarged by bicubic interpolation."""

    def __init__(self, depth: int = 20) -> None:
        super().__init__(depth)
