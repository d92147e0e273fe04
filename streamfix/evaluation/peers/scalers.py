"""What enlarges a picture: MATLAB's bicubic, and networks that OpenCV's `dnn_superres` runs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from ..clip import Clip
from ..scaling import enlarged
from ..suites import Degraded
from .base import Axis, PeerError, PeerMissing, PeerResult, PeerUnfit


class Bicubic:
    """MATLAB's bicubic, a = -0.5: the baseline of the literature's tables."""

    name = "bicubic"
    kind: Literal["classical", "network"] = "classical"
    excerpt: tuple[int, int, int] | None = None
    version = "bicubic a=-0.5 1"

    def axes(self, degraded: Degraded) -> list[Axis]:
        return []

    def __call__(self, degraded: Degraded, parameters: Mapping[str, float]) -> PeerResult:
        check_scale(self.name, degraded)
        began = time.perf_counter()
        return PeerResult(enlarged(degraded.noisy, degraded.scale), time.perf_counter() - began)


class DnnSuperres:
    """FSRCNN or ESPCN as OpenCV's contributed module runs them, on the luma; chroma is enlarged by bicubic.

    algorithm: as OpenCV names it. Raises PeerMissing where OpenCV came without the module, PeerError for other files.
    """

    kind: Literal["classical", "network"] = "network"
    excerpt: tuple[int, int, int] | None = None

    def __init__(self, algorithm: str, path: Path) -> None:
        module = getattr(cv2, "dnn_superres", None)
        if module is None:
            raise PeerMissing(
                f"OpenCV {cv2.__version__} is installed without its module dnn_superres; "
                "opencv-contrib-python of release 4 has it"
            )
        if not path.is_file():
            raise PeerError(f"{path}: there is no such file; name a .pb file of {algorithm}")
        self.name = path.stem
        self.version = f"OpenCV {cv2.__version__} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
        self._algorithm, self._path = algorithm, path
        self._make = module.DnnSuperResImpl_create

    def axes(self, degraded: Degraded) -> list[Axis]:
        return []

    def __call__(self, degraded: Degraded, parameters: Mapping[str, float]) -> PeerResult:
        check_scale(self.name, degraded)
        clip, scale = degraded.noisy, degraded.scale
        network: Any = self._make()
        try:
            network.readModel(str(self._path))
            network.setModel(self._algorithm, scale)
            began = time.perf_counter()
            luma = np.stack([network.upsample(picture) for picture in clip.y])
        except cv2.error as error:
            raise PeerError(f"{self._path}: OpenCV cannot run it as {self._algorithm} x{scale}: {error}") from error
        big = enlarged(clip, scale)
        if luma.shape != big.y.shape:
            raise PeerError(f"{self._path}: it makes {luma.shape} where {big.y.shape} is wanted; is it for x{scale}?")
        return PeerResult(Clip(luma, big.u, big.v), time.perf_counter() - began)


def check_scale(name: str, degraded: Degraded) -> None:
    """Raise PeerUnfit where there is nothing to enlarge."""
    if degraded.scale == 1:
        raise PeerUnfit(f"peer {name} enlarges, and suite {degraded.suite} leaves the size")
