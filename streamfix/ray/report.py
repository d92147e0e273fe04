"""What became of each file, as JSON beside the outputs: for whoever reads it, and for a later run that goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import InputError, OutputError, UsageError
from ..jobs.segments.manifest import difference, identity_of
from ..media import durable
from ..media.redact import redact
from . import storage
from .work import Item

NAME = "streamfix-report.json"
_FORMAT = 1


@dataclass(slots=True)
class FileReport:
    """One file. state: "waiting", "begun", "done" or "failed". reason: why it failed.

    frames: restored in this run. video_s: of the output, as far as it is known. took_s: of workers, in this run, all
    tasks together. nodes: that worked on it. segments: of it, 1 for a whole file. tries: tasks that were begun.
    replaces: an output was there when it was begun. identity: of the input, by which it is known again.
    tasks: of this run: what was done ("whole", "plan", "join", or a segment's number), where, how long it took.
    """

    input: str
    output: str
    state: str = "waiting"
    reason: str | None = None
    frames: int = 0
    video_s: float = 0.0
    took_s: float = 0.0
    join_s: float = 0.0
    segments: int = 1
    tries: int = 0
    nodes: list[str] = field(default_factory=list)
    replaces: bool = False
    identity: dict[str, Any] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """A run over files. job: what they have in common. lost: workers that went, with the seconds of work lost."""

    job: dict[str, Any]
    files: list[FileReport]
    nodes: list[dict[str, Any]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    begun: str = ""
    took_s: float = 0.0

    @property
    def done(self) -> int:
        """Files that are complete, those of earlier runs among them."""
        return sum(file.state == "done" for file in self.files)

    @property
    def failed(self) -> list[FileReport]:
        """Files that could not be restored."""
        return [file for file in self.files if file.state == "failed"]

    def as_values(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        names = FileReport.__dataclass_fields__
        return {
            "format": _FORMAT,
            "streamfix": __version__,
            "begun": self.begun,
            "took_s": round(self.took_s, 3),
            "job": self.job,
            "nodes": self.nodes,
            "lost": self.lost,
            "totals": {
                "files": len(self.files),
                "done": self.done,
                "failed": len(self.failed),
                "frames": sum(file.frames for file in self.files),
                "work_s": round(sum(file.took_s for file in self.files), 3),
            },
            "files": [{name: getattr(file, name) for name in names} for file in self.files],
        }


def new(items: Sequence[Item], job: Mapping[str, Any]) -> Report:
    """A run that begins now."""
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Report(dict(job), [FileReport(redact(item.input), redact(item.output)) for item in items], begun=begun)


def identity(item: Item) -> dict[str, Any]:
    """By what an input is known again. Raises InputError if it cannot be read."""
    if not storage.is_remote(item.input):
        return identity_of(item.spec.inputs[0])
    try:
        facts = storage.filesystem(item.input).info(item.input)
    except Exception as error:
        raise InputError(f"{item.shown}: {' '.join(str(error).split())}") from error
    return {name: str(facts[name]) for name in ("size", "etag", "ETag", "mtime", "LastModified") if name in facts}


def go_on(report: Report, place: str) -> None:
    """Take over what an earlier run has done. Raises UsageError if that was another job, OutputError if it is damaged.

    What an earlier run had only begun and what failed is begun again.
    """
    known = read(place)
    if known is None:
        return
    found = difference(known.get("job", {}), report.job, "")
    if found is not None:
        where, was, now = found
        raise UsageError(
            f"-resume: {redact(place)} is of another job: {where} was {was!r}, and is {now!r}. Give the same command "
            "as then, or write into another folder"
        )
    before = {file["input"]: file for file in known["files"]}
    for file in report.files:
        old = before.get(file.input)
        if old is not None and old["state"] in ("done", "begun") and old["output"] == file.output:
            for name in ("state", "video_s", "segments", "replaces", "identity"):
                setattr(file, name, old[name])


def read(place: str) -> dict[str, Any] | None:
    """A report that was written; None if there is none. Raises OutputError if it cannot be read."""
    if not storage.exists(place):
        return None
    try:
        if storage.is_remote(place):
            text = storage.filesystem(place).cat_file(place).decode()
        else:
            text = Path(storage.local(place)).read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        _ = found["files"]
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(
            f"{redact(place)}: it is no report of an earlier run ({' '.join(str(error).split())}); remove it"
        ) from error
    return found


def write(report: Report, place: str) -> None:
    """Put a report in its place, whole. Raises OutputError."""
    data = json.dumps(report.as_values(), indent=1).encode()
    if not storage.is_remote(place):
        durable.write(Path(storage.local(place)), data)
        return
    try:
        storage.filesystem(place).pipe_file(place, data)
    except Exception as error:
        raise OutputError(f"{redact(place)}: {' '.join(str(error).split())}") from error
