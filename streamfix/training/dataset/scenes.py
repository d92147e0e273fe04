"""Scenes that restoration is measured on: they never enter a training set, by name or by likeness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from ...errors import InputError
from .archives import CLIP_SUFFIXES, STILL_SUFFIXES, pictures
from .clip_file import video_frames
from .photographs import decode, fingerprint, near

__all__ = ["TEST_SCENES", "HeldOut", "named"]

#: Patterns of the names of files and folders: test sets of the literature, which are for research only or would
#: spoil comparisons, and the clips that this project's evaluation splits off.
TEST_SCENES = (
    *(
        "Set5*",
        "Set14*",
        "BSDS*",
        "CBSD*",
        "DIV2K*",
        "Urban100*",
        "REDS",
        "REDS4*",
        "DAVIS",
        "DAVIS-*",
        "Vid4*",
        "GoPro*",
    ),
    *("*vtest*", "*cityCC0*", "*carphone*", "dnn_superres", "baboon.*", "lena.*", "lena_*", "lenna.*"),
    *("*_vehicle_test_video*", "*dashcam01*", "kb_dashcam2*", "saber_forest_road*", "canersu_highway*"),
    *("jetyey_traffic*", "intel_car-detection*", "opendatacam_frames*", "vid4_walk*"),
)

_ALIKE = 10  # bits of a fingerprint: other crops and codings of a scene too
_FRAMES_APART = 50


def named(name: str, patterns: Iterable[str]) -> bool:
    """Whether a path, or any one part of it, fits any of the patterns, in upper or lower case."""
    name = name.lower()
    candidates = (name, *name.split("/"))
    return any(fnmatch(candidate, pattern.lower()) for pattern in patterns for candidate in candidates)


class HeldOut:
    """Pictures that must not be trained on, known by their fingerprints.

    roots: files, and folders that are searched; of clips, a frame in fifty is remembered.
    Raises InputError for one that holds no picture: what it was to hold out would be trained on.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._known: dict[int, str] = {}
        for root in roots:
            found = dict(_fingerprints(root))
            if not found:
                raise InputError(f"{root}: there is no picture to hold out; check the name after --held-out")
            self._known |= found

    def like(self, print_: int) -> str | None:
        """The name of the held-out picture with nearly this fingerprint; None where there is none."""
        return next((name for known, name in self._known.items() if near(print_, known, _ALIKE)), None)


def _fingerprints(root: Path) -> Iterator[tuple[int, str]]:
    """The fingerprints of all pictures in a file or below a folder, with a name for each."""
    for path in sorted(root.rglob("*")) if root.is_dir() else [root] if root.exists() else []:
        if path.suffix.lower() in CLIP_SUFFIXES:
            for index, (y, _, _) in enumerate(video_frames(path, str(path))):
                if index % _FRAMES_APART == 0:
                    yield fingerprint(y), path.name
        elif path.suffix.lower() in STILL_SUFFIXES | {".tar"}:
            for name, data in pictures(path):
                if (picture := decode(data)) is not None:
                    yield fingerprint(picture), name or path.name
