"""The keyboard while a job runs: q stops, as in ffmpeg."""

from __future__ import annotations

import os
import sys
import termios
import tty
from contextlib import AbstractContextManager
from typing import Any


class Keyboard(AbstractContextManager["Keyboard"]):
    """Takes single keys from the terminal; none where stdin is no terminal or we run in the background."""

    def __init__(self, wanted: bool) -> None:
        self._before: list[Any] | None = None
        self._wanted = wanted

    def __enter__(self) -> Keyboard:
        if self._wanted and sys.stdin.isatty() and _in_foreground():
            self._before = termios.tcgetattr(0)
            tty.setcbreak(0)
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()

    @property
    def descriptors(self) -> list[int]:
        """What to wait for with select."""
        return [0] if self._before is not None else []

    def asked_to_quit(self) -> bool:
        """Read what was typed; True if it was q. A terminal that is gone gives no more keys."""
        try:
            keys = os.read(0, 64)
        except OSError:
            keys = b""
        if not keys:
            self._before = None
        return b"q" in keys.lower()

    def restore(self) -> None:
        """Give the terminal back as it was."""
        before, self._before = self._before, None
        if before is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def _in_foreground() -> bool:
    """A background process that touches the terminal's settings is stopped by the kernel."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:  # a terminal, but not the one that controls us
        return False
