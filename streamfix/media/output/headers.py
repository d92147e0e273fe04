"""Headers of recordings that are being written: when they were taken, and whether pictures follow yet.

libavformat's muxers for series of files write the same time into the header of each file, so it is set right in the
file itself.

Source: ISO/IEC 14496-12, sections 4.2, 8.2.2, 8.3.2, 8.4.2 (boxes of MP4 and MOV); RFC 8794 and RFC 9559 (Matroska).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

_SINCE_1904_S = 2_082_844_800  # from 1904, which MP4 counts from, to 1970
_SINCE_2001_S = 978_307_200  # from 1970 to 2001, which Matroska counts from
_DATED_BOXES = {b"mvhd", b"tkhd", b"mdhd"}
_OUTER_BOXES = {b"trak", b"mdia"}
_EBML, _SEGMENT, _INFO, _CLUSTER, _CRC, _DATE = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1F43B675, 0xBF, 0x4461
_HEAD = 2**20  # bytes at a Matroska file's beginning in which its header ends
_LARGEST_INDEX = 2**28


def as_tag(unix_s: float) -> str:
    """A time as the tag creation_time has it: UTC, in microseconds."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def set_creation_time(descriptor: int, unix_s: float) -> bool:
    """Set the time at which the file was begun. False while the header is not written yet.

    descriptor: of a file that may be read and written. Formats that hold no time are left as they are, and so is a
    Matroska file whose muxer was given no creation_time. Raises OSError.
    """
    head = os.pread(descriptor, 16, 0)
    if len(head) < 16:
        return False
    if int.from_bytes(head[:4]) == _EBML:
        return _date_matroska(descriptor, unix_s)
    if head[4:8] in (b"ftyp", b"moov", b"wide"):
        return _date_mp4(descriptor, unix_s)
    return True


def has_pictures(descriptor: int) -> bool:
    """True if a file holds more than the header that its muxer writes before the first picture. Raises OSError."""
    head = os.pread(descriptor, 16, 0)
    if int.from_bytes(head[:4]) == _EBML:
        data = os.pread(descriptor, _HEAD, 0)
        return any(id == _CLUSTER for id, _, _ in _elements(data, _inside_segment(data), len(data)))
    if head[4:8] == b"ftyp":
        end = os.fstat(descriptor).st_size
        return any(kind in (b"moov", b"moof") for kind, _, _ in _boxes(descriptor, 0, end))
    return bool(head)


def _date_mp4(descriptor: int, unix_s: float) -> bool:
    end = os.fstat(descriptor).st_size
    for kind, begin, size in _boxes(descriptor, 0, end):
        if kind == b"moov":
            if begin + size > end or size > _LARGEST_INDEX:
                return False
            _date_boxes(descriptor, begin + 8, begin + size, round(unix_s + _SINCE_1904_S))
            return True
    return False


def _date_boxes(descriptor: int, begin: int, end: int, at: int) -> None:
    """Set the times of creation and of modification, of 32 bits (version 0) or 64, in the boxes that have them."""
    for kind, offset, size in _boxes(descriptor, begin, end):
        if kind in _OUTER_BOXES:
            _date_boxes(descriptor, offset + 8, offset + size, at)
        elif kind in _DATED_BOXES:
            wide = os.pread(descriptor, 1, offset + 8) == b"\1"
            os.pwrite(descriptor, 2 * at.to_bytes(8 if wide else 4), offset + 12)


def _boxes(descriptor: int, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, offset and size of the boxes in a part of the file; the last may end after it."""
    while begin + 8 <= end:
        header = os.pread(descriptor, 16, begin)
        if len(header) < 8:
            return
        size = int.from_bytes(header[:4])
        if size == 1 and len(header) == 16:
            size = int.from_bytes(header[8:])
        elif size == 0:
            size = end - begin
        if size < 8:
            return
        yield header[4:8], begin, size
        begin += size


def _date_matroska(descriptor: int, unix_s: float) -> bool:
    data = bytearray(os.pread(descriptor, _HEAD, 0))
    for id, begin, end in _elements(data, _inside_segment(data), len(data)):
        if id == _INFO:
            if end > len(data):
                return False
            date = next((at for id, at, _ in _elements(data, begin, end) if id == _DATE), None)
            if date is not None:
                data[date : date + 8] = round((unix_s - _SINCE_2001_S) * 1e9).to_bytes(8, signed=True)
                if data[begin] == _CRC and data[begin + 1] == 0x84:  # of four bytes; it covers all that follows it
                    data[begin + 2 : begin + 6] = zlib.crc32(data[begin + 6 : end]).to_bytes(4, "little")
                os.pwrite(descriptor, data[begin:end], begin)
            return True
    return False


def _inside_segment(data: bytes | bytearray) -> int:
    """Where the content of a Matroska file begins, which is in an element of unknown size; the end if there is none."""
    for id, begin, _ in _elements(data, 0, len(data)):
        if id == _SEGMENT:
            return begin
    return len(data)


def _elements(data: bytes | bytearray, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """ID of the EBML elements in a part of the data, and where their contents begin and end, perhaps after it."""
    while at < end:
        id_length = 9 - data[at].bit_length()
        if id_length > 4 or at + id_length >= end:
            return
        id, at = int.from_bytes(data[at : at + id_length]), at + id_length
        length = 9 - data[at].bit_length()
        if length > 8 or at + length > end:
            return
        size = int.from_bytes(data[at : at + length]) & (1 << 7 * length) - 1
        at += length
        if size == (1 << 7 * length) - 1:  # unknown
            size = end - at
        yield id, at, at + size
        at += size
