"""Python's own scheduling, as live streams need it."""

from __future__ import annotations

import sys

SWITCH_INTERVAL_S = 0.0005


def share_interpreter() -> None:
    """Let a thread of Python wait for another one half a millisecond at most, not five.

    Every call into a codec, OpenCV or NumPy ends with a wait for the interpreter. With eight streams in a process a
    frame that took 3 ms of a processor spent 40 to 60 ms in such waits. For the whole process: for programs to call,
    not for a library.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
