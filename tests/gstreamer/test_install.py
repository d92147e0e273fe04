"""`streamfix gstreamer --install` writes the file that leads GStreamer here, or says what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import streamfix
from streamfix.errors import UsageError
from streamfix.gstreamer import install
from streamfix.gstreamer.install import Loader, find_loader, package_folders, plugin_folder, shim_text

OWN = (sys.version_info[0], sys.version_info[1])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and no GStreamer but the one that the test makes."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GST_PLUGIN_PATH", "GST_PLUGIN_PATH_1_0", "GST_PLUGIN_SYSTEM_PATH", "GST_PLUGIN_SYSTEM_PATH_1_0"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(install, "_PLUGIN_FOLDERS", (str(tmp_path / "lib" / "*"),))
    return tmp_path


def loader(home: Path, text: bytes) -> Path:
    path = home / "lib" / "gstreamer-1.0" / "libgstpython.so"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x7fELF\0" + text + b"\0")
    return path


def test_the_file_goes_where_the_loader_looks_and_has_no_name_of_ours(home: Path) -> None:
    path = loader(home, b"libpython%d.%d.so.1.0" % OWN)
    assert find_loader() == Loader(path, OWN)
    written = install.install()
    assert (
        written == home / ".gstreamer-1.0" / "plugins" / "python" / "gst_streamfix.py" == plugin_folder() / install.SHIM
    )
    assert written.stem != streamfix.__name__


def test_no_loader(home: Path) -> None:
    with pytest.raises(UsageError, match=r"libgstpython.so, is not installed; .*apt install python3-gst-1.0"):
        install.install()
    assert not plugin_folder().exists()


def test_a_loader_of_another_python(home: Path) -> None:
    loader(home, b"libpython3.9.so.1.0")
    with pytest.raises(
        UsageError, match=r"runs Python 3\.9, this environment is \d\.\d+: install streamfix for Python 3\.9"
    ):
        install.install()
    assert not plugin_folder().exists()


def test_a_folder_that_cannot_be_written(home: Path) -> None:
    loader(home, b"libpython%d.%d.so.1.0" % OWN)
    (home / ".gstreamer-1.0").write_text("a file")
    with pytest.raises(UsageError, match=r"could not write .*gst_streamfix.py: Not a directory"):
        install.install()


def test_the_folders_hold_streamfix() -> None:
    assert Path(package_folders()[0], "streamfix", "gstreamer", "element.py").is_file()


def loaded(text: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """The plugin file, imported by a Python that has nothing else."""
    path = tmp_path / "gst_streamfix.py"
    path.write_text(text + "\nprint(sys.path[0], 'numpy' in sys.modules)")
    return subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True)


def test_a_host_of_another_python_is_told(tmp_path: Path) -> None:
    found = loaded(shim_text((2, 7), ["/nowhere"]), tmp_path)
    assert found.returncode == 0
    assert found.stderr == (
        f"streamfix: this program's Python is {OWN[0]}.{OWN[1]}, the element was installed for 2.7; "
        f"run `streamfix gstreamer --install` in an environment of Python {OWN[0]}.{OWN[1]}\n"
    )


def test_an_environment_that_is_gone_is_told(tmp_path: Path) -> None:
    found = loaded(shim_text(OWN, [str(tmp_path / "gone")]), tmp_path)
    assert found.returncode == 0
    assert "streamfix: No module named " in found.stderr
    assert "run `streamfix gstreamer --install` again, or remove" in found.stderr


def test_the_environment_comes_before_what_the_system_has(tmp_path: Path) -> None:
    found = loaded(shim_text(OWN, [str(tmp_path)]), tmp_path)
    assert found.stdout.split()[0] == str(tmp_path)
