"""Recognises that a stream has become one of another codec, by the headers that its packets begin with."""

from __future__ import annotations

import re

# A packet of H.264 or HEVC in MPEG-TS begins with a delimiter or parameter sets, one of MPEG-2 with a sequence header,
# if a decoder can begin there. None of these bytes can stand in the others' places: a bit that must be 0 would be 1.
_BEGINNINGS: dict[str, re.Pattern[bytes]] = {
    "hevc": re.compile(rb"\x00\x00\x01(?:\x40\x01\x0c|\x42\x01\x01|\x46\x01[\x10\x30\x50])"),
    "h264": re.compile(rb"\x00\x00\x01(?:[\x27\x47\x67][BMXdnz\xf4]|\x09[\x10\x30P\x70\x90\xb0\xd0\xf0])"),
    "mpeg2video": re.compile(rb"\x00\x00\x01\xb3"),
}
HEAD_BYTES = 8  # of a packet that `becomes` looks at


def may_change(format: str) -> bool:
    """True for containers in which a stream can become one of another codec, by libav's name."""
    return not {"mpegts", "mpeg", "hls"}.isdisjoint(format.split(","))


def becomes(codec: str, head: bytes) -> str | None:
    """The codec that a packet is of, if that is another than `codec`; None if it is not, or cannot be told.

    head: the packet's first bytes.
    """
    if codec not in _BEGINNINGS:
        return None
    begin = 1 if head.startswith(b"\0\0\0\1") else 0
    return next((name for name, at in _BEGINNINGS.items() if name != codec and at.match(head, begin)), None)


def tail_of(codec: str, data: bytes) -> bytes:
    """What follows in a packet from the first header of `codec` on; empty if there is none.

    libav ends a picture where the next one of the same codec begins, so the last packet before a change has both.
    """
    match = _BEGINNINGS[codec].search(data)
    return b"" if match is None else data[match.start() :]
