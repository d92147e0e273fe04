"""Finds encoders, and which encoder or muxer an option belongs to."""

from __future__ import annotations

import ast
import difflib
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import av
from av.codec.codec import Codec
from av.codec.context import CodecContext

from ...errors import BadOption, UnknownName
from ..libav_errors import libav_is_quiet
from ..libav_options import container_options, encoder_options, muxer_options, protocol_options
from ..transport.output_kind import connects
from ..transport.protocols import needs_ffmpeg, scheme_of
from ..transport.srt import OPTIONS as SRT_OPTIONS

_FOR_ENCODING = 1  # AV_OPT_FLAG_ENCODING_PARAM


def find_encoder(name: str, kind: str, place: str) -> Codec:
    """The encoder of that name, or one for the codec of that name. Raises UnknownName with the nearest names."""
    try:
        codec = Codec(name, "w")
    except ValueError:
        codec = None
    if codec is None or codec.type != kind:
        near = difflib.get_close_matches(name, sorted(av.codecs_available), n=3)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise UnknownName(f"Unknown encoder {name!r} for {place}{hint}")
    return codec


@lru_cache(maxsize=64)
def known_options(encoder: str) -> frozenset[str]:
    """The names of an encoder's options: its own and those that all encoders have."""
    return frozenset(name for name, _, encodes in _options(encoder) if encodes)


@lru_cache(maxsize=64)
def default_option(encoder: str, name: str) -> str | None:
    """The default of an encoder's option, None if it has none."""
    return next((default for known, default, _ in _options(encoder) if known == name), None)


@lru_cache(maxsize=64)
def _options(encoder: str) -> list[tuple[str, str | None, bool]]:
    """Name, default, and whether it is one for encoding: an encoder's own options before those that all have."""
    with libav_is_quiet():  # each one's value is read, and libav warns of the deprecated ones
        context = CodecContext.create(encoder, "w")
        try:
            options = context.supported_options
        except AttributeError:  # a PyAV before 18.1
            return encoder_options(context.codec.name)
        return [(o.name, o.default, bool(o.flags & _FOR_ENCODING)) for o in (*options.private, *options.generic)]


def nearest_option(name: str, encoder: str) -> str:
    """ "; did you mean 'crf'?", or nothing where no option is near."""
    near = difflib.get_close_matches(name, sorted(known_options(encoder)), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def refused(name: str, value: str, encoder: str, muxer: str) -> BadOption:
    """The error for an option that the muxer was given but does not have."""
    wrong = f"Unrecognized option {name!r} ({name}={value})"
    if name in known_options(encoder):
        return BadOption(
            f"{wrong}: the muxer {muxer} does not have it; it is the encoder's: give it with the video's options"
        )
    return BadOption(
        f"{wrong}: neither the encoder {encoder} nor the muxer {muxer} has it{nearest_option(name, encoder)}"
    )


def check_known(given: Mapping[str, str], encoder: str) -> None:
    """Raise BadOption for an option that an encoder does not have."""
    known = known_options(encoder)
    for name, value in given.items():
        if known and name not in known:  # without any, nobody could be asked: the encoder will judge
            raise BadOption(
                f"Unrecognized option {name!r} ({name}={value}): the encoder {encoder} does not have it"
                f"{nearest_option(name, encoder)}"
            )


def check_muxer_option(name: str, value: str, url: str, format: str) -> None:
    """Raise BadOption for an option that the muxer of an output does not have, or a value that it cannot take.

    Where libav writes to the address itself, the protocol's options will do as well; so will those of SRT.
    """
    if needs_ffmpeg(url) and name in SRT_OPTIONS:
        return
    takers = [container_options(reads=False), muxer_options(format)]
    if not connects(url, format):
        takers.append(protocol_options(scheme_of(url) or "file", reads=False))
    known: set[str] = set()
    for options in takers:
        if options is not None and name in options.names:
            if (takes := options.refusal(name, value)) is not None:
                raise BadOption(takes)
            return
        known |= set() if options is None else options.names
    if known:
        near = difflib.get_close_matches(name, sorted(known), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; 'ffmpeg -h muxer={format}' lists what there is"
        raise BadOption(f"Unrecognized option {name!r}: the muxer {format} does not have it{hint}")


def share_out(options: Mapping[str, str], *encoders: str) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Split options that name no stream: for each encoder those that it has, and the rest for the muxer."""
    shares = [{k: v for k, v in options.items() if k in known_options(e)} for e in encoders]
    rest = {k: v for k, v in options.items() if not any(k in share for share in shares)}
    return shares, rest


class _Unused(logging.Filter):
    """Catches what PyAV says of options in one thread: other streams may begin at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.options: dict[str, str] = {}
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        begin, _, rest = record.getMessage().partition("not used: ")
        if not (begin and rest) or record.thread != self._thread:
            return True
        self.options.update(ast.literal_eval(rest))
        return False


@contextmanager
def unused_options() -> Iterator[dict[str, str]]:
    """Collects the options that libavformat did not take: PyAV reports them only in a log message."""
    logger = logging.getLogger("av.container.output")
    catch, level, disabled = _Unused(), logger.level, logging.root.manager.disable
    logger.addFilter(catch)
    logger.setLevel(logging.WARNING)
    logging.disable(logging.NOTSET)
    try:
        yield catch.options
    finally:
        logger.removeFilter(catch)
        logger.setLevel(level)
        logging.disable(disabled)
