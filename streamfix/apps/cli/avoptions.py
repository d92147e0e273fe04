"""Which option names libavcodec, libavformat and libswscale know.

PyAV hands options on but cannot list them, and a mistyped one would be noticed
only when the encoder opens. ffmpeg's own command line asks libavutil's AVOption
tables (av_opt_next over avcodec_get_class and its children); the same is done
here. The functions are looked up through one of PyAV's own modules, which finds
the libraries that it is linked with: OpenCV brings others of the same names.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cache

_Pointer = ctypes.c_void_p
_CLASSES = ("avcodec_get_class", "avformat_get_class", "sws_get_class")


@cache
def option_names() -> frozenset[str] | None:
    """Names of all codec, container and scaler options; None where PyAV's libraries cannot be asked."""
    from av.codec import context

    libraries = ctypes.CDLL(context.__file__)
    names: set[str] = set()
    try:
        libraries.av_opt_next.restype = _Pointer
        libraries.av_opt_next.argtypes = [_Pointer, _Pointer]
        libraries.av_opt_child_class_iterate.restype = _Pointer
        libraries.av_opt_child_class_iterate.argtypes = [_Pointer, ctypes.POINTER(_Pointer)]
        for getter in _CLASSES:
            get_class = getattr(libraries, getter)
            get_class.restype = _Pointer
            names.update(_names(libraries, get_class(), set()))
    except AttributeError:  # a PyAV whose modules are linked in another way: the encoder will judge
        return None
    return frozenset(names)


def _names(libraries: ctypes.CDLL, av_class: int, seen: set[int]) -> Iterator[str]:
    """Names of one AVClass and its children."""
    if av_class in seen:
        return
    seen.add(av_class)
    # Any struct whose first member points to its AVClass counts as an object with options.
    holder = ctypes.byref(_Pointer(av_class))
    option = libraries.av_opt_next(holder, None)
    while option:
        name = ctypes.cast(option, ctypes.POINTER(ctypes.c_char_p))[0]  # AVOption.name is the first member
        if name:
            yield name.decode()
        option = libraries.av_opt_next(holder, option)
    place = _Pointer(None)
    while child := libraries.av_opt_child_class_iterate(av_class, ctypes.byref(place)):
        yield from _names(libraries, child, seen)
