"""Noise-aware fusion of frames along their motion, shared by the temporal filters.

    fuser = Fuser()
    fused = fuser.step(luma, chroma, Noise(8 / 255, 8 / 255))

Pictures are float32 NumPy arrays in [0, 1]: luma (H, W), chroma (H/2, W/2, 2), with H and W even. `batched` does the
same on tensors.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names
from .ahead import Fused
from .fuser import Fuser
from .keys import keys
from .noise import Noise, NoiseEstimator
from .planes import (
    Floats,
    blend,
    bound_difference,
    bound_pixels,
    box,
    enlarge,
    enlarge_part,
    pack420,
    shrink,
    unpack420,
)
from .tiles import Area, Tile, each_tile

__all__ = [
    "Area",
    "Floats",
    "Fused",
    "Fuser",
    "Noise",
    "NoiseEstimator",
    "Tile",
    "batched",
    "blend",
    "bound_difference",
    "bound_pixels",
    "box",
    "each_tile",
    "enlarge",
    "enlarge_part",
    "keys",
    "pack420",
    "shrink",
    "unpack420",
]

if TYPE_CHECKING:
    from . import batched

__getattr__, __dir__ = lazy_names(__name__, {"batched": "batched"})  # it loads PyTorch
