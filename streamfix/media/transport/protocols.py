"""The one table of protocols and devices: what the rest of the program has to know of each.

The daemon's allow-lists (apps/daemon/access) do not follow this table, on purpose: what streams may reach is decided
there for each scheme by itself, and a test sees that none is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way in which video travels.

    schemes: what stands before the colon in its URLs, in small letters.
    formats: libav's demuxers, muxers and devices that speak it themselves, by the names that -f takes.
    ending: of files that only describe such a stream.
    live: an input is live without being told: pictures that are not taken in time are lost. False where it may be a
    recording as well, of which no picture may be dropped.
    answers: there is a server that has to answer, and may not. False: packets go to an address, or are taken from it,
    and nobody tells whether anybody is there.
    usual_format: the format that it carries where none is named; None goes by the name's ending.
    carrier: what speaks it: "ffmpeg" is the ffmpeg command, for what libav as PyAV ships it does not speak.
    muxer_connects: its muxer opens the connection by itself, and cannot write to one that is open.
    playlist: short files and a list of them, so that it comes some seconds at a time.
    rtp: its packets are RTP, which has no payload for some codecs.
    live_options: what a live input is opened with, each unless the user sets it.
    transport_option: the input's option that says what carries RTP; where it is set, no `live_options` are.
    lends_memory: its packets lie in a driver's memory, which goes when the device is closed.
    """

    name: str
    schemes: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()
    ending: str | None = None
    live: bool = False
    answers: bool = True
    usual_format: str | None = None
    carrier: Literal["libav", "ffmpeg"] = "libav"
    muxer_connects: bool = False
    playlist: bool = False
    rtp: bool = False
    live_options: Mapping[str, str] = field(default_factory=dict)
    transport_option: str | None = None
    lends_memory: bool = False

    def loses_silently(self, options: Mapping[str, str]) -> bool:
        """True if packets of an input may be lost without libav's saying so: RTP over UDP. options: the input's."""
        carried_by = "udp" if self.transport_option is None else options.get(self.transport_option, "tcp")
        return self.rtp and carried_by.startswith("udp")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


RTSP = Protocol(
    "RTSP",
    schemes=_names("rtsp rtsps"),
    formats=_names("rtsp"),
    live=True,
    usual_format="rtsp",
    muxer_connects=True,
    rtp=True,
    live_options={"rtsp_flags": "prefer_tcp"},  # where nothing is lost; UDP where a camera knows no other
    transport_option="rtsp_transport",
)
RTMP = Protocol("RTMP", schemes=_names("rtmp rtmps rtmpt rtmpts rtmpe rtmpte"), live=True, usual_format="flv")
SRT = Protocol("SRT", schemes=_names("srt"), live=True, usual_format="mpegts", carrier="ffmpeg")
UDP = Protocol(
    "UDP",
    schemes=_names("udp"),
    live=True,
    answers=False,
    usual_format="mpegts",
    live_options={"overrun_nonfatal": "1"},  # else a short stall here ends the input
)
UDPLITE = Protocol("UDP-Lite", schemes=_names("udplite"), live=True, answers=False)
RTP = Protocol(
    "RTP",
    schemes=_names("rtp"),
    formats=_names("rtp"),
    live=True,
    answers=False,
    usual_format="rtp_mpegts",
    rtp=True,
)
SRTP = Protocol("SRTP", schemes=_names("srtp"), live=True, answers=False, rtp=True)
SAP = Protocol("SAP", formats=_names("sap"), live=True, answers=False, rtp=True)
SDP = Protocol("SDP", formats=_names("sdp"), ending=".sdp", answers=False, rtp=True)
MMS = Protocol("MMS", schemes=_names("mmsh mmst"), live=True)
HTTP = Protocol("HTTP", schemes=_names("http https"))
TCP = Protocol("TCP", schemes=_names("tcp"))
HLS = Protocol("HLS", formats=_names("hls"), playlist=True)
DASH = Protocol("DASH", formats=_names("dash"), playlist=True)
SMOOTH = Protocol("Smooth Streaming", formats=_names("smoothstreaming"), playlist=True)
V4L2 = Protocol("V4L2", formats=_names("v4l2 video4linux2"), live=True, lends_memory=True)
SCREEN = Protocol("screen", formats=_names("x11grab fbdev kmsgrab"), live=True)

PROTOCOLS = (RTSP, RTMP, SRT, UDP, UDPLITE, RTP, SRTP, SAP, SDP, MMS, HTTP, TCP, HLS, DASH, SMOOTH, V4L2, SCREEN)

_BY_SCHEME = {scheme: protocol for protocol in PROTOCOLS for scheme in protocol.schemes}
_BY_FORMAT = {name: protocol for protocol in PROTOCOLS for name in protocol.formats}
# Muxers that begin a new file by themselves, again and again: series of files, and playlists of them.
SEGMENT_FORMATS = frozenset({"segment", "stream_segment", "ssegment"})
PATTERN_FORMATS = SEGMENT_FORMATS | {name for name, protocol in _BY_FORMAT.items() if protocol.playlist}

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+")
_LISTENS = re.compile(r"[?&](?:listen(?:=[1-9]|&|$)|mode=listener)", re.IGNORECASE)


def scheme_of(url: str) -> str:
    """The scheme of a URL in small letters, "" of a file's name."""
    scheme, found, _ = url.partition("://")
    return scheme.lower() if found and _SCHEME.fullmatch(scheme) else ""


def protocol_of(url: str) -> Protocol | None:
    """The protocol of a URL's scheme; None for a file's name and a scheme that is not in the table."""
    return _BY_SCHEME.get(scheme_of(url))


def format_protocols(format: str | None) -> list[Protocol]:
    """The protocols that a format speaks. format: by name, or several names as libav reports them ("a,b")."""
    return list({p.name: p for name in (format or "").split(",") if (p := _BY_FORMAT.get(name))}.values())


def input_protocols(url: str, format: str | None) -> list[Protocol]:
    """Every protocol that an input names: by its scheme, by its ending and by its format (-f)."""
    scheme = _BY_SCHEME.get(url.partition(":")[0].lower()) if ":" in url else None  # libav needs no slashes behind it
    described = [p for p in PROTOCOLS if p.ending is not None and url.lower().endswith(p.ending)]
    return [*([scheme] if scheme else []), *described, *format_protocols(format)]


def listens(url: str, options: Mapping[str, str]) -> bool:
    """True if an input is told to wait until the other side connects. options: the input's."""
    asked = options.get("listen", "0") != "0" or options.get("mode") == "listener"
    return asked or "listen" in options.get("rtsp_flags", "") or bool(_LISTENS.search(url))


def is_listening(url: str) -> bool:
    """True for an SRT output that waits until the other side connects, whenever that may be."""
    return protocol_of(url) is SRT and "mode=listener" in url.partition("?")[2].lower().split("&")


def needs_ffmpeg(url: str) -> bool:
    """True for a URL that only the ffmpeg command can read and write."""
    protocol = protocol_of(url)
    return protocol is not None and protocol.carrier == "ffmpeg"
