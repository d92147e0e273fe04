"""Boxes of MP4 and MOV files that libav does not know: cameras' GPS logs, firmware notes, serial numbers.

libavformat reads only what it understands, so that the rest would be lost. The boxes of an input are listed before the
job and put into the complete output: after everything else in the file, in `moov`, or in `moov`'s `udta`, as in the
input. Nothing that the index points to is moved: `moov` must be the last box, or none of its own is added.

Source: ISO/IEC 14496-12, section 4.2 (boxes); Novatek's "gps " table, as the dashcams of many makers write it:
version, count, and pairs of offset and size, each of a block "free" whose data begins with "GPS ".
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

log = logging.getLogger("streamfix.media")

Place = Literal["file", "moov", "udta"]

# What belongs to the coding and is written anew, and what holds nothing.
_MADE_BY_MUXER: dict[Place, frozenset[bytes]] = {
    "file": frozenset(
        {*(b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"ssix", b"prft", b"emsg", b"pdin", b"wide")},
    ),
    "moov": frozenset({b"mvhd", b"trak", b"udta", b"mvex", b"iods", b"meta", b"cmov", b"rmra", b"pssh", b"prfl"}),
    "udta": frozenset(
        {*(b"meta", b"name", b"loci", b"cprt", b"titl", b"auth", b"perf", b"gnre", b"albm", b"dscp", b"yrrc", b"chpl")}
        | {b"hnti", b"hinf", b"rtng", b"manu", b"modl", b"\0\0\0\0"}
    ),
}
# libavformat's names of tags in `udta` (mov.c, mov_read_udta_string): these are tags of the container.
_TAGS = {
    *("ART", "PRD", "alb", "aut", "chp", "cmt", "com", "cpy", "day", "dir", "dis", "ed1", "enc", "fmt", "gen", "grp"),
    *("hst", "inf", "isr", "lab", "lal", "lyr", "mak", "mal", "mod", "nam", "ope", "pub", "req", "src", "st3", "swr"),
    *("too", "trk", "url", "wrn", "wrk", "wrt", "xyz", "PRF", "phg", "pdk", "key", "mdk", "st1", "st2", "sne", "snm"),
}
_FIRST = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}  # of MP4 and of QuickTime's older files
_PADDING = {b"free", b"skip"}
# What the makers of protected, fragmented and portable files put into "uuid": of the coding as well.
_UUID_OF_CODING = {
    bytes.fromhex(text)
    for text in (
        "6d1d9b0542d544e680e2141daff757b2",  # tfxd of Smooth Streaming
        "d4807ef2ca3946958e5426cb9e46a79f",  # tfrf of Smooth Streaming
        "a2394f525a9b4f14a2446c427c648df4",  # piff of Smooth Streaming
        "50524f4621d24fcebb88695cfac9c740",  # PROF of the PlayStation Portable
        "55534d5421d24fcebb88695cfac9c740",  # USMT of the PlayStation Portable
    )
}
_LARGEST = 256 * 2**20
_LARGEST_INDEX = 64 * 2**20
_CHUNK = 2**20
_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Box:
    """One box of a file. offset, size: in bytes, its header included."""

    type: bytes
    offset: int
    size: int
    header: int
    place: Place = "file"

    @property
    def name(self) -> str:
        """Its four characters; others than printable ASCII as escapes."""
        return self.type.decode("latin-1").strip() if self.type.isascii() else repr(self.type)[2:-1]


@dataclass(frozen=True, slots=True)
class ForeignBoxes:
    """The boxes of an input file that libav does not know, in the order of the file."""

    path: str
    boxes: tuple[Box, ...]


def named(boxes: Sequence[Box]) -> str:
    """Boxes by name, with their size."""
    names = list(dict.fromkeys(b.name for b in boxes))
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{', '.join(names[:8])}{more} ({sum(b.size for b in boxes)} bytes)"


def foreign_boxes(path: str) -> ForeignBoxes | None:
    """The boxes of an MP4 or MOV file that libav does not know; None if there are none, or the file cannot be read."""
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            found = list(_foreign(file, size))
    except OSError as error:
        log.debug("%s: its boxes cannot be read: %s", path, error)
        return None
    return ForeignBoxes(path, tuple(found)) if found else None


def add_boxes(path: str, foreign: ForeignBoxes | None, tags: Mapping[str, str]) -> tuple[list[Box], list[str]]:
    """Put boxes and tags into a complete file; returns the boxes and the names of tags that it cannot take.

    Boxes come after its last one, or into `moov` if that is the last one. The tags are QuickTime's "mdta" keys.
    Raises OSError.
    """
    boxes = () if foreign is None else foreign.boxes
    with open(os.devnull if foreign is None else foreign.path, "rb") as source, open(path, "r+b") as out:
        end = os.fstat(out.fileno()).st_size
        there = list(_children(out, 0, end))
        last = there[-1] if there else None
        if last is None or last.offset + last.size != end or any(b.type in (b"moof", b"mfra") for b in there):
            return list(boxes), list(tags)
        left_out = [b for b in boxes if b.place != "file"]
        at_end = [b for b in boxes if b.place == "file"]
        if last.type != b"moov" or last.size > _LARGEST_INDEX:
            _copy(source, out, at_end, end)
            return left_out, list(tags)
        moov = _bytes(out, last)
        inside = [_Piece(b, _bytes(source, b)) for b in left_out]
        if tags:
            keys = _keys(tags)
            inside.append(_Piece(Box(b"meta", 0, len(keys), 8, "moov"), keys))
        # A dashcam's table says where the blocks of its log lie: they go along, and it is made to say the new place.
        blocks = _blocks(source, inside, at_end)
        grown = _insert(moov, inside)
        begin = last.offset + len(grown)
        new: dict[int, int] = {}
        for box in (*at_end, *blocks):
            new[box.offset] = begin
            begin += box.size
        grown = _insert(moov, [_Piece(p.box, _moved(p.data, new)) if p.box.type == b"gps " else p for p in inside])
        _copy(source, out, (*at_end, *blocks), last.offset + len(grown))
        out.seek(last.offset)
        out.write(grown)
    return [], []


@dataclass(frozen=True, slots=True)
class _Piece:
    box: Box
    data: bytes


def _foreign(file: BinaryIO, size: int) -> Iterator[Box]:
    total = 0
    every = list(_everything(file, size))
    if not every or every[0].type not in _FIRST or not any(b.type == b"moov" for b in every):
        return
    for box in every:
        if box.type in _MADE_BY_MUXER[box.place] or not _tells(file, box):
            continue
        total += box.size
        if total > _LARGEST:
            log.warning("%s: its unknown boxes are larger than %d MiB; the rest is left out", file.name, _LARGEST >> 20)
            return
        yield box


def _everything(file: BinaryIO, size: int) -> Iterator[Box]:
    for box in _children(file, 0, size):
        yield box
        if box.type != b"moov":
            continue
        for child in _children(file, box.offset + box.header, box.offset + box.size, "moov"):
            yield child
            if child.type == b"udta":
                yield from _children(file, child.offset + child.header, child.offset + child.size, "udta")


def _tells(file: BinaryIO, box: Box) -> bool:
    """True if a box of an unknown type holds something: padding holds nothing, unless a camera has hidden its log."""
    if box.type[:1] == b"\xa9":
        return box.type[1:].decode("latin-1") not in _TAGS
    file.seek(box.offset + box.header)
    head = file.read(16)
    if box.type in _PADDING:
        # Novatek and its kin begin with "GPS ", BlackVue and Kenwood with boxes of their own.
        size, kind = struct.unpack(">I4s", head[:8]) if len(head) >= 8 else (0, b"")
        return head[:4] == b"GPS " or (8 < size <= box.size - box.header and kind.strip().isalnum())
    return not (box.type == b"uuid" and head in _UUID_OF_CODING)


def _children(file: BinaryIO, begin: int, end: int, place: Place = "file") -> Iterator[Box]:
    """The boxes between two offsets, up to the first that is none."""
    for _ in range(_MOST):
        if begin + 8 > end:
            return
        file.seek(begin)
        head = file.read(16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        header = 8
        if size == 1 and len(head) == 16:
            size, header = struct.unpack(">Q", head[8:])[0], 16
        elif size == 0:
            size = end - begin
        if size < header or begin + size > end:
            return
        yield Box(kind, begin, size, header, place)
        begin += size


def _blocks(source: BinaryIO, pieces: Sequence[_Piece], copied: Sequence[Box]) -> list[Box]:
    """The blocks of a GPS log that a table points to and that are not copied anyhow; they may lie inside `mdat`."""
    known = {b.offset for b in copied}
    found: list[Box] = []
    total = 0
    for piece in pieces:
        for offset, size in _pairs(piece.data) if piece.box.type == b"gps " else ():
            source.seek(offset)
            head = source.read(12)
            total += size
            if offset in known or head[4:] != b"freeGPS " or total > _LARGEST:
                continue
            length = struct.unpack(">I", head[:4])[0]
            if 12 <= length <= max(size, 12):
                known.add(offset)
                found.append(Box(b"free", offset, length, 8))
    return found


def _pairs(data: bytes) -> list[tuple[int, int]]:
    """Offset and size of each block that a "gps " table names, [] if it is none."""
    if len(data) < 16:
        return []
    count = struct.unpack(">I", data[12:16])[0]
    if count > (len(data) - 16) // 8:
        return []
    return list(struct.iter_unpack(">2I", data[16 : 16 + 8 * count]))


def _moved(data: bytes, new: dict[int, int]) -> bytes:
    """A "gps " table with the new offsets of the blocks that have one."""
    pairs = [(new.get(offset, offset), size) for offset, size in _pairs(data)]
    if any(offset >= 2**32 for offset, _ in pairs):
        return data
    table = b"".join(struct.pack(">2I", *pair) for pair in pairs)
    return data[:16] + table + data[16 + len(table) :]


def _insert(moov: bytes, pieces: Sequence[_Piece]) -> bytes:
    """`moov` with more children, those of `udta` in its `udta`."""
    body = moov[8:] if moov[:4] != b"\0\0\0\1" else moov[16:]
    more = b"".join(p.data for p in pieces if p.box.place == "moov")
    tags = b"".join(p.data for p in pieces if p.box.place == "udta")
    at = 0
    while tags and at + 8 <= len(body):
        size, kind = struct.unpack(">I4s", body[at : at + 8])
        if size < 8:
            break
        if kind == b"udta":
            udta = struct.pack(">I4s", size + len(tags), b"udta") + body[at + 8 : at + size] + tags
            body, tags = body[:at] + udta + body[at + size :], b""
        at += size
    if tags:
        more = struct.pack(">I4s", 8 + len(tags), b"udta") + tags + more
    return struct.pack(">I4s", 8 + len(body) + len(more), b"moov") + body + more


def _keys(tags: Mapping[str, str]) -> bytes:
    """A `meta` box with tags of any name (QuickTime File Format, "Metadata"), for `moov`."""

    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(data), kind) + data

    names = b"".join(box(b"mdta", name.encode("utf-8", "surrogateescape")) for name in tags)
    values = b"".join(
        box(struct.pack(">I", n), box(b"data", struct.pack(">2I", 1, 0) + value.encode("utf-8", "surrogateescape")))
        for n, value in enumerate(tags.values(), 1)
    )
    handler = box(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    return box(b"meta", handler + box(b"keys", struct.pack(">2I", 0, len(tags)) + names) + box(b"ilst", values))


def _bytes(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.offset)
    return file.read(box.size)


def _copy(source: BinaryIO, out: BinaryIO, boxes: Sequence[Box], at: int) -> None:
    """Copy boxes to an offset and behind it."""
    out.seek(at)
    for box in boxes:
        source.seek(box.offset)
        left = box.size
        if box.header == 8 and left < 2**32:  # the last box of a file may leave out its size
            out.write(struct.pack(">I", left))
            source.seek(4, os.SEEK_CUR)
            left -= 4
        while left:
            data = source.read(min(left, _CHUNK))
            if not data:
                raise OSError(f"{source.name} ends inside the box {box.name}")
            out.write(data)
            left -= len(data)
