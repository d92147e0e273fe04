"""Evidence done again from the recording, and compared with its record, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...errors import InputError
from ...frame import Frame, Planes
from ...media.input.reader import Reader
from ...media.specs import InputSpec
from ...pipeline import close_all
from ..chain import Restoration
from ..job import open_reader
from . import sidecar, signature
from .arithmetic import THREADS, Fixed
from .digests import file_sha256, planes_of, planes_sha256
from .environment import machine, versions
from .job import Witnessed, settled_stage
from .witness import Testimony


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. same: as recorded; None for a remark. text: in words."""

    same: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record and its files are. inputs: the recordings. viewing: None if it is not there."""

    record: Path
    inputs: tuple[Path, ...]
    viewing: Path | None

    @property
    def working(self) -> Path:
        return self.record.parent / sidecar.WORKING_COPY


def places(path: Path, record: Mapping[str, Any], inputs: Sequence[str] = ()) -> Place:
    """Find the recordings: as told, else by their names beside the record, above it, or where one works.

    Raises InputError if one is not there.
    """
    around = [path.parent, path.absolute().parent.parent, Path()]
    if inputs and len(inputs) != len(record["inputs"]):
        raise InputError(f"{path}: it is of {len(record['inputs'])} recordings; give -i once for each, in their order")
    found = [Path(one) for one in inputs]
    for row in record["inputs"] if not inputs else ():
        there = [folder / row["name"] for folder in around if (folder / row["name"]).is_file()]
        if not there:
            raise InputError(f"{path}: the recording {row['name']} is not beside it; say where it is with -i FILE")
        same = [one for one in there if file_sha256(one) == row["sha256"]]
        found.append((same or there)[0])
    name = record["viewing_copy"]["name"]
    viewing = next((folder / name for folder in around if (folder / name).is_file()), None)
    return Place(path, tuple(found), viewing)


def verify(
    path: Path,
    inputs: Sequence[str] = (),
    told: Callable[[int, int], None] = lambda *_: None,
    look: Callable[[Testimony], None] = lambda _: None,
) -> Iterator[Finding]:
    """Look at all that the record says.

    told: called with the frames that are done, and with how many there are. look: with each that is as recorded.

    Raises InputError for what is no record, or where a recording is missing; what the run itself raises.
    """
    path = sidecar.found(path)
    record = sidecar.read(path)
    yield _signed(path)
    place = places(path, record, inputs)
    yield from _environment(record)
    recordings = list(_recordings(record, place))
    yield from recordings
    yield from _files(record, place)
    yield from _again(record, place, told, look)


def _signed(path: Path) -> Finding:
    try:
        key = signature.verified(path)
    except InputError as error:
        return Finding(False, str(error))
    if key is None:
        return Finding(None, "the record is not signed: whoever has it could have changed it")
    return Finding(True, f"the record is signed by the Ed25519 key {key}; whose that is, you have to know")


def _environment(record: Mapping[str, Any]) -> Iterator[Finding]:
    mine = versions()
    for name, was in record["versions"].items():
        if mine.get(name) != was:
            yield Finding(None, f"version of {name}: {mine.get(name, 'not installed')} here, {was} then")
    here = machine()
    for name, was in record["machine"].items():
        if here[name] != was:
            yield Finding(None, f"{name}: {_short(here[name])} here, {_short(was)} then")


def _recordings(record: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    for row, path in zip(record["inputs"], place.inputs, strict=True):
        yield _file(row, path, "the recording")


def _files(record: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    row = record["viewing_copy"]
    if place.viewing is None:
        yield Finding(None, f"the viewing copy {row['name']} is not beside the record, so it was not looked at")
    else:
        yield _file(row, place.viewing, "the viewing copy")
    for what, row in [("the working copy", record["working_copy"])] + [
        (f"the map {kind}", row) for kind, row in record["maps"].items()
    ]:
        path = place.record.parent / row["name"]
        if path.is_file():
            yield _file(row, path, what)
        else:
            yield Finding(None, f"{what} {row['name']} is not beside the record, so it was not looked at")


def _file(row: Mapping[str, Any], path: Path, what: str) -> Finding:
    got = file_sha256(path)
    if got == row["sha256"]:
        return Finding(True, f"{what} {row['name']}: sha256 {got}")
    return Finding(False, f"{what} {row['name']} has changed: sha256 is {got}, was {row['sha256']}")


def _again(
    record: Mapping[str, Any], place: Place, told: Callable[[int, int], None], look: Callable[[Testimony], None]
) -> Iterator[Finding]:
    spec = sidecar.job_of(record, [str(one) for one in place.inputs])
    rows: Sequence[Mapping[str, Any]] = record["frames"]
    with Fixed():
        chain, restoration = settled_stage(spec)
        opened: list[Any] = [] if restoration is None else [restoration]
        try:
            now = sidecar.begun(
                replace(spec, inputs=[replace(one, thread_count=THREADS) for one in spec.inputs]),
                chain,
                () if restoration is None else restoration.filters,
                [row["sha256"] for row in record["inputs"]],
            )
            yield from _steps(record["steps"], now["steps"])
            reader = open_reader(spec, restoration)
            opened.append(reader)
            copy = frames_of(place.working) if place.working.is_file() else None
            with nullcontext() if copy is None else closing(copy):
                yield _compared(reader, restoration, rows, copy, told, look)
        finally:
            close_all(opened)


def _steps(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for was, is_ in zip(then, now, strict=True):
        for name, value in was.get("weights", {}).items():
            got = is_["weights"].get(name)
            if got != value:
                yield Finding(False, f"{was['filter']}: its {name} are {got} here, {value} then")
        if was.get("weights") and was["weights"] == is_["weights"]:
            yield Finding(True, f"{was['filter']}: the weights are those of then")


def _compared(
    reader: Reader,
    restoration: Restoration | None,
    rows: Sequence[Mapping[str, Any]],
    copy: Iterator[Frame] | None,
    told: Callable[[int, int], None],
    look: Callable[[Testimony], None],
) -> Finding:
    """Run to the end, or to the first frame that differs."""
    count = 0
    for of in testimonies(reader, restoration):
        if count == len(rows):
            return Finding(False, f"frame {count}: the record has {len(rows)} frames, the recording more")
        kept = None if copy is None else next(copy, None)
        text = _difference(rows[count], of, kept, copy is not None)
        if text is not None:
            return Finding(False, f"frame {count}, at {of.frame.time_s:.3f} s, is the first that differs: {text}")
        look(of)
        count += 1
        told(count, len(rows))
    if count < len(rows):
        return Finding(False, f"frame {count}: it is missing, the record has {len(rows)} frames")
    beside = ", and so is the working copy" if copy is not None else ""
    return Finding(True, f"all {count} frames were made again, each the same{beside}")


def testimonies(reader: Reader, restoration: Restoration | None) -> Iterator[Testimony]:
    """Each frame of a recording, restored."""
    found: list[Testimony] = []
    chain = Witnessed(restoration, tell=found.append)
    for item in reader:
        for _ in chain.push(item):
            yield from _taken(found)
    for _ in chain.flush():
        yield from _taken(found)
    yield from _taken(found)


def _taken(found: list[Testimony]) -> Iterator[Testimony]:
    while found:
        yield found.pop(0)


def _difference(row: Mapping[str, Any], of: Testimony, kept: Frame | None, has_copy: bool) -> str | None:
    """In what a frame differs from its row of the record, None if in nothing."""
    now = of.row
    for name, what in (("pts", "its time"), ("time_base", "its time base"), ("damaged", "whether it is damaged")):
        if now[name] != row[name]:
            return f"{what} is {now[name]}, was {row[name]}"
    if now["input_sha256"] != row["input_sha256"]:
        return f"the decoded picture's sha256 is {now['input_sha256']}, was {row['input_sha256']}"
    planes = None if kept is None else planes_of(kept)
    if now["output_sha256"] != row["output_sha256"]:
        apart = _apart(planes, of.after)
        return f"the restored picture's sha256 is {now['output_sha256']}, was {row['output_sha256']}{apart}"
    for name in sorted(set(row) - {"number"}):
        if now.get(name) != row[name]:
            return f"{name} is {now.get(name)}, was {row[name]}"
    if has_copy and (planes is None or planes_sha256(planes) != row["output_sha256"]):
        return "the working copy shows another picture" if planes is not None else "the working copy ends before it"
    return None


def _apart(kept: Planes | None, now: Planes) -> str:
    """How far a picture lies from the one in the working copy."""
    if kept is None or kept.format != now.format or (kept.width, kept.height) != (now.width, now.height):
        return ""
    moved = np.asarray(cv2.absdiff(kept.data[0], now.data[0]))
    if not moved.any():
        return "; its luma is that of the working copy"
    y, x = np.unravel_index(int(np.argmax(moved)), moved.shape)
    return (
        f"; its luma lies up to {int(moved.max())} codes from the working copy's, most at x={x}, y={y}, and "
        f"{np.count_nonzero(moved) / moved.size:.2%} of it differ"
    )


def frames_of(path: Path) -> Generator[Frame, None, None]:
    """The pictures of a working copy, to be closed."""
    reader = Reader([InputSpec(str(path), thread_count=THREADS)], (), audio=False, subtitles=False, data=False)
    try:
        for item in reader:
            if isinstance(item, Frame):
                yield item
    finally:
        reader.close()


def _short(value: object) -> str:
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return text if len(text) <= 160 else f"{text[:157]}..."
