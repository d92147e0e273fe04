"""The pictures in a file: the file itself, or what an archive or a bundle of resources holds."""

from __future__ import annotations

import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from ...errors import InputError

__all__ = ["CLIP_SUFFIXES", "STILL_SUFFIXES", "pictures"]

STILL_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pnm", ".pgm"})
CLIP_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".mpg", ".mpeg", ".webm", ".y4m", ".m4v"})
_ZIPS = frozenset({".zip", ".pk3", ".jar"})
_TARS = frozenset({".tar", ".tgz", ".gz", ".xz", ".bz2"})

_JPEG_START = re.compile(rb"\xff\xd8\xff[\xc0\xdb\xe0\xe1]")
_DIRECTORY, _COMPRESSED, _ZSTD = 2, 1, 4  # flags of a Qt resource


def pictures(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each coded picture of a file, in the order of names; none where it is of no known kind.

    The name is "" for a file that is itself a picture. Read are zip (also .pk3, .jar), tar, Qt's binary resources
    (.rcc) and Enlightenment's themes (.edj: the largest of their JPEG pictures, since the rest are its smaller
    copies). Raises InputError where an archive is damaged.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in STILL_SUFFIXES:
            yield "", path.read_bytes()
        elif suffix in _ZIPS:
            yield from _zip(path)
        elif suffix in _TARS and tarfile.is_tarfile(path):
            yield from _tar(path)
        elif suffix == ".rcc":
            yield from sorted((n, d) for n, d in _qt_resources(path.read_bytes()) if _is_still(n))
        elif suffix == ".edj":
            yield from _largest_jpeg(path.read_bytes())
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, IndexError) as error:
        raise InputError(f"{path}: {error}; get the file again, or leave it out with --exclude {path.name}") from error


def _is_still(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in STILL_SUFFIXES


def _zip(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(filter(_is_still, archive.namelist())):
            yield name, archive.read(name)


def _tar(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            if member.isfile() and _is_still(member.name) and (file := archive.extractfile(member)):
                yield member.name, file.read()


def _qt_resources(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of each file of Qt's binary resource format, versions 1 to 3, as `rcc -binary` writes it."""
    magic, version, tree, contents, names = struct.unpack_from(">4s4I", data)
    if magic != b"qres" or not 1 <= version <= 3:
        raise zlib.error(f"no Qt resource file of version 1 to 3 ({magic!r}, version {version})")
    node_size = 14 if version == 1 else 22  # since version 2 each node ends with its time
    pending = [(0, PurePosixPath())]
    while pending:
        index, parent = pending.pop()
        at = tree + index * node_size
        name_at, flags = struct.unpack_from(">IH", data, at)
        (length,) = struct.unpack_from(">H", data, names + name_at)
        start = names + name_at + 6  # after the length and a hash
        path = parent / data[start : start + 2 * length].decode("utf-16-be") if index else parent
        if flags & _DIRECTORY:
            count, first = struct.unpack_from(">II", data, at + 6)
            pending.extend((child, path) for child in range(first, first + count))
        elif not flags & _ZSTD:  # pictures are compressed already, and are stored as they are
            (offset,) = struct.unpack_from(">I", data, at + 10)
            (size,) = struct.unpack_from(">I", data, contents + offset)
            content = data[contents + offset + 4 : contents + offset + 4 + size]
            yield str(path), zlib.decompress(content[4:]) if flags & _COMPRESSED else content


def _largest_jpeg(data: bytes) -> Iterator[tuple[str, bytes]]:
    starts = [match.start() for match in _JPEG_START.finditer(data)]
    best, most = b"", 0
    for start, end in pairwise([*starts, len(data)]):
        picture = cv2.imdecode(np.frombuffer(data[start:end], np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
        if picture is not None and picture.size > most:
            best, most = data[start:end], picture.size
    if best:
        yield "largest.jpg", best
