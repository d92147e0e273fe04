"""Weights of a camera: the newest under their name, those before are one command away."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from streamfix.adaptation import versions
from streamfix.errors import ModelError, OutputError
from streamfix.models import read_given

_FACTS = {"base": "denoise:s"}


def network(value: float) -> nn.Module:
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, value)
    return layer


def test_each_version_is_kept_and_the_way_back_leads_to_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "cam.safetensors"
    first = versions.keep(path, network(1), _FACTS)
    second = versions.keep(path, network(2), _FACTS)
    third = versions.keep(path, network(3), _FACTS)
    assert len({first, second, third}) == 3
    assert read_given(path).digest == third
    assert versions.back(path) == second
    assert versions.back(path) == first
    with pytest.raises(ModelError, match=r"first weights; the way back is `denoise` without `weights`.*denoise:s"):
        versions.back(path)
    assert read_given(path).digest == first


def test_a_graph_of_other_weights_does_not_stay(tmp_path: Path) -> None:
    path = tmp_path / "cam.safetensors"
    versions.keep(path, network(1), _FACTS)
    versions.keep(path, network(2), _FACTS)
    versions.graph_of(path).write_bytes(b"of the second")
    versions.back(path)
    assert not versions.graph_of(path).exists()


def test_where_nothing_can_be_written_the_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("a file")
    with pytest.raises(OutputError, match=r"none: .*--out"):
        versions.keep(tmp_path / "none" / "cam.safetensors", network(1), _FACTS)


@pytest.mark.parametrize("damage", [b"", b"\0" * 7, b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}"])
def test_what_is_no_file_of_weights_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "cam.safetensors"
    path.write_bytes(damage)
    with pytest.raises(ModelError, match=r"cam\.safetensors: no weights that were adapted"):
        read_given(path)


def test_the_weights_before_are_read_before_anything_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "cam.safetensors"
    versions.keep(path, network(1), _FACTS)
    versions.keep(path, network(2), _FACTS)
    now = path.read_bytes()
    older = tmp_path / str(read_given(path).facts["previous"])
    older.write_bytes(b"damaged")
    with pytest.raises(ModelError, match="no weights that were adapted"):
        versions.back(path)
    assert path.read_bytes() == now
    older.unlink()
    with pytest.raises(ModelError, match="are gone"):
        versions.back(path)
