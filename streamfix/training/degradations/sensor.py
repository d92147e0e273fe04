"""A camera's sensor: from display-referred pictures back to linear light, to a Bayer mosaic, and its noise.

Sources: Brooks et al., "Unprocessing Images for Learned Raw Denoising" (CVPR 2019) for the way back and the noise
levels; Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting" (2008) for the noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]

BAYER = ("RGGB", "BGGR", "GRBG", "GBRG")
_FINE = np.arange(65536) / 65535
_SRGB_TO_LINEAR = np.where(_FINE <= 0.04045, _FINE / 12.92, ((_FINE + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1


def inverse_tone(x: Doubles) -> Doubles:
    """The inverse of the tone curve 3 x^2 - 2 x^3 on [0, 1] (Brooks et al., section 3.2)."""
    return np.asarray(0.5 - np.sin(np.arcsin(1 - 2 * np.clip(x, 0, 1)) / 3), np.float64)


_LINEAR = {
    False: _SRGB_TO_LINEAR.astype(np.float32),
    True: np.interp(inverse_tone(_FINE), _FINE, _SRGB_TO_LINEAR).astype(np.float32),
}


def to_linear(rgb: Floats, tone: bool) -> Floats:
    """Linear light of R'G'B' in [0, 1], any shape. tone: the pictures went through a tone curve after their gamma."""
    index = np.asarray(np.multiply(rgb, np.float32(65535)) + np.float32(0.5), np.uint16)
    return np.asarray(_LINEAR[tone][index], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class CameraModel:
    """How a camera sees colour, and what its processing undoes.

    white_balance: gains of red, green and blue. colour_matrix: (3, 3), balanced camera colours to linear BT.709; its
    rows add up to 1, so that grey stays grey. bayer: the colour filters of the first two lines. tone: a tone curve
    follows its gamma.
    """

    white_balance: Doubles = field(default_factory=lambda: np.array([2.0, 1.0, 1.7]))
    colour_matrix: Doubles = field(
        default_factory=lambda: np.array([[1.6, -0.4, -0.2], [-0.3, 1.5, -0.2], [0.0, -0.6, 1.6]])
    )
    bayer: str = "RGGB"
    tone: bool = False

    @staticmethod
    def draw(rng: np.random.Generator, infrared: bool = False) -> CameraModel:
        """A random camera: gains as Brooks et al. draw them, matrices spread like those of common sensors.

        infrared: by infrared light all colour filters pass the same, so nothing is balanced or mixed.
        """
        bayer, tone = BAYER[int(rng.integers(4))], bool(rng.random() < 0.4)
        if infrared:
            return CameraModel(np.ones(3), np.eye(3), bayer, tone)
        gains = np.array([rng.uniform(1.9, 2.4), 1.0, rng.uniform(1.5, 1.9)])
        (rg, rb), (gr, gb), (br, bb) = (
            rng.uniform((-0.8, -0.3), (-0.2, 0.1)),
            rng.uniform((-0.4, -0.5), (-0.1, -0.1)),
            rng.uniform((-0.1, -0.9), (0.1, -0.3)),
        )
        matrix = np.array([[1 - rg - rb, rg, rb], [gr, 1 - gr - gb, gb], [br, bb, 1 - br - bb]])
        return CameraModel(gains, matrix, bayer, tone)


@dataclass(frozen=True, slots=True)
class SensorNoise:
    """Noise of raw values, where 1 is saturation: variance = shot * light + read, and what does not follow it.

    row: standard deviation of a value added to each row of each frame. column, pixel: of a pattern that stays.
    hot: share of the pixels that are stuck at a random brightness.
    """

    shot: float
    read: float
    row: float = 0.0
    column: float = 0.0
    pixel: float = 0.0
    hot: float = 0.0

    @staticmethod
    def draw(rng: np.random.Generator, low: float = 1e-4, high: float = 0.012) -> SensorNoise:
        """log shot uniform from `low` to `high`, log read = 2.18 log shot + 1.20 + N(0, 0.26) (Brooks et al., eq. 11).

        Row noise, a fixed pattern and hot pixels come in a third of the sensors each, below the read noise.
        """
        log_shot = rng.uniform(np.log(low), np.log(high))
        read = float(np.exp(2.18 * log_shot + 1.20 + rng.normal(0, 0.26)))
        row, column, pixel = (rng.uniform(0.05, 0.5, 3) * (rng.random(3) < 1 / 3)) * np.sqrt(read)
        hot = float(np.exp(rng.uniform(np.log(2e-5), np.log(1e-3)))) if rng.random() < 1 / 3 else 0.0
        return SensorNoise(float(np.exp(log_shot)), read, float(row), float(column), float(pixel), hot)


def mosaic(linear: Floats, camera: CameraModel) -> Floats:
    """What the sensor records: linear light (T, H, W, 3) to raw values (T, H, W), H and W even, not clipped.

    The colour matrix and the white balance are undone, and each pixel keeps the colour of its filter.
    """
    T, H, W, _ = linear.shape
    back = (np.linalg.inv(camera.colour_matrix).T / camera.white_balance).T
    seen = np.asarray(cv2.transform(linear.reshape(T * H, W, 3), back), np.float32).reshape(T, H, W, 3)
    raw = np.empty((T, H, W), np.float32)
    for k, colour in enumerate(camera.bayer):
        raw[:, k // 2 :: 2, k % 2 :: 2] = seen[:, k // 2 :: 2, k % 2 :: 2, "RGB".index(colour)]
    return raw


def add_noise(raw: Floats, noise: SensorNoise, rng: np.random.Generator) -> Floats:
    """Raw values (T, H, W) with noise, saturated at 1; values under black stay negative, above the black level."""
    T, H, W = raw.shape
    noisy = rng.standard_normal(raw.shape, np.float32)
    deviation = np.multiply(raw, np.float32(noise.shot))
    np.maximum(deviation, 0, out=deviation)
    deviation += np.float32(noise.read)
    np.sqrt(deviation, out=deviation)
    noisy *= deviation
    noisy += raw
    if noise.row:
        noisy += rng.standard_normal((T, H, 1), np.float32) * np.float32(noise.row)
    if noise.column or noise.pixel:
        noisy += rng.standard_normal((1, W), np.float32) * np.float32(noise.column) + (
            rng.standard_normal((H, W), np.float32) * np.float32(noise.pixel)
        )
    if noise.hot:
        count = int(rng.poisson(noise.hot * H * W))
        rows, columns = rng.integers(0, H, count), rng.integers(0, W, count)
        noisy[:, rows, columns] += rng.uniform(0.02, 0.6, count).astype(np.float32)
    return np.minimum(noisy, 1, out=noisy)
