"""DnCNN: plain layers that learn the noise rather than the picture.

Zhang, Zuo, Chen, Meng and Zhang, "Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising",
TIP 2017, arXiv:1608.03981: DnCNN-S, 17 layers. Without batch normalisation, which is folded into the convolutions of a
trained network anyway: here depth comes by steps in its place, see `plain.deepened`.
"""

from __future__ import annotations

from .plain import Plain


class DnCNN(Plain):
    """556 thousand parameters, and as many multiplications a pixel of luma."""

    def __init__(self, depth: int = 17) -> None:
        super().__init__(depth)
