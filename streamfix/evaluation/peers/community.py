"""Image networks that spandrel or ONNX Runtime reads, frame by frame, through the filter `model`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from ... import __version__
from ...chainspec import FilterSpec
from ..subjects import run_chain
from ..suites import Degraded
from .base import Axis, PeerError, PeerResult


class CommunityNetwork:
    """A network of 1 channel sees the luma and leaves the chroma, one of 3 sees R'G'B'.

    The noise is told to those that ask for it; a network that was trained for one strength has nothing to tune.
    """

    kind: Literal["classical", "network"] = "network"
    excerpt: tuple[int, int, int] | None = (4, 320, 180)

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise PeerError(f"{path}: there is no such file of weights")
        self.name = path.stem
        self.version = f"streamfix {__version__} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
        self._path = path

    def axes(self, degraded: Degraded) -> list[Axis]:
        return [Axis.around("sigma", max(degraded.sigma_y, 1), most=75, ratio=1.2)]

    def __call__(self, degraded: Degraded, parameters: Mapping[str, float]) -> PeerResult:
        path = str(self._path).replace("\\", "\\\\").replace("'", "\\'").replace(":", "\\:")
        run = run_chain([FilterSpec("model", f"path={path}:sigma={parameters['sigma']}")], degraded.noisy)
        return PeerResult(run.clip, len(run.clip) / run.fps)
