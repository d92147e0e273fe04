"""Blur of motion and of optics, in linear light, where it arises: what the suites `motion-blur-*` and `soft-*` do."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from ..training.degradations.blur import convolve, motion_kernel
from .clip import Bytes, Clip, Floats
from .sensor import to_coded, to_linear

MOMENTS = 17  # of one exposure: at 30 pixels a frame neighbours still lie under two pixels apart


def line(clip: Clip, length: float, angle: float) -> Clip:
    """As if the camera had moved by `length` pixels in a straight line while each frame was exposed.

    angle: radians, 0 is along x.
    """
    kernel = motion_kernel(length, angle)
    return Clip.from_rgb(_coded(convolve(picture[None], kernel)[0]) for picture in _light(clip))


def optics(clip: Clip, deviation: float) -> Clip:
    """As a lens that is not quite in focus: a Gaussian of `deviation` pixels."""
    blurred = (np.asarray(cv2.GaussianBlur(p, (0, 0), deviation), np.float32) for p in _light(clip))
    return Clip.from_rgb(map(_coded, blurred))


def exposure(clip: Clip) -> Clip:
    """The mean of MOMENTS in-between pictures around each frame: a shutter that is open all the time."""
    return Clip.from_rgb(_coded(np.mean(moments, 0, dtype=np.float32)) for moments in between(clip, MOMENTS))


def again(clip: Clip) -> Clip:
    """The clip after its way through R'G'B' and back: what is left as the truth beside a picture that went that way."""
    return Clip.from_rgb(clip.rgb(t) for t in range(len(clip)))


def between(clip: Clip, count: int) -> Iterator[Floats]:
    """For each frame `count` (odd) moments of the time that it stands for, the frame itself in the middle.

    Moments between two frames are both, moved towards each other along DIS flow and mixed; beyond the clip's ends the
    scene stands still. Yields (count, H, W, 3), linear light.
    """
    half = count // 2
    light = _light(clip)
    now = next(light)
    earlier = [now] * half
    for t in range(len(clip)):
        following = next(light, None)
        later = [now] * half
        if following is not None:
            mixed = _mixed(now, following, clip.y[t], clip.y[t + 1], count)
            later, next_earlier = mixed[:half], mixed[half:]
        yield np.stack([*earlier, now, *later])
        if following is not None:
            now, earlier = following, next_earlier


def _mixed(a: Floats, b: Floats, y_a: Bytes, y_b: Bytes, count: int) -> list[Floats]:
    """The moments k / count, k from 1 to count - 1, of the way from picture a to b."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    h, w = y_a.shape
    there, back = (
        np.asarray(dis.calc(p, q, np.zeros((h, w, 2), np.float32)), np.float32) for p, q in ((y_a, y_b), (y_b, y_a))
    )
    xs, ys = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    at = np.dstack([xs, ys])

    def moved(picture: Floats, flow: Floats, share: float) -> Floats:
        place = at - np.float32(share) * flow
        return np.asarray(
            cv2.remap(picture, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            np.float32,
        )

    shares = [k / count for k in range(1, count)]
    return [np.float32(1 - s) * moved(a, there, s) + np.float32(s) * moved(b, back, 1 - s) for s in shares]


def _light(clip: Clip) -> Iterator[Floats]:
    """Pictures as linear light (H, W, 3)."""
    for t in range(len(clip)):
        yield np.ascontiguousarray(to_linear(clip.rgb(t)).transpose(1, 2, 0))


def _coded(light: Floats) -> Floats:
    return to_coded(np.clip(light, 0, 1).transpose(2, 0, 1))
