"""The daemon's allow-lists stay apart from the table of protocols, and decide each of its entries knowingly."""

from __future__ import annotations

import pytest

from streamfix.apps.daemon.access import allowlist, urls
from streamfix.apps.daemon.access.urls import Allowed
from streamfix.errors import UsageError
from streamfix.media.transport.protocols import PROTOCOLS

SCHEMES = sorted(scheme for protocol in PROTOCOLS for scheme in protocol.schemes)
FORMATS = sorted(name for protocol in PROTOCOLS for name in protocol.formats)

# What libav speaks and the daemon never takes, each with its reason.
REFUSED_SCHEMES = {
    "rtmpe": "its encryption protects nothing, and libav as we have it does not speak it",
    "rtmpte": "the same",
    "srtp": "its keys go in options that the allow-list does not take",
    "udplite": "nobody has asked for it",
    "mmsh": "no camera and no server of today speaks it",
    "mmst": "the same",
}
REFUSED_FORMATS = {
    "sap": "its announcements say from which addresses to read on",
    "sdp": "it says from which addresses to read on",
    "smoothstreaming": "it makes folders of its own",
    "video4linux2": "v4l2 is its name here",
    "x11grab": "this machine's screen",
    "fbdev": "the same",
    "kmsgrab": "the same",
    "dash": "a muxer that makes files of its own names; as an input it is a playlist",
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_is_decided(scheme: str) -> None:
    """Whoever adds a scheme to the table says here that the daemon refuses it, or allows it in `urls`."""
    assert (scheme in urls.NETWORK_SCHEMES) != (scheme in REFUSED_SCHEMES)


def test_no_more_schemes_are_allowed_than_there_are() -> None:
    assert set(urls.SCHEMES) - {"v4l2"} <= set(urls.NETWORK_SCHEMES) <= set(SCHEMES)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_refused_scheme_stays_refused_whatever_is_allowed(scheme: str) -> None:
    everything = Allowed(schemes=frozenset(SCHEMES), private=True)
    url = f"{scheme}://192.0.2.5:9000/x"
    if scheme in REFUSED_SCHEMES:
        for check in (everything.check_input, everything.check_output):
            with pytest.raises(UsageError, match="is not allowed"):
                check(url)
    else:
        guards = everything.check_input(url)
        # SRT is received by another program, in which nothing is probed.
        assert scheme == "srt" or scheme in guards["protocol_whitelist"].split(",")


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_decided(name: str) -> None:
    allowed = allowlist.INPUT_FORMATS | allowlist.OUTPUT_FORMATS
    assert (name in allowed) != (name in REFUSED_FORMATS)
