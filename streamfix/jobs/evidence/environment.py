"""What computed: versions of all that had a part in the pictures, and the processor."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import av

from ... import __version__
from ...devices import cpu

_PACKAGES = ("av", "numpy", "opencv-python-headless", "opencv-python", "openvino", "torch", "onnxruntime")


def versions() -> dict[str, str]:
    """By name: streamfix, Python, packages, libav's libraries."""
    found = {"streamfix": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {name: ".".join(map(str, number)) for name, number in av.library_versions.items()}


def machine() -> dict[str, Any]:
    """The processor: sums in other vector instructions may have other last bits."""
    return {"architecture": platform.machine(), "processor": cpu.model_name(), "vectors": list(cpu.vectors())}
