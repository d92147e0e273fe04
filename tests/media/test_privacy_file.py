"""The file of zones: what it may hold, and what is said of what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamfix.errors import BadOption
from streamfix.media.privacy.zones import zones_in_file


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it has no zone"),
        ("[[zones]]\n", "there is no 'zones'; did you mean 'zone'"),
        ("[[zone]]\n", "zone 1 has no points; give it points = "),
        ("[[zone]]\npoints = [[0, 0], [1, 1]]", "zone 1: a zone has 3 to 1000 points, this one has 2"),
        ("[[zone]]\npoints = [[0, 0], [1, 1], [0, 1.5]]", "zone 1: point 3: y is 1.5: it goes from 0 to 1"),
        ("[[zone]]\npoints = [[0, 0], [1, 1], [-0.1, 1]]", "point 3: x is -0.1"),
        ("[[zone]]\npoints = [[0, 0], [1, 1], [nan, 1]]", "point 3: x is nan"),
        ("[[zone]]\npoints = [[0, 0], [1, 1], [0]]", "point 3 is [0]: it takes two numbers"),
        ('[[zone]]\npoints = "here"', "points is 'here': it takes a list"),
        ("[[zone]]\npoints = [[0, 0], [1, 1], [0, 1]]\nnmae = 'x'", "zone 1: there is no 'nmae'; did you mean 'name'"),
        ("[[zone]]\npoints = [[0, 0], [1, 1], [0, 1]]\nname = 3", "zone 1: name is 3: it takes a text"),
        ("zone = 1", "it has no zone"),
        ("zone = [1]", "zone 1 is 1: it takes a [[zone]] table"),
        ("[[zone]", "no TOML"),
    ],
)
def test_a_bad_file_says_where_what_and_how(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "zones.toml"
    path.write_text(text)
    with pytest.raises(BadOption) as raised:
        zones_in_file(str(path))
    assert str(raised.value).startswith(f"{path}: ")
    assert says in str(raised.value)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "no.toml", tmp_path):
        with pytest.raises(BadOption, match="cannot be read"):
            zones_in_file(str(path))
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(BadOption, match="not text in UTF-8"):
        zones_in_file(str(tmp_path / "latin.toml"))


def test_a_file_of_zones_is_read(tmp_path: Path) -> None:
    path = tmp_path / "zones.toml"
    path.write_text(
        "[[zone]]\nname = 'door'\npoints = [[0, 0], [1, 1], [0, 1]]\n[[zone]]\npoints=[[0,0],[1,0],[0,0.5]]"
    )
    zones = zones_in_file(str(path), "mosaic")
    assert [(z.name, z.mode) for z in zones] == [("door", "mosaic"), ("zone 2", "mosaic")]
    assert zones[0].points == ((0, 0), (1, 1), (0, 1))
