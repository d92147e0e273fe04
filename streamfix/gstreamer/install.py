"""What makes the element known to GStreamer: a file in the user's plugin folder that leads to this environment.

GStreamer's loader of Python plugins has a Python of its own, Debian's under Debian. It imports this environment's
packages, so both need the same minor version.
"""

from __future__ import annotations

import glob
import os
import re
import site
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError

SHIM = "gst_streamfix.py"  # a file streamfix.py there would hide the package of that name from its own import
_LOADER = "libgstpython.so"
_PLUGIN_FOLDERS = ("/usr/lib/*/gstreamer-1.0", "/usr/lib64/gstreamer-1.0", "/usr/lib/gstreamer-1.0")
_PACKAGES = "under Debian and Ubuntu: sudo apt install python3-gst-1.0 gstreamer1.0-python3-plugin-loader"

_TEXT = '''\
"""Leads GStreamer to the element `streamfix`. Written by `streamfix gstreamer --install`."""

import importlib
import site
import sys

VERSION = {version}
FOLDERS = {folders}

if sys.version_info[:2] != VERSION:
    sys.stderr.write(
        "streamfix: this program's Python is %d.%d, the element was installed for %d.%d; "
        "run `streamfix gstreamer --install` in an environment of Python %d.%d\\n"
        % (sys.version_info[:2] + VERSION + sys.version_info[:2])
    )
else:
    before = list(sys.path)
    for folder in FOLDERS:
        site.addsitedir(folder)
    added = [folder for folder in FOLDERS if folder in sys.path]
    added += [path for path in sys.path if path not in before and path not in added]
    sys.path[:] = added + [path for path in sys.path if path not in added]
    importlib.invalidate_caches()
    try:
        from streamfix.gstreamer.element import FACTORY as __gstelementfactory__
    except ImportError as error:
        sys.stderr.write(
            "streamfix: %s; %s have it no more: run `streamfix gstreamer --install` again, or remove %s\\n"
            % (error, FOLDERS, __file__)
        )
'''


@dataclass(frozen=True, slots=True)
class Loader:
    """GStreamer's loader of Python plugins: its file, and the minor version of Python that it runs."""

    path: Path
    version: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Shim:
    """The file that was installed. version: of the Python it is for. leads: streamfix is where it says."""

    path: Path
    version: tuple[int, int]
    leads: bool


def installed() -> Shim | None:
    """The file in the user's plugin folder; None if there is none that `install` has written."""
    path = plugin_folder() / SHIM
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    version = re.search(r"^VERSION = \((\d+), (\d+)\)$", text, re.M)
    if version is None:
        return None
    folders = re.findall(r"'([^']*)'", next((ln for ln in text.splitlines() if ln.startswith("FOLDERS = ")), ""))
    leads = any(Path(folder, "streamfix", "gstreamer", "element.py").is_file() for folder in folders)
    return Shim(path, (int(version[1]), int(version[2])), leads)


def plugin_folder() -> Path:
    """Where the loader looks for a user's Python plugins, whatever GST_PLUGIN_PATH says."""
    return Path.home() / ".gstreamer-1.0" / "plugins" / "python"


def find_loader() -> Loader:
    """The loader that GStreamer uses. Raises UsageError if there is none."""
    named = [os.environ.get(name, "") for name in ("GST_PLUGIN_PATH_1_0", "GST_PLUGIN_PATH")]
    named += [os.environ.get(name, "") for name in ("GST_PLUGIN_SYSTEM_PATH_1_0", "GST_PLUGIN_SYSTEM_PATH")]
    folders = [folder for value in named for folder in value.split(os.pathsep) if folder]
    folders += [folder for pattern in _PLUGIN_FOLDERS for folder in sorted(glob.glob(pattern))]
    for folder in folders:
        path = Path(folder) / _LOADER
        if path.is_file():
            return Loader(path, _python_of(path))
    raise UsageError(f"GStreamer's loader of Python plugins, {_LOADER}, is not installed; {_PACKAGES}")


def install() -> Path:
    """Write the file, and say where it is.

    Raises UsageError if the loader is missing or has another minor version of Python, or the file cannot be written.
    """
    loader, own = find_loader(), (sys.version_info[0], sys.version_info[1])
    if loader.version != own:
        wanted = "{}.{}".format(*loader.version)
        raise UsageError(
            f"GStreamer's loader of Python plugins ({loader.path}) runs Python {wanted}, this environment is "
            f"{own[0]}.{own[1]}: install streamfix for Python {wanted}, such as into a new `/usr/bin/python3 -m venv`, "
            "and run `streamfix gstreamer --install` from there"
        )
    path = plugin_folder() / SHIM
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shim_text(own, package_folders()), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"could not write {path}: {error.strerror}") from error
    return path


def shim_text(version: tuple[int, int], folders: list[str]) -> str:
    """The file's text. folders: with streamfix and what it needs."""
    return _TEXT.format(version=version, folders=folders)


def package_folders() -> list[str]:
    """Where this Python finds streamfix and what it needs, in its order."""
    folders = [str(Path(__file__).resolve().parents[2])]
    folders += [os.path.abspath(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    folders += site.getsitepackages()
    return [folder for folder in dict.fromkeys(folders) if os.path.isdir(folder)]


def is_seen() -> bool:
    """True if GStreamer knows the element now. Raises UsageError where gst-inspect-1.0 is missing or hangs."""
    command = ["gst-inspect-1.0", "streamfix"]
    try:
        found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    except FileNotFoundError:
        raise UsageError(
            "gst-inspect-1.0 is not installed; under Debian and Ubuntu: apt install gstreamer1.0-tools"
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError("gst-inspect-1.0 streamfix did not end within 120 s") from None
    return found.returncode == 0


def _python_of(loader: Path) -> tuple[int, int]:
    """The Python that it is linked with."""
    found = re.search(rb"libpython(\d+)\.(\d+)\.so", loader.read_bytes())
    if found is None:
        raise UsageError(f"{loader} does not say which Python it runs; {_PACKAGES}")
    return int(found[1]), int(found[2])
