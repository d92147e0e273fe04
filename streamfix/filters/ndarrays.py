"""Pictures as NumPy arrays, see `handling`. torch is loaded for other layouts, and for pictures that are tensors."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..frame import Frame, Layout, scaled
from ..yuv420 import ArrayPicture, seen

Array = NDArray[Any]


class NDArrays:
    noun = "NumPy array"

    def in_layout(self, frame: Frame, layout: Layout) -> Frame:
        old = frame.picture
        if layout != "yuv420" or hasattr(old, "tensor"):
            from .tensors import Tensors

            return Tensors("cpu").in_layout(frame, layout)
        return frame.with_picture(seen(old, frame.color))

    def window(self, frames: Sequence[Frame], layout: Layout) -> Array:
        arrays = [_array(frame, layout) for frame in frames]
        return (arrays[0][None] if len(arrays) == 1 else np.stack(arrays))[None]

    def padded(self, x: Array, multiple: int) -> Array:
        bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
        if not (bottom or right):
            return x
        return np.pad(x, (*[(0, 0)] * (x.ndim - 2), (0, bottom), (0, right)), "edge")

    def calling(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def is_floating(self, result: Any) -> bool | None:
        return bool(np.issubdtype(result.dtype, np.floating)) if isinstance(result, np.ndarray) else None

    def is_finite(self, pictures: Array) -> bool:
        # One reduction tells: a sum with one of them is one of them. Half precision could overflow by itself.
        with np.errstate(invalid="ignore", over="ignore"):
            return bool(np.isfinite(pictures.sum(dtype=np.float32))) or bool(np.isfinite(pictures).all())

    def frame(self, frame: Frame, picture: Array, layout: Layout, scale: int | Fraction) -> Frame:
        old = frame.picture
        if layout != "yuv420" or hasattr(old, "tensor"):
            import torch

            from ..layout import from_tensor

            return from_tensor(frame, torch.from_numpy(np.asarray(picture, np.float32)), layout, scale)
        width, height = scaled(old.width, scale), scaled(old.height, scale)
        # An odd size times an even scale leaves one packed row or column too many.
        array = np.asarray(picture[:, : -(-height // 2), : -(-width // 2)], np.float32)
        finer = old.finer if isinstance(old, ArrayPicture) and scale == 1 else None
        return frame.with_picture(ArrayPicture(array, old.format, width, height, finer))

    def is_memory_error(self, error: Exception) -> bool:
        return isinstance(error, MemoryError)


def _array(frame: Frame, layout: Layout) -> Array:
    if layout == "yuv420" and isinstance(frame.picture, ArrayPicture):
        return frame.picture.array
    from ..layout import to_layout

    return np.asarray(to_layout(frame, layout).numpy())
