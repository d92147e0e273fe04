"""Pictures of what was changed, how much noise is left, and where pixels come from: videos beside the working copy.

change: of the luma; grey 128 is none, brighter where it became brighter, 4 codes of grey for one of 8 bits.
noise: the standard deviation of the luma's error that is expected, 16 codes of grey for one of 8 bits; black is none.
confidence: of what is known of a pixel, green is the share that the frame itself has told, blue the frames around it,
red what a network (or smoothing within the frame) has added; the three together are 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...frame import Color, Frame, PixelFormat, Planes
from ...media.output.writer import Writer
from ...media.source_info import DetachedSourceInfo, SourceInfo
from ...media.specs import OutputSpec
from ...pipeline import close_all
from ...provenance import Maps
from .witness import Testimony

KINDS = ("change", "noise", "confidence")
PER_CODE, PER_CHANGE = 16, 4  # of grey for a code of noise, and of change
_GRAY, _RGB = PixelFormat("gray", "gray", 8), PixelFormat("gbrp", "rgb", 8)
#: FFV1, each picture by itself, each slice with a checksum of its own.
LOSSLESS = {"level": "3", "g": "1", "slices": "4", "slicecrc": "1", "threads": "1"}
#: Matroska without a random identity, so that the same pictures give the same file.
SAME_FILE = {"fflags": "+bitexact"}


class MapWriter:
    """Writes the maps of each frame. What a frame has no map for is black."""

    def __init__(self, folder: Path, kinds: Sequence[str], source: SourceInfo) -> None:
        self._writers: dict[str, Writer] = {}
        try:
            for kind in kinds:
                spec = OutputSpec(
                    str(folder / f"{kind}.mkv"),
                    video_codec="ffv1",
                    video_options=LOSSLESS,
                    format_options=SAME_FILE,
                    audio=False,
                    subtitles=False,
                    data=False,
                    map_metadata=False,
                    map_chapters=False,
                )
                self._writers[kind] = Writer(spec, DetachedSourceInfo(source))
        except BaseException:
            self.close()
            raise

    def push(self, of: Testimony) -> None:
        for kind, writer in self._writers.items():
            planes = drawn(kind, of)
            color = Color(matrix=0 if planes.format.kind == "rgb" else of.frame.color.matrix, full_range=True)
            frame = Frame(planes, of.frame.pts, of.frame.time_base, of.frame.duration, color)
            list(writer.push(frame))

    def flush(self) -> None:
        for writer in self._writers.values():
            list(writer.flush())

    def close(self) -> None:
        close_all(self._writers.values())


def drawn(kind: str, of: Testimony) -> Planes:
    """A map of a frame, of the size of its result."""
    if kind == "change":
        return change(of.before, of.after)
    size = of.after.width, of.after.height
    told = of.frame.provenance
    maps = told[-1].maps if told else None  # what a filter in front of the last one has said is not of this picture
    if maps is None:
        format = _GRAY if kind == "noise" else _RGB
        return Planes(format, *size, tuple(np.zeros(size[::-1], np.uint8) for _ in format.plane_shapes(*size)))
    return noise(maps, size) if kind == "noise" else confidence(maps, size)


def change(before: Planes, after: Planes) -> Planes:
    one_code = 1 << (after.format.depth - 8)
    moved = (after.data[0].astype(np.int32) - before.data[0]) / one_code
    return Planes(_GRAY, after.width, after.height, (_codes(128 + PER_CHANGE * moved),))


def noise(maps: Maps, size: tuple[int, int]) -> Planes:
    return Planes(_GRAY, *size, (_codes(_at(maps.noise_left, size) * (255 * PER_CODE)),))


def confidence(maps: Maps, size: tuple[int, int]) -> Planes:
    own, neighbours = (_codes(_at(part, size) * 255) for part in (maps.own, maps.neighbours))
    rest = _codes(255 - own.astype(np.int32) - neighbours)
    return Planes(_RGB, *size, (own, neighbours, rest))


def _at(part: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    height, width = part.shape
    by = Fraction(size[0], width)
    if (width, height) == size:
        return part
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR if by > 1 else cv2.INTER_AREA))


def _codes(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
