"""What kind of thing an output's name stands for, and who connects to it."""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
import time
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

from ...errors import OutputError
from ..redact import redact
from .protocols import PATTERN_FORMATS, format_protocols, protocol_of, scheme_of

OutputKind = Literal["file", "pattern", "pipe", "network"]

_LOOK_S = 0.05  # between two looks whether somebody reads a named pipe
_PIPE = re.compile(r"-|pipe:\d*|fd:\d*|/dev/std(in|out)|/dev/fd/\d+")


def output_kind(url: str, format: str | None) -> OutputKind:
    """What an output is. A pattern is a series of files or a playlist of them, also if they go to a server."""
    if format in PATTERN_FORMATS:
        return "pattern"
    if _PIPE.fullmatch(url):
        return "pipe"
    return "file" if _is_local(url) and not _muxer_connects(format) else "network"


def is_fifo(url: str) -> bool:
    """True for a named pipe; not for a pipe that this process has open already."""
    try:
        return _is_local(url) and not _PIPE.fullmatch(url) and stat.S_ISFIFO(os.stat(url.removeprefix("file:")).st_mode)
    except (OSError, ValueError):
        return False


def open_fifo(path: str, shown: str, given_up: Callable[[], bool]) -> int:
    """Wait until somebody reads a named pipe; its descriptor, whose writes do not block.

    libav would wait while PyAV holds Python's lock, and stop every thread for so long.
    Raises OutputError once `given_up` says so, or if it cannot be opened.
    """
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise OutputError(f"{shown}: {error.strerror}") from error
        if given_up():
            raise OutputError(f"{shown}: nobody reads this named pipe, so nothing was written; start its reader")
        time.sleep(_LOOK_S)


def usual_format(url: str) -> str | None:
    """The muxer for an output's protocol, None where the ending of the name decides."""
    protocol = protocol_of(url)
    return None if protocol is None else protocol.usual_format


def connects(url: str, format: str) -> bool:
    """True if a server has to answer, and may not; a protocol that is not in the table counts as one."""
    if _is_local(url):
        return _muxer_connects(format)
    protocol = protocol_of(url)
    return protocol is None or protocol.answers


def connects_itself(format: str) -> bool:
    """True if the muxer opens its connections itself; others write to one that is open."""
    return format in PATTERN_FORMATS or _muxer_connects(format)


def with_address(url: str) -> str:
    """A connectionless URL with the host's address in place of its name; any other URL as it is.

    libav would look the name up while PyAV holds Python's lock, and stop every stream for so long.
    Raises OutputError if the host is unknown.
    """
    protocol = protocol_of(url)
    host = None if protocol is None or protocol.answers else urlsplit(url).hostname
    if not host:
        return url
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise OutputError(f"{redact(url)}: {host}: {error.strerror}; check the host's name") from error
    address = str(found[0][4][0])
    if address == host:
        return url
    return url.replace(host, f"[{address}]" if ":" in address else address, 1)


def _is_local(url: str) -> bool:
    return scheme_of(url) in ("", "file")


def _muxer_connects(format: str | None) -> bool:
    return any(protocol.muxer_connects for protocol in format_protocols(format))
