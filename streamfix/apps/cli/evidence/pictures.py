"""Pictures of a report: crops before and behind the filters, whole frames, histograms; each as text for a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....frame import Planes
from ....jobs.evidence.maps import drawn
from ....jobs.evidence.witness import Testimony

Bytes = NDArray[np.uint8]

_CROP = (240, 160)  # width, height
_WHOLE = 480  # width of a whole picture
_BAR_HEIGHT = 96


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame of a report. Each picture is a data URL.

    corner, size: of the crop, in pixels of the result.
    """

    number: int
    time_s: float
    before: str
    after: str
    maps: Sequence[tuple[str, str]]
    crop_before: str
    crop_after: str
    corner: tuple[int, int]
    size: tuple[int, int]
    histograms: tuple[str, str]


def shown(of: Testimony) -> Shown:
    """What a report shows of a frame: all of it, and the part that has changed most."""
    before, after = _rgb(of, of.before), _rgb(of, of.after)
    x, y, width, height = most_changed(of.before, of.after)
    part = np.s_[y : y + height, x : x + width]
    kinds = [kind for kind in ("change", "noise", "confidence") if kind == "change" or _has_maps(of)]
    return Shown(
        of.number,
        of.frame.time_s,
        data_url(_small(before)),
        data_url(_small(after)),
        [(kind, data_url(_small(_map_rgb(drawn(kind, of))))) for kind in kinds],
        data_url(before[part]),
        data_url(after[part]),
        (x, y),
        (width, height),
        (histogram(of.before), histogram(of.after)),
    )


def most_changed(before: Planes, after: Planes) -> tuple[int, int, int, int]:
    """x, y, width and height of the part in which the luma has changed most, squared."""
    width, height = min(_CROP[0], after.width), min(_CROP[1], after.height)
    moved = np.square(after.data[0].astype(np.float32) - before.data[0])
    sums = cv2.boxFilter(moved, -1, (width, height), anchor=(0, 0), normalize=True, borderType=cv2.BORDER_CONSTANT)
    inside = sums[: after.height - height + 1, : after.width - width + 1]
    y, x = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return int(x), int(y), width, height


def histogram(planes: Planes) -> str:
    """An SVG of how many luma samples have each of 256 levels, the most frequent inner one at full height."""
    levels = planes.data[0] >> (planes.format.depth - 8)
    counts = np.bincount(levels.ravel(), minlength=256)
    most = max(int(counts[1:255].max()), 1)
    bars = "".join(
        f"M{i} {_BAR_HEIGHT}V{_BAR_HEIGHT - min(_BAR_HEIGHT, count * _BAR_HEIGHT / most):.1f}"
        for i, count in enumerate(counts.tolist())
        if count
    )
    return (
        f'<svg viewBox="-0.5 0 256 {_BAR_HEIGHT}" preserveAspectRatio="none" role="img">'
        f'<path d="{bars}" stroke="currentColor" stroke-width="1" fill="none"/></svg>'
    )


def data_url(rgb: Bytes) -> str:
    """A picture (H, W, 3) R'G'B' as a PNG inside a URL."""
    done, png = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))
    assert done
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode()


def _has_maps(of: Testimony) -> bool:
    return bool(of.frame.provenance) and of.frame.provenance[-1].maps is not None


def _rgb(of: Testimony, planes: Planes) -> Bytes:
    return of.frame.with_picture(planes).rgb()


def _map_rgb(planes: Planes) -> Bytes:
    if planes.format.kind == "gray":
        return np.repeat(planes.data[0][..., None], 3, 2)
    green, blue, red = planes.data
    return np.stack([red, green, blue], -1)


def _small(rgb: Bytes) -> Bytes:
    height, width = rgb.shape[:2]
    if width <= _WHOLE:
        return rgb
    size = (_WHOLE, max(1, round(height * _WHOLE / width)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
