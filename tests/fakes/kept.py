"""What is still there of all that was made: objects of ours, libav's contexts, threads and files."""

from __future__ import annotations

import functools
import gc
import os
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.fakes.waiting import until

_LIBAV = ("CodecContext", "Container", "Graph")  # what ends the names of PyAV's classes that own libav's memory


class Kept:
    """Objects of these kinds that were made since, and what of the process there was at the beginning."""

    def __init__(self) -> None:
        self._made: list[weakref.ref[Any]] = []
        self._at_first = _of_the_process()

    def note(self, made: Any) -> None:
        """One more object was made."""
        self._made.append(weakref.ref(made))

    @property
    def count(self) -> int:
        """How many were made."""
        return len(self._made)

    @property
    def alive(self) -> Counter[str]:
        """How many there still are, by class."""
        return Counter(type(one).__name__ for ref in self._made if (one := ref()) is not None)

    @property
    def more(self) -> Counter[str]:
        """What the process has more of than at first: libav's contexts, threads of Python and of C, open files."""
        return _of_the_process() - self._at_first

    def are_gone(self) -> None:
        """Fails unless nothing is left. Threads of C end in their own time."""
        until(lambda: not self.alive and not self.more, f"nothing is left of {self.count} objects")


@contextmanager
def kept(patch: pytest.MonkeyPatch, *kinds: type) -> Iterator[Kept]:
    """Watch what is made inside, with Python's collector of cycles off: what only it would free counts as kept."""
    gc.collect()
    gc.disable()
    try:
        found = Kept()
        for kind in kinds:
            _watch(patch, kind, found)
        yield found
    finally:
        gc.enable()


def _watch(patch: pytest.MonkeyPatch, kind: type, found: Kept) -> None:
    real: Any = kind.__init__  # type: ignore[misc]

    @functools.wraps(real)
    def begin(self: Any, *words: Any, **options: Any) -> None:
        found.note(self)
        real(self, *words, **options)

    patch.setattr(kind, "__init__", begin)


def _of_the_process() -> Counter[str]:
    contexts = Counter(
        type(each).__name__
        for each in gc.get_objects()
        if type(each).__name__.endswith(_LIBAV) and str(type(each).__module__).startswith("av.")
    )
    return contexts + Counter(threads=len(os.listdir("/proc/self/task")), files=len(os.listdir("/proc/self/fd")))
