"""Sample clips as planes, sharp to the pixel: what filters are tried on."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import av
import numpy as np

from streamfix.training import Planes420

_SAMPLES = Path(__file__).parents[2] / "samples"
_SIZES = {"campus.avi": (352, 256), "bunny.mp4": (304, 176), "city.ts": (304, 176)}


@cache
def sample(name: str, frames: int) -> Planes420:
    """The first frames of a sample clip at half its size or less, so that its own codec's artifacts are gone.

    4:2:0, H and W multiples of 16.
    """
    width, height = _SIZES[name]
    with av.open(str(_SAMPLES / name)) as container:
        pictures = [
            frame.reformat(width, height, "yuv420p", interpolation="AREA").to_ndarray()
            for frame, _ in zip(container.decode(video=0), range(frames), strict=False)
        ]
    planes = np.stack(pictures).astype(np.float32) / np.float32(255)
    chroma = planes[:, height:].reshape(len(planes), 2, height // 2, width // 2)
    return Planes420(planes[:, :height], np.ascontiguousarray(chroma.transpose(0, 2, 3, 1)))
