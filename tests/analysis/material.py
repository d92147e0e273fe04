"""Pictures of known faults, made here: float32 (H, W) in [0, 1]."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def scene(seed: int = 0, height: int = 288, width: int = 352) -> Floats:
    """A picture with detail at every size, as photographs have it, and flat parts, as most have them.

    Where there is detail, its power falls with the cube of the frequency.
    """
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    picture = np.fft.irfft2(spectrum / np.maximum(np.hypot(fy, fx), 2 / width) ** 1.6, (height, width))
    cells = rng.random((6, 7)) < 0.6
    rough = np.clip(2 * cv2.resize(cells.astype(np.float64), (width, height), interpolation=cv2.INTER_LINEAR) - 1, 0, 1)
    return np.asarray(np.clip(0.5 + 0.12 * rough * picture / picture.std(), 0.02, 0.98), np.float32)


def moving(frames: int, step: int = 3, seed: int = 0) -> Iterator[Floats]:
    """A scene that a camera pans over, `step` pixels a frame."""
    whole = scene(seed, 288, 352 + step * frames)
    for t in range(frames):
        yield np.ascontiguousarray(whole[:, t * step : t * step + 352])


def codes(picture: Floats) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(picture * 255), 0, 255), np.uint8)


def eight_bit(picture: Floats) -> Floats:
    return np.asarray(codes(picture) / 255, np.float32)


def jpeg(picture: Floats, quality: int) -> Floats:
    """Coded in blocks of 8 pixels."""
    _, data = cv2.imencode(".jpg", codes(picture), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert decoded is not None
    return np.asarray(decoded / 255, np.float32)


def noisy(picture: Floats, sigma: float, seed: int = 1) -> Floats:
    """sigma: in codes."""
    return eight_bit(picture + np.random.default_rng(seed).normal(0, sigma / 255, picture.shape).astype(np.float32))


def enlarged(picture: Floats, times: float) -> Floats:
    bigger = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    return eight_bit(np.asarray(bigger, np.float32))


def grey(picture: Floats) -> Floats:
    """Chroma for `Analyser`, (H/2, W/2, 2)."""
    return np.full((picture.shape[0] // 2, picture.shape[1] // 2, 2), 0.5, np.float32)


def write_clip(path: Path, pictures: Sequence[Floats]) -> None:
    """The pictures as a file of 25 frames a second, without loss."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            luma = codes(picture)
            flat = np.concatenate((luma, np.full((luma.shape[0] // 2, luma.shape[1]), 128, np.uint8)))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(flat, format="yuv420p")))
        out.mux(stream.encode(None))
