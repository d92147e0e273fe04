"""The one table of protocols and capture devices: what the program has to know about each.

The daemon's allow-lists (apps/daemon/access) do not derive from it, on purpose: what a stream may reach is decided
there, scheme by scheme, and a test fails if one is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Protocol:
    """How video travels to or from a server, an address or a device.

    schemes: of its URLs, in small letters.
    formats: libav's demuxers, muxers and devices that speak it themselves, as -f names them.
    ending: of files that only describe such a stream, None if there are none.
    live: an input of this protocol is always live: a picture that is not read in time is lost. False if it may be a
    recording, of which no picture may be dropped; -live then says that it is not.
    answers: a server has to answer, and may not. False: packets go to an address or come from one, without a sign
    whether anybody is there.
    usual_format: the format it carries if none is named; None goes by the ending of the name.
    carrier: who speaks it: libav, or the ffmpeg command where PyAV's libav is built without it.
    muxer_connects: its muxer opens the connection itself and cannot write to an open one.
    playlist: short files and a list of them; packets arrive several seconds at a time.
    rtp: its packets are RTP, which has no payload for some codecs.
    live_options: options a live input is opened with, unless the user sets them.
    transport_option: the input option that says what carries the RTP. If the user sets it, `live_options` are left out.
    lends_memory: its packets lie in the driver's memory, which is gone once the device is closed.
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
        """True if libav does not report lost packets of an input: RTP over UDP. options: the input's."""
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
    live_options={"rtsp_flags": "prefer_tcp"},  # TCP loses nothing; UDP is for cameras that have no TCP
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
# Muxers that begin a new file by themselves, again and again: series of files, with or without a playlist.
SEGMENT_FORMATS = frozenset({"segment", "stream_segment", "ssegment"})
PATTERN_FORMATS = SEGMENT_FORMATS | {name for name, protocol in _BY_FORMAT.items() if protocol.playlist}

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+")
_LISTENS = re.compile(r"[?&](?:listen(?:=[1-9]|&|$)|mode=listener)", re.IGNORECASE)


def scheme_of(url: str) -> str:
    """The scheme of a URL in small letters, "" for a file's name."""
    scheme, found, _ = url.partition("://")
    return scheme.lower() if found and _SCHEME.fullmatch(scheme) else ""


def protocol_of(url: str) -> Protocol | None:
    """The protocol of a URL's scheme; None for a file's name and a scheme that is not in the table."""
    return _BY_SCHEME.get(scheme_of(url))


def format_protocols(format: str | None) -> list[Protocol]:
    """The protocols that a format speaks. format: a name, or several as libav reports them ("mov,mp4")."""
    return list({p.name: p for name in (format or "").split(",") if (p := _BY_FORMAT.get(name))}.values())


def input_protocols(url: str, format: str | None) -> list[Protocol]:
    """Every protocol that an input names: by its scheme, by its ending and by its format (-f)."""
    scheme = _BY_SCHEME.get(url.partition(":")[0].lower()) if ":" in url else None  # libav takes it without slashes too
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
