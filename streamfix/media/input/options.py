"""Which options an input takes, found out without opening it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import av.error
from av.format import ContainerFormat

from ...errors import BadOption, UnknownName
from ..libav_options import (
    LibavOptions,
    all_options,
    codec_options,
    container_options,
    demuxer_options,
    protocol_options,
)
from ..transport import srt
from ..transport.protocols import input_protocols, needs_ffmpeg, scheme_of

_OVER_TCP = {"http", "https", "rtmp", "rtmps", "rtmpt", "rtmpts"}


def check_demuxer(name: str) -> None:
    """Raise UnknownName if libav has no demuxer of that name."""
    try:
        ContainerFormat(name, "r")
    except ValueError:
        near = difflib.get_close_matches(name, sorted(av.formats_available), n=3)
        hint = f"; near it: {', '.join(near)}" if near else "; leave it out to detect the format"
        raise UnknownName(f"no demuxer of that name{hint}") from None


def check_option(name: str, value: str, url: str, format: str | None) -> None:
    """Raise BadOption for an option that no demuxer, protocol or decoder of this input has, or a value it cannot take.

    format: the demuxer by name, None to probe: then any demuxer's option will do.
    """
    known = all_options(reads=True)
    if known is None or (needs_ffmpeg(url) and name in srt.OPTIONS):
        return
    demuxer = _demuxer(url, format)
    if name not in known:
        if name in (all_options(reads=False) or ()):
            raise BadOption(f"Unrecognized option {name!r}: outputs have it, inputs do not; give it with an output")
        near = difflib.get_close_matches(name, sorted(known), n=1)
        if near:
            raise BadOption(f"Unrecognized option {name!r}; did you mean {near[0]!r}?")
        raise BadOption(f"Unrecognized option {name!r}: {_lists(url, format)} lists what there is")
    for options in _in_order(url, demuxer):
        if name in options.names:
            if (takes := options.refusal(name, value)) is not None:
                raise BadOption(takes)
            return


def _demuxer(url: str, format: str | None) -> LibavOptions | None:
    """The options of the demuxer that the input will have, None where that is found out by probing."""
    if format is None:
        format = next((name for p in input_protocols(url, None) for name in sorted(p.formats)), None)
    return None if format is None else demuxer_options(format)


def _in_order(url: str, demuxer: LibavOptions | None) -> Iterator[LibavOptions]:
    """As libav asks them in turn who takes an option."""
    protocol = protocol_options(scheme_of(url), reads=True)
    carried = demuxer is None or not demuxer.opens_itself
    for options in (
        container_options(reads=True),
        protocol if carried else None,
        demuxer,
        protocol,
        protocol_options("tcp", reads=True) if scheme_of(url) in _OVER_TCP else None,
        codec_options(reads=True),
    ):
        if options is not None:
            yield options


def _lists(url: str, format: str | None) -> str:
    named = format or next((name for p in input_protocols(url, None) for name in sorted(p.formats)), None)
    return f"'ffmpeg -h demuxer={named}'" if named else f"'ffmpeg -h protocol={scheme_of(url) or 'file'}'"
