"""streamfix: restores live and recorded video between a camera and whatever watches it.

    import streamfix

    streamfix.restore("in.mp4", "out.mp4", "smooth")
    for frame in streamfix.open("in.mp4").filter("smooth"):
        picture = frame.rgb()  # (H, W, 3) uint8
    stream = streamfix.Stream("smooth")  # in a loop of your own: stream.push(frame)

What is listed in `__all__` is the public interface; a plugin imports nothing else.
Names are loaded when they are first used: torch alone takes seconds.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .lazy import lazy_names

__version__ = "0.1.0"

# Torch's OpenMP threads spin for a while after each operation and so take the cores that OpenCV's threads, the decoder
# and the encoder wait for: on two cores one bilateral filter took 240 ms in place of 7. Counts only before torch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# name -> module that defines it
_PUBLIC = {
    "FILTERS": "filters",
    "BadOption": "errors",
    "Cancelled": "errors",
    "Color": "frame",
    "DecodeError": "errors",
    "DeviceError": "errors",
    "Filter": "filters.base",
    "FilterError": "errors",
    "Frame": "frame",
    "InputError": "errors",
    "Layout": "frame",
    "ModelError": "errors",
    "Network": "backends.network",
    "OnnxNetwork": "backends.onnx",
    "OutputError": "errors",
    "PixelFormat": "frame",
    "Planes": "frame",
    "Runner": "backends.runner",
    "Stream": "stream",
    "StreamfixError": "errors",
    "Tiler": "filters.tile",
    "TorchNetwork": "backends.torch_eager",
    "UnknownName": "errors",
    "UsageError": "errors",
    "VideoInfo": "frame",
    "fusion": "fusion",
    "motion": "motion",
    "networks": "networks",
    "open": "library",
    "open_runner": "backends.runner",
    "restore": "library",
    "training": "training",
}

# Written out, not computed from _PUBLIC: type checkers read it.
__all__ = [
    "FILTERS",
    "BadOption",
    "Cancelled",
    "Color",
    "DecodeError",
    "DeviceError",
    "Filter",
    "FilterError",
    "Frame",
    "InputError",
    "Layout",
    "ModelError",
    "Network",
    "OnnxNetwork",
    "OutputError",
    "PixelFormat",
    "Planes",
    "Runner",
    "Stream",
    "StreamfixError",
    "Tiler",
    "TorchNetwork",
    "UnknownName",
    "UsageError",
    "VideoInfo",
    "__version__",
    "fusion",
    "motion",
    "networks",
    "open",
    "open_runner",
    "restore",
    "training",
]

if TYPE_CHECKING:
    from . import fusion, motion, networks, training
    from .backends.network import Network
    from .backends.onnx import OnnxNetwork
    from .backends.runner import Runner, open_runner
    from .backends.torch_eager import TorchNetwork
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
    from .library import open, restore
    from .stream import Stream

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
