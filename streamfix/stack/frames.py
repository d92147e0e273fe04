"""The frames that are stacked: read from a file or taken from a program, in the order of their times."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from ..arrays import picture_of, usual_color
from ..errors import BadOption, InputError
from ..filters.cut import CutDetector
from ..frame import ArrayFormat, Frame
from ..layout import to_layout
from ..media.input.reader import Reader
from ..media.specs import InputSpec
from .region import Floats

Source: TypeAlias = "str | os.PathLike[str] | InputSpec | Iterable[Frame | np.ndarray[Any, Any]]"


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A frame as it came. number: its place in the source, from 0. luma: (H, W) in [0, 1]."""

    number: int
    frame: Frame
    luma: Floats


def given(source: Source, most: int) -> list[Given]:
    """The frames of a source in the order of their times; those behind a scene cut are marked.

    Raises InputError where there are none or their sizes differ, BadOption where there are more than `most`.
    """
    frames = sorted(enumerate(_frames(source, most)), key=lambda one: (one[1].pts * one[1].time_base, one[0]))
    if not frames:
        raise InputError("there are no frames to stack: look at the time span")
    sizes = {(frame.width, frame.height, frame.picture.format.name) for _, frame in frames}
    if len(sizes) > 1:
        shown = " and ".join(sorted(f"{w}x{h} {name}" for w, h, name in sizes))
        raise InputError(f"frames to stack have one size and pixel format, these have {shown}")
    cuts = CutDetector()
    marked = [next(iter(cuts.push(frame))) for _, frame in frames]
    return [
        Given(number, frame, np.ascontiguousarray(to_layout(frame, "luma")[0].numpy()))
        for (number, _), frame in zip(frames, marked, strict=True)
    ]


def spec_of(source: Source) -> InputSpec | None:
    """What is read where the source is a file or URL; None for frames."""
    if isinstance(source, InputSpec):
        return source
    return InputSpec(os.fspath(source)) if isinstance(source, str | os.PathLike) else None


def _frames(source: Source, most: int) -> Iterator[Frame]:
    spec = spec_of(source)
    frames = _read(replace(spec, thread_count=1)) if spec is not None else _taken(source)
    for number, frame in enumerate(frames):
        if number == most:
            raise BadOption(f"there are more than {most} frames; take a shorter time span, or say -frames")
        yield frame


def _read(spec: InputSpec) -> Iterator[Frame]:
    with closing(Reader((spec,), audio=False, subtitles=False, data=False, coding=True)) as reader:
        for item in reader:
            if isinstance(item, Frame):
                yield item


def _taken(source: Any) -> Iterator[Frame]:
    for number, item in enumerate(source):
        if isinstance(item, Frame):
            yield item
        else:
            array = np.asarray(item)
            format: ArrayFormat = "gray" if array.ndim == 2 else "bgr24"
            yield Frame(picture_of(array, format), number, Fraction(1, 25), color=usual_color(format))
