"""Training: data, degradations, losses and the loop. What it needs beyond streamfix is the extra `train`.

What is listed in `__all__` is what the author of a recipe needs, and is public: see `BaseRecipe` to begin with. The
rest may change. Names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_names

# name -> module that defines it
_PUBLIC = {
    "RECIPES": "recipe",
    "BaseRecipe": "recipe",
    "Batch": "recipe",
    "ClipPlanes": "dataset.clip_file",
    "CodecShares": "degradations.surveillance",
    "Coding": "degradations.codec",
    "Driving": "degradations.driving",
    "Material": "dataset.dataset",
    "Planes420": "planes420",
    "Recipe": "recipe",
    "Recorded": "degradations.surveillance",
    "Sample": "recipe",
    "Scenery": "synthesis.animate",
    "Surveillance": "degradations.surveillance",
    "add_gaussian": "degradations.gaussian",
    "add_gaussian_rgb": "degradations.gaussian",
    "check_mix": "recipe",
    "clean_planes": "clips",
    "clean_rgb": "clips",
    "code_clip": "degradations.codec",
    "code_clip_to_rate": "degradations.codec",
    "convolve": "degradations.blur",
    "copy_fitting": "recipe",
    "defocus_kernel": "degradations.blur",
    "degrade_driving": "degradations.driving",
    "degrade_surveillance": "degradations.surveillance",
    "draw_kind": "recipe",
    "from_linear": "degradations.isp",
    "latest": "recipe",
    "mean_frames": "degradations.blur",
    "motion_kernel": "degradations.blur",
    "psnr": "losses",
    "quantise": "planes420",
    "real_clip": "clips",
    "rolling_shutter": "degradations.blur",
    "shake_kernel": "degradations.blur",
    "synthetic_clip": "clips",
    "to_linear": "degradations.sensor",
    "to_planes": "planes420",
    "to_rgb": "planes420",
    "turn": "augment",
    "turn_batch": "augment",
}

# Written out, not computed from _PUBLIC: type checkers read it.
__all__ = [
    "RECIPES",
    "BaseRecipe",
    "Batch",
    "ClipPlanes",
    "CodecShares",
    "Coding",
    "Driving",
    "Material",
    "Planes420",
    "Recipe",
    "Recorded",
    "Sample",
    "Scenery",
    "Surveillance",
    "add_gaussian",
    "add_gaussian_rgb",
    "check_mix",
    "clean_planes",
    "clean_rgb",
    "code_clip",
    "code_clip_to_rate",
    "convolve",
    "copy_fitting",
    "defocus_kernel",
    "degrade_driving",
    "degrade_surveillance",
    "draw_kind",
    "from_linear",
    "latest",
    "mean_frames",
    "motion_kernel",
    "psnr",
    "quantise",
    "real_clip",
    "rolling_shutter",
    "shake_kernel",
    "synthetic_clip",
    "to_linear",
    "to_planes",
    "to_rgb",
    "turn",
    "turn_batch",
]

if TYPE_CHECKING:
    from .augment import turn, turn_batch
    from .clips import clean_planes, clean_rgb, real_clip, synthetic_clip
    from .dataset.clip_file import ClipPlanes
    from .dataset.dataset import Material
    from .degradations.blur import convolve, defocus_kernel, mean_frames, motion_kernel, rolling_shutter, shake_kernel
    from .degradations.codec import Coding, code_clip, code_clip_to_rate
    from .degradations.driving import Driving, degrade_driving
    from .degradations.gaussian import add_gaussian, add_gaussian_rgb
    from .degradations.isp import from_linear
    from .degradations.sensor import to_linear
    from .degradations.surveillance import CodecShares, Recorded, Surveillance, degrade_surveillance
    from .losses import psnr
    from .planes420 import Planes420, quantise, to_planes, to_rgb
    from .recipe import RECIPES, BaseRecipe, Batch, Recipe, Sample, check_mix, copy_fitting, draw_kind, latest
    from .synthesis.animate import Scenery

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
