"""streamfix: restores live and recorded video between a camera and whatever watches it.

    import streamfix

    streamfix.restore("in.mp4", "out.mp4", "smooth")
    for frame in streamfix.open("in.mp4").filter("smooth"):
        picture = frame.rgb()  # (H, W, 3) uint8
    for frame in streamfix.live("rtsp://camera/stream", "smooth"):
        newest = frame.array("bgr24")
    stream = streamfix.Stream("smooth")  # in a loop of your own: restored = stream(array)

What is listed in `__all__` is the public interface, and of the packages in it what their own `__all__` lists: a plugin
imports nothing else.
Names are loaded when they are first used: torch alone takes seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import lazy_names
from .threads import ask_for_passive_waiting

__version__ = "0.1.0"

# Torch's OpenMP threads spin for a while after each operation and so take the cores that OpenCV's threads, the decoder
# and the encoder wait for: on two cores one bilateral filter took 240 ms in place of 7.
ask_for_passive_waiting()

# name -> module that defines it
_PUBLIC = {
    "FILTERS": "filters",
    "BackendName": "backends",
    "BadOption": "errors",
    "Cancelled": "errors",
    "Color": "frame",
    "DecodeError": "errors",
    "Device": "devices",
    "DeviceError": "errors",
    "Filter": "filters.base",
    "FilterError": "errors",
    "FilterPool": "jobs.pool",
    "Frame": "frame",
    "FrameCoding": "coding",
    "InputError": "errors",
    "Layout": "frame",
    "Maps": "provenance",
    "ModelError": "errors",
    "NetworkInfo": "backends.network_info",
    "OutputError": "errors",
    "PixelFormat": "frame",
    "Planes": "frame",
    "Runner": "backends.base",
    "Stream": "stream",
    "StreamfixError": "errors",
    "Tiler": "filters.tile",
    "UnknownName": "errors",
    "UsageError": "errors",
    "VideoInfo": "frame",
    "analysis": "analysis",
    "check_backend": "backends",
    "filter_text": "chainspec",
    "fusion": "fusion",
    "graph_info": "backends.graph_info",
    "live": "live",
    "models": "models",
    "motion": "motion",
    "networks": "networks",
    "open": "library",
    "opencv": "opencv",
    "open_runner": "backends.runner",
    "ray": "ray",
    "restore": "library",
    "stack": "stack",
    "training": "training",
}

# Written out, not computed from _PUBLIC: type checkers read it.
__all__ = [
    "FILTERS",
    "BackendName",
    "BadOption",
    "Cancelled",
    "Color",
    "DecodeError",
    "Device",
    "DeviceError",
    "Filter",
    "FilterError",
    "FilterPool",
    "Frame",
    "FrameCoding",
    "InputError",
    "Layout",
    "Maps",
    "ModelError",
    "NetworkInfo",
    "OutputError",
    "PixelFormat",
    "Planes",
    "Runner",
    "Stream",
    "StreamfixError",
    "Tiler",
    "UnknownName",
    "UsageError",
    "VideoInfo",
    "__version__",
    "analysis",
    "check_backend",
    "filter_text",
    "fusion",
    "graph_info",
    "live",
    "models",
    "motion",
    "networks",
    "open",
    "open_runner",
    "opencv",
    "ray",
    "restore",
    "stack",
    "training",
]

if TYPE_CHECKING:
    from . import analysis, fusion, models, motion, networks, opencv, ray, training
    from .backends import BackendName, check_backend
    from .backends.base import Runner
    from .backends.graph_info import graph_info
    from .backends.network_info import NetworkInfo
    from .backends.runner import open_runner
    from .chainspec import filter_text
    from .coding import FrameCoding
    from .devices import Device
    from .errors import (
        BadOption,
        Cancelled,
        DecodeError,
        DeviceError,
        FilterError,
        InputError,
        ModelError,
        OutputError,
        StreamfixError,
        UnknownName,
        UsageError,
    )
    from .filters import FILTERS
    from .filters.base import Filter
    from .filters.tile import Tiler
    from .frame import Color, Frame, Layout, PixelFormat, Planes, VideoInfo
    from .jobs.pool import FilterPool
    from .library import open, restore
    from .live_video import live
    from .provenance import Maps
    from .stack.making import stack
    from .stream import Stream

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
