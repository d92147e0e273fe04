"""What a camera usually sees, by day and under infrared light: medians of many minutes, which outlast a restart."""

from __future__ import annotations

import io
import zipfile
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .edges import Edges, Floats
from .shift import Shifts
from .sight import HEIGHT, WIDTH, Luma, Mask

Mode = Literal["day", "infrared"]
MODES: tuple[Mode, ...] = ("day", "infrared")

_PICTURES = 60  # that a median is taken of
_FOLLOWS = 1 / 6  # of the way that a reference goes to each new median: shadows move on, a building does not
_UNEVEN, _GOLDEN = 0.9, (5**0.5 - 1) / 2  # share of the time between two by which that varies, evenly spread
_FORM = 1  # of what is kept
_PARTS = 256  # of a code that are kept


class Reference:
    """One mode's. picture: (180, 320) float32, code values."""

    def __init__(self, picture: Floats, hidden: Mask | None) -> None:
        self.picture = picture
        self.edges = Edges(picture, hidden)
        self.shifts = Shifts(self.edges.across, self.edges.down)


class References:
    """Both modes', and what is being learnt. learn_s: seconds that a median spans, or more.

    hidden: pixels that are not judged. changed: there is something new to keep since `kept` was called.
    """

    def __init__(self, learn_s: float, hidden: Mask | None = None) -> None:
        self.span(learn_s)
        self._hidden = hidden
        self._known: dict[Mode, Reference] = {}
        self._seen: dict[Mode, list[Luma]] = {mode: [] for mode in MODES}
        self._next_s: dict[Mode, float] = {}
        self.changed = False

    def span(self, learn_s: float) -> None:
        """Take medians of that time from now on."""
        self._every_s = learn_s / _PICTURES

    def get(self, mode: Mode) -> Reference | None:
        """The reference, None before it is known."""
        return self._known.get(mode)

    def learnt(self, mode: Mode) -> float:
        """How much of the next median is there, 0 to 1."""
        return len(self._seen[mode]) / _PICTURES

    def learn(self, mode: Mode, luma: Luma, at_s: float) -> bool:
        """Take a picture in that shows nothing wrong, if it is time to. True if there is a new reference."""
        if at_s < self._next_s.get(mode, at_s):
            return False
        seen = self._seen[mode]
        seen.append(luma.copy())
        # Uneven, or a traffic light in step with it would make waiting cars a part of the view.
        self._next_s[mode] = at_s + self._every_s * (1 + _UNEVEN * (len(seen) * _GOLDEN % 1 - 0.5))
        if len(seen) <= _PICTURES:  # the last one lies `learn_s` behind the first
            return False
        median = np.median(np.stack(seen), axis=0).astype(np.float32)
        seen.clear()
        before = self._known.get(mode)
        picture = median if before is None else before.picture + np.float32(_FOLLOWS) * (median - before.picture)
        self._known[mode] = Reference(picture, self._hidden)
        self.changed = True
        return True

    def forget(self) -> None:
        """Begin anew: the camera was given another view."""
        self._known.clear()
        self._next_s.clear()
        for seen in self._seen.values():
            seen.clear()
        self.changed = True

    def doubt(self, mode: Mode) -> None:
        """Leave out what was seen lately: a fault may have begun in it."""
        seen = self._seen[mode]
        del seen[max(0, len(seen) - 1) :]

    def kept(self, identity: str) -> bytes:
        """What outlasts a restart. identity: of the camera's view, and of what is hidden in it."""
        self.changed = False
        known = dict(self._known)
        arrays: dict[str, NDArray[np.uint16]] = {
            mode: np.clip(np.rint(each.picture * _PARTS), 0, 65535).astype(np.uint16) for mode, each in known.items()
        }
        file = io.BytesIO()
        np.savez_compressed(file, form=np.array(_FORM), identity=np.array(identity), **arrays)  # type: ignore[arg-type]
        return file.getvalue()

    def restore(self, data: bytes, identity: str) -> bool:
        """Take up what was kept; False if it is of another view, or no such data."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                if int(file["form"]) != _FORM or str(file["identity"]) != identity:
                    return False
                found = {mode: file[mode] for mode in MODES if mode in file.files}
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
            return False
        if any(picture.shape != (HEIGHT, WIDTH) for picture in found.values()):
            return False
        for mode, picture in found.items():
            self._known[mode] = Reference(picture.astype(np.float32) / np.float32(_PARTS), self._hidden)
        return True
