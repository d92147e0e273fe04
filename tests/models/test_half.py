"""Our networks in half precision, as a GPU runs them, and what goes up to it and comes down."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from streamfix import Planes, yuv420
from streamfix.backends.torch import TorchRunner
from streamfix.frame import PixelFormat
from streamfix.models import WeightsStore, example
from streamfix.transfer import downloaded, unpacked_there
from streamfix_deblock.filter import WEIGHTS as DEBLOCK
from streamfix_denoise.filter import WEIGHTS as DENOISE


@pytest.mark.parametrize(("store", "tier"), [(DENOISE, "xs"), (DENOISE, "s"), (DEBLOCK, "s")])
def test_half_precision_changes_next_to_nothing(store: WeightsStore, tier: str) -> None:
    """Of the correction at most 40 dB below it: a hundredth, and so nothing in the picture."""
    network, _ = store.load(tier)
    x = example()[..., :64, :64].contiguous()
    exact, half = TorchRunner(network)(x), TorchRunner(network, "fp16")(x)
    assert float((half - exact).square().mean().sqrt()) < 0.01 * float(exact.square().mean().sqrt())


def test_a_fixed_network_gives_what_it_gives_otherwise() -> None:
    network, _ = DENOISE.load("xs")
    x = example()[..., :32, :32].contiguous()
    assert torch.equal(TorchRunner(network, fixed=True)(x), TorchRunner(network)(x))


@pytest.mark.parametrize("depth", [8, 10, 16])
@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
def test_what_goes_up_as_codes_is_the_layout(depth: int, size: tuple[int, int]) -> None:
    format = PixelFormat("yuv420p" if depth == 8 else f"yuv420p{depth}le", "yuv", depth, 1, 1)
    rng, kind = np.random.default_rng(1), np.uint8 if depth == 8 else np.dtype("<u2")
    data = [rng.integers(0, format.max_code + 1, s).astype(kind) for s in format.plane_shapes(size[1], size[0])]
    planes = Planes(format, size[1], size[0], tuple(data))
    assert torch.equal(unpacked_there(planes, "cpu"), torch.from_numpy(yuv420.packed(planes)))


def test_what_comes_down_is_what_was_there() -> None:
    codes = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4).transpose(1, 2)
    assert np.array_equal(downloaded(codes), codes.numpy())
