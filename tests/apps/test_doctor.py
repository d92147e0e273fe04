"""`streamfix doctor` in environments that lack something, each made for the test: it says what and how to mend it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streamfix.apps.doctor import hosts, main, packages, parts
from streamfix.apps.doctor.finding import Finding
from streamfix.backends import BACKENDS
from streamfix.errors import UsageError
from streamfix.filters import FILTERS
from streamfix.gstreamer import install
from tests.apps.material import environment

PIP = f"{sys.executable} -m pip"


def site(tmp_path: Path, *providers: str, cv2: str | None = None) -> Path:
    """A folder of packages: who claims to provide cv2, and its code."""
    for name in providers:
        folder = tmp_path / f"{name.replace('-', '_')}-4.12.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 4.12.0\n", encoding="utf-8")
    if cv2 is not None:
        (tmp_path / "cv2").mkdir()
        (tmp_path / "cv2" / "__init__.py").write_text(cv2, encoding="utf-8")
    return tmp_path


def examined(folder: Path) -> list[dict[str, str]]:
    """What is found of OpenCV where the interpreter sees that folder alone."""
    code = f"""if True:
        import dataclasses, json, sys
        sys.path[:] = [p for p in sys.path if "site-packages" not in p and "dist-packages" not in p] + [{str(folder)!r}]
        from streamfix.apps.doctor import packages
        print(json.dumps([dataclasses.asdict(finding) for finding in packages.opencv()]))
    """
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment(), check=True, capture_output=True, text=True, timeout=120
    )
    found: list[dict[str, str]] = json.loads(run.stdout)
    return found


def wrong(found: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(one["text"], one["remedy"]) for one in found if one["state"] == "wrong"]


WORKS = "__version__ = '4.12.0'\nclass version: headless = True\n"


def test_one_provider_is_well(tmp_path: Path) -> None:
    found = examined(site(tmp_path, "opencv-python-headless", cv2=WORKS))
    assert wrong(found) == []
    assert [one["text"] for one in found] == [
        "cv2 by opencv-python-headless 4.12.0",
        "cv2 4.12.0 can be imported, without windows",
    ]


def test_two_providers_are_seen_and_the_fuller_one_stays(tmp_path: Path) -> None:
    ((text, remedy),) = wrong(examined(site(tmp_path, "opencv-python", "opencv-python-headless", cv2=WORKS)))
    assert "opencv-python and opencv-python-headless lie over each other" in text
    assert remedy == (
        f"{PIP} uninstall -y opencv-python-headless && {PIP} install --force-reinstall --no-deps opencv-python==4.12.0"
    )


def test_a_system_without_libgl_is_told_both_ways(tmp_path: Path) -> None:
    raises = "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')\n"
    ((text, remedy),) = wrong(examined(site(tmp_path, "opencv-python", cv2=raises)))
    assert text == "cv2 cannot be imported: opencv-python needs libGL.so.1, which this system lacks"
    assert remedy.startswith("apt-get install -y libgl1 ")
    assert remedy.endswith(f"{PIP} uninstall -y opencv-python && {PIP} install opencv-python-headless")


def test_the_shell_that_an_uninstalled_provider_leaves_is_seen(tmp_path: Path) -> None:
    (tmp_path / "cv2" / "data").mkdir(parents=True)
    ((text, remedy),) = wrong(examined(site(tmp_path, "opencv-python")))
    assert "an empty shell" in text
    assert remedy == f"{PIP} install --force-reinstall --no-deps opencv-python==4.12.0"


def test_no_provider_is_wrong(tmp_path: Path) -> None:
    assert wrong(examined(tmp_path)) == [("nothing provides cv2", f"{PIP} install opencv-python-headless")]


@pytest.mark.parametrize(
    ("version", "limits", "ok"),
    [
        ("18.1.0", ">=18,<19", True),
        ("19.0", ">=18,<19", False),
        ("17.9", "<19,>=18", False),
        ("2.11.0+cu128", ">=2.11", True),
        ("2.10", ">=2.11", False),
        ("2", "==2.0.0", True),
        ("3", "!=3", True),
        ("1.0", "", True),
    ],
)
def test_versions_are_compared_as_numbers(version: str, limits: str, ok: bool) -> None:
    assert packages.fits(version, limits) is ok


def test_a_package_of_another_version_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_installed", {"av": "14.4.0", "numpy": "2.4"}.get)
    found = list(packages._required(iter(["av<19,>=18", "numpy>=2", "rich>=13.7", "opencv-python-headless>=4.10"])))
    assert found == [
        Finding("wrong", "av 14.4.0 is installed, streamfix takes <19,>=18", f"{PIP} install 'av<19,>=18'"),
        Finding("ok", "numpy 2.4"),
        Finding("wrong", "rich is missing", f"{PIP} install 'rich>=13.7'"),
    ]


def test_an_encoder_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import av

    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx265"})
    (found,) = [one for one in parts.video() if "libx265:" in one.text]
    assert found.state == "missing" and "HEVC cannot be written" in found.text and "pip install" in found.remedy


def test_a_backend_and_a_filter_that_do_not_load_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def missing(self) -> str | None:
            return 'Broken is not installed; pip install "broken"'

    monkeypatch.setattr(BACKENDS, "_classes", {**BACKENDS._classes, "broken": Broken})
    assert Finding("missing", "Broken is not installed", f'{PIP} install "broken"') in parts.backends()

    def get(name: str) -> Any:
        raise ImportError("no module named its_network")

    monkeypatch.setattr(FILTERS, "get", get)
    assert any("filter smooth does not load: no module named its_network" in one.text for one in parts.filters())


def test_the_whole_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code = main([])
    said = capsys.readouterr().out
    assert all(
        title in said for title in ("streamfix\n", "OpenCV\n", "machine\n", "video\n", "networks\n", "filters\n")
    )
    assert code == int("to mend:" in said)
    assert main(["-json"]) == code
    sections = json.loads(capsys.readouterr().out)
    assert [section["title"] for section in sections][:2] == ["streamfix", "packages"]
    assert {finding["state"] for section in sections for finding in section["findings"]} <= {
        *("ok", "note", "missing", "wrong")
    }


def test_wrong_usage_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--nosuch"]) == 1
    assert "--nosuch" in capsys.readouterr().err
    assert main(["-h"]) == 0


def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, loader: tuple[int, int] | None) -> dict[str, Finding]:
    """What is found of GStreamer where there is such a loader, and such a home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    monkeypatch.setattr(hosts, "_python3_gst", lambda version: Finding("ok", f"python{version} imports GStreamer"))

    def find() -> install.Loader:
        if loader is None:
            raise UsageError("not installed")
        return install.Loader(Path("/usr/lib/libgstpython.so"), loader)

    monkeypatch.setattr(install, "find_loader", find)
    return {one.text: one for one in hosts._gstreamer()}


OWN = (sys.version_info[0], sys.version_info[1])


def test_gstreamer_without_its_loader_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = told(monkeypatch, tmp_path, loader=None)
    assert found["GStreamer's loader of Python plugins is not there"].remedy == hosts._APT


def test_an_element_that_is_not_installed_is_told_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = told(monkeypatch, tmp_path, loader=OWN)["the element streamfix is not installed for GStreamer"]
    assert (found.state, found.remedy) == ("missing", f"{sys.executable} -m streamfix gstreamer --install")
    other = told(monkeypatch, tmp_path, loader=(2, 7))["the element streamfix is not installed for GStreamer"]
    assert other.remedy == "install streamfix for Python 2.7, and there: streamfix gstreamer --install"


def test_an_element_of_another_python_or_a_lost_environment_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / ".gstreamer-1.0" / "plugins" / "python" / install.SHIM
    path.parent.mkdir(parents=True)
    path.write_text(install.shim_text(OWN, ["/nowhere"]), encoding="utf-8")
    lost = told(monkeypatch, tmp_path, loader=OWN)[f"{path} leads to an environment without streamfix"]
    assert lost.state == "wrong" and lost.remedy.endswith("streamfix gstreamer --install")
    path.write_text(install.shim_text(OWN, install.package_folders()), encoding="utf-8")
    good = told(monkeypatch, tmp_path, loader=OWN)[f"the element streamfix is installed for GStreamer, {path}"]
    assert good.state == "ok"
    (other,) = [one for text, one in told(monkeypatch, tmp_path, loader=(2, 7)).items() if "GStreamer runs 2.7" in text]
    assert other.state == "wrong"


def test_vapoursynth_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(hosts, "import_module", missing)
    (found,) = hosts._vapoursynth()
    assert found.state == "missing" and "streamfix[vapoursynth]" in found.remedy

    class Module:
        __version__ = type("Version", (), {"release_major": 74})()

    monkeypatch.setattr(hosts, "import_module", lambda name: Module)
    assert list(hosts._vapoursynth()) == [Finding("ok", "VapourSynth 74 can be imported")]
