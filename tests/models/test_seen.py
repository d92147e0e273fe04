"""A network's input that is kept from frame to frame: the same values, and never another thread's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from streamfix.models import seen, sigma_left


def parts(seed: int, height: int = 8, width: int = 12) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    seeded = torch.Generator().manual_seed(seed)
    fused, frame = (torch.rand(1, 6, height, width, generator=seeded) for _ in range(2))
    sigma = torch.tensor([[0.05, 0.03]])
    return fused, frame, sigma_left(torch.rand(1, 1, height, width, generator=seeded), sigma), sigma


def test_it_is_as_a_new_one() -> None:
    for seed in range(3):
        assert torch.equal(seen(*parts(seed), reuse=True), seen(*parts(seed)))
    small = parts(4, 4, 4)
    assert torch.equal(seen(*small, reuse=True), seen(*small))


def test_it_lies_where_the_last_one_lay_and_others_do_not() -> None:
    first, second = (seen(*parts(seed), reuse=True).data_ptr() for seed in (0, 1))
    assert first == second
    kept = seen(*parts(0))
    before = kept.clone()
    seen(*parts(1), reuse=True)
    assert torch.equal(kept, before)


def test_each_thread_and_each_mode_has_its_own() -> None:
    mine = seen(*parts(0), reuse=True)
    before = mine.clone()
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(seen, *parts(1), reuse=True).result()
    assert torch.equal(mine, before) and not torch.equal(mine, other)
    with torch.inference_mode():
        assert torch.equal(seen(*parts(2), reuse=True), seen(*parts(2)))
    assert torch.equal(seen(*parts(2), reuse=True), seen(*parts(2)))
