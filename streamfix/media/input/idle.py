"""A decoder that is let go has nothing left to do.

libav frees one by waiting for its threads, and PyAV keeps Python's lock while it waits. A thread that has something to
say needs that lock while `libav_explains` listens, in any other stream of the process: then all of Python would stand.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import av


def settle(context: Any) -> None:
    """Wait, without Python's lock, until a decoder's threads are idle. context: an av.CodecContext that decodes."""
    with suppress(av.FFmpegError, ValueError):  # it was drained before, or never opened
        while context.decode(None):
            pass
