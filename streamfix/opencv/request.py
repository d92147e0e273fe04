"""What a VideoCapture is asked to open, by cv2's names and numbers."""

from __future__ import annotations

import os
from collections.abc import Sequence

import cv2
import numpy as np

from ..errors import BadOption
from ..media.specs import InputSpec

_DEVICE_OPTIONS = {cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS}
_PARAMS = {
    *_DEVICE_OPTIONS,
    *(cv2.CAP_PROP_CONVERT_RGB, cv2.CAP_PROP_N_THREADS, cv2.CAP_PROP_ORIENTATION_AUTO),
    *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC, cv2.CAP_PROP_BUFFERSIZE),
}


def spec_of(filename: str | os.PathLike[str] | int, settings: dict[int, float]) -> InputSpec:
    """What is to be read."""
    threads = int(settings.get(cv2.CAP_PROP_N_THREADS, 0))
    upright = bool(settings.get(cv2.CAP_PROP_ORIENTATION_AUTO, 1))
    if not isinstance(filename, int):
        return InputSpec(os.fspath(filename), thread_count=threads, autorotate=upright)
    options: dict[str, str] = {}
    width, height = (settings.get(p, 0) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if width and height:
        options["video_size"] = f"{int(width)}x{int(height)}"
    if rate := settings.get(cv2.CAP_PROP_FPS, 0):
        options["framerate"] = f"{rate:g}"
    return InputSpec(f"/dev/video{filename}", format="v4l2", options=options, thread_count=threads)


def pairs_of(params: Sequence[int]) -> dict[int, float]:
    """Property and value by turns. Raises BadOption for one that cannot be opened with."""
    values = np.asarray(params).reshape(-1).tolist()
    if len(values) % 2:
        raise BadOption(f"params={values}: a value is missing; they are property and value by turns")
    pairs = dict(zip(values[::2], map(float, values[1::2]), strict=True))
    if unknown := set(pairs) - _PARAMS:
        raise BadOption(f"params={values}: property {min(unknown)} cannot be opened with")
    return pairs
