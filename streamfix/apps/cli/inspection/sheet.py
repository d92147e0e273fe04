"""A picture sheet of inspections: sample frames, and crops before and behind the recommended chain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ....errors import OutputError, UsageError
from ....frame import Frame
from .inspection import Inspection

Bytes = NDArray[np.uint8]

_SAMPLES, _SAMPLE_WIDTH = 3, 320
_CROPS, _CROP = 3, (320, 200)  # width, height
_LINE, _GAP = 18, 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def check(path: Path, overwrite: bool) -> None:
    """Raise UsageError if the sheet cannot be written there, before anything is measured."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"-sheet {path}: a sheet is a PNG; name it something.png")
    if path.exists() and not overwrite:
        raise UsageError(f"File {str(path)!r} already exists. Exiting; -y overwrites it.")
    if not path.resolve().parent.is_dir():
        raise OutputError(f"-sheet {path}: there is no folder {path.parent}; make it, or name another")


def write(path: Path, inspections: Sequence[Inspection]) -> None:
    """Write one sheet of all inspections. Raises OutputError."""
    parts = [_part(one) for one in inspections]
    width = max(part.shape[1] for part in parts)
    canvas = np.concatenate([_padded(part, width) for part in parts])
    done, png = cv2.imencode(".png", np.ascontiguousarray(canvas[..., ::-1]))
    assert done
    try:
        path.write_bytes(png.tobytes())
    except OSError as error:
        raise OutputError(f"-sheet {path}: {error.strerror}; name another file") from error


def _part(one: Inspection) -> Bytes:
    """Rows of one inspection: samples of the input, crops before, crops behind the chain."""
    frames, after = one.before_frames, one.after_frames
    numbers = [round(i * (len(frames) - 1) / max(_SAMPLES - 1, 1)) for i in range(_SAMPLES)]
    rows = [_line(f"{one.shown}: {one.findings}"), _row([_small(frames[n].rgb()) for n in dict.fromkeys(numbers)])]
    middle = len(frames) // 2
    before = frames[middle].rgb()
    places = _busiest(before)
    rows += [_line("as it is"), _row([_crop(before, at) for at in places])]
    if one.after is not None:
        rows += [
            _line(f"behind -vf {one.advice.chain}"),
            _row([_crop(_of(after, frames[middle]), at) for at in places]),
        ]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([_padded(row, width) for row in rows])


def _of(frames: Sequence[Frame], wanted: Frame) -> Bytes:
    """The picture of the frame whose time is nearest."""
    return min(frames, key=lambda frame: abs(frame.time_s - wanted.time_s)).rgb()


def _busiest(picture: Bytes) -> list[tuple[int, int]]:
    """(left, top) of the crops with most detail, none over more than a third of another's width and height."""
    height, width = picture.shape[:2]
    w, h = min(_CROP[0], width), min(_CROP[1], height)
    luma = picture[..., 1].astype(np.float32)
    detail = np.minimum(np.abs(luma - cv2.GaussianBlur(luma, (0, 0), 2.0)), 12.0)
    sums = cv2.boxFilter(detail, -1, (w, h), anchor=(0, 0), normalize=False, borderType=cv2.BORDER_CONSTANT)
    sums = np.ascontiguousarray(sums[: height - h + 1, : width - w + 1])
    found: list[tuple[int, int]] = []
    while len(found) < _CROPS:
        top, left = (int(i) for i in np.unravel_index(int(np.argmax(sums)), sums.shape))
        if sums[top, left] < 0:
            break
        found.append((left, top))
        apart_y, apart_x = h * 2 // 3, w * 2 // 3
        sums[max(top - apart_y + 1, 0) : top + apart_y, max(left - apart_x + 1, 0) : left + apart_x] = -1
    return found


def _crop(picture: Bytes, at: tuple[int, int]) -> Bytes:
    left, top = at
    return picture[top : top + _CROP[1], left : left + _CROP[0]]


def _small(picture: Bytes) -> Bytes:
    height, width = picture.shape[:2]
    size = (_SAMPLE_WIDTH, max(round(height * _SAMPLE_WIDTH / width), 1))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _row(pictures: Sequence[Bytes]) -> Bytes:
    height = max(picture.shape[0] for picture in pictures) + _GAP
    width = sum(picture.shape[1] + _GAP for picture in pictures)
    canvas = np.full((height, width, 3), 255, np.uint8)
    left = 0
    for picture in pictures:
        canvas[: picture.shape[0], left : left + picture.shape[1]] = picture
        left += picture.shape[1] + _GAP
    return canvas


def _line(words: str) -> Bytes:
    (width, _), _ = cv2.getTextSize(words, _FONT, 0.42, 1)
    canvas = np.full((_LINE, width + _GAP, 3), 255, np.uint8)
    cv2.putText(canvas, words, (2, _LINE - 5), _FONT, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return canvas


def _padded(rows: Bytes, width: int) -> Bytes:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1]), (0, 0)), constant_values=255)
