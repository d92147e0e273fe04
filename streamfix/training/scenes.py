"""Scenes that restoration is measured on: they never enter a training set, by name or by likeness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from .clipfile import video_frames
from .containers import CLIP_SUFFIXES, STILL_SUFFIXES, pictures
from .photographs import decode, fingerprint, near

__all__ = ["TEST_SCENES", "HeldOut", "named"]

#: Patterns of file names: test sets of the literature, and the clips that this project's evaluation splits off.
TEST_SCENES = (
    *("*Set5*", "*Set14*", "*BSD*", "*DIV2K*", "*Urban100*", "*REDS*", "*DAVIS*", "*Vid4*", "*GoPro*"),
    *("*vtest*", "*cityCC0*", "*carphone*", "*/dnn_superres/*", "*baboon*", "*lena*"),
    *(
        "*vehicle_test_video*",
        "*dashcam*",
        "*forest_road*",
        "*canersu*",
        "*jetyey*",
        "*car-detection*",
        "*opendatacam*",
    ),
)

_ALIKE = 10  # bits of a fingerprint: other crops and codings of a scene too
_FRAMES_APART = 50


def named(name: str, patterns: Iterable[str]) -> bool:
    """Whether a path fits any of the patterns, whole or by its last part; the case of letters is not looked at."""
    name = name.lower()
    last = name.rsplit("/", 1)[-1]
    return any(fnmatch(name, p.lower()) or fnmatch(last, p.lower()) for p in patterns)


class HeldOut:
    """Pictures that must not be trained on, known by their fingerprints.

    roots: files, and folders that are searched; of clips, a frame in fifty is remembered.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._known: dict[int, str] = {}
        for root in roots:
            for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
                if path.suffix.lower() in CLIP_SUFFIXES:
                    for index, (y, _, _) in enumerate(video_frames(path, str(path))):
                        if index % _FRAMES_APART == 0:
                            self._known[fingerprint(y)] = path.name
                elif path.suffix.lower() in STILL_SUFFIXES | {".tar"}:
                    for name, data in pictures(path):
                        if (picture := decode(data)) is not None:
                            self._known[fingerprint(picture)] = name or path.name

    def like(self, print_: int) -> str | None:
        """The name of the held-out picture with nearly this fingerprint; None where there is none."""
        return next((name for known, name in self._known.items() if near(print_, known, _ALIKE)), None)
