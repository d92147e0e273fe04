"""Weights that a user gives: the filter runs them in place of the shipped ones, and others are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load, save_file

from streamfix.devices import Device
from streamfix.errors import ModelError
from streamfix.models import GivenWeights, WeightsStore, correction_network
from streamfix.models.tiers import SIZES

SHIPPED = Path(__file__).parents[2] / "plugins" / "streamfix_denoise" / "weights"


def store() -> WeightsStore:
    return WeightsStore(SHIPPED, "denoise", correction_network)


def given(path: Path, base: str = "denoise:xs") -> Path:
    save_file(load(store().read("xs")[0]), path, {"base": base})
    return path


def test_they_stand_in_for_those_of_their_tier(tmp_path: Path) -> None:
    own = GivenWeights(store(), given(tmp_path / "cam.safetensors"))
    assert own.choose("auto", Device("cpu")) == "xs"
    assert own.choose("xs", Device("cpu")) == "xs"
    ours, shipped = (one.load("xs")[0].state_dict() for one in (own, store()))
    assert all((ours[name] == shipped[name]).all() for name in shipped)
    assert own.read("xs")[1] != store().read("xs")[1]  # the file is another, and so is what is cached under its hash
    assert own.smallest() == store().smallest()


def test_the_shipped_int8_graph_is_not_theirs(tmp_path: Path) -> None:
    own = GivenWeights(store(), given(tmp_path / "cam.safetensors"))
    assert own.int8("xs") is None
    beside = tmp_path / "cam.int8"
    beside.write_bytes(b"graph")
    assert own.int8("xs") == beside


@pytest.mark.parametrize("tier", [tier for tier in SIZES if tier != "xs"])
def test_another_tier_is_refused(tier: str, tmp_path: Path) -> None:
    own = GivenWeights(store(), given(tmp_path / "cam.safetensors"))
    with pytest.raises(ModelError, match=rf"denoise=tier={tier}: .*cam\.safetensors has the weights of tier xs"):
        own.choose(tier, Device("cpu"))


@pytest.mark.parametrize("base", ["deblock:s", "denoise:huge", "denoise"])
def test_weights_of_another_filter_are_refused(base: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"these weights are of {base}, not of denoise"):
        GivenWeights(store(), given(tmp_path / "cam.safetensors", base))


def test_weights_of_another_network_are_named_by_their_file(tmp_path: Path) -> None:
    path = tmp_path / "cam.safetensors"
    save_file(load(store().read("xs")[0]), path, {"base": "denoise:s"})
    with pytest.raises(ModelError, match=r"cam\.safetensors: not the weights of tier s"):
        GivenWeights(store(), path).load("s")
