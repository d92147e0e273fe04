"""Filters on tensors, as on a GPU, keep the laws that they keep in NumPy: here on the CPU, by STREAMFIX_FRONT=torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from streamfix import Device, Filter, FilterPool, UsageError
from streamfix.devices.graphs import Graphed
from streamfix.fusion.batched import halved, pack420, unpack420
from streamfix.models import Front, Fronts
from streamfix_auto import Auto
from streamfix_deblock import Deblock
from streamfix_denoise import Denoise
from streamfix_smooth import Smooth
from streamfix_upscale import Upscale
from tests.plugins.footage import sample

FILTERS: dict[str, Callable[[], Filter[Any]]] = {
    "smooth": Smooth,
    "denoise": lambda: Denoise(tier="xs", backend="torch", precision="fp32", lookahead=2),
    "deblock": lambda: Deblock(backend="torch", precision="fp32", lookahead=1),
    "upscale": lambda: Upscale(backend="torch", precision="fp32"),
}

EACH = ["smooth", *(pytest.param(name, marks=pytest.mark.slow) for name in ("denoise", "deblock", "upscale"))]


@pytest.fixture(autouse=True)
def on_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMFIX_FRONT", "torch")


def opened(name: str) -> Filter[Any]:
    made = FILTERS[name]()
    made.to(Device("cpu"))
    assert made.arrays == "torch"
    return made


def clip(name: str, frames: int, sigma: float = 8 / 255) -> Tensor:
    """Packed pictures (T, 6, 64, 96) with noise."""
    planes = sample(name, frames)
    luma, chroma = planes.y[:, :128, :192], planes.uv[:, :64, :96]
    parts = [luma[:, i::2, j::2] for i in (0, 1) for j in (0, 1)] + [chroma[..., i] for i in (0, 1)]
    packed = np.stack(parts, 1)
    noise = np.random.default_rng(7).normal(0, sigma, packed.shape)
    return torch.from_numpy((packed + noise).astype(np.float32))


def windows(pictures: Tensor, filter: Filter[Any]) -> list[Tensor]:
    """(1, T, 6, H, W) for each picture; the last one is repeated beyond the end."""
    last = len(pictures) - 1
    return [
        torch.stack([pictures[min(t + i, last)] for i in range(1 + filter.future)])[None] for t in range(len(pictures))
    ]


def run(filter: Filter[Any], pictures: Tensor) -> list[Tensor]:
    state = filter.init_state()
    with torch.inference_mode():
        return [filter(x, [state]) for x in windows(pictures, filter)]


@pytest.mark.parametrize("name", EACH)
def test_a_batch_of_streams_is_each_stream_alone(name: str) -> None:
    """Bit-equal on a CPU but for the network, which is told to lie within the tolerance that the filter states."""
    filter, clips = opened(name), [clip("campus.avi", 4), clip("bunny.mp4", 4)]
    alone = [run(filter, one) for one in clips]
    states = [filter.init_state() for _ in clips]
    with torch.inference_mode():
        for t, pair in enumerate(zip(*(windows(one, filter) for one in clips), strict=True)):
            together = filter(torch.cat(pair), states)
            for i in range(2):
                apart = float((together[i : i + 1] - alone[i][t]).abs().max())
                assert apart <= (0.0 if name == "smooth" else 2e-5), (t, i)
    filter.close()


def test_a_stream_that_joins_later_gets_what_it_gets_alone() -> None:
    filter, first, second = opened("smooth"), clip("campus.avi", 5), clip("bunny.mp4", 3)
    alone = run(filter, second)
    states = [filter.init_state(), filter.init_state()]
    with torch.inference_mode():
        for t in range(5):
            given = [first[t]] if t < 2 else [first[t], second[t - 2]]
            together = filter(torch.stack(given)[:, None], states[: len(given)])
            if t >= 2:
                assert torch.equal(together[1:], alone[t - 2])


@pytest.mark.parametrize("name", EACH)
def test_another_size_starts_over(name: str) -> None:
    filter, small = opened(name), clip("bunny.mp4", 2)
    state = filter.init_state()
    with torch.inference_mode():
        for x in windows(clip("campus.avi", 2)[..., :48, :64], filter):
            filter(x, [state])
        after = [filter(x, [state]) for x in windows(small, filter)]
    assert all(bool(torch.isfinite(one).all()) for one in after)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["smooth", "denoise", "deblock", "upscale"])
@pytest.mark.parametrize("of", ["campus.avi", "bunny.mp4"])
def test_the_picture_is_as_good_as_on_a_cpu(name: str, of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 0.15 dB further from the clean picture; benches measure it on whole clips."""
    noisy, clean = clip(of, 8), clip(of, 8, 0.0)
    if name == "upscale":
        luma, chroma = (halved(part) for part in unpack420(clean))
        noisy = pack420(luma, chroma)
    ours = torch.cat([one[:, 0] for one in run(opened(name), noisy)])
    monkeypatch.setenv("STREAMFIX_FRONT", "auto")
    filter = FILTERS[name]()
    filter.to(Device("cpu"))
    assert filter.arrays == "numpy"
    state = filter.init_state()
    theirs = torch.from_numpy(
        np.concatenate([filter(x.numpy(), [state])[:, 0] for x in windows(noisy, filter)]).astype(np.float32)
    )
    errors = [float((found - clean).square().mean()) for found in (ours, theirs)]
    assert errors[0] <= errors[1] * 10**0.015


@pytest.mark.slow
def test_auto_takes_what_its_filters_take() -> None:
    filter = Auto(lookahead=0)
    filter.to(Device("cpu"))
    assert filter.arrays == "torch"
    found = run(filter, clip("campus.avi", 2))
    assert all(bool(torch.isfinite(one).all()) for one in found)
    filter.close()


def test_what_is_measured_is_reported() -> None:
    filter = opened("smooth")
    state = filter.init_state()
    with torch.inference_mode():
        for x in windows(clip("campus.avi", 4), filter):
            filter(x, [state])
    assert 6 < filter.report(state)["noise_luma"] < 11


def test_states_are_of_the_kind_that_the_device_takes() -> None:
    fronts = Fronts()
    assert isinstance(fronts.new(), Front)
    assert fronts.to(Device("cpu")) == "torch" and not isinstance(fronts.new(), Front)


def test_the_environment_says_torch_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMFIX_FRONT", "cuda")
    with pytest.raises(UsageError, match="STREAMFIX_FRONT=cuda in the environment: it is torch, or auto"):
        Fronts().to(Device("cpu"))


def test_a_pool_s_streams_share_it() -> None:
    from streamfix.chainspec import FilterSpec

    pool = FilterPool("cpu")
    lease = pool.lease(FilterSpec("smooth", ""))
    assert lease.arrays == "torch"
    lease.close()


class Repeated:
    """Stands for a CUDA graph: repeats a call on the memory that it was recorded with."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(self, call: Callable[[], tuple[Tensor, ...]]) -> tuple[Callable[[], None], tuple[Tensor, ...]]:
        self.recorded += 1
        results = call()

        def replay() -> None:
            self.replayed += 1
            for kept, new in zip(results, call(), strict=True):
                kept.copy_(new)

        return replay, results


def test_a_recorded_function_gives_what_it_gives_when_it_is_called() -> None:
    record = Repeated()
    double = Graphed(lambda x, y: (2 * x + y, x - y), record)
    held = []
    for value in range(3):
        x, y = torch.full((2, 3), float(value)), torch.arange(3.0)
        held.append((double(x, y), (2 * x + y, x - y)))
    for results, wanted in held:  # later calls have not overwritten them
        assert all(torch.equal(a, b) for a, b in zip(results, wanted, strict=True))
    double(torch.zeros(4, 3), torch.zeros(3))
    assert (record.recorded, record.replayed) == (2, 4)


def test_what_cannot_be_recorded_is_called_and_told(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(call: Callable[[], tuple[Tensor, ...]]) -> Any:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    double = Graphed(lambda x: (2 * x,), refuse)
    for _ in range(2):
        assert torch.equal(double(torch.ones(2))[0], torch.full((2,), 2.0))
    assert [r.getMessage() for r in caplog.records] == [
        "runs without a CUDA graph, which is slower: operation not permitted when stream is capturing"
    ]


def test_the_front_can_be_replayed() -> None:
    """It keeps nothing between calls and gives the same operations in each: frames, cuts and starts alike."""
    from streamfix.models import tensor_front

    pictures = torch.cat((clip("campus.avi", 3), clip("bunny.mp4", 2)))
    fronts, results = [tensor_front.TensorFront() for _ in range(2)], []
    plain, record = tensor_front.recorded(True), Repeated()
    replayed = Graphed(plain._function, record)
    with torch.inference_mode():
        for picture in pictures:
            window = torch.stack((picture, picture))[None]
            results.append([tensor_front.step([f], window, r) for f, r in zip(fronts, (plain, replayed), strict=True)])
    for one, other in results:
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert record.recorded == 1
