"""How much detail a picture really has, whatever number of pixels it is stored in."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..motion import Floats

_LEAST_SIDE = 64  # smaller pictures have too few bands
_MEMORY = 12  # frames over which the spectra are averaged
_LINES = 96  # lines looked at in each direction
_BANDS = 64  # of the spectrum, up to half a cycle a pixel
_FIT = slice(3, 14)  # bands that say how steeply the spectrum falls: 0.02 to 0.11 cycles a pixel
_STEEPEST, _FLATTEST = 3.5, 1.0  # powers of the frequency by which spectra of natural pictures fall
_GONE_DB = 10.0  # so far under the fall of the low frequencies nothing of the scene is left
_ABOVE_NOISE = 2.0  # times the noise's power that detail must reach
_ROUNDING = 1 / 12 / 255**2  # power of what 8 bits leave out
_WHOLE = 0.86  # share of the possible frequencies from which on nothing is missing

_Spectrum = NDArray[np.float64]


class TrueResolution:
    """Averages the spectra of a stream's last frames and tells up to which frequency they hold detail.

    An enlarged picture has nothing above the frequencies of the small one, and a blurred one little. Lens and codec
    take their part too: what is told is the size to which the picture could be shrunk without losing detail.
    """

    def __init__(self) -> None:
        self._across: _Spectrum = np.zeros(_BANDS)
        self._down: _Spectrum = np.zeros(_BANDS)
        self._frames = 0  # in the means, at most _MEMORY

    def add(self, luma: Floats) -> None:
        """Take a frame in. luma: (H, W) in [0, 1], smaller than 64x64 tells nothing. 1 ms at 640x360."""
        h, w = luma.shape
        if min(h, w) < _LEAST_SIDE:
            return
        self._frames = min(self._frames + 1, _MEMORY)
        self._across += (_spectrum(luma[:: max(1, h // _LINES)]) - self._across) / self._frames
        self._down += (_spectrum(np.ascontiguousarray(luma[:, :: max(1, w // _LINES)].T)) - self._down) / self._frames

    def share(self, sigma: float) -> tuple[float, float]:
        """How much of the width and of the height is detail, each above 0 and at most 1; 1 before the first frame.

        sigma: of the noise, [0, 1] units.
        """
        if not self._frames:
            return 1.0, 1.0
        return _share(self._across, sigma), _share(self._down, sigma)


def _spectrum(lines: Floats) -> _Spectrum:
    """Power density in bands up to half a cycle a pixel, mean over lines (N, W); white noise gives its variance."""
    width = lines.shape[1]
    window = np.hanning(width).astype(np.float32)
    flat = (lines - lines.mean(1, keepdims=True)) * window
    power = (np.abs(np.fft.rfft(flat, axis=1)) ** 2).mean(0) / float((window**2).sum())
    return np.asarray(cv2.resize(power[None, 1:], (_BANDS, 1), interpolation=cv2.INTER_AREA)[0], np.float64)


def _share(power: _Spectrum, sigma: float) -> float:
    """The highest frequency with detail, as a share of half a cycle a pixel."""
    frequencies = (np.arange(_BANDS) + 0.5) / _BANDS
    floor = _ABOVE_NOISE * (sigma**2 + _ROUNDING)
    detail = np.maximum(power - sigma**2 - _ROUNDING, 1e-12)
    x, y = np.log(frequencies[_FIT]), np.log(detail[_FIT])
    fall, level = np.polyfit(x, y, 1)
    fall = min(max(-fall, _FLATTEST), _STEEPEST)
    level = float(np.mean(y + fall * x))
    usual = np.exp(level - fall * np.log(frequencies))
    there = (power > floor) & (detail > usual * 10 ** (-_GONE_DB / 10))
    # The limit that fits best: as many bands as can be with detail below it, and without above it. A pattern of the
    # scene or of the scaler may fill a single band far above.
    above = np.concatenate((np.cumsum(there[::-1])[::-1], [0]))
    below = np.concatenate(([0], np.cumsum(~there)))
    highest = max(int(np.argmin(above + below)), _FIT.start) / _BANDS
    return 1.0 if highest >= _WHOLE else highest
