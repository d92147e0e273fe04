"""Archives and bundles: the same picture comes out of each, and what is damaged is named."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from streamfix.errors import InputError
from streamfix.training.dataset.archives import pictures
from tests.training.dataset.photos import coded, photograph, qt_resources, save

_JPEG = coded(photograph(1, 64, 64))
_SMALL = coded(photograph(1, 32, 32))


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
