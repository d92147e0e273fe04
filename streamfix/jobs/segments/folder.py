"""The work folder beside an output: what is done of it, so that a job that was killed goes on."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...boundary import Boundary
from ...errors import OutputError
from ...filters.saved import packed, unpacked
from ...media import durable
from ...media.output.packet_file import facts_of
from ...media.output.target import file_of

_MANIFEST, _LOCK, _JOINING = "manifest.json", "lock", "joining"


class FolderInUse(OutputError):
    """Another job uses the work folder just now."""


class WorkFolder:
    """`out.mp4.streamfix/`: the manifest, finished segments, and the filters' state behind the last one.

    Whatever is in it is whole: it is written under another name and put in its place once it is on the disk.

    path: of the folder. shown: the output, for messages.
    Raises OutputError if there can be no such folder, or another job uses it.
    """

    def __init__(self, url: str, shown: str) -> None:
        path = file_of(url)
        assert path is not None
        self.path = Path(os.path.realpath(path) + ".streamfix")
        self.shown = shown
        self._lock: int | None = None

    def open(self) -> None:
        """Make the folder if there is none, and keep other jobs away from it."""
        with durable.explained(self.path):
            self.path.mkdir(exist_ok=True)
            descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise FolderInUse(
                f"{self.shown}: another job is writing it just now, through {self.path}; wait until it has ended"
            ) from None
        except OSError:
            pass  # a file system without locks
        self._lock = descriptor

    def close(self) -> None:
        """Let other jobs use it. A folder in which nothing was kept goes away."""
        descriptor, self._lock = self._lock, None
        if descriptor is None:
            return
        with suppress(OSError):
            if sorted(os.listdir(self.path)) == [_LOCK]:
                (self.path / _LOCK).unlink()
                self.path.rmdir()
        os.close(descriptor)

    def manifest(self) -> dict[str, Any] | None:
        """What the job in it is; None if there is none. Raises OutputError if it cannot be read."""
        path = self.path / _MANIFEST
        if not path.exists():
            return None
        with durable.explained(path):
            text = path.read_text(encoding="utf-8")
        try:
            found: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise OutputError(
                f"{path}: it is damaged ({error}); delete the folder {self.path}, and begin anew"
            ) from error
        return found

    def begin(self, manifest: Mapping[str, Any]) -> None:
        """Begin a job in it."""
        durable.write(self.path / _MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())

    def segment(self, index: int) -> Path:
        """The place of a segment's file."""
        return self.path / f"segment-{index:06d}.packets"

    def finished(self) -> list[dict[str, Any]]:
        """What is known of the finished segments, from the first on as far as none is missing.

        Removes what a crash has left half written. Raises OutputError if a segment is damaged.
        """
        for path in [*self.path.iterdir(), *self._half_joined()]:
            if durable.is_unfinished(path) or path.parent != self.path:
                with durable.explained(path):
                    path.unlink(missing_ok=True)
        found: list[dict[str, Any]] = []
        while self.segment(len(found)).exists():
            found.append(facts_of(self.segment(len(found))))
        return found

    def joins_into(self, path: str) -> None:
        """Note the file that the segments are joined in, which has another name until it is complete."""
        durable.write(self.path / _JOINING, os.fsencode(path))

    def save(self, boundary: Boundary) -> None:
        """Keep what goes on at a boundary, which must be done before the segment in front of it is finished."""
        known = {"stages": list(boundary.states), "tail": boundary.tail, "report": boundary.report}
        durable.write(self._state(boundary.index), packed(known))

    def saved(self, index: int) -> dict[str, Any]:
        """What `save` kept for the segment `index`. Raises OutputError if there is nothing."""
        path = self._state(index)
        with durable.explained(path):
            return unpacked(path.read_bytes())

    def forget(self, index: int) -> None:
        """Remove what was kept for a segment: a later one is finished."""
        with suppress(FileNotFoundError), durable.explained(self._state(index)):
            self._state(index).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all that is ours: the output is complete. The manifest goes first: the rest without it is no job."""
        with durable.explained(self.path):
            (self.path / _MANIFEST).unlink(missing_ok=True)
            for path in self.path.iterdir():
                if path.name.startswith(("segment-", "state-", _JOINING)):
                    path.unlink()

    def _half_joined(self) -> list[Path]:
        """The file in which a run that was killed was joining segments."""
        try:
            return [Path(os.fsdecode((self.path / _JOINING).read_bytes()))]
        except OSError:
            return []

    def _state(self, index: int) -> Path:
        return self.path / f"state-{index:06d}.npz"


__all__: Sequence[str] = ("FolderInUse", "WorkFolder")
