"""The pixels' aspect ratio in a YUV4MPEG2 header: libav's muxer takes it from a place that PyAV cannot reach."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

_UNKNOWN = b" A0:0 "


class WithAspect(io.RawIOBase):
    """A file to which the muxer writes; the header, which comes first and in one piece, gets the aspect ratio."""

    def __init__(self, file: Any, aspect: Fraction) -> None:
        self._file, self.name = file, file.name
        self._said: bytes | None = b" A%d:%d " % (aspect.numerator, aspect.denominator)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        said, self._said = self._said, None
        if said is not None:
            header, end, rest = bytes(data).partition(b"\n")
            self._file.write(header.replace(_UNKNOWN, said, 1) + end + rest)
        else:
            self._file.write(data)
        return len(data)
