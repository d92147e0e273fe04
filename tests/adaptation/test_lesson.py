"""What a network learns from noisy neighbours, with the smallest network there is."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from streamfix.adaptation import lesson
from streamfix.adaptation.lesson import Pair
from streamfix.fusion import Floats
from streamfix.models import WeightsStore
from streamfix.training import Batch, Sample

_SHAPE = (6, 48, 48)
_SIGMA = 0.05


class Network(nn.Module):
    """Each plane as a share of itself and of its mean over 5x5 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(0.5))
        self.fixed = nn.Parameter(torch.tensor(1.0))

    def late(self) -> list[nn.Parameter]:
        return [self.share]

    def forward(self, x: Tensor) -> Tensor:
        smooth = nn.functional.avg_pool2d(x, 5, 1, 2, count_include_pad=False)
        return self.fixed * (self.share * x + (1 - self.share) * smooth)


class Recipe:
    """The recipe that adaptation sees."""

    store: WeightsStore

    def inputs(self, frames: Sequence[Floats]) -> Iterator[Sample]:
        for frame in frames:
            yield {"frame": frame, "sigma": np.full(2, _SIGMA, np.float32)}

    def restored(self, network: Any, one: Batch) -> Tensor:
        result: Tensor = network(one["frame"])
        return result

    def asked(self, one: Batch) -> tuple[Tensor, Tensor]:
        return one["frame"], one["target"]


@pytest.fixture
def footage() -> list[Floats]:
    """A flat picture in new noise: only the mean over neighbours is right."""
    rng = np.random.default_rng(1)
    return [(0.5 + rng.normal(0, _SIGMA, _SHAPE)).astype(np.float32) for _ in range(20)]


def test_the_clean_picture_is_learnt_from_noisy_ones(footage: list[Floats]) -> None:
    network = Network()
    found = lesson.pairs(Recipe(), network, footage, 1)
    before = copy.deepcopy(network)
    lesson.learn(Recipe(), network, found.to_learn, steps=60)
    assert network.share < before.share  # towards the mean, which is the clean picture
    clean = torch.full((1, *_SHAPE), 0.5)
    noisy = torch.from_numpy(footage[-1])[None]
    with torch.no_grad():
        assert (network(noisy) - clean).square().mean() < (before(noisy) - clean).square().mean()
    was, now = (lesson.errors(Recipe(), one, found.to_judge)[:, 0].mean() for one in (before, network))
    assert now < was


def test_only_what_may_learn_moves_and_no_further_than_it_may(footage: list[Floats]) -> None:
    network = Network()
    found = lesson.pairs(Recipe(), network, footage, 1)
    moved = lesson.learn(Recipe(), network, found.to_learn, steps=150)
    assert network.fixed.item() == 1
    assert abs(network.share.item() - 0.5) / 0.5 == pytest.approx(moved, abs=1e-4)
    assert moved <= 0.05 + 1e-6


def test_what_is_masked_teaches_nothing(footage: list[Floats]) -> None:
    network, other = Network(), Network()
    found = lesson.pairs(Recipe(), network, footage, 1).to_learn
    hidden = [Pair(p.seen, p.target, _half(p.mask), p.before) for p in found]
    spoilt = [Pair(p.seen, np.where(p.mask > 0, p.target, 9).astype(np.float32), p.mask, p.before) for p in hidden]
    lesson.learn(Recipe(), network, hidden, steps=20)
    lesson.learn(Recipe(), other, spoilt, steps=20)
    assert network.share.item() == other.share.item()


def test_without_any_partner_the_network_stays_as_it_is(footage: list[Floats]) -> None:
    network = Network()
    found = lesson.pairs(Recipe(), network, footage, 1).to_learn
    lesson.learn(Recipe(), network, [Pair(p.seen, p.target, np.zeros_like(p.mask), p.before) for p in found], steps=40)
    assert network.share.item() == pytest.approx(0.5, abs=1e-4)


def test_a_shift_of_local_means_is_not_learnt(footage: list[Floats]) -> None:
    """Where black cuts the noise off, noisy pictures are brighter than clean ones in the mean."""
    network = Network()
    found = lesson.pairs(Recipe(), network, footage, 1).to_learn
    brighter = [Pair(p.seen, p.target + np.float32(0.1), p.mask, p.before) for p in found]
    twin = copy.deepcopy(network)
    lesson.learn(Recipe(), network, found, steps=30)
    lesson.learn(Recipe(), twin, brighter, steps=30)
    assert twin.share.item() == pytest.approx(network.share.item(), abs=1e-3)


def test_what_judges_comes_after_what_is_learnt_from(footage: list[Floats]) -> None:
    found = lesson.pairs(Recipe(), Network(), footage, 1)
    order = {frame.tobytes(): t for t, frame in enumerate(footage)}
    learnt, judged = ([order[p.seen["frame"].tobytes()] for p in part] for part in (found.to_learn, found.to_judge))
    assert max(learnt) + 1 < min(judged)  # not even as a target
    assert len(judged) >= 4


def test_the_same_seed_learns_the_same(footage: list[Floats]) -> None:
    found = lesson.pairs(Recipe(), Network(), footage, 1).to_learn
    networks = [Network(), Network()]
    for network in networks:
        lesson.learn(Recipe(), network, found, steps=10, seed=3)
    assert networks[0].share.item() == networks[1].share.item()


def _half(mask: Floats) -> Floats:
    half = mask.copy()
    half[:, :, : mask.shape[2] // 2] = 0
    return half
