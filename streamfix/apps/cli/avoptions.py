"""Which option names libavcodec, libavformat and libswscale know.

PyAV hands options on but cannot list them, and a mistyped one would be noticed
only when the encoder opens. ffmpeg's own command line asks libavutil's AVOption
tables (av_opt_next over avcodec_get_class and its children); the same is done
here, on the libraries that PyAV has loaded.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_Pointer = ctypes.c_void_p
_CLASSES = (("avcodec", "avcodec_get_class"), ("avformat", "avformat_get_class"), ("swscale", "sws_get_class"))


@cache
def option_names() -> frozenset[str] | None:
    """Names of all codec, container and scaler options; None where the loaded libraries cannot be asked."""
    import av  # noqa: F401  # loads the libraries

    util = _loaded("avutil")
    libraries = [(_loaded(name), getter) for name, getter in _CLASSES]
    if util is None:
        return None
    util.av_opt_next.restype = _Pointer
    util.av_opt_next.argtypes = [_Pointer, _Pointer]
    util.av_opt_child_class_iterate.restype = _Pointer
    util.av_opt_child_class_iterate.argtypes = [_Pointer, ctypes.POINTER(_Pointer)]
    names: set[str] = set()
    for library, getter in libraries:
        if library is None:
            return None
        get_class = getattr(library, getter)
        get_class.restype = _Pointer
        names.update(_names(util, get_class(), set()))
    return frozenset(names)


def _names(util: ctypes.CDLL, av_class: int, seen: set[int]) -> Iterator[str]:
    """Names of one AVClass and its children."""
    if av_class in seen:
        return
    seen.add(av_class)
    # Any struct whose first member points to its AVClass counts as an object with options.
    holder = ctypes.byref(_Pointer(av_class))
    option = util.av_opt_next(holder, None)
    while option:
        name = ctypes.cast(option, ctypes.POINTER(ctypes.c_char_p))[0]  # AVOption.name is the first member
        if name:
            yield name.decode()
        option = util.av_opt_next(holder, option)
    place = _Pointer(None)
    while child := util.av_opt_child_class_iterate(av_class, ctypes.byref(place)):
        yield from _names(util, child, seen)


def _loaded(name: str) -> ctypes.CDLL | None:
    """The shared library of this process with that name; None if it cannot be found."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return None
    found = re.search(rf"\S*/lib{name}[-.][^/\s]*\.so\S*|\S*/lib{name}\.so\S*", maps.read_text())
    return ctypes.CDLL(found[0]) if found else None
