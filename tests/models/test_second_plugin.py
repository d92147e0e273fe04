"""A second network plugin is a filter file and weights: it takes what it needs from streamfix's public names."""

from __future__ import annotations

import hashlib
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from streamfix.conformance.fakes import clip
from streamfix.conformance.laws import LAWS, restore
from streamfix.errors import BadOption
from tests.test_rooms import not_public

# Twice the size: nothing shared may take a result to be as large as its input, or to have as many planes.
FILTER = '''
"""`twice`: each sub-pixel four times, corrected by a small network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from streamfix import Filter
from streamfix.models import SIZES, Tier, TieredRunner, WeightsStore


def network(tier: Tier) -> nn.Module:
    return nn.Sequential(SIZES[tier].unet(6, 24), nn.PixelShuffle(2))


WEIGHTS = WeightsStore(Path(__file__).parent / "weights", "twice", network)


class Twice(Filter[None]):
    """Twice the size.

    tier, backend, precision: as those of denoise.
    """

    batch_tolerance = 1e-5
    scale = 2
    multiple = 4

    def __init__(
        self,
        tier: Tier | Literal["auto"] = "auto",
        backend: str = "auto",
        precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
    ) -> None:
        example = torch.rand(1, 6, 32, 48)
        self.network = TieredRunner(WEIGHTS, lambda: example, tier=tier, backend=backend, precision=precision)

    def to(self, device: torch.device) -> None:
        self.network.to(device)

    def close(self) -> None:
        self.network.close()

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        frame = x[:, 0]
        return (frame.repeat_interleave(2, -1).repeat_interleave(2, -2) + self.network(frame))[:, None]
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    folder = tmp_path / "streamfix_twice"
    (folder / "weights").mkdir(parents=True)
    (folder / "__init__.py").write_text(FILTER, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "streamfix_twice", raising=False)
    made = import_module("streamfix_twice")
    torch.manual_seed(1)
    network = made.network("xs")
    torch.nn.init.normal_(network[0].tail.weight, std=1e-3)  # it would give zeros else
    path = folder / "weights" / "xs.safetensors"
    save_file(network.state_dict(), path)
    sums = f"{hashlib.sha256(path.read_bytes()).hexdigest()}  xs.safetensors\n"
    (folder / "weights" / "SHA256SUMS").write_text(sums, encoding="utf-8")
    return made


def test_it_takes_public_names_only_and_nothing_of_another_plugin(plugin: ModuleType) -> None:
    assert plugin.__file__ is not None
    assert not_public(Path(plugin.__file__), ["streamfix_twice"]) == []


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_it_restores_with_a_network_of_its_own(plugin: ModuleType, backend: str) -> None:
    made = plugin.Twice(backend=backend, precision="fp32")
    frames = list(restore(lambda: made, clip(3, 37, 21)))
    assert [(f.width, f.height) for f in frames] == [(74, 42)] * 3
    assert (made.network.tier, made.network.smaller()) == ("xs", None)
    x = torch.rand(1, 1, 6, 16, 24)
    y = made(x, [None])
    assert y.shape == (1, 1, 6, 32, 48)
    module, _ = plugin.WEIGHTS.load("xs")
    base = x[:, 0].repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert torch.allclose(y[:, 0] - base, module(x[:, 0]), atol=1e-5)
    assert float((y[:, 0] - base).abs().max()) > 1e-4


@pytest.mark.parametrize("law", LAWS)
def test_it_keeps_the_laws(plugin: ModuleType, law: str) -> None:
    LAWS[law](lambda: plugin.Twice(backend="torch", precision="fp32"))


def test_its_options_are_told_like_those_of_denoise(plugin: ModuleType) -> None:
    with pytest.raises(BadOption, match="twice=backend: 'opencl' is no backend; there are auto, onnx, openvino, torch"):
        plugin.Twice(backend="opencl")
