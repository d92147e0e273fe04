"""One filter of the chain over one shot: its window, its state, and how much of it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from streamfix import Filter, Frame
from streamfix.models import array_library

from .later import Later


class Link:
    """Passes frames on, through its filter as far as `share` says, and always as late as the filter looks ahead.

    So a link that begins in the middle of a shot has the frames to come, as the filter wants them, and the picture
    stays in its place. A filter that is not called costs nothing; called again, it begins with a new state.
    """

    def __init__(self, filter: Filter[Any]) -> None:
        self.filter = filter
        self.state: Any = None  # None while the filter is not called
        self._frames: list[tuple[Later, Frame | None]] = []  # from `past` frames before the next one on
        self._at = 0  # index in _frames of the next frame

    def push(self, picture: Later, frame: Frame | None, share: float) -> tuple[Later, Frame | None] | None:
        """Take the next frame's picture; give the one that is due, None while there is none.

        The first part of the filter's work is done then; the second when the picture is wanted.
        frame: what else is known of it, None if nothing is.
        share: of the filter's result in what is given, 0 to 1; a filter that enlarges always takes 1.
        """
        self._frames.append((picture, frame))
        if len(self._frames) - self._at <= self.filter.future:
            return None
        own, known = self._frames[self._at]
        result = own
        if share <= 0:
            self.state = None
        else:
            if self.state is None:
                self.state = self.filter.init_state()
            result = self._begun(own, share)
        self._at += 1
        surplus = max(self._at - self.filter.past, 0)
        del self._frames[:surplus]
        self._at -= surplus
        return result, known

    def _begun(self, own: Later, share: float) -> Later:
        """The filter's result for the next frame. Beyond the shot's ends its first and last frame are repeated."""
        f, last = self.filter, len(self._frames) - 1
        window = [self._frames[min(max(i, 0), last)] for i in range(self._at - f.past, self._at + 1 + f.future)]
        known = [frame for _, frame in window if frame is not None]
        if len(known) == len(window):
            f.tell(self.state, known)
        pictures = [picture.picture() for picture, _ in window]
        x = array_library(pictures[0]).stack(pictures)
        height, width = (int(side * f.scale) for side in x.shape[-2:])
        rest = begun(f, _padded(x, f.multiple)[None], self.state)

        def finished() -> Any:
            restored = rest()[0, 0, :, :height, :width]
            if share >= 1:
                return restored
            recorded = own.picture()
            return recorded + share * (restored - recorded)

        later = Later(finished)
        if not f.two_parts:
            later.picture()  # all of its work is in the second part, what it does to its state as well
        return later


def begun(filter: Filter[Any], x: Any, state: Any) -> Callable[[], Any]:
    """`Filter.begin` for x of either kind, whichever the filter computes with; what it gives is of x's kind."""
    is_array = isinstance(x, np.ndarray)
    if is_array == (filter.arrays == "numpy"):
        return filter.begin(x, [state])
    import torch

    if is_array:
        rest = filter.begin(torch.from_numpy(x), [state])
        return lambda: rest().numpy()
    rest = filter.begin(x.detach().float().cpu().numpy(), [state])
    return lambda: torch.from_numpy(rest()).to(x)


def _padded(x: Any, multiple: int) -> Any:
    """Repeat the last row and column of x (T, C, H, W) until height and width are multiples."""
    height, width = x.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if bottom:
        x = x[:, :, [*range(height), *[height - 1] * bottom]]
    if right:
        x = x[..., [*range(width), *[width - 1] * right]]
    return x
