"""Collects photographs and clips for a dataset: cleaned, each scene once, none that is measured on."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path, PurePosixPath

from .photographs import MIN_SIDE, RGB, clean, decode, fingerprint, near, why_no_photograph
from .scenes import HeldOut, named
from .shots import shots
from .writer import ClipItem, StillItem, shrink_to

__all__ = ["Collector"]

log = logging.getLogger("streamfix.training")


class Collector:
    """The stills and clips found so far.

    held_out: what must not be trained on; max_pixels: of a still; validation: patterns of names for the split `val`;
    frames, places: of each clip, see `shots.shots`.
    """

    def __init__(
        self, held_out: HeldOut, max_pixels: int, validation: Sequence[str] = (), frames: int = 240, places: int = 4
    ) -> None:
        self._held_out, self._max_pixels, self._validation = held_out, max_pixels, tuple(validation)
        self._frames, self._places = frames, places
        self._stills: list[tuple[int, int, StillItem]] = []  # (fingerprint, pixels of the source, still)
        self._clips: list[ClipItem] = []
        self._seen: dict[int, str] = {}  # fingerprint of a clip's middle picture: its source

    @property
    def stills(self) -> list[StillItem]:
        """The stills in the order of their names."""
        return sorted((still for _, _, still in self._stills), key=lambda still: still.name)

    @property
    def clips(self) -> list[ClipItem]:
        """The clips in the order of their names."""
        return sorted(self._clips, key=lambda clip: clip.name)

    def add_still(self, name: str, data: bytes, source: str, licence: str) -> bool:
        """Take a coded picture in, or log why not. Of one picture in several sizes the largest stays."""
        original = decode(data)
        if original is None:
            log.debug("%s: left out: not readable, or partly transparent", source)
            return False
        if min(original.shape[:2]) < MIN_SIDE:
            log.debug("%s: left out: under %d pixels", source, MIN_SIDE)
            return False
        picture = shrink_to(clean(original, len(data)), self._max_pixels)
        if why := why_no_photograph(picture):
            log.debug("%s: left out: %s", source, why)
            return False
        mine = fingerprint(picture)
        if like := self._held_out.like(mine):
            log.info("%s: left out: it shows what %s shows, which is held out", source, like)
            return False
        return self._keep(name, mine, original.shape[0] * original.shape[1], picture, source, licence)

    def _keep(self, name: str, mine: int, pixels: int, picture: RGB, source: str, licence: str) -> bool:
        same = [held for held in self._stills if near(mine, held[0])]
        if any(held[1] >= pixels for held in same):
            log.debug("%s: left out: the same picture as %s", source, same[0][2].source)
            return False
        for held in same:
            self._stills.remove(held)
        still = StillItem(self._unique(name), picture, source, licence, self._split(source))
        self._stills.append((mine, pixels, still))
        return True

    def add_clip(self, name: str, path: Path, source: str, licence: str) -> int:
        """Take the shots of a video in; return how many. Raises DecodeError where it cannot be read."""
        found = shots(path, self._frames, self._places)
        prints = [fingerprint(planes.y[len(planes) // 2]) for planes in found]
        for mine in prints:
            if like := self._held_out.like(mine):
                log.info("%s: left out: it shows what %s shows, which is held out", source, like)
                return 0
            if same := next((s for known, s in self._seen.items() if near(mine, known)), None):
                log.debug("%s: left out: the same clip as %s", source, same)
                return 0
        self._seen |= dict.fromkeys(prints, source)
        short = self._unique(name)
        for number, planes in enumerate(found):
            self._clips.append(ClipItem(f"{short}-{number:02d}", planes, source, licence, self._split(source)))
        return len(found)

    def _split(self, source: str) -> str:
        return "val" if named(source, self._validation) else "train"

    def _unique(self, name: str) -> str:
        """A short name for a member of the dataset that no other has: letters, digits and hyphens."""
        last_parts = "-".join(PurePosixPath(name).with_suffix("").parts[-4:])
        short = re.sub(r"[^a-z0-9]+", "-", last_parts.lower())[-60:].strip("-") or "still"
        taken = {still.name for _, _, still in self._stills} | {clip.name.rsplit("-", 1)[0] for clip in self._clips}
        return short if short not in taken else next(n for i in count(2) if (n := f"{short}-{i}") not in taken)
