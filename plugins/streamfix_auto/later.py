"""A picture that may still be in the making."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Later:
    """A picture by what makes it, which runs once: when somebody wants the picture first, in that thread."""

    def __init__(self, make: Callable[[], Any] | None, picture: Any | None = None) -> None:
        self._make, self._picture = make, picture
        self._making = threading.Lock()

    def picture(self) -> Any:
        """(C, H, W), a NumPy array or a tensor. Waits where another thread is making it."""
        with self._making:
            if self._picture is None:
                assert self._make is not None
                self._picture, self._make = self._make(), None
            return self._picture


def now(picture: Any) -> Later:
    """A picture that is there already."""
    return Later(None, picture)
