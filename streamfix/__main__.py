"""The command `streamfix`, also as `python -m streamfix`: finds the app that its first word asks for."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(words: Sequence[str] | None = None) -> int:
    """Run the app; its exit code. words: without the program's name, sys.argv unless given."""
    words = sys.argv[1:] if words is None else list(words)
    _open_standard_streams()
    try:
        if words[:1] == ["daemon"]:
            from .apps.daemon import main as daemon

            return daemon(words[1:])
        if words[:1] == ["doctor"]:
            from .apps.doctor import main as doctor

            return doctor(words[1:])
        from .apps.cli import main as cli

        return cli(words)
    except KeyboardInterrupt:  # while modules are imported; nothing has begun
        return 255


def _open_standard_streams() -> None:
    """Put /dev/null where stdin, stdout or stderr is closed: a file that is opened would get its number, and its text.

    stdout gets one that takes nothing, so that data which nobody can get is an error.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # the lowest free number, which is this one
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  # as long as the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    sys.exit(main())
