"""How many pictures the fragments of an MP4 hold that libav has let go of: it keeps each until the next one begins.

Source: ISO/IEC 14496-12, sections 4.2 (box), 8.8.4 (moof), 8.8.7 (tfhd), 8.8.8 (trun).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator


class Fragments:
    """Looks at an MP4 as it is written, from its beginning to its end.

    samples: in fragments that were written to their ends, by track.
    """

    def __init__(self) -> None:
        self.samples: Counter[int] = Counter()
        self._at = 0  # what comes next in the file; behind the end things are only written again
        self._head = bytearray()  # of the box that is coming, its content too if it is wanted
        self._left: int | None = None  # bytes of the present box, None until its header is there
        self._coming: Counter[int] = Counter()  # samples of the fragment whose pictures are coming

    def write(self, at: int, data: bytes) -> None:
        """Note that this is written at a place of the file."""
        if at != self._at:
            return
        self._at += len(data)
        rest = memoryview(data)
        while rest:
            rest = self._header(rest) if self._left is None else self._content(rest, self._left)

    def _header(self, rest: memoryview) -> memoryview:
        """Take what is missing of a box's header: size and type, and 64 bits of size if the size says 1."""
        wanted = 16 if self._head[:4] == b"\0\0\0\1" else 8
        taken = rest[: wanted - len(self._head)]
        self._head += taken
        if len(self._head) == wanted and not (wanted == 8 and self._head[:4] == b"\0\0\0\1"):
            size = int.from_bytes(self._head[8:] if wanted == 16 else self._head[:4])
            self._left = max(0, size - wanted)
            if not self._left:
                self._end()
        return rest[len(taken) :]

    def _content(self, rest: memoryview, left: int) -> memoryview:
        taken = rest[:left]
        if self._head[4:8] == b"moof":
            self._head += taken
        self._left = left - len(taken)
        if not self._left:
            self._end()
        return rest[len(taken) :]

    def _end(self) -> None:
        kind = bytes(self._head[4:8])
        if kind == b"moof":
            self._coming = _samples(bytes(self._head[8:]))
        elif kind == b"mdat":
            self.samples, self._coming = self.samples + self._coming, Counter()
        self._head.clear()
        self._left = None


def _samples(moof: bytes) -> Counter[int]:
    found: Counter[int] = Counter()
    for kind, traf in _boxes(moof):
        track = 0
        for inner, box in _boxes(traf) if kind == b"traf" else ():
            if inner == b"tfhd":
                track = int.from_bytes(box[4:8])
            elif inner == b"trun":
                found[track] += int.from_bytes(box[4:8])
    return found


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of the boxes in it."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if size < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size
