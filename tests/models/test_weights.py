"""The weights that a filter ships: found, checked, chosen, and refused where they are not what they were."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from streamfix.errors import ModelError
from streamfix.models import Tier, WeightsStore
from streamfix.models.weights import SUMS

CPU, GPU = torch.device("cpu"), torch.device("cuda")
WIDTH = {"xs": 1, "s": 2, "m": 3}


def network(tier: Tier) -> nn.Module:
    return nn.Conv2d(3, 4 * WIDTH[tier], 1)


def store(folder: Path, *tiers: Tier) -> WeightsStore:
    """A folder with random weights of these tiers."""
    sums = []
    folder.mkdir(exist_ok=True)
    for tier in tiers:
        path = folder / f"{tier}.safetensors"
        save_file(network(tier).state_dict(), path)
        sums.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    (folder / SUMS).write_text("".join(sums), encoding="utf-8")
    return WeightsStore(folder, "deblock", network)


def test_what_is_shipped_is_loaded_with_its_hash(tmp_path: Path) -> None:
    given = store(tmp_path, "m", "xs")
    assert list(given.shipped()) == ["xs", "m"]
    module, key = given.load("m")
    assert isinstance(module, nn.Conv2d) and module.out_channels == 12
    assert key == hashlib.sha256((tmp_path / "m.safetensors").read_bytes()).hexdigest()
    assert not module.training and not any(p.requires_grad for p in module.parameters())


@pytest.mark.parametrize(
    ("there", "device", "tier"),
    [
        (("xs", "s", "m"), CPU, "s"),
        (("xs", "s", "m"), GPU, "m"),
        (("s",), GPU, "s"),
        (("xs", "m"), CPU, "xs"),
        (("m",), CPU, "m"),
    ],
    ids=str,
)
def test_auto_is_the_best_for_the_device_that_is_shipped(
    tmp_path: Path, there: tuple[Tier, ...], device: torch.device, tier: Tier
) -> None:
    given = store(tmp_path, *there)
    assert given.choose("auto", device) == tier
    assert given.choose(there[0], device) == there[0]
    assert given.smallest() == there[0]


def test_a_tier_without_weights_names_the_command_that_trains_it(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError,
        match=r"deblock: no weights of tier m .*there are: s\. .*train deblock --config .*recipes/m\.toml --data SET",
    ):
        store(tmp_path, "s").choose("m", CPU)
    with pytest.raises(ModelError, match=r"deblock: no weights at all .* install streamfix again"):
        WeightsStore(tmp_path / "none", "deblock", network).choose("auto", CPU)


def test_weights_may_be_of_several_networks_in_the_place_of_tiers(tmp_path: Path) -> None:
    store(tmp_path, "s")
    (tmp_path / "s.safetensors").rename(tmp_path / "vdsr.safetensors")
    (tmp_path / SUMS).write_text((tmp_path / SUMS).read_text(encoding="utf-8").replace("s.safe", "vdsr.safe"))
    given = WeightsStore(tmp_path, "classic", lambda name: network("s"), ("srcnn", "vdsr"), kind="network")
    assert list(given.shipped()) == ["vdsr"] and given.smallest() == "vdsr"
    assert [given.choose(wanted, device) for wanted in ("auto", "vdsr") for device in (CPU, GPU)] == ["vdsr"] * 4
    assert given.load("vdsr")
    with pytest.raises(ModelError, match=r"classic: no weights of network srcnn .*there are: vdsr\. .*srcnn\.toml"):
        given.choose("srcnn", CPU)


def test_damaged_sums_are_told(tmp_path: Path) -> None:
    (tmp_path / SUMS).write_bytes(b"\x00\xff nonsense of three words\n")
    with pytest.raises(ModelError, match="SHA256SUMS: it is damaged"):
        WeightsStore(tmp_path, "deblock", network).shipped()


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    given, path = store(tmp_path, "s"), tmp_path / "s.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"sha256 is .*expected .*install streamfix again"):
        given.load("s")
    path.unlink()
    with pytest.raises(ModelError, match=r"s\.safetensors: No such file or directory; install streamfix again"):
        given.load("s")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    given = store(tmp_path, "s")
    other = WeightsStore(tmp_path, "deblock", lambda tier: nn.Conv2d(3, 5, 1))
    with pytest.raises(ModelError, match=r"not the weights of tier s: .*install streamfix again"):
        other.load("s")
    assert given.load("s")


def test_an_int8_graph_is_found_where_there_is_one(tmp_path: Path) -> None:
    given = store(tmp_path, "s", "m")
    (tmp_path / "s.int8").touch()
    assert (given.int8("s"), given.int8("m")) == (tmp_path / "s.int8", None)
