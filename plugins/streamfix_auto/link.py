"""One filter of the chain over one shot: its window, its state, and how much of it is taken."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from streamfix import Filter


class Link:
    """Passes frames on, through its filter as far as `share` says; always as many frames late as the filter looks ahead.

    So a link that begins in the middle of a shot has the frames to come, as the filter wants them, and the picture
    stays in its place. A filter that is not called costs nothing; called again, it begins with a new state.
    """

    def __init__(self, filter: Filter[Any]) -> None:
        self.filter = filter
        self.state: Any = None  # None while the filter is not called
        self._frames: list[Tensor] = []  # from `past` frames before the next one on
        self._at = 0  # index in _frames of the next frame

    def push(self, frame: Tensor, share: float) -> Tensor | None:
        """Take the next frame (C, H, W); give the one that is due, None while there is none.

        share: of the filter's result in what is given, 0 to 1; a filter that enlarges always takes 1.
        """
        self._frames.append(frame)
        if len(self._frames) - self._at <= self.filter.future:
            return None
        own = self._frames[self._at]
        result = own
        if share <= 0:
            self.state = None
        else:
            if self.state is None:
                self.state = self.filter.init_state()
            restored = self.filter(self._window(), [self.state])[0, 0]
            result = restored if share >= 1 else torch.lerp(own, restored.to(own.dtype), share)
        self._at += 1
        surplus = max(self._at - self.filter.past, 0)
        del self._frames[:surplus]
        self._at -= surplus
        return result

    def _window(self) -> Tensor:
        """(1, T, C, H, W) around the next frame; beyond the shot's ends its first and last frame are repeated."""
        f, last = self.filter, len(self._frames) - 1
        places = range(self._at - f.past, self._at + 1 + f.future)
        return torch.stack([self._frames[min(max(i, 0), last)] for i in places])[None]
