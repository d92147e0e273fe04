"""A fork has none of PyTorch's threads: it is told so, in place of waiting for them for ever."""

from __future__ import annotations

import os
import sys

from .errors import UsageError

_used = False  # by this process: PyTorch has begun its threads
_lost = False  # this process is a fork of one that had


def check_threads() -> None:
    """Called before PyTorch works on a picture. Raises UsageError in a fork whose parent did so, with several threads.

    The threads of OpenMP do not survive a fork, and the first operation that is divided among them never returns.
    """
    global _used
    torch = sys.modules["torch"]
    if _lost and torch.get_num_threads() > 1:
        raise UsageError(
            "this process was forked after its parent had restored or converted pictures, and has none of PyTorch's "
            'threads; start it with multiprocessing.get_context("spawn"), or call torch.set_num_threads(1) in it first'
        )
    _used = True


def _after_fork() -> None:
    global _lost
    _lost = _used


os.register_at_fork(after_in_child=_after_fork)
