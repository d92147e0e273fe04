"""Frames that bypass our filters, in the size and format that the filters give."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from ...frame import Frame, Picture, scaled
from ...media.picture.convert import reformat
from ...media.picture.planes import DecodedPicture, to_av
from .runner import LadderStep


def showing(frame: Frame, other: Frame) -> Frame:
    """The frame with its own times and marks, and the picture of another one."""
    aspect = other.sample_aspect_ratio
    return replace(frame, picture=other.picture, color=other.color, sample_aspect_ratio=aspect, coding=other.coding)


class Bypass:
    """Turns a frame into what the chain would give without our filters.

    step: libavfilter's part of the chain, which every frame still goes through, by itself: a mask that it paints must
    stay on a damaged frame too. scale: of the whole chain, until `learn` has seen what the chain gives.
    """

    def __init__(self, step: LadderStep, scale: int | Fraction) -> None:
        self._step, self._scale = step, scale
        self._shape: tuple[int, int, str] | None = None  # width, height, pixel format
        self._aspect: Fraction | None = None
        self._last: tuple[Picture, Frame] | None = None  # a slate is given many times

    def learn(self, given: Frame, result: Frame | None) -> None:
        """Note what the whole chain made of a frame, None if nothing: all frames get that size and format."""
        if result is not None:
            shape = result.width, result.height, result.picture.format.name
        else:
            shape = scaled(given.width, self._scale), scaled(given.height, self._scale), given.picture.format.name
        self._shape, self._aspect = shape, (result or given).sample_aspect_ratio

    def __call__(self, frame: Frame) -> Frame:
        """The frame without our filters, with its own times and marks."""
        if self._last is None or self._last[0] is not frame.picture:
            self._last = (frame.picture, self.fitted(self._plain(frame)))
        made = self._last[1]
        return showing(frame, made)

    def fitted(self, frame: Frame) -> Frame:
        """The frame in the size and format that all frames get: scaled (bicubic) and converted if it differs."""
        if self._shape is None:
            return frame
        if frame.sample_aspect_ratio != self._aspect:
            frame = replace(frame, sample_aspect_ratio=self._aspect)
        if (frame.width, frame.height, frame.picture.format.name) == self._shape:
            return frame
        width, height, pix_fmt = self._shape
        return frame.with_picture(DecodedPicture(reformat(to_av(frame), pix_fmt, width, height, color=frame.color)))

    def renew(self) -> None:
        """Make the stage again after a failure."""
        self._step.renew()

    def reset(self) -> None:
        """Forget what the chain gave: the next stream's pictures may have another size."""
        self._shape = self._aspect = self._last = None
        if self._step.stage is not None:
            self._step.stage.reset()

    def close(self) -> None:
        self._last = None
        self._step.close()

    def _plain(self, frame: Frame) -> Frame:
        if self._step.stage is None:
            return frame
        outputs = self._step.alone(frame)
        return outputs[0] if outputs else frame
