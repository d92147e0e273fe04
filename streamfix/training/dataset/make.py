"""Makes a dataset from folders and packages: finds photographs and clips, cleans them, leaves out what is of no use."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError, UsageError
from .archives import CLIP_SUFFIXES, pictures
from .collector import Collector
from .download import fetch_all
from .licences import UNKNOWN, Folder, LicenceTable, read_folder
from .manifest import Entry
from .packages import PACKAGES, Package
from .scenes import TEST_SCENES, HeldOut, named
from .writer import write_dataset

__all__ = ["make_dataset"]

log = logging.getLogger("streamfix.training")


@dataclass(frozen=True)
class _Origin:
    """A file to look into. name: within its folder or package; terms: (source, licence) of it or of a member, None
    where it may not be used; wanted: whether the package's table wants a name."""

    path: Path
    name: str
    terms: Callable[[str], tuple[str, str] | None]
    wanted: Callable[[str], bool] = lambda name: True


def make_dataset(
    data: Sequence[Path],
    out: Path,
    *,
    registries: bool = False,
    packages: Sequence[Package] = PACKAGES,
    exclude: Sequence[str] = (),
    held_out: Sequence[Path] = (),
    validation: Sequence[str] = (),
    max_bytes: int = 60 << 20,
    max_pixels: int = 3_200_000,
    clip_frames: int = 240,
    clip_places: int = 4,
    cache: Path | None = None,
    keep_going: bool = False,
) -> list[Entry]:
    """Write the dataset `out` and its manifest; return the manifest's rows.

    data: folders, searched to all depths, and single files; a MANIFEST.tsv in a folder names sources and licences, and
    what it calls `none stated` is left out. registries: download `packages` too, into the folder `cache`, or into
    one that is deleted afterwards. exclude: patterns of names beyond scenes.TEST_SCENES; held_out: files and folders
    whose scenes are kept out by likeness, whatever their names. validation: patterns of names for the split `val`.
    clip_frames, clip_places: frames taken from each clip, and from how many places in it.

    Raises UsageError where nothing is left, InputError and DecodeError where something cannot be read or downloaded
    (with keep_going that is logged and left out), OutputError where the set cannot be written.
    """
    barred = (*TEST_SCENES, *exclude)
    collector = Collector(HeldOut(held_out), max_pixels, validation, clip_frames, clip_places)
    with tempfile.TemporaryDirectory(prefix="streamfix-data-") as temporary:
        origins = _in_folders(data, barred)
        if registries:
            fetched = fetch_all(cache or Path(temporary), packages, keep_going)
            origins = _chain(origins, (_in_package(*one) for one in fetched))
        for origin in origins:
            try:
                _look_into(origin, collector, barred)
            except InputError as error:  # a DecodeError is one
                if not keep_going:
                    raise
                log.warning("%s", error)
    if not collector.stills and not collector.clips:
        raise UsageError("no photograph and no clip found; name other folders with --data, or add --registries")
    return write_dataset(out, collector.stills, collector.clips, max_bytes=max_bytes, max_pixels=max_pixels)


def _look_into(origin: _Origin, collector: Collector, barred: Sequence[str]) -> None:
    if origin.path.suffix.lower() in CLIP_SUFFIXES:
        if terms := _terms(origin, origin.name, barred):
            collector.add_clip(origin.name, origin.path, *terms)
    elif not named(origin.name, barred):
        for inner, data in pictures(origin.path):
            name = f"{origin.name}/{inner}" if inner else origin.name
            if terms := _terms(origin, name, barred):
                collector.add_still(name, data, *terms)


def _terms(origin: _Origin, name: str, barred: Sequence[str]) -> tuple[str, str] | None:
    """(source, licence) of a picture or clip; None where it is left out, and the log says why."""
    if not origin.wanted(name):
        return None
    if named(name, barred):
        log.info("%s: left out: excluded by its name", name)
        return None
    terms = origin.terms(name)
    if terms is None:
        log.info("%s: left out: its licence is not stated", name)
    return terms


def _in_folders(data: Iterable[Path], barred: Sequence[str]) -> Iterator[_Origin]:
    for root in data:
        if not root.exists():
            raise InputError(f"{root}: no such file or folder; check --data")
        if named(root.resolve().name, barred):
            log.info("%s: left out: excluded by its name", root)
            continue
        tables = {root: read_folder(root)}
        for path in _files(root):
            table = _table_of(path.parent, root, tables)
            name = path.relative_to(root).as_posix() if root.is_dir() else path.name
            yield _Origin(path, name, _terms_in(table, path))


def _table_of(folder: Path, root: Path, known: dict[Path, Folder]) -> Folder:
    """The table of the nearest folder, up to the root. known: tables read so far, by folder."""
    if folder not in known and root in folder.parents:
        own = (folder / "MANIFEST.tsv").is_file()
        known[folder] = read_folder(folder) if own else _table_of(folder.parent, root, known)
    return known.get(folder, known[root])


def _terms_in(table: Folder, path: Path) -> Callable[[str], tuple[str, str] | None]:
    source, licence = table.of(path)
    unusable = bool(table.rows) and licence == UNKNOWN  # the table is there and does not state it
    return lambda name: None if unusable else (source, licence)


def _in_package(package: Package, root: Path, licences: LicenceTable) -> Iterator[_Origin]:
    def terms(name: str) -> tuple[str, str]:
        return f"{package.registry}:{package.name}/{name}", licences.of(
            name.removeprefix(f"usr/share/doc/{package.name}/")
        )

    for path in _files(root):
        yield _Origin(
            path,
            path.relative_to(root).as_posix(),
            terms,
            lambda name: named(name, package.only) and not named(name, package.never),
        )


def _chain(first: Iterator[_Origin], rest: Iterable[Iterator[_Origin]]) -> Iterator[_Origin]:
    yield from first
    for one in rest:
        yield from one


def _files(root: Path) -> list[Path]:
    """Files in the order of their names, without links: those name the same pictures again."""
    if root.is_file():
        return [root]
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
