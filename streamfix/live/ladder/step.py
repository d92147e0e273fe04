"""One rung of the ladder: a chain of filters that a stream can be restored with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...frame import Frame
from ...pipeline import Stage


@dataclass(slots=True)
class Rung:
    """name: the chain as text, "" passes pictures through.

    stage: runs it, None passes pictures through. make: makes that anew after a failure; without it the stage stays.
    """

    name: str
    stage: Stage | None = None
    make: Callable[[], Stage | None] | None = None

    @property
    def title(self) -> str:
        """The name for people."""
        return self.name or "pass-through"

    def push(self, item: Any) -> list[Any]:
        return [item] if self.stage is None else list(self.stage.push(item))

    def flush(self) -> list[Any]:
        return [] if self.stage is None else list(self.stage.flush())

    def alone(self, frame: Frame) -> list[Any]:
        """What becomes of a frame by itself; it leaves nothing behind."""
        return [*self.push(replace(frame, cut=True)), *self.flush()]

    def report(self) -> Mapping[str, float]:
        return {} if self.stage is None else self.stage.report()

    def renew(self) -> None:
        """Close the stage and make it anew, its filters and their state with it."""
        if self.make is not None:
            self.close()
            self.stage = self.make()

    def close(self) -> None:
        stage, self.stage = self.stage, None
        if stage is not None:
            stage.close()
