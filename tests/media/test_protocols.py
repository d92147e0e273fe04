"""The table of protocols: nothing stands twice, and what is asked of it is what each protocol is."""

from __future__ import annotations

from collections import Counter

import av
import pytest

from streamfix.media.redact import redact
from streamfix.media.transport.output_kind import connects, connects_itself, output_kind, usual_format
from streamfix.media.transport.protocols import (
    HLS,
    PATTERN_FORMATS,
    PROTOCOLS,
    RTP,
    RTSP,
    SDP,
    UDP,
    V4L2,
    Protocol,
    format_protocols,
    input_protocols,
    listens,
    needs_ffmpeg,
    protocol_of,
)


def test_a_name_a_scheme_and_a_format_stand_in_one_row() -> None:
    names = Counter(protocol.name for protocol in PROTOCOLS)
    schemes = Counter(scheme for protocol in PROTOCOLS for scheme in protocol.schemes)
    formats = Counter(name for protocol in PROTOCOLS for name in protocol.formats)
    assert {name for found in (names, schemes, formats) for name, count in found.items() if count > 1} == set()
    assert all(scheme == scheme.lower() for scheme in schemes)


def test_what_is_live_by_itself() -> None:
    """A wrong entry here drops pictures of a recording, or lets a camera's pile up."""
    live = {name for p in PROTOCOLS if p.live for name in (*p.schemes, *p.formats)}
    assert live == {
        *("rtsp", "rtsps", "rtmp", "rtmps", "rtmpt", "rtmpts", "rtmpe", "rtmpte", "rtp", "srtp", "srt"),
        *("udp", "udplite", "mmsh", "mmst", "sap", "v4l2", "video4linux2", "x11grab", "fbdev", "kmsgrab"),
    }


def test_formats_are_libavs() -> None:
    known = {name for names in av.formats_available for name in names.split(",")}
    assert {"rtsp", "rtp", "sap", "sdp", "hls", "dash"} <= known
    usual = {p.usual_format for p in PROTOCOLS if p.usual_format}
    assert usual <= known


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: p.name)
def test_each_scheme_is_an_outputs_too(protocol: Protocol) -> None:
    for scheme in protocol.schemes:
        url = f"{scheme.upper()}://192.0.2.1:9000/a"
        assert protocol_of(url) is protocol
        assert usual_format(url) == protocol.usual_format
        assert output_kind(url, protocol.usual_format) == "network"
        assert connects(url, protocol.usual_format or "mpegts") is protocol.answers
        assert needs_ffmpeg(url) is (protocol.carrier == "ffmpeg")


def test_muxers_that_connect() -> None:
    assert connects_itself("rtsp")
    assert connects("x", "rtsp")
    assert output_kind("x", "rtsp") == "network"
    assert all(connects_itself(format) for format in PATTERN_FORMATS)
    assert not connects_itself("mpegts")


@pytest.mark.parametrize(
    ("url", "format", "want"),
    [
        ("rtsp://cam/1", None, [RTSP]),
        ("rtsp:cam", None, [RTSP]),
        ("udp:127.0.0.1:9000", "rtp", [UDP, RTP]),
        ("cam.SDP", None, [SDP]),
        ("/dev/video0", "video4linux2,v4l2", [V4L2]),
        ("https://host/list.m3u8", "hls", [protocol_of("https://host"), HLS]),
        ("C:film.mp4", None, []),
        ("in.mp4", "mov,mp4,m4a", []),
    ],
)
def test_what_an_input_names(url: str, format: str | None, want: list[Protocol]) -> None:
    assert input_protocols(url, format) == want


@pytest.mark.parametrize(
    ("url", "options", "silent"),
    [
        ("rtsp://cam/1", {}, False),
        ("rtsp://cam/1", {"rtsp_transport": "udp"}, True),
        ("rtsp://cam/1", {"rtsp_transport": "udp_multicast"}, True),
        ("rtp://239.0.0.1:5004", {}, True),
        ("cam.sdp", {}, True),
        ("udp://239.0.0.1:5004", {}, False),  # MPEG-TS counts its packets
    ],
)
def test_what_loses_packets_silently(url: str, options: dict[str, str], silent: bool) -> None:
    assert any(protocol.loses_silently(options) for protocol in input_protocols(url, None)) is silent


@pytest.mark.parametrize(
    ("url", "options", "want"),
    [
        ("srt://:9000?mode=listener", {}, True),
        ("srt://:9000", {"mode": "listener"}, True),
        ("tcp://:9000?listen", {}, True),
        ("rtmp://:1935/live", {"listen": "1"}, True),
        ("rtsp://:8554/x", {"rtsp_flags": "listen"}, True),
        ("rtmp://h/live?listen=0", {"listen": "0"}, False),
        ("srt://h:9000?mode=caller", {"rtsp_flags": "prefer_tcp"}, False),
    ],
)
def test_who_waits_for_the_other_side(url: str, options: dict[str, str], want: bool) -> None:
    assert listens(url, options) is want


def test_keys_in_the_path_are_redacted_for_each_scheme_that_has_them() -> None:
    """`redact` runs as a program by itself and cannot ask the table."""
    for scheme in (s for p in PROTOCOLS if p.name == "RTMP" for s in p.schemes):
        assert "abcd-1234-efgh-5678" not in redact(f"{scheme}://host/live2/abcd-1234-efgh-5678")


def test_a_format_that_is_no_protocol() -> None:
    assert format_protocols(None) == format_protocols("matroska,webm") == []
