"""What a program pushes, as pictures with what is known of them, and restored pictures as what it pushed."""

from __future__ import annotations

import operator
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .errors import BadOption
from .frame import ArrayFormat, Color, Frame, Picture, VideoInfo

_CLOCK = Fraction(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Given:
    """A picture that was pushed. time: pts and time base, if it has its own. origin: see `Frame`."""

    picture: Picture
    color: Color
    time: tuple[int, Fraction] | None = None
    damaged: bool = False
    origin: Any = None


def seen(given: Any, format: ArrayFormat, color: Color | None) -> Given:
    """An array, a tensor or a VideoFrame. format, color: of arrays and tensors. Raises BadOption, or TypeError."""
    if _is_av(given):
        from .media.picture.planes import DecodedPicture, color_of

        time = (given.pts, given.time_base) if given.pts is not None and given.time_base else None
        return Given(DecodedPicture(given), color_of(given), time, given.is_corrupt, given)
    picture = _picture(given, format)
    if color is None:
        from .arrays import usual_color

        color = usual_color(format)
    return Given(picture, color)


def _is_av(picture: object) -> bool:
    import av

    return isinstance(picture, av.VideoFrame)


def _picture(given: Any, format: ArrayFormat) -> Picture:
    """What an array or tensor shows. Raises TypeError for anything else."""
    if isinstance(given, np.ndarray):
        from .arrays import picture_of

        return picture_of(given, format)
    if hasattr(given, "__dlpack__"):  # tensors have it too
        from .tensor_pictures import picture_of_tensor

        return picture_of_tensor(_tensor(given), format)
    raise TypeError(
        f"a Stream takes NumPy arrays, PyTorch tensors, av.VideoFrame and streamfix.Frame, got {type(given).__name__}"
    )


def like(given: Any, frame: Frame, format: ArrayFormat) -> Any:
    """The frame as what was given: an array, a tensor, a VideoFrame of its pixel format, or the Frame."""
    if isinstance(given, Frame):
        return frame
    if isinstance(given, np.ndarray):
        return frame.array(format)
    if _is_av(given):
        from .media.picture.convert import reformat
        from .media.picture.planes import planar_format

        made = frame.av()
        same = planar_format(given.format.name).name == made.format.name
        return reformat(made, given.format.name, color=frame.color) if same else made
    from .tensor_pictures import tensor_like

    return tensor_like(frame, _tensor(given), format)


def _tensor(given: Any) -> Any:
    """A tensor, and what speaks DLPack as one."""
    import torch
    from torch.utils.dlpack import from_dlpack

    return given if isinstance(given, torch.Tensor) else from_dlpack(given)


def whole_number(pts: Any) -> int:
    """A time that was given. Raises BadOption."""
    try:
        return operator.index(pts)
    except TypeError:
        raise BadOption(f"pts={pts!r}: a time is a whole number of time_base units") from None


def info_of(frame: Frame) -> VideoInfo:
    """What a stream's first frame tells of it."""
    return VideoInfo(
        frame.width,
        frame.height,
        frame.picture.format.name,
        frame.time_base,
        rate=1 / (frame.duration * frame.time_base) if frame.duration else None,
        color=frame.color,
        sample_aspect_ratio=frame.sample_aspect_ratio,
    )


class Times:
    """Times of pictures that come without: by their number at that rate, or by the clock where rate is None."""

    def __init__(self, rate: Fraction | None) -> None:
        self._rate, self._number, self._begun_s = rate, 0, 0.0
        self._last = -1

    def next(self) -> tuple[int, Fraction]:
        """pts and time base of the next picture."""
        if self._rate is not None:
            self._last += 1
            return self._last, 1 / self._rate
        now_s = time.monotonic()
        if self._last < 0:
            self._begun_s = now_s
        self._last = max(round((now_s - self._begun_s) / _CLOCK), self._last + 1)
        return self._last, _CLOCK

    def reset(self) -> None:
        """Begin at 0."""
        self._last = -1
