"""A dataset: one uncompressed tar of stills and clips, read by name, checked against its manifest."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import numpy.typing as npt

from ...errors import InputError, UsageError
from .clip_file import ClipPlanes, decode_clip
from .manifest import Entry, manifest_path, read_manifest

__all__ = ["ClipPlanes", "Dataset", "Material"]


@dataclass(frozen=True)
class Material:
    """What samples are made from: a dataset decoded in memory.

    stills: by name, uint8 (H, W, 3) R'G'B' in full range. clips: by name, 8-bit 4:2:0 planes in limited range.
    """

    stills: dict[str, npt.NDArray[np.uint8]]
    clips: dict[str, ClipPlanes]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(a.nbytes for a in self.stills.values()) + sum(c.nbytes for c in self.clips.values())


class Dataset:
    """Stills and clips of the tar at `path`, whose manifest lies beside it (set.tar, set.tsv).

    split: the rows of that split only, `train` or `val`; None for all. Every member's SHA-256 is checked at once.
    Raises InputError where a file is missing or a member is absent, unlisted or changed; UsageError where the split has
    no row.
    """

    def __init__(self, path: str | Path, split: str | None = None) -> None:
        self.path = Path(path)
        entries = read_manifest(manifest_path(self.path))
        self._offsets = self._check(entries)
        chosen = [entry for entry in entries if split in (None, entry.split)]
        if not chosen:
            known = ", ".join(sorted({entry.split for entry in entries})) or "none"
            raise UsageError(f"{self.path}: no member of split {split!r}; it has: {known}")
        self._stills = {PurePosixPath(e.file).stem: e for e in chosen if e.file.startswith("stills/")}
        self._clips = {PurePosixPath(e.file).stem: e for e in chosen if e.file.startswith("clips/")}

    @property
    def stills(self) -> tuple[str, ...]:
        """Names of the stills, in the manifest's order."""
        return tuple(self._stills)

    @property
    def clips(self) -> tuple[str, ...]:
        """Names of the clips, in the manifest's order."""
        return tuple(self._clips)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The manifest's rows of these stills and clips."""
        return (*self._stills.values(), *self._clips.values())

    def still(self, name: str) -> npt.NDArray[np.uint8]:
        """The still as uint8 (H, W, 3) R'G'B' in full range, H and W even."""
        entry = self._entry(self._stills, name, "still")
        picture = cv2.imdecode(np.frombuffer(self._read(entry), np.uint8), cv2.IMREAD_COLOR_RGB)
        if picture is None:
            raise InputError(f"{self.path}: {entry.file} is not a picture that OpenCV reads; make the dataset again")
        return picture.astype(np.uint8, copy=False)

    def clip(self, name: str) -> ClipPlanes:
        """The clip as 8-bit 4:2:0 planes in limited range."""
        entry = self._entry(self._clips, name, "clip")
        return decode_clip(self._read(entry), f"{self.path}: {entry.file}")

    def decoded_bytes(self) -> int:
        """Bytes that `load` takes: 3 a pixel of a still, 1.5 a pixel of a clip's frame."""
        stills = sum(3 * e.width * e.height for e in self._stills.values())
        return stills + sum(e.width * e.height * 3 // 2 * e.frames for e in self._clips.values())

    def load(self, limit_bytes: int = 4 << 30) -> Material:
        """All stills and clips decoded, once. Raises UsageError where they would take more than `limit_bytes`."""
        need = self.decoded_bytes()
        if need > limit_bytes:
            raise UsageError(
                f"{self.path}: {need / 2**20:.0f} MiB decoded, over the limit of {limit_bytes / 2**20:.0f} MiB; raise "
                "the limit, or make a smaller dataset (streamfix train data --max-bytes)"
            )
        return Material({n: self.still(n) for n in self.stills}, {n: self.clip(n) for n in self.clips})

    def _entry(self, entries: dict[str, Entry], name: str, kind: str) -> Entry:
        if name not in entries:
            raise UsageError(f"{self.path}: no {kind} named {name!r}; it has {len(entries)}: {', '.join(entries)}")
        return entries[name]

    def _read(self, entry: Entry) -> bytes:
        with self.path.open("rb") as file:  # opened at each read: loader processes share no position
            file.seek(self._offsets[entry.file])
            return file.read(entry.bytes)

    def _check(self, entries: list[Entry]) -> dict[str, int]:
        """Check the members against the manifest; return by name where each one's bytes begin in the tar."""
        remedy = "copy the tar and its manifest again, or make the dataset again with: streamfix train data"
        try:
            with tarfile.open(self.path, "r:") as tar:
                members = {m.name: m for m in tar.getmembers() if m.isfile()}
        except (OSError, tarfile.TarError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{self.path}: {why}; {remedy}") from error
        if extra := members.keys() - {entry.file for entry in entries}:
            raise InputError(f"{self.path}: {min(extra)} is not in {manifest_path(self.path)}; {remedy}")
        offsets = {}
        with self.path.open("rb") as file:
            for entry in entries:
                if entry.file not in members:
                    raise InputError(f"{self.path}: {entry.file} is missing; {remedy}")
                offsets[entry.file] = members[entry.file].offset_data
                file.seek(offsets[entry.file])
                got = hashlib.sha256(file.read(members[entry.file].size)).hexdigest()
                if got != entry.sha256:
                    raise InputError(f"{self.path}: {entry.file}: got SHA-256 {got}, want {entry.sha256}; {remedy}")
        return offsets
