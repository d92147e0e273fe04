"""One good picture made of many frames: registered, averaged, and back-projected onto a finer grid.

region: where. frames: what is read. registration: where the region lies in each frame. choice: which frames are taken.
sensor, backprojection: the model of the recording, and its inversion. deblur: Wiener's filter for a told kernel. doubt:
how sure it is. making: all of it, `stack`. pictures, sidecar: what is written of a result.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ..lazy import lazy_names

__all__ = ["Kernel", "Region", "Stacked", "StackedFrame", "sidecar", "strip"]


class _Called(ModuleType):
    """This package, which bears the name of the function `streamfix.stack` and so is called as such."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from .making import stack

        return stack(*args, **options)


sys.modules[__name__].__class__ = _Called

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Kernel": "deblur",
        "Region": "region",
        "Stacked": "stacked",
        "StackedFrame": "stacked",
        "sidecar": "sidecar",
        "strip": "pictures",
    },
)
