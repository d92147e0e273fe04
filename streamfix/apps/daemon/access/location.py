"""Where a URL leads, read as libavformat reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from ....errors import UsageError
from ....media.transport import output_kind

_SPLIT = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)")
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9+.,-]*:")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?")
DEVICE = re.compile(r"/dev/(video\d+|v4l/by-(id|path)/[^/]+)")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a URL leads, split as libavformat does. scheme: "file" for a path, "v4l2" for a camera's device file.

    host: empty for files, and for sockets that accept from anywhere.
    """

    scheme: str
    host: str = ""
    port: int | None = None
    path: str = ""


def split(url: str) -> Location:
    """Split a URL or absolute path. Raises UsageError where two parsers could read it differently."""
    if not url or any(ord(c) < 32 or ord(c) == 127 for c in url):
        raise UsageError("it is empty or has control characters; give a URL or an absolute path")
    if url.startswith("/"):
        return Location("v4l2" if DEVICE.fullmatch(url) else "file", path=url)
    found = _SPLIT.fullmatch(url)
    if not found:
        if named := _PREFIX.match(url):
            return Location(named[0][:-1].lower(), path=url)
        raise UsageError("give a URL, or an absolute path that begins with /")
    scheme, authority, path = found[1].lower(), found[2], found[3]
    address = authority.rpartition("@")[2]
    host, colon, port = address.rpartition(":") if re.search(r":[^\]]*$", address) else (address, "", "")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        well = _is_ipv6(host)
    else:
        well = not host or _HOST.fullmatch(host) is not None
    if not well or any(c.isspace() or c in "\\" for c in url):
        raise UsageError(
            "it is not of the form scheme://user:password@host:port/path; "
            "percent-encode special characters in user, password and path"
        )
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError("the port is a number from 1 to 65535")
    return Location(scheme, host, int(port) if port else None, path)


def usual_format(url: str) -> str | None:
    """The muxer of an output whose configuration names none; None goes by the name's ending."""
    scheme = split(url).scheme
    return "mpegts" if scheme == "tcp" else output_kind.usual_format(url)


def usual_demuxer(url: str) -> str | None:
    """The demuxer of an input whose configuration names none; None probes."""
    return "v4l2" if split(url).scheme == "v4l2" else None


def _is_ipv6(text: str) -> bool:
    try:
        return isinstance(ip_address(text), IPv6Address) and "%" not in text
    except ValueError:
        return False
