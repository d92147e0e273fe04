"""How near a restored clip is to the truth, and how steady it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from .clip import Bytes, Clip, Floats

VERSION = 1  # of what the figures mean: results that were kept under another one are not used again
SETTLE = 10  # frames left out at the start: a recursive filter has no past there, a two-sided one has its future

LOWER_IS_BETTER = ("flicker", "warp_error")


@dataclass(frozen=True, slots=True)
class Quality:
    """psnr_y, psnr_uv, psnr_rgb: dB. ssim_y: 0 to 1. moving_y, static_y: PSNR of the luma where the truth moves and
    where it stands, dB. flicker, warp_error: 8-bit codes. nan where a clip has no such pixels.
    """

    psnr_y: float
    psnr_uv: float
    psnr_rgb: float
    ssim_y: float
    moving_y: float
    static_y: float
    flicker: float
    warp_error: float

    def rounded(self) -> dict[str, float | None]:
        """By name, in four decimals, None for nan: as JSON has it."""
        return {name: None if np.isnan(value) else round(value, 4) for name, value in asdict(self).items()}


FIGURES = tuple(f.name for f in fields(Quality))


def settle(frames: int) -> int:
    """How many of a clip's first frames are left out: SETTLE, a quarter of a short one."""
    return min(SETTLE, frames // 4)


def psnr(square_error: float) -> float:
    """dB at 8 bits; 108 where there is no error."""
    return float(10 * np.log10(255**2 / max(square_error, 1e-6)))


def square_error(a: Bytes, b: Bytes) -> float:
    return float(np.mean([np.mean((p.astype(np.float32) - q) ** 2) for p, q in zip(a, b, strict=True)]))


def psnr_planes(truth: Clip, out: Clip, first: int) -> tuple[float, float]:
    """PSNR-Y and PSNR-UV from frame `first` on, dB: what a search for the best parameters looks at."""
    errors = [square_error(p[first:], q[first:]) for p, q in zip(truth.planes(), out.planes(), strict=True)]
    return psnr(errors[0]), psnr((errors[1] + errors[2]) / 2)


def ssim(a: Bytes, b: Bytes) -> float:
    """Structural similarity of two pictures (H, W), mean over all pixels that a whole window fits around.

    Source: Wang et al., IEEE TIP 13(4), 2004: Gaussian window 11x11 of deviation 1.5, K1 = 0.01, K2 = 0.03.
    """

    def blur(picture: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(picture, (11, 11), 1.5)[5:-5, 5:-5], np.float64)

    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float(np.mean(luminance * (2 * covariance + c2) / (var_x + var_y + c2)))


class Judge:
    """Measures restored copies of one clip. What depends on the truth alone is computed once.

    Static pixels: the true luma, blurred, differs from the frame before by less than 1.5 codes; the others move.
    Flicker: mean |out[t] - out[t-1]| where it is static.
    Warping error: mean |out[t] - out[t-1] warped| along DIS MEDIUM flow of the truth, occlusions left out (where the
    truth itself does not match by 6 codes or more); its floor is the truth's own. After Lai et al., ECCV 2018.
    A frozen picture has no flicker: look at moving_y beside it.
    border: pixels (even) at each side that do not count, as in super-resolution. All is measured at the truth's size.
    """

    def __init__(self, truth: Clip, border: int = 0) -> None:
        self.truth = truth
        self.border = border
        truth = self._inner(truth)
        self._judged = truth
        self.first = settle(len(truth))
        h, w = truth.y.shape[1:]
        xs, ys = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._at: dict[int, Floats] = {}
        self._match: dict[int, NDArray[np.bool_]] = {}
        self._static: dict[int, NDArray[np.bool_]] = {}
        self._rgb = [truth.rgb(t) for t in range(self.first, len(truth))]
        for t in range(max(self.first, 1), len(truth)):
            flow = dis.calc(truth.y[t], truth.y[t - 1], np.zeros((h, w, 2), np.float32))
            at = np.dstack([xs + flow[..., 0], ys + flow[..., 1]])
            self._at[t] = at
            warped = self._warp(truth.y[t - 1], t)
            inside = (at[..., 0] >= 0) & (at[..., 0] < w) & (at[..., 1] >= 0) & (at[..., 1] < h)
            self._match[t] = inside & (np.abs(truth.y[t] - warped) < 6)
            before, now = (cv2.GaussianBlur(p, (0, 0), 2.0).astype(np.float32) for p in truth.y[t - 1 : t + 1])
            self._static[t] = np.abs(now - before) < 1.5

    def _inner(self, clip: Clip) -> Clip:
        b = self.border
        return clip.window(0, len(clip), (b, b), (clip.size[0] - 2 * b, clip.size[1] - 2 * b)) if b else clip

    def _warp(self, previous: Bytes, t: int) -> Floats:
        at = self._at[t]
        picture = previous.astype(np.float32)
        moved = cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.float32)

    def __call__(self, out: Clip) -> Quality:
        """Raises ValueError when `out` has another number of frames or another size."""
        if out.y.shape != self.truth.y.shape:
            raise ValueError(f"restored clip is {out.y.shape}, the truth {self.truth.y.shape}")
        out, truth = self._inner(out), self._judged
        moving, static, warp, flicker = _Mean(), _Mean(), _Mean(), _Mean()
        for t, still in self._static.items():
            error = (out.y[t].astype(np.float32) - truth.y[t]) ** 2
            moving.add(error[~still])
            static.add(error[still])
            warp.add(np.abs(out.y[t] - self._warp(out.y[t - 1], t))[self._match[t]])
            flicker.add(np.abs(out.y[t].astype(np.float32) - out.y[t - 1])[still])
        luma, chroma = psnr_planes(truth, out, self.first)
        judged = range(self.first, len(out))
        rgb = np.mean([np.mean((out.rgb(t) - clean) ** 2) for t, clean in zip(judged, self._rgb, strict=True)])
        return Quality(
            psnr_y=luma,
            psnr_uv=chroma,
            psnr_rgb=psnr(float(rgb) * 255**2),
            ssim_y=float(np.mean([ssim(out.y[t], truth.y[t]) for t in judged])),
            moving_y=psnr(moving.value),
            static_y=psnr(static.value),
            flicker=flicker.value,
            warp_error=warp.value,
        )


class _Mean:
    """The mean over the pixels of all frames, in double precision; nan when there were none."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, values: Floats) -> None:
        self._sum += float(values.sum(dtype=np.float64))
        self._count += values.size

    @property
    def value(self) -> float:
        return self._sum / self._count if self._count else float("nan")
