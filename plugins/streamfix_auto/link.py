"""One filter of the chain over one shot: its window, its state, and how much of it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from streamfix import Filter, Frame

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
        x = torch.stack([picture.picture() for picture, _ in window])
        height, width = (int(side * f.scale) for side in x.shape[-2:])
        rest: Callable[[], Tensor] = f.begin(_padded(x, f.multiple)[None], [self.state])

        def finished() -> Tensor:
            restored = rest()[0, 0, :, :height, :width]
            return restored if share >= 1 else torch.lerp(own.picture(), restored.to(x.dtype), share)

        later = Later(finished)
        if not f.two_parts:
            later.picture()  # all of its work is in the second part, what it does to its state as well
        return later


def _padded(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of x (T, C, H, W) until height and width are multiples."""
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x
