"""A camera's sensor and its image signal processor, frozen: what the suites `sensor-*` measure.

Written apart from the degradations that models are trained with, on purpose: a mistake in
one does not excuse the other.
"""

from __future__ import annotations

import cv2
import numpy as np

from .clip import Floats

# Gains of red, green and blue, and camera colours to linear BT.709 ones (rows add up to 1, so that grey stays grey):
# values in the middle of those that Brooks et al., Unprocessing Images for Learned Raw Denoising, CVPR 2019, draw from.
WHITE_BALANCE = np.array([2.0, 1.0, 1.7], np.float32)
COLOUR_MATRIX = np.array([[1.6, -0.4, -0.2], [-0.3, 1.5, -0.2], [0.0, -0.6, 1.6]], np.float32)

# Bilinear interpolation from the samples of one Bayer colour.
_GREEN = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
_RED_BLUE = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4


def read_noise(shot: float) -> float:
    """The variance of the noise in the dark that goes with `shot`, the variance per unit of light.

    Source: Brooks et al. 2019, equation 11: the regression line through the cameras of the Darmstadt Noise Dataset.
    """
    return float(np.exp(2.18 * np.log(shot) + 1.20))


def to_linear(rgb: Floats) -> Floats:
    """Light of R'G'B' in [0, 1], any shape. Source: IEC 61966-2-1."""
    return np.asarray(np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4), np.float32)


def to_coded(linear: Floats) -> Floats:
    """The inverse of `to_linear`."""
    return np.asarray(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055), np.float32)


def bayer_masks(height: int, width: int) -> Floats:
    """(3, H, W), 1 where the colour filter array RGGB has a red, green or blue sample."""
    masks = np.zeros((3, height, width), np.float32)
    masks[0, ::2, ::2] = masks[1, ::2, 1::2] = masks[1, 1::2, ::2] = masks[2, 1::2, 1::2] = 1
    return masks


def expose(rgb: Floats) -> Floats:
    """What the sensor sees: R'G'B' (3, H, W) in [0, 1] to one Bayer mosaic (H, W), linear, 1 where it saturates."""
    camera = np.tensordot(np.linalg.inv(COLOUR_MATRIX), to_linear(rgb), 1) / WHITE_BALANCE[:, None, None]
    mosaic = (camera * bayer_masks(*rgb.shape[1:])).sum(0)
    return np.asarray(np.clip(mosaic, 0, 1), np.float32)


def add_noise(mosaic: Floats, shot: float, rng: np.random.Generator) -> Floats:
    """Shot and read noise: Gaussian of variance shot * light + read_noise(shot). Values under black are kept."""
    deviation = np.sqrt(shot * mosaic + np.float32(read_noise(shot)))
    noise = rng.standard_normal(mosaic.shape, dtype=np.float32)
    return np.asarray(np.minimum(mosaic + deviation * noise, 1), np.float32)


def develop(mosaic: Floats) -> Floats:
    """The image signal processor: white balance, bilinear demosaicking, colour matrix, sRGB transfer.

    mosaic: (H, W) linear. Returns R'G'B' (3, H, W) in [0, 1].
    """
    balanced = mosaic * bayer_masks(*mosaic.shape) * WHITE_BALANCE[:, None, None]
    kernels = (_RED_BLUE, _GREEN, _RED_BLUE)
    camera = np.stack([cv2.filter2D(c, -1, k) for c, k in zip(balanced, kernels, strict=True)])
    return to_coded(np.clip(np.tensordot(COLOUR_MATRIX, camera, 1), 0, 1))
