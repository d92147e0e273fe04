"""Encodes and muxes: the last stage of a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..pipeline import Stage
from .reader import Reader
from .specs import OutputSpec

__all__ = ["OutputSpec", "Writer"]


class Writer(Stage):
    """Writes frames and packets to one output.

    reader: where the frames come from; its streams, chapters and metadata are taken over.
    on_enough: called once, from the writer's thread, when -t, -to or -frames is reached
    and the source may be stopped; what still arrives is dropped.

    Raises OutputError or UsageError when the request cannot be met; nothing has been written then.
    """

    name = "encode"

    def __init__(self, spec: OutputSpec, reader: Reader, *, on_enough: Callable[[], None] | None = None) -> None:
        self.frames_written: int = 0
        self.bytes_written: int = 0
        self.position_s: float = 0.0
        self.duplicated: int = 0
        self.dropped: int = 0
        self.finished_early: bool = False
        raise NotImplementedError

    def push(self, item: Any) -> Iterable[Any]:
        raise NotImplementedError

    def flush(self) -> Iterable[Any]:
        raise NotImplementedError

    def close(self) -> None:
        """Finalise what is written; called once, also after an error."""
