"""How far a moved picture agrees with a frame, judged by what noise alone would make of them. Half-size luma."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .planes import Floats, box, shrink

LEAST_CONFIDENCE = 0.2  # mean below it: another scene
FINE_BLUR = 0.5  # pixels of half size: of a noisy picture before its fine flow is found
FINE_REFINEMENTS = 2  # of that flow
FINE_CHANGE = 0.4  # pixels of half size, by which it changes from frame to frame
FLOOR = 0.35 / 255  # expected residual of noiseless video: rounding, and motion's own error
_FLAT, _LOWER = 1 / 3, 0.3  # the part of a picture that is flat, and the part of that which is looked at
_WHITE = 0.73  # white noise leaves there so many times its expected residual
_GRAIN = (1.12, 1.35, 4.0), (1.0, 1.35, 4.0)  # what is taken for grain: a little may be chance
_DOUBT = -0.3  # the power of it by which less is expected in motion
_FOLLOWS = 0.2  # of what a frame tells
STATIC_BIAS = 0.3  # motion must explain the frame better than standing still by this much of the expected residual


@dataclass(frozen=True, slots=True)
class Trust:
    """How readily pictures are averaged.

    tolerance: residuals up to this many times the expected one are noise.
    blur_cost: variance, relative to one frame's noise, that is added by moving half a pixel: it blurs the noise.
    blurred_detail: standard deviation of the detail that it blurs as well, [0, 1] units.
    """

    tolerance: float
    blur_cost: float
    blurred_detail: float


#: For pictures that are shown: what is not averaged stays noisy.
READY = Trust(1.6, 0.2, 6 / 255)
#: For pictures that a network cleans further: it takes away noise that is left better than a ghost or a blur.
WARY = Trust(1.3, 0.3, 15 / 255)


class Grain:
    """How coarse a stream's noise is: by what factor it is more, over some pixels, than white noise of its strength.

    A camera's demosaicking and noise reduction spread noise over neighbouring pixels; what is expected of white noise
    is then half of what there is, and nothing would be averaged.

    factor: 1 for white noise.
    """

    def __init__(self) -> None:
        self.factor = 1.0
        self._known = False

    def doubt(self, residual: tuple[Floats, Floats], moving: Floats | None) -> tuple[Floats, Floats]:
        """The residual, its expectation less where motion had to be followed: coarse noise would hide what it missed.

        moving: 1 where it was, 0 where the picture stands still, (h, w); None is 1 everywhere.
        """
        found, expected = residual
        less = np.float32(self.factor**_DOUBT - 1)
        if less:
            expected = expected * (1 + less if moving is None else 1 + less * moving)
        return found, expected

    def follow(self, residual: tuple[Floats, Floats], history: Floats) -> None:
        """Learn from the residual between a frame and its history, of a `Residual` that was told of the factor.

        Where the history is flat, and there in the lower part, it tells of noise alone: motion that was missed is seen
        at edges and in texture.

        history: as it was moved, (h, w).
        """
        found, expected, picture = (part[::2, ::2] for part in (*residual, history))
        slope = np.abs(cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=1)) + np.abs(
            cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=1)
        )
        ratio = (found / expected)[slope <= _quantile(slope, _FLAT)]
        seen = np.interp(self.factor / _WHITE * _quantile(ratio, _LOWER), *_GRAIN)
        self.factor += (_FOLLOWS if self._known else 1.0) * (float(seen) - self.factor)
        self._known = True


def _quantile(values: Floats, share: float) -> float:
    """The value that so much of them is below; without sorting them all."""
    at = int(share * (values.size - 1))
    return float(np.partition(values, at, axis=None)[at])


class Residual:
    """How far pictures are from a frame, and how far noise alone would make them.

    sigma: standard deviation of the frame's noise at full size.
    """

    def __init__(self, guide: Floats, sigma: float) -> None:
        self._low = box(guide, 3)
        # Mean |N| = 0.8 sd; averaging 2x2 pixels halves the frame's noise, 3x3 of those takes a third of it.
        self._expected = np.float32(0.8 * sigma / 2 / 3)

    def __call__(self, picture: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """Mean absolute difference around each pixel, and its expectation.

        variance: of both pictures' noise together, beyond the 1 of a single frame; at most another 1 counts.
        """
        difference = box(picture, 3)
        difference -= self._low
        np.abs(difference, out=difference)
        expected = np.minimum(variance, 1)
        expected += 1
        np.sqrt(expected, out=expected)
        expected *= self._expected
        return box(difference, 3), np.maximum(expected, np.float32(FLOOR), out=expected)


def confidence(residual: tuple[Floats, Floats], trust: Trust) -> Floats:
    """1 where the picture differs by no more than noise would make it, falling to 0. residual: of a `Residual`."""
    found, expected = residual
    found /= expected
    found -= trust.tolerance
    np.maximum(found, 0, out=found)
    found *= found
    return np.exp(np.negative(found, out=found), out=found)


def moves(moved: tuple[Floats, Floats], still: Floats) -> Floats:
    """1 where motion explains the frame, 0 where standing still does as well; blurred, so that flow is blended.

    moved: of a `Residual`, for the picture moved; still: its difference for the picture as it stands.
    """
    found, expected = moved
    return box((found + STATIC_BIAS * expected < still).astype(np.float32), 5)


def blur(flow: Floats, sigma: float, trust: Trust) -> Floats:
    """What moving by fractions of a pixel costs, as variance relative to the noise's: the weights blur detail."""
    full = flow * 2
    full -= np.rint(full)
    np.abs(full, out=full)
    cost = np.add(full[..., 0], full[..., 1])  # 0 on the grid of pixels, 1 in the middle of four
    cost *= np.float32(trust.blur_cost + min((trust.blurred_detail / max(sigma, FLOOR)) ** 2, 3))
    return cost


def another_scene(trusted: Floats, guide: Floats, moved: Floats, sigma: float) -> bool:
    """True if the moved picture does not show what the frame shows, or in another light. trusted: its confidence."""
    h, w = guide.shape
    brightening = np.median(shrink(guide - moved, max(h // 16, 1), max(w // 16, 1)))
    return bool(trusted.mean() < LEAST_CONFIDENCE or abs(brightening) > max(2 / 255, sigma / 4))


def before_flow(guide: Floats) -> Floats:
    """A noisy picture's luma at half size as its motion is found on it."""
    return np.asarray(cv2.GaussianBlur(guide, (0, 0), FINE_BLUR), np.float32)
