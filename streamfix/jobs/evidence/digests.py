"""Hashes of files and pictures, and JSON that has one form only."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...frame import Frame, Planes

_DIGITS = 12  # of a float in a record: more than any figure in it is exact to


def file_sha256(path: str | Path) -> str:
    """Of a file's bytes, hexadecimal. Raises InputError."""
    import hashlib  # loads OpenSSL: milliseconds that nearly no start needs

    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def planes_of(frame: Frame) -> Planes:
    """The frame's code values, as an encoder gets them."""
    return frame.picture.planes(frame.color)


def planes_sha256(planes: Planes) -> str:
    """Of the code values: the planes one after the other, line by line, 16-bit codes with the low byte first.

    It is the hash that `ffmpeg -f framehash -hash sha256` tells of a raw picture of that pixel format.
    """
    import hashlib

    digest = hashlib.sha256()
    for plane in planes.data:
        if sys.byteorder == "big" and plane.dtype.itemsize > 1:
            plane = plane.byteswap()
        digest.update(np.ascontiguousarray(plane).data)
    return digest.hexdigest()


def canonical(record: Any) -> bytes:
    """JSON of one form: UTF-8, keys sorted, no spaces, a line's end behind it."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def figure(value: float) -> float:
    """A number as it stands in a record: twelve digits."""
    return float(f"{float(value):.{_DIGITS}g}")
