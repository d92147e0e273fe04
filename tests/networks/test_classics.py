"""The classics of the literature: their sizes, how far they see, and how plain ones become deeper."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from streamfix.networks import ESPCN, FSRCNN, RDN, SRCNN, VDSR, Autoencoder, DnCNN, Swin, deepened

TWICE = (ESPCN, FSRCNN, RDN, Swin)
SAME = (SRCNN, VDSR, DnCNN, Autoencoder)


def awake(network: nn.Module) -> nn.Module:
    """The network with small random weights everywhere: it begins as no correction at all."""
    torch.manual_seed(1)
    for values in network.parameters():
        nn.init.normal_(values, std=0.05)
    return network.eval()


@pytest.mark.parametrize("make", [*TWICE, *SAME])
def test_a_new_network_corrects_nothing(make: type[nn.Module]) -> None:
    larger = 2 if make in TWICE else 1
    assert torch.equal(make()(torch.rand(2, 1, 16, 24)), torch.zeros(2, 1, 16 * larger, 24 * larger))


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (SRCNN, 57281),  # (81 + 1) 64 + (25 64 + 1) 32 + 25 32 + 1
        (ESPCN, 21284),
        (VDSR, 665_921),
        (DnCNN, 555_137),
        (FSRCNN, 13_876),
        (Autoencoder, 448_833),
        (RDN, 165_796),
        (Swin, 203_158),
    ],
)
def test_sizes_are_those_that_are_documented(make: type[nn.Module], parameters: int) -> None:
    assert sum(values.numel() for values in make().parameters()) == parameters


@pytest.mark.parametrize("make", [*TWICE, *SAME])
def test_what_lies_beyond_the_field_is_not_seen(make: Any) -> None:
    """A picture's left half changes; from `field` pixels right of it on the result stays, and left of that it moves."""
    made = make()
    network, field, larger = awake(made), made.field, 2 if make in TWICE else 1
    edge = 96
    x = torch.rand(1, 1, 16, 2 * edge)
    other = x.clone()
    other[..., :edge] = torch.rand(1, 1, 16, edge)
    with torch.no_grad():
        change = (network(x) - network(other)).abs().amax((0, 1, 2))
    assert float(change[: edge * larger].max()) > 0
    assert float(change[(edge + field) * larger :].max()) == 0


@pytest.mark.parametrize("make", [Autoencoder, Swin])
def test_sides_that_are_multiples_will_do(make: Any) -> None:
    network, larger = awake(make()), 2 if make is Swin else 1
    side = make.multiple
    with torch.no_grad():
        assert network(torch.rand(1, 1, side, 3 * side)).shape == (1, 1, side * larger, 3 * side * larger)
        with pytest.raises(RuntimeError):
            network(torch.rand(1, 1, side + 2, side))


@pytest.mark.parametrize(("known", "depth"), [(3, 9), (4, 4), (7, 17), (8, 20)])
def test_a_deeper_network_begins_where_the_shallow_one_has_come(known: int, depth: int) -> None:
    shallow = awake(VDSR(known))
    deep = VDSR(depth)
    deep.load_state_dict(deepened(shallow.state_dict(), depth))
    x = torch.rand(1, 1, 24, 24)
    with torch.no_grad():
        assert torch.allclose(deep(x), shallow(x), atol=1e-5) and float(shallow(x).std()) > 0
    assert len(deep.layers) == depth


def test_nothing_is_made_shallower() -> None:
    with pytest.raises(ValueError, match="weights of 8 layers do not fit a network of 5"):
        deepened(VDSR(8).state_dict(), 5)
    with pytest.raises(ValueError, match="at least 3 layers, got 2"):
        VDSR(2)
