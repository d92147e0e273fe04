"""The C library's heap: streams that come and go must not leave it in pieces.

glibc gives threads heaps of their own, eight for each core. Each keeps what its streams have freed, for the next thread
that happens to get it: a daemon whose streams were restarted grew by a quarter of a megabyte each time.
"""

from __future__ import annotations

import ctypes
from functools import cache

from ..load.admission import cores

_M_ARENA_MAX = -8  # malloc.h


def limit_heaps() -> None:
    """Let there be one heap a core. For the whole process, before it has many threads; without glibc, does nothing."""
    call = getattr(_c_library(), "mallopt", None)
    if call is not None:
        call(_M_ARENA_MAX, max(2, round(cores())))


def give_back() -> None:
    """Give the system what is free in the heaps, some milliseconds' work; without glibc, does nothing."""
    call = getattr(_c_library(), "malloc_trim", None)
    if call is not None:
        call(ctypes.c_size_t(0))


@cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)
