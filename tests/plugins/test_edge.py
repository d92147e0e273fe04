"""The filter `edge`: identity at 0, monotone, edges kept, depth kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from streamfix.conformance.fakes import clip, codes, difference
from streamfix.conformance.laws import LAWS, restore
from streamfix.errors import BadOption
from streamfix.frame import Frame
from streamfix_edge import Edge


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("mode", ["smooth", "detail"])
def test_it_keeps_the_laws(mode: str, law: str) -> None:
    LAWS[law](partial(Edge, mode=mode))  # type: ignore[arg-type]  # parametrised text


def luma(frame: Frame) -> Tensor:
    return codes(frame)[0].float()


def roughness(y: Tensor) -> float:
    return float((y[:, 1:] - y[:, :-1]).abs().mean())


@pytest.mark.parametrize("mode", ["smooth", "detail"])
@pytest.mark.parametrize("format", ["yuv420p", "yuv420p10le", "yuv444p", "gray", "gbrp"])
def test_strength_0_is_bit_exact(format: str, mode: str) -> None:
    frames = clip(2, 35, 21, format)
    for a, b in zip(frames, restore(partial(Edge, 0.0, mode), frames), strict=True):  # type: ignore[arg-type]
        assert difference(a, b) == 0


@pytest.mark.parametrize(("mode", "sign"), [("smooth", -1), ("detail", 1)])
def test_strength_is_monotone(mode: str, sign: int) -> None:
    frames = clip(1, 96, 64, "yuv420p10le")
    found = [
        roughness(luma(restore(partial(Edge, s, mode), frames)[0]))  # type: ignore[arg-type]
        for s in (0, 0.25, 0.5, 0.75, 1)
    ]
    steps = [sign * (b - a) for a, b in pairwise(found)]
    assert min(steps) > 0.02 * found[0]


def test_chroma_is_kept_to_the_bit() -> None:
    frames = clip(1, 36, 24)
    for a, b in zip(codes(frames[0])[1:], codes(restore(Edge, frames)[0])[1:], strict=True):
        assert torch.equal(a, b)


def edge_picture(low: float, high: float) -> Tensor:
    y = torch.full((1, 1, 1, 48, 64), low)
    y[..., 32:] = high
    return y + 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))


def test_an_edge_keeps_its_step_and_its_place() -> None:
    y = Edge(1.0)(edge_picture(0.3, 0.7), [None])
    assert float((y[..., 32] - y[..., 31]).mean()) > 0.38
    flat = y[..., 4:28]
    assert float(flat.std()) < 0.4 * 0.01, "noise of 2.5 codes is detail and goes"


def test_detail_makes_no_halo_at_an_edge() -> None:
    x = edge_picture(0.3, 0.7)
    y = Edge(1.0, "detail")(x, [None])
    assert float(y[..., 28:36].max()) < 0.7 + 0.08
    assert float(y[..., 28:36].min()) > 0.3 - 0.08


@pytest.mark.parametrize(
    "make",
    [partial(Edge, -0.1), partial(Edge, 1.5), partial(Edge, edge=0), partial(Edge, radius=0), partial(Edge, radius=99)],
)
def test_options_out_of_range_are_told(make: Callable[[], Edge]) -> None:
    with pytest.raises(BadOption, match=r"^edge=\w+=.*: .*\d"):
        make()
