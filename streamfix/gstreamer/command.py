"""`streamfix gstreamer`: makes the element known to GStreamer, and tells whether it is."""

from __future__ import annotations

import argparse
import sys

from .install import SHIM, find_loader, install, is_seen, plugin_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command understands."""
    parser.add_argument("--install", action="store_true", help="write the plugin file into your GStreamer folder")
    parser.add_argument("--remove", action="store_true", help="remove it again")


def run(arguments: argparse.Namespace) -> int:
    """Do it; 0 if GStreamer knows the element at the end, or if it was to be removed. Raises UsageError."""
    path = plugin_folder() / SHIM
    if arguments.remove:
        path.unlink(missing_ok=True)
        _say(f"removed {path}")
        return 0
    loader = find_loader()
    _say(f"loader   {loader.path}, Python {loader.version[0]}.{loader.version[1]}")
    if arguments.install:
        install()
    _say(f"plugin   {path}" + ("" if path.exists() else " is missing; `streamfix gstreamer --install` writes it"))
    seen = is_seen()
    _say("element  streamfix is known to GStreamer" if seen else "element  streamfix is not known to GStreamer")
    if not seen and path.exists():
        _say("         GST_DEBUG=python:6 gst-inspect-1.0 streamfix says why")
    return 0 if seen else 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
