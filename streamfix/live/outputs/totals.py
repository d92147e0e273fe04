"""What an output has written, over all the writers that it had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class WriterLike(Protocol):
    """What an outlet needs of `media.writer.Writer`."""

    @property
    def frames_written(self) -> int: ...

    @property
    def position_s(self) -> float: ...

    @property
    def enough(self) -> bool: ...

    @property
    def settled(self) -> bool: ...

    @property
    def bytes_written(self) -> int: ...

    @property
    def duplicated(self) -> int: ...

    @property
    def dropped(self) -> int: ...

    @property
    def video_codec(self) -> str: ...

    def push(self, item: Any) -> Any: ...

    def flush(self) -> Any: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Totals:
    """position_s: seconds that were written. duplicated, dropped: frames, by -r."""

    frames: int = 0
    bytes: int = 0
    position_s: float = 0.0
    duplicated: int = 0
    dropped: int = 0

    def plus(self, writer: WriterLike | None) -> Totals:
        """With what a writer has done so far."""
        if writer is None:
            return self
        return Totals(
            self.frames + writer.frames_written,
            self.bytes + writer.bytes_written,
            self.position_s + writer.position_s,
            self.duplicated + writer.duplicated,
            self.dropped + writer.dropped,
        )
