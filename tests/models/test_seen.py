"""A network's input that is kept from frame to frame: the same values, and never another thread's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from streamfix.models import corrected, per_plane, seen, sigma_left, wanted


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
        other = threads.submit(lambda: seen(*parts(1), reuse=True)).result()
    assert torch.equal(mine, before) and not torch.equal(mine, other)
    with torch.inference_mode():
        assert torch.equal(seen(*parts(2), reuse=True), seen(*parts(2)))
    assert torch.equal(seen(*parts(2), reuse=True), seen(*parts(2)))


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_numpy_and_pytorch_see_the_same(rows: int, columns: int, batch: int, by_pixel: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = 4 * rows, 4 * columns
    fused, frame, correction = rng.random((3, batch, 6, height, width), np.float32)
    variance = rng.random((batch, 1, height, width), np.float32)
    sigma = 0.1 * rng.random((batch, 2, height, width) if by_pixel else (batch, 2), np.float32)
    left = sigma_left(variance, sigma)
    given = [torch.from_numpy(a) for a in (fused, frame, correction, variance, sigma)]
    t_fused, t_frame, t_correction, t_variance, t_sigma = given
    t_left = sigma_left(t_variance, t_sigma)
    x = seen(fused, frame, left, sigma)
    assert isinstance(x, np.ndarray)
    units = 1 / (float(left.min()) + 0.01)  # a rounding is so many times larger in units of noise
    np.testing.assert_allclose(x, seen(t_fused, t_frame, t_left, t_sigma).numpy(), atol=5e-7 * units, rtol=2e-6)
    assert np.array_equal(seen(fused, frame, left, sigma, reuse=True), x)
    found = corrected(fused, left, correction)
    np.testing.assert_allclose(found, corrected(t_fused, t_left, t_correction).numpy(), atol=5e-7)
    np.testing.assert_allclose(wanted(fused, left, found), correction, atol=1e-4)
    np.testing.assert_allclose(per_plane(left), per_plane(t_left).numpy(), rtol=1e-6)
