"""What kind of place an output's name is."""

from __future__ import annotations

import re
import socket
from typing import Literal
from urllib.parse import urlsplit

from ...errors import OutputError
from .redact import redact

Place = Literal["file", "pattern", "pipe", "network"]

# Muxers that begin a new file by themselves, again and again: rows of files, and playlists of them.
SEGMENT_FORMATS = frozenset({"segment", "stream_segment", "ssegment"})
PATTERN_FORMATS = SEGMENT_FORMATS | {"hls", "dash", "smoothstreaming"}
# The muxer that a protocol is spoken with where none is named.
_USUAL_FORMATS = {"rtmp": "flv", "srt": "mpegts", "udp": "mpegts", "rtsp": "rtsp", "rtsps": "rtsp", "rtp": "rtp_mpegts"}
_CONNECTIONLESS = frozenset({"udp", "udplite", "rtp", "srtp"})
_PIPE = re.compile(r"-|pipe:\d*|fd:\d*|/dev/std(in|out)|/dev/fd/\d+")


def output_kind(url: str, format: str | None) -> Place:
    """Where an output goes. A pattern is a row of files, or a playlist of them, on the network too."""
    if format in PATTERN_FORMATS:
        return "pattern"
    if _PIPE.fullmatch(url):
        return "pipe"
    return "network" if scheme_of(url) not in ("", "file") or format == "rtsp" else "file"


def scheme_of(url: str) -> str:
    """The protocol of a URL in small letters, "" of a file name."""
    scheme, found, _ = url.partition("://")
    return scheme.lower() if found and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]+", scheme) else ""


def usual_format(url: str) -> str | None:
    """The muxer that goes with a protocol, None where the name's ending has to tell."""
    scheme = scheme_of(url)
    return _USUAL_FORMATS.get("rtmp" if scheme.startswith("rtmp") else scheme)


def connects(url: str, format: str) -> bool:
    """True for a server that has to answer, and may not."""
    scheme = scheme_of(url)
    return format == "rtsp" if scheme in ("", "file") else scheme not in _CONNECTIONLESS


def connects_itself(format: str) -> bool:
    """True for a muxer that opens its connections itself, where others write to one that is open."""
    return format == "rtsp" or format in PATTERN_FORMATS


def with_address(url: str) -> str:
    """A connectionless URL with its host's address in the name's place: libav would ask for it and let nobody work.

    Raises OutputError for a host that is not known.
    """
    if scheme_of(url) not in _CONNECTIONLESS:
        return url
    host = urlsplit(url).hostname
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
