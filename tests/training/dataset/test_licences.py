"""Licences: what a package, a file or a folder says of a picture is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamfix.errors import InputError
from streamfix.training.dataset.licences import LicenceTable, debian_licences, python_licence, read_folder
from tests.training.dataset.photos import COPYRIGHT, coded, drawing, save


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
    assert debian_licences(COPYRIGHT).of(name) == licence


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


def test_a_folder_names_its_licences(tmp_path: Path) -> None:
    save(tmp_path / "MANIFEST.tsv", b"file\tbytes\tsource\tlicence\twhat\nin/a.jpg\t1\ta camera\tMIT\tx\n")
    picture = save(tmp_path / "in/a.jpg", coded(drawing(64, 64)))
    for start in (tmp_path, tmp_path / "in", picture):
        assert read_folder(start).of(picture) == ("a camera", "MIT")
    assert read_folder(picture).of(tmp_path / "in/b.jpg") == ("in/b.jpg", "none stated")
    save(tmp_path / "MANIFEST.tsv", b"file\tbytes\n")
    with pytest.raises(InputError, match=r"MANIFEST\.tsv: no column licence, source"):
        read_folder(picture)
