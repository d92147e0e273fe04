"""Where the region lies in each frame, to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from .region import Floats, Matrix
from .sensor import View

Motion = Literal["translation", "affine", "homography"]
#: From the one that has fewest parameters on.
MOTIONS: tuple[Motion, ...] = ("translation", "affine", "homography")

_KIND = {"translation": cv2.MOTION_TRANSLATION, "affine": cv2.MOTION_AFFINE, "homography": cv2.MOTION_HOMOGRAPHY}
_STEPS, _LEAST_GAIN = 60, 1e-5
_AROUND = 6  # pixels around the region that are compared as well, as far as one sees it move
_SEARCH = 24  # pixels around the predicted place, before all of the picture is searched
_FOUND = 0.5  # of a correlation: less is no place
_LARGE = 160_000  # pixels: of larger regions a smaller picture is registered first
_MOST_ZOOM = 2.0
_MOST_REFINED = 1.0  # pixels by which the second round may still move a frame


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """to_frame: from the reference's luma to this frame's. correlation: of the two, -1 to 1 (Evangelidis, Psarakis)."""

    to_frame: Matrix
    correlation: float


class Tracker:
    """Finds the region of a reference frame in others. Each frame helps to find the next one, never to register it.

    reference: (H, W) luma in [0, 1]. roi: (x, y, width, height).
    """

    def __init__(self, reference: Floats, roi: tuple[int, int, int, int], motion: Motion) -> None:
        self.reference, self.roi, self.motion = reference, roi, motion
        self._last, self._speed = np.eye(3), np.zeros(2)

    def restart(self) -> None:
        """Forget all frames but the reference: the next one lies before it, or behind a cut."""
        self._last, self._speed = np.eye(3), np.zeros(2)

    def find(self, luma: Floats, anywhere: bool = False) -> Registered | None:
        """The region in a frame's luma, (H, W) in [0, 1]; None if it cannot be found.

        anywhere: search all of the picture, not only where the frames before let one expect it.
        """
        start = self._last.copy()
        start[:2, 2] += self._speed
        placed = None if anywhere else self._place(luma, start, _SEARCH)
        placed = placed if placed is not None else self._place(luma, self._last, None)
        if placed is None:
            return None
        found = registered(self.reference, self.roi, luma, placed, self.motion)
        if found is None:
            return None
        middle = np.array([self.roi[0] + self.roi[2] / 2, self.roi[1] + self.roi[3] / 2, 1.0])
        was, now = self._last @ middle, found.to_frame @ middle
        self._speed, self._last = now[:2] / now[2] - was[:2] / was[2], found.to_frame
        return found

    def _place(self, luma: Floats, start: Matrix, search: int | None) -> Matrix | None:
        """`start` with the shift at which the region correlates best; search: pixels around, None for everywhere."""
        height, width = luma.shape
        if search is None and self.roi[2] * self.roi[3] * 2 > width * height:
            search = min(width, height) // 4  # most of the picture is the region: it cannot go far
        x, y, w, h = self.roi
        if search is not None:  # a large region's middle is enough, and leaves room to search
            less_x = min(search, w // 4) if w + 2 * search > width else 0
            less_y = min(search, h // 4) if h + 2 * search > height else 0
            x, y, w, h = x + less_x, y + less_y, w - 2 * less_x, h - 2 * less_y
        box = _box(start, (x, y, w, h))
        left, top, right, bottom = (int(v) for v in (*np.floor(box[:2]), *np.ceil(box[2:]) + 1))
        to_patch = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]]) @ start
        patch = cv2.warpPerspective(
            self.reference,
            to_patch,
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        # Half of the region may have left the picture.
        more_x, more_y = w // 2, h // 2
        wider = cv2.copyMakeBorder(luma, more_y, more_y, more_x, more_x, cv2.BORDER_REPLICATE)
        reach = max(width, height) if search is None else search
        from_x, from_y = max(left - reach, -more_x), max(top - reach, -more_y)
        part = wider[
            from_y + more_y : max(bottom + reach + more_y, 0), from_x + more_x : max(right + reach + more_x, 0)
        ]
        if part.shape[0] < patch.shape[0] or part.shape[1] < patch.shape[1]:
            return start.copy() if search is not None else None
        scores = cv2.matchTemplate(
            _smooth(np.asarray(part, np.float32)), _smooth(np.asarray(patch, np.float32)), cv2.TM_CCOEFF_NORMED
        )
        _, best, _, (at_x, at_y) = cv2.minMaxLoc(scores)
        if best < _FOUND:
            return None
        placed = start.copy()
        placed[:2] += np.outer([from_x + at_x - left, from_y + at_y - top], start[2])
        return placed


def registered(
    reference: Floats, roi: tuple[int, int, int, int], luma: Floats, start: Matrix, motion: Motion
) -> Registered | None:
    """The transform under which the enhanced correlation coefficient is greatest; None where it does not converge.

    Source: G. Evangelidis and E. Psarakis, "Parametric image alignment using enhanced correlation coefficient
    maximization" (PAMI 2008), as cv2.findTransformECC has it. Translation first, then what `motion` allows.
    """
    around = _AROUND if roi[2] * roi[3] < _LARGE else 0
    left, top = max(roi[0] - around, 0), max(roi[1] - around, 0)
    right, bottom = min(roi[0] + roi[2] + around, reference.shape[1]), min(roi[1] + roi[3] + around, reference.shape[0])
    template = np.ascontiguousarray(reference[top:bottom, left:right])
    box = _box(start, (left, top, right - left, bottom - top))
    from_x, from_y = (max(int(v) - 2 * _AROUND, 0) for v in box[:2])
    part = np.ascontiguousarray(
        luma[from_y : max(int(box[3]) + 2 * _AROUND, 0), from_x : max(int(box[2]) + 2 * _AROUND, 0)]
    )
    if min(part.shape, default=0) < 8:
        return None
    into, out = _shift(-from_x, -from_y), _shift(from_x, from_y)
    warp = into @ start @ _shift(left, top)
    for halvings in range(_levels(template), -1, -1):
        for kind in dict.fromkeys(("translation", motion)):
            found = _ecc(template, part, warp, kind, halvings)
            if found is None:
                return None
            warp, correlation = found
    to_frame = out @ warp @ _shift(-left, -top)
    if not _plausible(to_frame, roi):
        return None
    return Registered(to_frame / to_frame[2, 2], correlation)


def refined(view: View, fine: Floats, motion: Motion) -> Matrix | None:
    """A correction of a frame's transform, by what the stacked picture would look like in it; None for none.

    view: the frame's luma and where it lies on the finer grid, fine: (H, W), both in codes of 8 bits. Returns a
    transform in the frame's pixels, to be put behind the one that the view has.
    """
    expected = view.project(fine)
    rows, columns = np.flatnonzero(view.inside.any(1)), np.flatnonzero(view.inside.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    template = np.ascontiguousarray(expected[top:bottom, left:right])
    if min(template.shape) < 8:
        return None
    found = _ecc(
        template / np.float32(255), view.recorded / np.float32(255), _shift(float(left), float(top)), motion, 0
    )
    if found is None:
        return None
    moved = found[0] @ _shift(-float(left), -float(top))
    h, w = view.recorded.shape
    corners = np.array([[[0.0, 0], [w, 0], [w, h], [0, h]]])
    if np.abs(cv2.perspectiveTransform(corners, moved) - corners).max() > _MOST_REFINED:
        return None
    origin = _shift(*view.origin)
    return np.asarray(origin @ moved @ np.linalg.inv(origin), np.float64)


def _ecc(template: Floats, part: Floats, warp: Matrix, motion: str, halvings: int) -> tuple[Matrix, float] | None:
    """The transform from the template's pixels to the part's, from `warp` on, and the correlation."""
    for _ in range(halvings):
        template, part = _halved(template), _halved(part)
    size = 1 << halvings
    smaller = np.array([[1 / size, 0, 0.5 / size - 0.5], [0, 1 / size, 0.5 / size - 0.5], [0, 0, 1.0]])
    start = smaller @ warp @ np.linalg.inv(smaller)
    start /= start[2, 2]
    rows = 3 if motion == "homography" else 2
    given = start.astype(np.float32)[:rows]
    if motion == "translation" and not np.allclose(given[:, :2], np.eye(2), atol=1e-6):
        # What is turned or larger already stays so: only its shift is looked for, by the template as it lies there.
        return warp, 0.0
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _STEPS, _LEAST_GAIN)
    try:
        correlation, found = cv2.findTransformECC(template * 255, part * 255, given, _KIND[motion], criteria)
    except cv2.error:  # it did not converge, or left the picture
        return None
    whole = np.eye(3)
    whole[:rows] = found
    return np.linalg.inv(smaller) @ whole @ smaller, float(correlation)


def _levels(template: Floats) -> int:
    levels, area = 0, template.size
    while area > _LARGE:
        levels, area = levels + 1, area // 4
    return levels


def _plausible(to_frame: Matrix, roi: tuple[int, int, int, int]) -> bool:
    """Whether the region has kept its shape more or less: not turned over, not twice as large."""
    x, y, w, h = roi
    at = cv2.perspectiveTransform(np.array([[[x, y], [x + w, y], [x + w, y + h], [x, y + h]]], np.float64), to_frame)[0]
    across, down = (at[1] - at[0] + at[2] - at[3]) / (2 * w), (at[3] - at[0] + at[2] - at[1]) / (2 * h)
    area = across[0] * down[1] - across[1] * down[0]
    return bool(np.isfinite(at).all() and _MOST_ZOOM**-2 < area < _MOST_ZOOM**2)


def _box(to_frame: Matrix, roi: tuple[int, int, int, int]) -> Matrix:
    """(left, top, right, bottom) of the transformed region."""
    x, y, w, h = roi
    corners = np.array([[[x, y], [x + w - 1, y], [x + w - 1, y + h - 1], [x, y + h - 1]]], np.float64)
    at = cv2.perspectiveTransform(corners, to_frame)[0]
    return np.concatenate((at.min(0), at.max(0)))


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def _smooth(picture: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.float32)


def _halved(picture: Floats) -> Floats:
    h, w = picture.shape
    return np.asarray(cv2.resize(picture[: h // 2 * 2, : w // 2 * 2], (w // 2, h // 2), interpolation=cv2.INTER_AREA))
