"""The daemon: many live streams in one process, configured by a file, shown and changed over HTTP."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ...errors import StreamfixError

_NEEDED = ("fastapi", "prometheus_client", "pydantic", "tomlkit", "uvicorn")


def main(words: Sequence[str] | None = None) -> int:
    """Run `streamfix daemon`; its exit code. words: without the program's name and the word `daemon`."""
    try:
        from .service import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        sys.stderr.write(f'streamfix: the daemon needs {error.name}: pip install "streamfix[daemon]"\n')
        return 1
    try:
        return run(sys.argv[2:] if words is None else words)
    except SystemExit as stop:  # argparse has said why; its own code for wrong usage is 2
        return 1 if stop.code else 0
    except StreamfixError as error:
        sys.stderr.write(f"streamfix: {error}\n")
        return 1
