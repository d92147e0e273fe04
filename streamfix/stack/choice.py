"""Which frames are stacked, and what each of them counts: what does not fit is left out, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from ..coding import MACROBLOCK, FrameCoding
from .frames import Given
from .region import Floats, Matrix, Region
from .registration import MOTIONS, Motion, Tracker

Reason = Literal["", "damage", "cut", "correlation", "outside", "blur"]

_LEAST_BETTER = 0.3  # of what a motion leaves unexplained, for one with more parameters
_LEAST_INSIDE = 0.75  # of the region has to lie in the frame
_BLUR = 0.4  # of the median frame's sharpness: less is left out
_STEP_AT_0 = 0.625  # codes: the quantiser's step at QP 0, of which six more make it twice as large
_ROUNDING = 1.0  # codes^2: what a frame errs by beside its quantiser
# What P and B pictures show is largely taken from others, at whole and half pixels: little evidence of their own.
# Measured, stack of 16 plates behind x264 at crf 28, two scenes: 27.9 and 28.2 dB with all alike, 28.5 and 29.0 so.
_COPIED = {"I": 1.0, "P": 0.3, "B": 0.1, None: 0.3}


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A frame and what was found of it.

    to_frame: from the reference's luma to this frame's, None where it was not found. correlation: with the reference's
    region. sharpness: energy of the region's gradient over the reference's. reason: why it is left out, "" if it is
    kept. believed: what it counts by its coding alone, 0 to 1.
    """

    given: Given
    to_frame: Matrix | None
    correlation: float
    sharpness: float
    believed: float
    reason: Reason


def simplest(
    frames: Sequence[Given], reference: int, region: Region, min_correlation: float
) -> tuple[Motion, list[Candidate]]:
    """The simplest motion that explains the frames, and what it makes of them; the reference is index into `frames`.

    Each further parameter also follows noise, and a codec's faults: a motion has to make `1 - correlation` clearly
    smaller than a simpler one, or more frames fit.
    """
    chosen: Motion = MOTIONS[0]
    best = candidates(frames, reference, region, chosen, min_correlation)
    for motion in MOTIONS[1:]:
        found = candidates(frames, reference, region, motion, min_correlation)
        both = [(b, f) for b, f in zip(best, found, strict=True) if not b.reason and not f.reason]
        before, after = (sum(1 - pair[i].correlation for pair in both) for i in (0, 1))
        more = sum(not one.reason for one in found) - sum(not one.reason for one in best)
        if more < 0 or (more == 0 and after >= (1 - _LEAST_BETTER) * before):
            break
        chosen, best = motion, found
    return chosen, best


def candidates(
    frames: Sequence[Given], reference: int, region: Region, motion: Motion, min_correlation: float
) -> list[Candidate]:
    """Every frame, in the given order. reference: index into `frames`."""
    at = frames[reference]
    tracker = Tracker(at.luma, region.roi, motion)
    sharpness = _sharpness(at.luma, np.eye(3), region)
    found = {reference: Candidate(at, np.eye(3), 1.0, 1.0, _believed(at.frame.coding), "")}
    for way in (range(reference + 1, len(frames)), range(reference - 1, -1, -1)):
        tracker.restart()
        cut = False  # since the last frame that fitted
        for i in way:
            one = frames[i]
            # Backwards in time, the discontinuity lies behind the frame that is marked.
            cut |= one.frame.cut if way.step > 0 else frames[i + 1].frame.cut
            found[i] = _candidate(one, tracker, region, min_correlation, sharpness, cut)
            cut &= bool(found[i].reason)
    ordered = [found[i] for i in range(len(frames))]
    if at.frame.damaged:
        ordered[reference] = replace(ordered[reference], reason="damage")
    return _without_blurred(ordered)


def weight_map(coding: FrameCoding | None, shape: tuple[int, int], believed: float) -> Floats | None:
    """What each pixel of a frame counts by its macroblock's quantiser, (H, W); None where the codec does not tell.

    shape: of the luma. believed: the frame's own, which the mean of the map is.
    """
    if coding is None or coding.qp is None:
        return None
    counts = 1 / _variance(coding.qp)
    counts = (counts / counts.mean() * believed).astype(np.float32)
    whole = np.repeat(np.repeat(counts, MACROBLOCK, 0), MACROBLOCK, 1)
    if whole.shape[0] < shape[0] or whole.shape[1] < shape[1]:
        return None  # of a picture that was turned since
    return np.ascontiguousarray(whole[: shape[0], : shape[1]])


def _candidate(
    one: Given, tracker: Tracker, region: Region, min_correlation: float, sharpness: float, cut: bool
) -> Candidate:
    believed = _believed(one.frame.coding)
    if one.frame.damaged:
        return Candidate(one, None, 0.0, 0.0, believed, "damage")
    found = tracker.find(one.luma, anywhere=cut)
    if found is None or found.correlation < min_correlation:
        correlation = 0.0 if found is None else found.correlation
        return Candidate(one, None, correlation, 0.0, believed, "cut" if cut else "correlation")
    inside = _inside(found.to_frame, region, one.luma.shape)
    own = _sharpness(one.luma, found.to_frame, region) / max(sharpness, 1e-12)
    return Candidate(one, found.to_frame, found.correlation, own, believed, "outside" if inside < _LEAST_INSIDE else "")


def _without_blurred(found: Sequence[Candidate]) -> list[Candidate]:
    usual = float(np.median([one.sharpness for one in found if not one.reason] or [0.0]))
    return [replace(one, reason="blur") if not one.reason and one.sharpness < _BLUR * usual else one for one in found]


def _believed(coding: FrameCoding | None) -> float:
    if coding is None:
        return 1.0
    if coding.lossless or coding.picture_type is None:
        return 1.0
    kind = _COPIED[coding.picture_type]
    return kind if coding.qp is None else kind * float(np.mean(1 / _variance(coding.qp)))


def _variance(qp: Floats) -> Floats:
    """Of what quantisation leaves, codes^2: of an even distribution over one step."""
    return np.asarray(_ROUNDING + np.square(_STEP_AT_0 * 2 ** (qp / 6)) / 12, np.float32)


def _inside(to_frame: Matrix, region: Region, shape: tuple[int, ...]) -> float:
    """Share of the region that lies in the frame."""
    x, y, w, h = region.roi
    across, down = np.meshgrid(np.linspace(x, x + w - 1, 16), np.linspace(y, y + h - 1, 16))
    at = cv2.perspectiveTransform(np.stack((across, down), -1).reshape(1, -1, 2), to_frame)[0]
    return float(np.mean((at >= -0.5).all(1) & (at[:, 0] <= shape[1] - 0.5) & (at[:, 1] <= shape[0] - 0.5)))


def _sharpness(luma: Floats, to_frame: Matrix, region: Region) -> float:
    """Mean energy of the region's gradient, under a Gaussian of one pixel, which takes most of the noise."""
    x, y, w, h = region.roi
    here = to_frame @ np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    part = cv2.warpPerspective(luma, here, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    part = cv2.GaussianBlur(part, (0, 0), 1.0)
    return float(np.mean(np.square(np.diff(part, axis=0))) + np.mean(np.square(np.diff(part, axis=1))))
