"""The record of what was covered: JSON Lines, never a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import IO

from ...errors import OutputError
from .coat import Coat


class Audit:
    """Appends one line a frame to a file; an earlier run's lines stay.

    frame: counts from 0 since the input was opened. pts, time_s: as the input has them. covered: share of the picture,
    0 to 1. masks: each one's source, name, mode and area.
    Raises OutputError if the file cannot be written: a mask that is to be on record is not shown without one.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._frames = 0

    def write(self, pts: int | None, time_base: Fraction | None, covered: float, coats: Sequence[Coat]) -> None:
        """Note a frame."""
        at_s = None if pts is None or not time_base else round(float(pts * time_base), 6)
        line = {
            "frame": self._frames,
            "pts": pts,
            "time_s": at_s,
            "covered": round(covered, 6),
            "masks": [
                {"source": "zone", "name": c.zone.name, "mode": c.zone.mode, "area": round(c.area, 6)} for c in coats
            ],
        }
        self._frames += 1
        try:
            if self._file is None:
                self._file = open(self._path, "a", buffering=1, encoding="utf-8")  # noqa: SIM115  # closed by close()
            self._file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise OutputError(
                f"privacy=audit={self._path}: it cannot be written: {error.strerror}; make room or name another file"
            ) from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
