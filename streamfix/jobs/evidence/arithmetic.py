"""How evidence computes: on the CPU, each call in one thread, in float32.

Networks divide their sums among threads, and a sum in another order has other last bits; and which precision is the
fastest depends on how many cores there are. With one thread and one precision neither matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import cv2

from ... import cores

THREADS = 1
DEVICE = "cpu"
PRECISION = "fp32"

#: What stands in the record.
FIXED: Mapping[str, Any] = MappingProxyType(
    {"device": DEVICE, "precision": PRECISION, "threads": THREADS, "decoder_threads": THREADS}
)


class Fixed:
    """From `begin` to `end` the whole process computes so."""

    def __init__(self) -> None:
        self._before: int | None = None

    def begin(self) -> None:
        self._before = cv2.getNumThreads()
        cv2.setNumThreads(THREADS)
        cores.share(THREADS)

    def end(self) -> None:
        """As it was. May be called again."""
        if self._before is not None:
            cores.share(None)
            cv2.setNumThreads(self._before)
            self._before = None

    def __enter__(self) -> None:
        self.begin()

    def __exit__(self, *_: object) -> None:
        self.end()
