"""Single shots from a video: from a few places of it, halved, cut where the scene changes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from ...errors import DecodeError
from .clip_file import ClipPlanes, video_frames

__all__ = ["MIN_FRAMES", "cut", "halve", "places", "shots"]

Planes = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]

MIN_FRAMES = 16  # of a shot: a shorter one holds no fused history
_CUT = 20.0  # grey levels of mean difference between thumbnails; motion stays under 10


def shots(path: Path, frames: int = 240, count: int = 4) -> list[ClipPlanes]:
    """The shots of at most `frames` frames in all, from `count` places spread evenly over the video.

    Each picture is shrunk by 2. Shots under 16 frames are left out. Raises DecodeError where it cannot be read.
    """
    wanted = places(_length(path), frames, count)
    windows: list[list[Planes]] = [[] for _ in wanted]
    for index, planes in enumerate(video_frames(path, str(path))):
        if index >= wanted[-1].stop:
            break
        for window, span in zip(windows, wanted, strict=True):
            if index in span:
                window.append(halve(planes))
    return [shot for window in windows for shot in cut(window)]


def places(length: int, frames: int, count: int) -> list[range]:
    """Ranges of frame numbers: all of a video that is short enough, or `count` parts with equal gaps between."""
    if length <= frames:
        return [range(length)]
    count = max(min(count, frames // MIN_FRAMES), 1)  # shorter parts would be no shots
    part = frames // count
    gap = (length - part) / max(count - 1, 1)
    return [range(round(i * gap), round(i * gap) + part) for i in range(count)]


def halve(planes: Planes) -> Planes:
    """Each plane of a 4:2:0 picture shrunk by 2 by area, to even luma sizes.

    Left-sited chroma ends a quarter of a pixel to the right of its place, less than what cameras leave.
    """
    height, width = (side // 4 * 4 for side in planes[0].shape)
    y, u, v = (
        cv2.resize(
            plane[: height // s, : width // s], (width // s // 2, height // s // 2), interpolation=cv2.INTER_AREA
        )
        for plane, s in zip(planes, (1, 2, 2), strict=True)
    )
    return y.astype(np.uint8, copy=False), u.astype(np.uint8, copy=False), v.astype(np.uint8, copy=False)


def cut(window: list[Planes]) -> Iterator[ClipPlanes]:
    """The shots of consecutive pictures, those of 16 frames and more."""
    if not window:
        return
    thumbnails = np.stack([cv2.resize(y, (32, 18), interpolation=cv2.INTER_AREA) for y, _, _ in window])
    change = np.abs(np.diff(thumbnails.astype(np.float32), axis=0)).mean((1, 2))
    bounds = [0, *(np.flatnonzero(change > _CUT) + 1).tolist(), len(window)]
    for start, stop in pairwise(bounds):
        if stop - start >= MIN_FRAMES:
            y, u, v = (np.stack(planes) for planes in zip(*window[start:stop], strict=True))
            yield ClipPlanes(y, u, v)


def _length(path: Path) -> int:
    """Frames of a video, counted without decoding where its container does not say."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DecodeError(f"{path}: no video in it; name a video file")
            stream = container.streams.video[0]
            return stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
    except (av.error.FFmpegError, OSError) as error:
        if isinstance(error, DecodeError):
            raise
        raise DecodeError(f"{path}: {error}; leave it out with --exclude {path.name}") from error
