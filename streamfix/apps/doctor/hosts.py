"""What other people's pipelines need of this environment: GStreamer's element, VapourSynth."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

from ...errors import UsageError
from .finding import Finding

_APT = "sudo apt install gstreamer1.0-tools python3-gst-1.0 gstreamer1.0-python3-plugin-loader"
_TIMEOUT_S = 20


def all_of_them() -> list[Finding]:
    """GStreamer and VapourSynth; neither is needed, so nothing here is wrong unless it was set up and does not work."""
    return [*_gstreamer(), *_vapoursynth()]


def _gstreamer() -> Iterator[Finding]:
    from ...gstreamer.install import find_loader, installed

    if shutil.which("gst-launch-1.0") is None:
        yield Finding("missing", "no gst-launch-1.0: the GStreamer element cannot be used", _APT)
        return
    yield Finding("ok", "gst-launch-1.0 is there")
    try:
        loader = find_loader()
    except UsageError:
        yield Finding("missing", "GStreamer's loader of Python plugins is not there", _APT)
        return
    version = "{}.{}".format(*loader.version)
    yield Finding("ok", f"GStreamer's loader of Python plugins runs Python {version}")
    yield _python3_gst(version)
    shim = installed()
    if shim is None:
        own = sys.version_info[:2] == loader.version
        remedy = f"{sys.executable} -m streamfix gstreamer --install"
        if not own:
            remedy = f"install streamfix for Python {version}, and there: streamfix gstreamer --install"
        yield Finding("missing", "the element streamfix is not installed for GStreamer", remedy)
    elif shim.version != loader.version:
        yield Finding(
            "wrong",
            f"{shim.path} is for Python {'{}.{}'.format(*shim.version)}, GStreamer runs {version}",
            f"install streamfix for Python {version}, and there: streamfix gstreamer --install",
        )
    elif not shim.leads:
        yield Finding(
            "wrong",
            f"{shim.path} leads to an environment without streamfix",
            f"{sys.executable} -m streamfix gstreamer --install",
        )
    else:
        yield Finding("ok", f"the element streamfix is installed for GStreamer, {shim.path}")


def _python3_gst(version: str) -> Finding:
    """Whether the loader's Python has `gi` and GStreamer's part of it."""
    python = shutil.which(f"python{version}", path="/usr/bin:/usr/local/bin") or f"python{version}"
    code = "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst"
    try:
        done = subprocess.run([python, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return Finding("missing", f"{python} could not be asked for GStreamer's Python packages", _APT)
    if done.returncode:
        return Finding("missing", f"{python} cannot import GStreamer (gi.repository.Gst)", _APT)
    return Finding("ok", f"{python} imports GStreamer")


def _vapoursynth() -> Iterator[Finding]:
    wanted = f"{sys.executable} -m pip install 'streamfix[vapoursynth]' && vapoursynth config"
    if sys.version_info < (3, 12):
        wanted = "python3.12 -m venv vs && vs/bin/pip install 'streamfix[vapoursynth]' && vs/bin/vapoursynth config"
    try:
        vapoursynth = import_module("vapoursynth")
    except ModuleNotFoundError:
        yield Finding("missing", "VapourSynth is not installed", wanted)
        return
    except (ImportError, OSError) as error:
        said = str(error).splitlines()[0] if str(error) else "no reason given"
        yield Finding("wrong", f"VapourSynth cannot be imported: {said}", wanted)
        return
    version = getattr(vapoursynth, "__version__", None)
    number = getattr(version, "release_major", version)
    yield Finding("ok", f"VapourSynth {number} can be imported")
