"""How good and how steady a restored clip is, beside its clean original."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.bench.footage import Bytes, Clip

Floats = NDArray[np.float32]

SETTLE = 10  # frames left out at the start: a recursive filter has no past there, a two-sided one has its future


@dataclass(frozen=True, slots=True)
class Quality:
    """psnr_y, psnr_uv: dB. moving_y: dB where the clean picture moves. flicker, warp_error: 8-bit codes."""

    psnr_y: float
    psnr_uv: float
    moving_y: float
    flicker: float
    warp_error: float

    def rounded(self) -> dict[str, float]:
        return {name: round(value, 3) for name, value in asdict(self).items()}


def _psnr(square_error: float) -> float:
    return float(10 * np.log10(255**2 / max(square_error, 1e-6)))


def _square_error(a: Bytes, b: Bytes) -> float:
    return float(np.mean([np.mean((p.astype(np.float32) - q) ** 2) for p, q in zip(a, b, strict=True)]))


class Judge:
    """Measures restored copies of one clean clip. What depends on the clean clip alone is computed once.

    Static pixels: the clean luma, blurred, differs from the frame before by less than 1.5 codes.
    Flicker: mean |out[t] - out[t-1]| there.
    Warping error: mean |out[t] - out[t-1] warped| along DIS MEDIUM flow of the clean clip, occlusions left out
    (where the clean clip itself does not match by 6 codes or more); its floor is the clean clip's own.
    """

    def __init__(self, clean: Clip) -> None:
        self.clean = clean
        h, w = clean.y.shape[1:]
        xs, ys = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._at: list[Floats] = []
        self._match: list[NDArray[np.bool_]] = []
        self._static: list[NDArray[np.bool_]] = []
        blurred = [cv2.GaussianBlur(p, (0, 0), 2.0).astype(np.float32) for p in clean.y]
        for t in range(1, len(clean)):
            flow = dis.calc(clean.y[t], clean.y[t - 1], np.zeros((h, w, 2), np.float32))
            at = np.dstack([xs + flow[..., 0], ys + flow[..., 1]])
            self._at.append(at)
            warped = self._warp(clean.y[t - 1], t)
            inside = (at[..., 0] >= 0) & (at[..., 0] < w) & (at[..., 1] >= 0) & (at[..., 1] < h)
            self._match.append(inside & (np.abs(clean.y[t] - warped) < 6))
            self._static.append(np.abs(blurred[t] - blurred[t - 1]) < 1.5)

    def _warp(self, previous: Bytes, t: int) -> Floats:
        at = self._at[t - 1]
        picture = previous.astype(np.float32)
        moved = cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.float32)

    def __call__(self, out: Clip) -> Quality:
        """Raises ValueError when `out` has another number of frames or another size."""
        if out.y.shape != self.clean.y.shape:
            raise ValueError(f"restored clip is {out.y.shape}, the clean one {self.clean.y.shape}")
        moving: list[float] = []
        warp: list[float] = []
        flicker: list[float] = []
        for t in range(SETTLE, len(out)):
            error = (out.y[t].astype(np.float32) - self.clean.y[t]) ** 2
            static = self._static[t - 1]
            if not static.all():
                moving.append(float(error[~static].mean()))
            warp.append(float(np.abs(out.y[t] - self._warp(out.y[t - 1], t))[self._match[t - 1]].mean()))
            if static.any():
                change = out.y[t].astype(np.float32) - out.y[t - 1]
                flicker.append(float(np.abs(change)[static].mean()))
        chroma = [_square_error(getattr(out, p)[SETTLE:], getattr(self.clean, p)[SETTLE:]) for p in "uv"]
        return Quality(
            psnr_y=_psnr(_square_error(out.y[SETTLE:], self.clean.y[SETTLE:])),
            psnr_uv=_psnr(float(np.mean(chroma))),
            moving_y=_psnr(float(np.mean(moving))) if moving else float("nan"),
            flicker=float(np.mean(flicker)) if flicker else float("nan"),
            warp_error=float(np.mean(warp)),
        )
