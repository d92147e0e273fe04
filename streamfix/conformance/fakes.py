"""Clips, a source and a sink for tests: real parts, but small and in memory. The clips move like recorded video."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..coding import MACROBLOCK, FrameCoding
from ..frame import Color, Frame, PixelFormat, Planes
from ..pipeline import Stage

#: FFmpeg's planar formats that the tests use, by name.
FORMATS = {
    "yuv420p": PixelFormat("yuv420p", "yuv", 8, 1, 1),
    "yuv420p10le": PixelFormat("yuv420p10le", "yuv", 10, 1, 1),
    "yuv422p": PixelFormat("yuv422p", "yuv", 8, 1, 0),
    "yuv444p": PixelFormat("yuv444p", "yuv", 8, 0, 0),
    "gray": PixelFormat("gray", "gray", 8),
    "gbrp": PixelFormat("gbrp", "rgb", 8),
}


def clip(
    frames: int = 8,
    width: int = 48,
    height: int = 32,
    format: str = "yuv420p",
    *,
    seed: int = 0,
    cuts: Collection[int] = (),
    damaged: Collection[int] = (),
    noise: float = 0.02,
    first_pts: int = 1000,
) -> list[Frame]:
    """A textured scene that pans at a fraction of a pixel, an object that crosses it, and sensor noise.

    cuts: indices of frames with `cut`, where another scene begins.
    damaged: indices of frames marked damaged.
    noise: standard deviation, in parts of full scale.
    Times are irregular (VFR) and start at `first_pts`, in milliseconds. The same arguments give the same codes.
    """
    f = FORMATS[format]
    made = []
    scene, start = seed, 0
    for t in range(frames):
        if t in cuts:
            scene, start = scene + 1000, t
        planes = []
        for p, (h, w) in enumerate(f.plane_shapes(width, height)):
            span = 0.7 if p == 0 or f.kind == "rgb" else 0.3  # chroma keeps near grey
            picture = 0.5 + span * (_scene(scene * 3 + p, h, w, t - start, width / w) - 0.5)
            picture = picture + noise * torch.randn(h, w, generator=_seeded(seed, t, p))
            codes = picture.clamp(0.07, 0.92).mul(f.max_code).round()
            planes.append(codes.numpy().astype(np.uint8 if f.depth == 8 else np.uint16))
        pts = first_pts + 40 * t + (t * t) % 7
        made.append(
            Frame(
                Planes(f, width, height, tuple(planes)),
                pts,
                Fraction(1, 1000),
                duration=40,
                color=Color(matrix=1, full_range=False),
                cut=t in cuts,
                damaged=t in damaged,
            )
        )
    return made


def coded(frames: Sequence[Frame]) -> list[Frame]:
    """The frames with a word on how each was coded, such as a decoder gives: every macroblock and picture another."""
    told = []
    for t, frame in enumerate(frames):
        rows, columns = (-(-side // MACROBLOCK) for side in (frame.height, frame.width))
        qp = np.add.outer(np.arange(rows), np.arange(columns)).astype(np.float32) % 30 + 10 + t
        told.append(replace(frame, coding=FrameCoding("P" if t % 4 else "I", t % 4, qp)))
    return told


def constant(level: float, frames: int = 4, width: int = 48, height: int = 32, format: str = "yuv420p") -> list[Frame]:
    """A still grey clip. level: of luma (of R, G and B) in [0, 1]; chroma is neutral."""
    f = FORMATS[format]
    dtype = np.uint8 if f.depth == 8 else np.uint16
    planes = []
    for p, shape in enumerate(f.plane_shapes(width, height)):
        code = round(level * f.max_code) if p == 0 or f.kind == "rgb" else 1 << (f.depth - 1)
        planes.append(np.full(shape, code, dtype))
    picture = Planes(f, width, height, tuple(planes))
    return [Frame(picture, 40 * t, Fraction(1, 1000)) for t in range(frames)]


def codes(frame: Frame) -> tuple[Tensor, ...]:
    """The frame's planes as int32 code values, as the encoder would get them."""
    return tuple(torch.from_numpy(p.astype(np.int32)) for p in frame.picture.planes(frame.color).data)


def difference(a: Frame, b: Frame) -> int:
    """Largest difference of two frames' code values, over all planes."""
    return max(int((x - y).abs().max()) for x, y in zip(codes(a), codes(b), strict=True))


class ListSource:
    """Gives the items of a list, as a reader would.

    failure: raised after the last item, as by a decoder that dies midway.
    on_item: called with the number of items given so far, before each.
    """

    name = "source"

    def __init__(
        self,
        items: Iterable[Any],
        failure: BaseException | None = None,
        on_item: Callable[[int], object] | None = None,
    ) -> None:
        self.items, self.failure, self.on_item = items, failure, on_item
        self.given = 0
        self.closed = 0
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[Any]:
        for item in self.items:
            if self._stopped.is_set():
                return
            if self.on_item is not None:
                self.on_item(self.given)
            self.given += 1
            yield item
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self.closed += 1


class ListSink(Stage):
    """Keeps what it is given, as a writer would.

    on_item: called with each item before it is kept; what it raises, push raises.
    """

    name = "sink"

    def __init__(self, on_item: Callable[[Any], object] | None = None) -> None:
        self.items: list[Any] = []
        self.on_item = on_item
        self.flushed = 0
        self.closed = 0

    @property
    def frames(self) -> list[Frame]:
        """The frames among what came."""
        return [item for item in self.items if isinstance(item, Frame)]

    def push(self, item: Any) -> Sequence[Any]:
        if self.on_item is not None:
            self.on_item(item)
        self.items.append(item)
        return ()

    def flush(self) -> Sequence[Any]:
        self.flushed += 1
        return ()

    def close(self) -> None:
        self.closed += 1


def _seeded(*numbers: int) -> torch.Generator:
    seed = 0
    for n in numbers:
        seed = (seed * 1000003 + n + 17) % (1 << 31)
    return torch.Generator().manual_seed(seed)


def _scene(seed: int, height: int, width: int, t: int, step: float) -> Tensor:
    """(height, width) in [0, 1] at time t. step: luma pixels a pixel of this plane spans."""
    ground = _texture(seed, height, width, 0.6 * t / step, 0.35 * t / step)
    h, w = max(1, height // 3), max(1, width // 4)
    thing = _texture(seed + 1, h, w, 0.0, 0.0)
    x = int(2.4 * t / step) % max(1, width - w + 1)
    ground[height // 3 : height // 3 + h, x : x + w] = thing[: height - height // 3]
    return ground


def _texture(seed: int, height: int, width: int, x: float, y: float) -> Tensor:
    """Four octaves of smooth random detail, seen from (x, y) pixels to the right and below."""
    total = torch.zeros(height, width)
    for octave in range(4):
        period = 16 >> octave
        lattice = torch.rand(1, 1, 67, 61, generator=_seeded(seed, octave))
        columns = ((torch.arange(width) + x) / period) % 58 + 1
        rows = ((torch.arange(height) + y) / period) % 64 + 1
        grid = torch.stack(torch.meshgrid(2 * rows / 66 - 1, 2 * columns / 60 - 1, indexing="ij")[::-1], -1)
        total += F.grid_sample(lattice, grid[None].float(), mode="bilinear", align_corners=True)[0, 0] / (octave + 1)
    return (total / (1 + 1 / 2 + 1 / 3 + 1 / 4)).clamp(0, 1)
