"""The command `streamfix`, also as `python -m streamfix`: finds the app that its first word asks for."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(words: Sequence[str] | None = None) -> int:
    """Run the app; its exit code. words: without the program's name, sys.argv unless given."""
    words = sys.argv[1:] if words is None else list(words)
    if words[:1] == ["daemon"]:
        from .apps.daemon import main as daemon

        return daemon(words[1:])
    from .apps.cli import main as cli

    return cli(words)


if __name__ == "__main__":
    sys.exit(main())
