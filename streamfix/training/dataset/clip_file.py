"""Clips as planes: 8-bit 4:2:0 in limited range, decoded into arrays and encoded near losslessly."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from ...errors import DecodeError

__all__ = ["ClipPlanes", "decode_clip", "encode_clip", "video_frames"]

Plane = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ClipPlanes:
    """A clip of one shot.

    y: uint8 (T, H, W), 16 to 235; u, v: uint8 (T, H/2, W/2), 16 to 240 around 128: limited range as recorded, H and W
    even.
    """

    y: Plane
    u: Plane
    v: Plane

    def __post_init__(self) -> None:
        frames, height, width = self.y.shape
        half = (frames, height // 2, width // 2)
        if height % 2 or width % 2 or self.u.shape != half or self.v.shape != half:
            raise ValueError(f"4:2:0 planes: y {self.y.shape}, u {self.u.shape}, v {self.v.shape}; want u and v {half}")

    @property
    def nbytes(self) -> int:
        """Bytes of all three planes."""
        return self.y.nbytes + self.u.nbytes + self.v.nbytes

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, part: slice) -> ClipPlanes:
        return ClipPlanes(self.y[part], self.u[part], self.v[part])


def video_frames(source: Path | io.BytesIO, name: str) -> Iterator[tuple[Plane, Plane, Plane]]:
    """The pictures of a video as y (H, W), u and v (H/2, W/2), uint8 in limited range.

    An odd height or width loses its last line or column.

    Raises DecodeError, with `name` in it, where the video cannot be read.
    """
    try:
        with av.open(str(source) if isinstance(source, Path) else source, "r") as container:
            if not container.streams.video:
                raise DecodeError(f"{name}: no video in it; name a video file")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = 2
            for frame in container.decode(stream):
                yield _planes(frame)
    except (av.error.FFmpegError, ValueError) as error:
        raise DecodeError(f"{name}: {error}; leave it out with exclude, or replace the file") from error


def _planes(frame: VideoFrame) -> tuple[Plane, Plane, Plane]:
    height, width = frame.height // 2 * 2, frame.width // 2 * 2
    if frame.format.name != "yuv420p":
        frame = frame.reformat(format="yuv420p", dst_color_range=ColorRange.MPEG)
    shapes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    planes = []
    for plane, (rows, columns) in zip(frame.planes, shapes, strict=True):
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        planes.append(lines[:rows, :columns].copy())
    return planes[0], planes[1], planes[2]


def decode_clip(data: bytes, name: str) -> ClipPlanes:
    """A whole clip from the bytes of its file. Raises DecodeError as `video_frames` does."""
    y, u, v = zip(*video_frames(io.BytesIO(data), name), strict=True)
    return ClipPlanes(np.stack(y), np.stack(u), np.stack(v))


def encode_clip(clip: ClipPlanes, crf: float, rate: Fraction = Fraction(25)) -> bytes:
    """The clip as Matroska with H.264 at a constant rate factor (10 to 12: near lossless), bytes for a `.mkv`."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska", options={"fflags": "+bitexact"}) as container:
        options = {"crf": str(crf), "preset": "slow", "threads": "2"}
        stream = container.add_stream("libx264", rate=rate, options=options)
        _, stream.height, stream.width = clip.y.shape
        stream.pix_fmt = "yuv420p"
        stream.codec_context.color_range = ColorRange.MPEG.value
        for planes in zip(clip.y, clip.u, clip.v, strict=True):
            frame = VideoFrame.from_ndarray(_stacked(*planes), format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _stacked(y: Plane, u: Plane, v: Plane) -> Plane:
    """PyAV's array of a yuv420p picture: (3H/2, W), u and v beneath y, each folded to the full width."""
    return np.concatenate([y.reshape(-1), u.reshape(-1), v.reshape(-1)]).reshape(y.shape[0] * 3 // 2, y.shape[1])
