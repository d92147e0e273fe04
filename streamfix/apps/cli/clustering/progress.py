"""How far a cluster's work is: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..values import format_clock

if TYPE_CHECKING:
    from ....ray.restoring import Progress

_LINE_EVERY_S = 10.0


@contextmanager
def view(wanted: bool) -> Iterator[Callable[[Progress], None]]:
    """What shows progress while the block lasts."""
    if not wanted:
        yield lambda _progress: None
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _bar() as show:
            yield show
    else:
        yield _Lines().show


class _Lines:
    def __init__(self) -> None:
        self._last_s = -_LINE_EVERY_S
        self._ended = 0

    def show(self, progress: Progress) -> None:
        now_s, ended = time.monotonic(), progress.done + progress.failed
        if now_s - self._last_s >= _LINE_EVERY_S or ended != self._ended:
            self._last_s, self._ended = now_s, ended
            sys.stderr.write(words(progress) + "\n")
            sys.stderr.flush()


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as RichProgress

    columns = BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.fields[text]}")
    with RichProgress(*columns, console=Console(stderr=True), auto_refresh=False, redirect_stdout=False) as rich:
        task = rich.add_task("", total=1.0, text="")
        yield lambda p: rich.update(task, completed=p.part, text=words(p), refresh=True)


def words(p: Progress) -> str:
    """Progress in one line."""
    parts = [f"{p.done}/{p.files} files", f"{p.frames} frames", f"{p.frames / max(p.elapsed_s, 1e-3):.1f} fps"]
    parts += [f"{p.failed} failed"] if p.failed else []
    parts += [f"{p.workers} worker{'s' * (p.workers != 1)}"]
    parts += [f"{p.lost} lost"] if p.lost else []
    if 0.02 < p.part < 1:
        parts.append(f"{format_clock(p.elapsed_s * (1 - p.part) / p.part, 0).removesuffix('.0')} left")
    return "  ".join(parts)
