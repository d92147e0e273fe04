"""A clip for measuring: 4:2:0, 8 bit, whole in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from ..color import chroma_to_444, resize_chroma, rgb_to_ycbcr, ycbcr_to_rgb
from ..frame import Color, Frame, PixelFormat, Planes

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

YUV420P = PixelFormat("yuv420p", "yuv", 8, 1, 1)
_YUV444P = PixelFormat("yuv444p", "yuv", 8)
#: Tagged, so that a copy of another size is read as the clip itself; untagged pictures of 720 lines would be BT.709's.
BT601 = Color(matrix=6, full_range=False)
_RATE = 25  # nothing measured here depends on it


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """T pictures of one size. y: (T, H, W), u and v: (T, (H + 1) // 2, (W + 1) // 2), uint8 code values.

    Where R'G'B' is needed, the codes are BT.601's of limited range, whatever the size.
    """

    y: Bytes
    u: Bytes
    v: Bytes

    def __post_init__(self) -> None:
        t, h, w = self.y.shape
        if not self.u.shape == self.v.shape == (t, (h + 1) // 2, (w + 1) // 2):
            raise ValueError(f"planes {self.y.shape}, {self.u.shape}, {self.v.shape} are no 4:2:0 clip")

    def __len__(self) -> int:
        return len(self.y)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the luma, pixels."""
        return self.y.shape[2], self.y.shape[1]

    def planes(self) -> tuple[Bytes, Bytes, Bytes]:
        return self.y, self.u, self.v

    def sha256(self) -> str:
        """Of size and code values: two clips with one digest are the same."""
        digest = hashlib.sha256(repr(self.y.shape).encode())
        for plane in self.planes():
            digest.update(np.ascontiguousarray(plane).tobytes())
        return digest.hexdigest()

    def part(self, first: int, frames: int, size: tuple[int, int] | None = None) -> Clip:
        """`frames` pictures from number `first` on, the middle `size` = (width, height) of them, each as far as any."""
        if size is None:
            return self.window(first, frames, (0, 0), self.size)
        width, height = (min(a, b) // 2 * 2 for a, b in zip(size, self.size, strict=True))
        corner = ((self.size[0] - width) // 4 * 2, (self.size[1] - height) // 4 * 2)
        return self.window(first, frames, corner, (width, height))

    def window(self, first: int, frames: int, corner: tuple[int, int], size: tuple[int, int]) -> Clip:
        """`frames` pictures from number `first` on; of each, `size` = (width, height) from `corner` = (left, top) on.

        The corner is even.
        """
        (left, top), (width, height) = corner, size
        at = slice(first, first + frames)
        chroma = (at, slice(top // 2, (top + height + 1) // 2), slice(left // 2, (left + width + 1) // 2))
        # OpenCV's flow takes no picture whose lines have gaps between them.
        luma = np.ascontiguousarray(self.y[at, top : top + height, left : left + width])
        return Clip(luma, np.ascontiguousarray(self.u[chroma]), np.ascontiguousarray(self.v[chroma]))

    def raw(self) -> bytes:
        """The clip as one yuv420p raw video."""
        return b"".join(plane[t].tobytes() for t in range(len(self)) for plane in self.planes())

    @staticmethod
    def from_raw(data: bytes, width: int, height: int) -> Clip:
        """Read yuv420p raw video. Raises ValueError when `data` is not a whole number of frames."""
        across, down = (width + 1) // 2, (height + 1) // 2
        luma, chroma = width * height, across * down
        if not data or len(data) % (luma + 2 * chroma):
            raise ValueError(f"{len(data)} bytes are not whole yuv420p frames of {width}x{height}")
        frames = np.frombuffer(data, np.uint8).reshape(-1, luma + 2 * chroma)
        return Clip(
            frames[:, :luma].reshape(-1, height, width),
            frames[:, luma : luma + chroma].reshape(-1, down, across),
            frames[:, luma + chroma :].reshape(-1, down, across),
        )

    def frame(self, t: int) -> Frame:
        """Picture t as a decoder would hand it on."""
        width, height = self.size
        planes = Planes(YUV420P, width, height, tuple(p[t].copy() for p in self.planes()))
        return Frame(planes, t, Fraction(1, _RATE), duration=1, color=BT601)

    @staticmethod
    def from_frames(frames: Sequence[Frame]) -> Clip:
        """What a writer of yuv420p would write. Raises ValueError if frames are of another format."""
        shown = [frame.picture.planes(frame.color) for frame in frames]
        for planes in shown:
            if planes.format.name != YUV420P.name:
                raise ValueError(f"frames are {planes.format.name}, not {YUV420P.name}")
        return Clip(*(np.stack([planes.data[i] for planes in shown]) for i in range(3)))

    def rgb(self, t: int) -> Floats:
        """Picture t as R'G'B': (3, H, W) float32 in [0, 1]."""
        y = torch.from_numpy(self.y[t].astype(np.float32))[None] / 255
        uv = torch.from_numpy(np.stack([self.u[t], self.v[t]]).astype(np.float32)) / 255
        return np.asarray(ycbcr_to_rgb(y, chroma_to_444(uv, y, YUV420P), BT601).numpy(), np.float32)

    @staticmethod
    def from_rgb(pictures: Iterable[Floats], *, averaged: bool = False) -> Clip:
        """From R'G'B' (3, H, W); values outside [0, 1] keep the luma and chroma they have, as far as 8 bits hold it.

        Chroma is what `rgb` would come nearest to these pictures from; averaged: the mean of its neighbours, as
        cameras take it; both sides are even then.
        """
        codes: list[tuple[Bytes, Bytes]] = []
        for picture in pictures:
            rgb = torch.from_numpy(np.ascontiguousarray(picture, np.float32))
            y, uv = rgb_to_ycbcr(rgb, BT601)
            half = ((rgb.shape[-2] + 1) // 2, (rgb.shape[-1] + 1) // 2)
            chroma = _averaged(uv) if averaged else resize_chroma(uv, y, half, _YUV444P)
            codes.append((to_codes(y[0].numpy() * 255), to_codes(chroma.numpy() * 255)))
        return Clip(np.stack([y for y, _ in codes]), *(np.stack([uv[i] for _, uv in codes]) for i in range(2)))


def _averaged(uv: torch.Tensor) -> torch.Tensor:
    """Chroma (2, H, W) at half its size: level with the left luma sample, half-way between two lines."""
    lines = (uv[:, ::2] + uv[:, 1::2]) / 2
    left = torch.cat((lines[..., :1], lines[..., 1:-1:2]), -1)
    return left / 4 + lines[..., ::2] / 2 + lines[..., 1::2] / 4


def to_codes(picture: Floats) -> Bytes:
    """Rounded and clipped to 8 bits; picture: in units of a code."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
