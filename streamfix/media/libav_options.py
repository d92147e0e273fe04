"""libav's own tables of options: which there are, and which values they take.

PyAV hands options on but cannot list those of containers and protocols, and a mistyped one would be noticed late or
never. So libavutil's AVOption tables are read, as ffmpeg's own command line does (av_opt_next over a class and its
children).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from .libav_errors import libav_is_quiet
from .libav_functions import CLASSES, Pointer, functions

_ENCODING, _DECODING = 1, 2  # AV_OPT_FLAG_...
_TYPE = 0xFFFF  # of AVOption.type without the mark for arrays
_FLAGS, _INT, _INT64, _DOUBLE, _FLOAT, _UINT64, _CONSTANT, _UINT = 1, 2, 3, 4, 5, 10, 11, 20  # AV_OPT_TYPE_...
_FORMS = {
    7: "a ratio, as in 16:9",
    12: "a size, as in 1280x720",
    13: "a pixel format, as in yuv420p",
    15: "a rate, as in 25 or 30000/1001",
    16: "a time, in seconds or as HH:MM:SS",
    18: "0 or 1",
}
_NUMBERS = {_INT, _INT64, _DOUBLE, _FLOAT, _UINT64, _UINT}
_NO_FILE = 1  # AVFMT_NOFILE
_BEHIND = 256  # bytes behind an option's place in its object: more than any value takes
_LARGE = 2**31 - 1  # a limit of this size or more is that of the type
_FEW = 12  # words that a message lists


class LibavOptions:
    """The options of one class of libav's: a demuxer, a muxer, a protocol, or what all containers or codecs have.

    names: of those for reading (or writing). opens_itself: a demuxer or muxer that makes its connections by itself.
    """

    def __init__(
        self, libraries: ctypes.CDLL, av_class: int | None, *, reads: bool, opens_itself: bool = False
    ) -> None:
        self._libraries, self._class = libraries, av_class
        self.opens_itself = opens_itself
        wanted = _DECODING if reads else _ENCODING
        every = [] if av_class is None else list(_options(libraries, av_class))
        self._known = {o.name: o for o in every if o.type != _CONSTANT and o.flags & wanted}
        self._words: dict[str, list[str]] = {}
        for option in every:
            if option.type == _CONSTANT:
                self._words.setdefault(option.unit, []).append(option.name)
        self._size = max((o.offset for o in every), default=0) + _BEHIND

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._known)

    def refusal(self, name: str, value: str) -> str | None:
        """What an option takes instead of that value; None if it takes it, or if there is no such option.

        libav itself sets the option, in memory that belongs to nothing.
        """
        option = self._known.get(name)
        if option is None or self._class is None or "\0" in value:
            return None
        # Any memory whose first member points to its AVClass counts as an object with options.
        scratch = ctypes.create_string_buffer(self._size)
        ctypes.cast(scratch, ctypes.POINTER(Pointer))[0] = self._class
        with libav_is_quiet():
            self._libraries.av_opt_set_defaults(scratch)
            failed = self._libraries.av_opt_set(scratch, name.encode(), value.encode(), 0) < 0
            self._libraries.av_opt_free(scratch)
        return self._takes(option) if failed else None

    def _takes(self, option: _Option) -> str:
        words = self._words.get(option.unit, []) if option.unit else []
        listed = ", ".join(words[:_FEW]) + (", ..." if len(words) > _FEW else "")
        if option.type == _FLAGS and words:
            return f"it takes one or more of {listed}, joined by +"
        if option.type in _FORMS:
            return f"it takes {_FORMS[option.type]}"
        if option.type in _NUMBERS:
            if words and option.most - option.least < _LARGE:
                return f"it takes {listed}"
            return f"it takes {f'{listed}, or ' if words else ''}{_range(option)}"
        return "libav does not take this value"


@dataclass(frozen=True, slots=True)
class _Option:
    name: str
    offset: int
    type: int
    least: float
    most: float
    flags: int
    unit: str


def _range(option: _Option) -> str:
    least = f" from {option.least:.10g}" if option.least > -_LARGE else ""
    most = f" to {option.most:.10g}" if option.most < _LARGE else " on" if least else ""
    return f"a {'number' if option.type in (_DOUBLE, _FLOAT) else 'whole number'}{least}{most}"


def container_options(*, reads: bool) -> LibavOptions | None:
    """What all demuxers (or muxers) have; None where the libraries cannot be asked."""
    libraries = functions()
    return None if libraries is None else LibavOptions(libraries, libraries.avformat_get_class(), reads=reads)


def codec_options(*, reads: bool) -> LibavOptions | None:
    """What all decoders (or encoders) have; None where the libraries cannot be asked."""
    libraries = functions()
    return None if libraries is None else LibavOptions(libraries, libraries.avcodec_get_class(), reads=reads)


def demuxer_options(format: str) -> LibavOptions | None:
    """A demuxer's own options; None for an unknown name, or where the libraries cannot be asked."""
    libraries = functions()
    found = None if libraries is None else libraries.av_find_input_format(format.encode())
    return _of(libraries, found, reads=True)


def muxer_options(format: str) -> LibavOptions | None:
    """A muxer's own options; None for an unknown name, or where the libraries cannot be asked."""
    libraries = functions()
    found = None if libraries is None else libraries.av_guess_format(format.encode(), None, None)
    return _of(libraries, found, reads=False)


def protocol_options(scheme: str, *, reads: bool) -> LibavOptions | None:
    """The options of the protocol of a URL's scheme; None if it has none, or where the libraries cannot be asked."""
    libraries, found = functions(), _protocols().get(scheme)
    return None if libraries is None or found is None else LibavOptions(libraries, found, reads=reads)


def encoder_options(encoder: str) -> list[tuple[str, str | None, bool]]:
    """Name, default, and whether it is one for encoding, of an encoder's own options, then of those that all have.

    Empty where the libraries cannot be asked.
    """
    libraries = functions()
    codec = None if libraries is None else libraries.avcodec_find_encoder_by_name(encoder.encode())
    if libraries is None or not codec:
        return []
    context = Pointer(libraries.avcodec_alloc_context3(codec))
    try:
        own = libraries.av_opt_child_next(context, None)
        return [
            (option.name, _value(libraries, holder, option.name), bool(option.flags & _ENCODING))
            for holder in (own, context.value)
            if holder
            for option in _options_of(libraries, holder)
            if option.type != _CONSTANT
        ]
    finally:
        libraries.avcodec_free_context(ctypes.byref(context))


@cache
def all_options(*, reads: bool) -> frozenset[str] | None:
    """Names of all options of demuxers, decoders and protocols (or of muxers, encoders and protocols)."""
    libraries = functions()
    if libraries is None:
        return None
    wanted, names = _DECODING if reads else _ENCODING, set[str]()
    for get_class in ("avcodec_get_class", "avformat_get_class"):
        for av_class in _with_children(libraries, getattr(libraries, get_class)(), set()):
            names.update(o.name for o in _options(libraries, av_class) if o.type != _CONSTANT and o.flags & wanted)
    return frozenset(names)


@cache
def all_names() -> frozenset[str] | None:
    """Names of all codec, container and scaler options.

    None where PyAV's libraries cannot be asked: the encoder will judge.
    """
    libraries = functions()
    if libraries is None:
        return None
    names: set[str] = set()
    for get_class in CLASSES:
        for av_class in _with_children(libraries, getattr(libraries, get_class)(), set()):
            names.update(o.name for o in _options(libraries, av_class) if o.type != _CONSTANT)
    return frozenset(names)


def _of(libraries: ctypes.CDLL | None, format: Any, *, reads: bool) -> LibavOptions | None:
    """format: points to a demuxer or muxer, or to nothing."""
    if libraries is None or not format:
        return None
    found = format.contents
    return LibavOptions(libraries, found.av_class, reads=reads, opens_itself=bool(found.flags & _NO_FILE))


@cache
def _protocols() -> Mapping[str, int]:
    """The classes of protocols by their name."""
    libraries = functions()
    if libraries is None:
        return {}
    return {_name(c): c for c in _with_children(libraries, libraries.avformat_get_class(), set())}


def _options(libraries: ctypes.CDLL, av_class: int) -> Iterator[_Option]:
    """The options of one AVClass, and the words that they take."""
    yield from _options_of(libraries, ctypes.byref(Pointer(av_class)))


def _options_of(libraries: ctypes.CDLL, holder: Any) -> Iterator[_Option]:
    """holder: points to an object whose first member points to its AVClass."""
    found = libraries.av_opt_next(holder, None)
    while found:
        o = found.contents
        unit = (o.unit or b"").decode()
        yield _Option(o.name.decode(), o.offset, o.type & _TYPE, o.min, o.max, o.flags, unit)
        found = libraries.av_opt_next(holder, found)


def _value(libraries: ctypes.CDLL, holder: Any, name: str) -> str | None:
    """An option's value in an object; None if it has none."""
    said = Pointer(None)
    if libraries.av_opt_get(holder, name.encode(), 0, ctypes.byref(said)) < 0 or not said.value:
        return None
    try:
        return (ctypes.string_at(said.value)).decode()
    finally:
        libraries.av_free(said)


def _with_children(libraries: ctypes.CDLL, av_class: int, seen: set[int]) -> Iterator[int]:
    """An AVClass and all below it."""
    if av_class in seen:
        return
    seen.add(av_class)
    yield av_class
    state = Pointer(None)
    while child := libraries.av_opt_child_class_iterate(av_class, ctypes.byref(state)):
        yield from _with_children(libraries, child, seen)


def _name(av_class: int) -> str:
    """AVClass.class_name, its first member."""
    return (ctypes.cast(av_class, ctypes.POINTER(ctypes.c_char_p))[0] or b"").decode()
