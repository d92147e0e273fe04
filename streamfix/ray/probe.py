"""What a node is asked before work begins. It runs there by value, also where streamfix is missing: only the standard
library is imported."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

LIBRARIES = ("av", "numpy", "opencv-python-headless", "opencv-python", "openvino", "torch", "onnxruntime")


def facts(reads: Sequence[str], sees: Mapping[str, str]) -> dict[str, Any]:
    """What is installed on this node, and what of the shared storage it sees.

    reads: files that it must be able to read. sees: files and the text in them, by which a folder is known to be the
    same one as on the machine that asks.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        import streamfix

        own: str | None = streamfix.__version__
    except ImportError:
        own = None
    libraries = {}
    for name in LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            continue
    problems = {}
    for path in reads:
        try:
            with open(path, "rb") as file:
                file.read(1)
        except OSError as error:
            problems[path] = error.strerror or str(error)
    for path, text in sees.items():
        folder = os.path.dirname(path)
        try:
            with open(path, encoding="utf-8") as file:
                same = file.read() == text
            if not same:
                problems[folder] = "another folder of this name is there"
            elif not os.access(folder, os.W_OK):
                problems[folder] = "it cannot be written to"
        except OSError as error:
            problems[folder] = error.strerror or str(error)
    return {"streamfix": own, "python": platform.python_version(), "libraries": libraries, "problems": problems}
