"""The backbone: what its size is, and that it begins as no correction at all."""

from __future__ import annotations

import pytest
import torch

from streamfix.models import SIZES, Tier, correction_network
from streamfix.networks import UNet


def test_a_new_network_corrects_nothing() -> None:
    assert torch.equal(UNet(5, 3)(torch.rand(2, 5, 16, 24)), torch.zeros(2, 3, 16, 24))


def test_noise_has_a_way_through_that_nothing_rectifies() -> None:
    """With all blocks silent the network is linear: a picture and its negative give opposite results."""
    network = UNet(2, 2, (8, 8, 8), (0, 0, 0, 0, 0))
    torch.nn.init.normal_(network.tail.weight)
    x = torch.randn(1, 2, 16, 16)
    result = network(x)
    assert result.abs().max() > 0
    assert torch.allclose(network(-x), -result, atol=1e-5)


@pytest.mark.parametrize(("tier", "parameters"), [("xs", 150e3), ("s", 590e3), ("m", 3.0e6)])
def test_tiers_have_the_size_that_is_documented(tier: Tier, parameters: float) -> None:
    network = correction_network(tier)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(parameters, rel=0.03)
    assert set(SIZES) == {"xs", "s", "m"}


def test_sizes_that_make_no_network_are_refused() -> None:
    with pytest.raises(ValueError, match=r"3 widths and 5 counts of blocks, got \(8, 8\)"):
        UNet(1, 1, (8, 8), (0, 0, 0, 0, 0))


@pytest.mark.parametrize("tier", SIZES)
def test_a_correction_has_the_size_of_the_picture_at_every_multiple_of_4(tier: Tier) -> None:
    network = correction_network(tier)
    with torch.no_grad():
        assert network(torch.zeros(1, 19, 12, 20)).shape == (1, 6, 12, 20)
        with pytest.raises(RuntimeError):
            network(torch.zeros(1, 19, 14, 20))
    assert network.multiple == 4


def test_what_a_network_sees_does_not_depend_on_where_it_is() -> None:
    """A picture moved by a multiple of 4 gives the same correction, moved, away from the borders."""
    network = UNet(1, 1, (4, 4, 4), (1, 1, 1, 1, 1)).eval()
    torch.nn.init.normal_(network.tail.weight)
    x = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        one, moved = network(x[..., :64]), network(x[..., 8:72])
    assert torch.allclose(one[..., 32:40], moved[..., 24:32], atol=1e-4) and one.std() > 0
