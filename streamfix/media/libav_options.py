"""libav's own tables of options: which there are, and which values they take.

PyAV hands options on but cannot list those of containers and protocols, and a mistyped one would be noticed late or
never. So libavutil's AVOption tables are read, as ffmpeg's own command line does (av_opt_next over a class and its
children). The functions are looked up through one of PyAV's own modules, which finds the libraries that it is linked
with: OpenCV brings others of the same names.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from av.codec import context

from .libav_errors import libav_is_quiet

_Pointer = ctypes.c_void_p
_CLASSES = ("avcodec_get_class", "avformat_get_class", "sws_get_class")
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
_MAJORS = {61, 62}  # of libavformat, FFmpeg 7 and 8: what is read below lies in the same places there
_LARGE = 2**31 - 1  # a limit of this size or more is that of the type
_FEW = 12  # words that a message lists


class _AVOption(ctypes.Structure):
    """libavutil/opt.h"""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("help", ctypes.c_char_p),
        ("offset", ctypes.c_int),
        ("type", ctypes.c_int),
        ("default", ctypes.c_int64),
        ("min", ctypes.c_double),
        ("max", ctypes.c_double),
        ("flags", ctypes.c_int),
        ("unit", ctypes.c_char_p),
    )


class _Demuxer(ctypes.Structure):
    """The public part of AVInputFormat, libavformat/avformat.h"""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("long_name", ctypes.c_char_p),
        ("flags", ctypes.c_int),
        ("extensions", ctypes.c_char_p),
        ("codec_tag", _Pointer),
        ("av_class", _Pointer),
    )


class _Muxer(ctypes.Structure):
    """The public part of AVOutputFormat, libavformat/avformat.h"""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("long_name", ctypes.c_char_p),
        ("mime_type", ctypes.c_char_p),
        ("extensions", ctypes.c_char_p),
        ("codecs", ctypes.c_int * 3),
        ("flags", ctypes.c_int),
        ("codec_tag", _Pointer),
        ("av_class", _Pointer),
    )


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
        ctypes.cast(scratch, ctypes.POINTER(_Pointer))[0] = self._class
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
    libraries = _libraries()
    return None if libraries is None else LibavOptions(libraries, libraries.avformat_get_class(), reads=reads)


def codec_options(*, reads: bool) -> LibavOptions | None:
    """What all decoders (or encoders) have; None where the libraries cannot be asked."""
    libraries = _libraries()
    return None if libraries is None else LibavOptions(libraries, libraries.avcodec_get_class(), reads=reads)


def demuxer_options(format: str) -> LibavOptions | None:
    """A demuxer's own options; None for an unknown name, or where the libraries cannot be asked."""
    libraries = _libraries()
    found = None if libraries is None else libraries.av_find_input_format(format.encode())
    return _of(libraries, found, reads=True)


def muxer_options(format: str) -> LibavOptions | None:
    """A muxer's own options; None for an unknown name, or where the libraries cannot be asked."""
    libraries = _libraries()
    found = None if libraries is None else libraries.av_guess_format(format.encode(), None, None)
    return _of(libraries, found, reads=False)


def protocol_options(scheme: str, *, reads: bool) -> LibavOptions | None:
    """The options of the protocol of a URL's scheme; None if it has none, or where the libraries cannot be asked."""
    libraries, found = _libraries(), _protocols().get(scheme)
    return None if libraries is None or found is None else LibavOptions(libraries, found, reads=reads)


@cache
def all_options(*, reads: bool) -> frozenset[str] | None:
    """Names of all options of demuxers, decoders and protocols (or of muxers, encoders and protocols)."""
    libraries = _libraries()
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
    libraries = _libraries()
    if libraries is None:
        return None
    names: set[str] = set()
    for get_class in _CLASSES:
        for av_class in _with_children(libraries, getattr(libraries, get_class)(), set()):
            names.update(o.name for o in _options(libraries, av_class) if o.type != _CONSTANT)
    return frozenset(names)


@cache
def _libraries() -> ctypes.CDLL | None:
    """PyAV's libraries; None for a PyAV whose modules are linked in another way, or of other versions."""
    try:
        libraries = ctypes.CDLL(context.__file__)
        if libraries.avformat_version() >> 16 not in _MAJORS:
            return None
        libraries.av_opt_next.restype = ctypes.POINTER(_AVOption)
        libraries.av_opt_next.argtypes = [_Pointer, _Pointer]
        libraries.av_opt_child_class_iterate.restype = _Pointer
        libraries.av_opt_child_class_iterate.argtypes = [_Pointer, ctypes.POINTER(_Pointer)]
        libraries.av_opt_set_defaults.argtypes = libraries.av_opt_free.argtypes = [_Pointer]
        libraries.av_opt_set.argtypes = [_Pointer, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
        libraries.av_find_input_format.restype = ctypes.POINTER(_Demuxer)
        libraries.av_find_input_format.argtypes = [ctypes.c_char_p]
        libraries.av_guess_format.restype = ctypes.POINTER(_Muxer)
        libraries.av_guess_format.argtypes = [ctypes.c_char_p] * 3
        for get_class in _CLASSES:
            getattr(libraries, get_class).restype = _Pointer
    except (AttributeError, OSError):
        return None
    return libraries


def _of(libraries: ctypes.CDLL | None, format: Any, *, reads: bool) -> LibavOptions | None:
    """format: points to a demuxer or muxer, or to nothing."""
    if libraries is None or not format:
        return None
    found = format.contents
    return LibavOptions(libraries, found.av_class, reads=reads, opens_itself=bool(found.flags & _NO_FILE))


@cache
def _protocols() -> Mapping[str, int]:
    """The classes of protocols by their name."""
    libraries = _libraries()
    if libraries is None:
        return {}
    return {_name(c): c for c in _with_children(libraries, libraries.avformat_get_class(), set())}


def _options(libraries: ctypes.CDLL, av_class: int) -> Iterator[_Option]:
    """The options of one AVClass, and the words that they take."""
    holder = ctypes.byref(_Pointer(av_class))
    found = libraries.av_opt_next(holder, None)
    while found:
        o = found.contents
        unit = (o.unit or b"").decode()
        yield _Option(o.name.decode(), o.offset, o.type & _TYPE, o.min, o.max, o.flags, unit)
        found = libraries.av_opt_next(holder, found)


def _with_children(libraries: ctypes.CDLL, av_class: int, seen: set[int]) -> Iterator[int]:
    """An AVClass and all below it."""
    if av_class in seen:
        return
    seen.add(av_class)
    yield av_class
    state = _Pointer(None)
    while child := libraries.av_opt_child_class_iterate(av_class, ctypes.byref(state)):
        yield from _with_children(libraries, child, seen)


def _name(av_class: int) -> str:
    """AVClass.class_name, its first member."""
    return (ctypes.cast(av_class, ctypes.POINTER(ctypes.c_char_p))[0] or b"").decode()
