"""A small network, pictures for it, and a cache of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from streamfix.backends import compiled
from streamfix.backends.cache import Cache
from streamfix.backends.quantise import can_quantise
from streamfix.networks import UNet


def unet(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    network = UNet(inputs=16, outputs=6, widths=(16, 16, 24), blocks=(0, 0, 1, 0, 0))
    nn.init.kaiming_normal_(network.tail.weight)  # it would give zeros else
    return network.requires_grad_(False)


def pictures(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt())


# Not pytest.importorskip: OpenVINO imported by anybody but the code under test reports its use.
needs_openvino = pytest.mark.skipif(not compiled.is_installed(), reason="OpenVINO runs the network")
needs_nncf = pytest.mark.skipif(not can_quantise(), reason="NNCF quantises the network")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small gain nothing from more, and on a busy machine wait for them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
