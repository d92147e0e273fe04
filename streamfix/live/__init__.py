"""What live video needs beyond a file's pipeline: reconnecting, a latency budget, a ladder of lighter filters.

policy: what a user asks for. health: a stream's state and counts, which its parts write. camera: a source that may go
away and come back. ladder: filters under a latency budget. outputs: several outputs that do not disturb each other.
camera, ladder and outputs do not import each other.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

__all__: list[str] = []


class _Called(ModuleType):
    """This package, which bears the name of the function `streamfix.live` and so is called as such."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from ..live_video import live

        return live(*args, **options)


sys.modules[__name__].__class__ = _Called
