"""A made-up camera: a street with houses, a lorry now and then, noise, and whatever is done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from streamfix.health import HEIGHT, WIDTH, Change, Examiner, Sight

Luma = NDArray[np.uint8]
Doing = Callable[[Luma], Luma]


def street(seed: int = 0) -> Luma:
    """Houses with windows before a sky."""
    random = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH), 170, np.uint8)
    picture[HEIGHT * 2 // 3 :] = 90
    for left in range(0, WIDTH, 40):
        top, tone = int(random.integers(15, 60)), int(random.integers(60, 150))
        picture[top : HEIGHT * 3 // 4, left : left + 36] = tone
        for row in range(top + 6, HEIGHT * 3 // 4 - 10, 18):
            for column in range(left + 4, left + 30, 11):
                picture[row : row + 9, column : column + 6] = int(random.integers(10, 230))
    for column in range(0, WIDTH, 25):
        picture[165:169, column : column + 12] = 220
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.6), np.uint8)


class Street:
    """The camera's pictures, one after the other. noise: codes."""

    def __init__(self, noise: float = 3.0, seed: int = 0) -> None:
        self._scene = street(seed)
        random = np.random.default_rng(seed)
        self._grain = np.rint(random.normal(0, noise, (8, HEIGHT, WIDTH))).astype(np.int16)
        self._count = 0

    def picture(self, light: float = 1.0, doing: Doing | None = None) -> Luma:
        """The next one. light: on the scene. doing: what is done to it, before the sensor's noise."""
        scene = self._scene.copy()
        at = self._count * 7 % (3 * WIDTH) - 60
        scene[130:160, max(0, at) : max(0, at + 60)] = 40
        scene = np.clip(scene * light, 0, 255).astype(np.uint8)
        scene = scene if doing is None else doing(scene)
        self._count += 1
        return np.asarray(np.clip(scene + self._grain[self._count % 8], 0, 255), np.uint8)

    @property
    def count(self) -> int:
        """Of pictures so far: each has another digest."""
        return self._count


def watch(
    examiner: Examiner, camera: Street, times: Iterator[float] | range, *, grey: bool = False, **how: object
) -> list[tuple[float, Change]]:
    """Show a camera's pictures at these times, in seconds; what was told, and when."""
    told = []
    for at_s in times:
        luma = camera.picture(**how)  # type: ignore[arg-type]
        told += [(at_s, change) for change in examiner.see(Sight(luma, grey, camera.count), at_s)]
    return told


def begun(told: list[tuple[float, Change]]) -> list[tuple[float, str]]:
    """Which faults began, and when."""
    return [(at_s, change.fault.kind) for at_s, change in told if change.begins]
