"""Functions of libav's that PyAV does not offer.

They are looked up through one of PyAV's own modules, which finds the libraries that it is linked with: OpenCV brings
others of the same names.
"""

from __future__ import annotations

import ctypes
from functools import cache

from av.codec import context

Pointer = ctypes.c_void_p
CLASSES = ("avcodec_get_class", "avformat_get_class", "sws_get_class")
_MAJORS = {61, 62}  # of libavformat, FFmpeg 7 and 8: what is read here lies in the same places there


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
        ("codec_tag", Pointer),
        ("av_class", Pointer),
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
        ("codec_tag", Pointer),
        ("av_class", Pointer),
    )


@cache
def functions() -> ctypes.CDLL | None:
    """PyAV's libraries; None for a PyAV whose modules are linked in another way, or of other versions."""
    try:
        libraries = ctypes.CDLL(context.__file__)
        if libraries.avformat_version() >> 16 not in _MAJORS:
            return None
        libraries.av_opt_next.restype = ctypes.POINTER(_AVOption)
        libraries.av_opt_next.argtypes = [Pointer, Pointer]
        libraries.av_opt_child_class_iterate.restype = Pointer
        libraries.av_opt_child_class_iterate.argtypes = [Pointer, ctypes.POINTER(Pointer)]
        libraries.av_opt_set_defaults.argtypes = libraries.av_opt_free.argtypes = [Pointer]
        libraries.av_opt_set.argtypes = [Pointer, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
        libraries.av_find_input_format.restype = ctypes.POINTER(_Demuxer)
        libraries.av_find_input_format.argtypes = [ctypes.c_char_p]
        libraries.av_guess_format.restype = ctypes.POINTER(_Muxer)
        libraries.av_guess_format.argtypes = [ctypes.c_char_p] * 3
        for get_class in CLASSES:
            getattr(libraries, get_class).restype = Pointer
        libraries.avcodec_find_encoder_by_name.restype = libraries.avcodec_alloc_context3.restype = Pointer
        libraries.avcodec_find_encoder_by_name.argtypes = [ctypes.c_char_p]
        libraries.avcodec_alloc_context3.argtypes = [Pointer]
        libraries.avcodec_free_context.argtypes = [ctypes.POINTER(Pointer)]
        libraries.av_opt_child_next.restype = Pointer
        libraries.av_opt_child_next.argtypes = [Pointer, Pointer]
        libraries.av_opt_get.argtypes = [Pointer, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(Pointer)]
        libraries.av_free.argtypes = [Pointer]
        libraries.av_get_pix_fmt.argtypes = [ctypes.c_char_p]
        libraries.avcodec_find_best_pix_fmt_of_list.argtypes = [
            *(ctypes.POINTER(ctypes.c_int), ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int)),
        ]
    except (AttributeError, OSError):
        return None
    return libraries
