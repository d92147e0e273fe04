"""What streams may read and write: schemes, folders and addresses.

Schemes and folders limit every stream. A stream that came over HTTP may also reach no private address and refer to no
secret unless that is allowed, and use only what `allowlist` lists. Two gaps remain: the library looks a host name up
again when it connects, and an RTSP server may redirect it to another address.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ....errors import UsageError
from . import allowlist
from .addresses import Network, Resolve, is_public, is_within, resolve
from .location import DEVICE, Location, split

# What can be allowed. libav's others (file, concat, subfile, data, crypto, pipe, fd, cache, async, tee ...) read files
# or embed other URLs, and are never allowed.
NETWORK_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "rtmpt", "rtmpts", "rtp", "srt", "udp", "tcp", "http", "https")
SCHEMES = ("rtsp", "rtsps", "rtmp", "srt", "udp", "http", "https", "v4l2")

_PATTERN = re.compile(r"%(%|[YmdHMSsjyF]|0?\d*d)")
# The protocols that a demuxer may open by itself, whatever a playlist or a description tells it to.
_HTTP = "http,https,httpproxy,tcp,tls,crypto"
_RTSP = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,httpproxy"
_RTMP = "rtmp,rtmps,rtmpt,rtmpts,rtmpe,rtmpte,ffrtmpcrypt,ffrtmphttp,http,https,tcp,tls"
_PROTOCOLS = {
    **dict.fromkeys(("http", "https"), _HTTP),
    **dict.fromkeys(("rtsp", "rtsps"), _RTSP),
    **dict.fromkeys(("rtmp", "rtmps", "rtmpt", "rtmpts"), _RTMP),
    "rtp": "rtp,srtp,udp",
    "udp": "udp",
    "tcp": "tcp",
    "file": "file",
}


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be read and written.

    schemes: of URLs, and "v4l2" for cameras at this machine. folders: files below these only, links resolved.
    private: True if streams that came over HTTP may reach every address, or the networks that they may reach beside
    the public internet. secrets: references that these may make, such as "env:CAM_PASSWORD".
    look_up: the addresses of a host.
    """

    schemes: frozenset[str] = frozenset(SCHEMES)
    folders: tuple[Path, ...] = ()
    private: bool | tuple[Network, ...] = False
    secrets: frozenset[str] = frozenset()
    look_up: Resolve = field(default=resolve, compare=False)

    def check_input(self, url: str, *, from_api: bool = False) -> dict[str, str]:
        """Raise UsageError if an input may not be read; else return demuxer options that keep libav from reading more.

        url: with its secrets put in.
        """
        scheme = self._check(url, from_api).scheme
        guards = {"protocol_whitelist": _PROTOCOLS[scheme]} if scheme in _PROTOCOLS else {}
        if from_api and scheme in ("http", "https") and self.private is not True:
            # Neither a redirect nor a playlist may lead to an unchecked address.
            guards |= {"max_redirects": "0", "format_whitelist": allowlist.PROBED}
        elif from_api and scheme == "file":
            guards |= {"format_whitelist": allowlist.PROBED}
        return guards

    def check_demuxer(self, format: str, url: str, *, url_from_api: bool = False, from_api: bool = False) -> None:
        """Raise UsageError if an input may not be read as that format. url: the input, with its secrets put in."""
        device = split(url).scheme == "v4l2"
        if format in ("v4l2", "video4linux2") and not device:
            raise UsageError("it reads a camera's device file, as in /dev/video0")
        if format in ("lavfi", "concat", "concatf"):
            raise UsageError("it is not allowed: it reads other files than the one it is given")
        free = not url_from_api or (self.private is True and not url.startswith("/"))
        if from_api or url_from_api:
            formats = allowlist.INPUT_FORMATS | (allowlist.PLAYLISTS if free else frozenset())
            allowlist.check_format(format, formats, "input format")

    def check_output(self, url: str, *, from_api: bool = False) -> None:
        """Raise UsageError if an output may not be written. url: with its secrets put in; may be a strftime pattern."""
        scheme = self._check(url, from_api).scheme
        if scheme == "v4l2":
            raise UsageError("a camera is no output; give a URL or a file's path")
        if scheme == "file":
            _check_pattern(url)
            for link in _links(url):
                self.check_file(link)
        if from_api and scheme in ("http", "https") and self.private is not True:
            raise UsageError(
                "a web server may redirect it to any address; set it in the daemon's own file, "
                "or allow_private = true there"
            )

    def check_muxer(self, format: str, *, from_api: bool = False) -> None:
        """Raise UsageError if an output may not be written as that format."""
        if format in ("tee", "fifo"):
            raise UsageError("it is not allowed; list each output by itself")
        if from_api:
            allowlist.check_format(format, allowlist.OUTPUT_FORMATS, "output format")

    def check_file(self, path: str) -> None:
        """Raise UsageError if a file does not lie below an allowed folder, links resolved. path: absolute."""
        folders = ", ".join(map(str, self.folders))
        where = f"below {folders}" if folders else "nowhere: allow_folders is empty"
        if not path.startswith("/") or ".." in path.split("/"):
            raise UsageError(f"give an absolute path without ..; files are allowed {where}")
        real = Path(os.path.realpath(path))
        if not any(folder in real.parents for folder in map(Path, map(os.path.realpath, self.folders))):
            by_link = f"it leads to {real}; " if self.folders and str(real) != os.path.normpath(path) else ""
            raise UsageError(f"{by_link}files are allowed {where}")

    def _check(self, url: str, from_api: bool) -> Location:
        place = split(url)
        if place.scheme == "file" and url.startswith("/"):
            self.check_file(url)
        elif place.scheme not in self.schemes or place.scheme not in (*NETWORK_SCHEMES, "v4l2"):
            files = f"; files are written as an absolute path below {', '.join(map(str, self.folders))}"
            raise UsageError(
                f"the scheme {place.scheme!r} is not allowed; allowed are {', '.join(sorted(self.schemes))}"
                f"{files if self.folders else ''}"
            )
        elif place.scheme == "v4l2":
            if not DEVICE.fullmatch(os.path.realpath(url)):
                raise UsageError(f"it is a link to {os.path.realpath(url)}, which is not a camera")
        elif place.port is None and place.scheme in ("udp", "tcp", "rtp", "srt"):
            raise UsageError(f"{place.scheme} needs a port, as in {place.scheme}://host:9000")
        elif not place.host and place.scheme not in ("udp", "rtp", "srt", "tcp"):
            raise UsageError(f"the host is missing, as in {place.scheme}://host/path")
        elif from_api:
            self._check_address(place.host or "0.0.0.0")
        return place

    def _check_address(self, host: str) -> None:
        if self.private is True:
            return
        networks = self.private or ()
        for address in self.look_up(host):
            if not is_public(address) and not is_within(address, networks):
                named = getattr(address, "ipv4_mapped", None) or address
                allowed = f"; allowed are {', '.join(map(str, networks))}" if networks else ""
                raise UsageError(
                    f"{named} is a private address, which streams given over HTTP may not reach{allowed}; "
                    "set the stream in the daemon's own file, or add the network to allow_private there"
                )


def _check_pattern(path: str) -> None:
    """Raise UsageError unless every file of a pattern lies below the folder that was checked."""
    if "%" in _PATTERN.sub("", path):
        raise UsageError(
            "a pattern may hold %Y %m %d %H %M %S %s %j %y %F, a number such as %03d, and %% for a percent sign"
        )


def _links(pattern: str) -> Iterator[str]:
    """Links among the files and folders that a pattern stands for: they may lead elsewhere."""
    parts = pattern.split("/")
    for i, part in enumerate(parts, 1):
        if "%" in part:
            found = glob.iglob(_PATTERN.sub("*", glob.escape("/".join(parts[:i]))))
            inner = i < len(parts)
            yield from (link for link in found if os.path.islink(link) and (os.path.isdir(link) or not inner))
