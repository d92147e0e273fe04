"""A clip, a camera that adds next to nothing to it, and how far what it recorded is from what it should have."""

from __future__ import annotations

import numpy as np

from streamfix.training.degradations.surveillance import CodecShares, Recorded, Surveillance
from tests.training.scenes import clip

CLIP = clip(4, 48, 64)
NEVER = CodecShares(coded=0)
QUIET = Surveillance(
    exposure=(1.0, 1.0),
    shot=(1e-9, 1.0001e-9),
    sharpen=0,
    soft_chroma=0,
    smear=0,
    infrared=0,
    weather=0,
    overlay=0,
    codec=NEVER,
    target="developed",
)


def apart(made: Recorded) -> float:
    """The difference that all but a fiftieth of the values stay under; the rest may be hot pixels."""
    differences = [np.abs(made.noisy.y - made.clean.y).ravel(), np.abs(made.noisy.uv - made.clean.uv).ravel()]
    return float(np.quantile(np.concatenate(differences), 0.98))
