"""A network is the same network on every backend, and the choice among them is measured, kept and said."""

from __future__ import annotations

import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from streamfix.backends import choice, compiled
from streamfix.backends.base import Precision, Runner
from streamfix.backends.cache import Cache
from streamfix.backends.runner import open_runner
from streamfix.devices import cpu
from streamfix.errors import FilterError, UsageError
from tests.backends.conftest import needs_openvino, pictures, rms, unet

BACKENDS = ["torch", pytest.param("openvino", marks=needs_openvino)]
CALM = 1e-4  # the largest difference between two backends in fp32, for results near 1


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


def opened(backend: str, precision: Precision, cache: Cache) -> Runner:
    if backend == "openvino" and precision == "bf16" and not compiled.has_bf16():
        pytest.skip("this processor has no bfloat16")
    return open_runner(unet(), pictures(1, 16, 32, 48), key="small", backend=backend, precision=precision, cache=cache)


@pytest.mark.parametrize("shape", [(1, 16, 32, 48), (1, 16, 4, 8), (3, 16, 44, 20)], ids=str)
def test_fp32_is_the_module(backend: str, cache: Cache, shape: tuple[int, ...]) -> None:
    runner, x = opened(backend, "fp32", cache), pictures(*shape)
    y = runner(x)
    assert y.dtype == torch.float32
    assert float((y - unet()(x)).abs().max()) < CALM
    assert runner.name == f"{backend} fp32"


def test_bf16_is_within_two_percent_and_not_fp32(backend: str, cache: Cache) -> None:
    runner, x = opened(backend, "bf16", cache), pictures(1, 16, 32, 48)
    y, exact = runner(x), unet()(x)
    assert y.dtype == torch.float32
    assert 1e-4 < rms(y - exact) / rms(exact) < 0.02
    assert runner.name == f"{backend} bf16"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_batched_is_alone(backend: str, precision: Precision, cache: Cache) -> None:
    runner, x = opened(backend, precision, cache), pictures(3, 16, 24, 32)
    alone = torch.cat([runner(x[i : i + 1]) for i in range(3)])
    assert float((runner(x) - alone).abs().max()) <= 1e-5


@pytest.mark.parametrize(
    "laid_out",
    [
        lambda x: x.to(memory_format=torch.channels_last),
        lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
        lambda x: torch.cat((x, x), 1)[:, 16:],
        lambda x: x.clone().requires_grad_(),
        lambda x: x.double(),
    ],
    ids=["channels_last", "transposed", "slice", "with gradient", "double"],
)
def test_how_the_input_lies_in_memory_does_not_matter(backend: str, cache: Cache, laid_out: Any) -> None:
    runner, x = opened(backend, "fp32", cache), pictures(1, 16, 16, 24)
    y = runner(laid_out(x))
    assert not y.requires_grad
    assert torch.allclose(y, runner(x), atol=1e-6)


def test_a_result_outlives_the_next_call_and_the_input_stays(backend: str, cache: Cache) -> None:
    runner, x = opened(backend, "fp32", cache), pictures(1, 16, 16, 24)
    before, y = x.clone(), runner(x)
    kept = y.clone()
    runner(pictures(1, 16, 16, 24, seed=2))
    runner.close()
    assert torch.equal(y, kept)
    assert torch.equal(x, before)


def test_threads_may_call_at_once(backend: str, cache: Cache) -> None:
    runner = opened(backend, "fp32", cache)
    xs = [pictures(1, 16, 16 + 4 * (i % 3), 24, seed=i) for i in range(24)]
    alone = [runner(x) for x in xs]
    with ThreadPoolExecutor(4) as pool:
        for y, want in zip(pool.map(runner, xs), alone, strict=True):
            assert torch.allclose(y, want, atol=1e-6)


def test_a_shape_it_does_not_take_is_refused(backend: str, cache: Cache) -> None:
    runner, x = opened(backend, "fp32", cache), pictures(1, 16, 16, 24)
    want = runner(x)
    for shape in ((1, 3, 16, 16), (1, 16, 6, 7), (1, 16, 18, 24)):
        with pytest.raises(FilterError, match=rf"{backend} fp32 refuses \(1, .*\): ") as caught:
            runner(pictures(*shape))
        assert "\n" not in str(caught.value)
    assert torch.equal(runner(x), want)


def test_short_memory_is_told_from_other_failures(backend: str, cache: Cache) -> None:
    runner = opened(backend, "fp32", cache)
    with pytest.raises(torch.OutOfMemoryError):
        runner(torch.zeros(1, dtype=torch.float64).expand(1, 16, 1 << 20, 1 << 20))


def test_a_closed_runner_says_so(backend: str, cache: Cache) -> None:
    runner = opened(backend, "fp32", cache)
    runner.close()
    runner.close()
    with pytest.raises(FilterError, match=f"{backend} fp32 was closed"):
        runner(pictures(1, 16, 16, 24))


def test_the_module_is_copied(backend: str, cache: Cache) -> None:
    module, x = unet(), pictures(1, 16, 16, 24)
    runner = open_runner(module, x, key="copied", backend=backend, precision="fp32", cache=cache)
    want = runner(x)
    with torch.no_grad():
        for weight in module.parameters():
            assert weight.dtype == torch.float32
            weight.zero_()
    assert torch.equal(runner(x), want)


def test_the_choice_is_said(backend: str, cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="streamfix"):
        runner = opened(backend, "auto", cache)
    (said,) = [r for r in caplog.records if r.name == "streamfix.backends.runner"]
    assert said.levelno == logging.INFO
    assert said.getMessage().startswith(f"the network runs on {runner.name}")
    assert (f"(ms for 48x32: {backend} fp32 " in said.getMessage()) == (backend == "openvino" or cpu.has_bf16())


@pytest.mark.parametrize("installed", [pytest.param(True, marks=needs_openvino), False])
def test_auto_is_openvino_where_it_is_installed(
    installed: bool, cache: Cache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, "openvino", None)
    with caplog.at_level(logging.INFO, logger="streamfix"):
        runner = opened("auto", "auto", cache)
    assert runner.name.split()[0] == ("openvino" if installed else "torch")
    assert ('pip install "streamfix[openvino]"' in caplog.text) == (not installed)


@pytest.mark.parametrize(("backend", "precision"), [("openvino", "auto"), ("openvino", "fp32"), ("auto", "int8")])
def test_what_is_asked_for_and_not_installed_is_named(
    backend: str, precision: Precision, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UsageError, match=r'OpenVINO cannot be loaded .*; pip install "streamfix\[openvino\]"'):
        open_runner(unet(), pictures(1, 16, 8, 8), key="k", backend=backend, precision=precision, cache=cache)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"backend": "opencl"}, "no backend 'opencl'.*; there are: onnx, openvino, torch"),
        ({"precision": "fp8"}, "no precision 'fp8'; there are auto, fp32, bf16, int8"),
        ({"backend": "torch", "precision": "int8"}, "backend torch has no int8; use openvino: pip install"),
    ],
    ids=str,
)
def test_wrong_requests_teach(wrong: dict[str, Any], message: str, cache: Cache) -> None:
    with pytest.raises(UsageError, match=message):
        open_runner(unet(), pictures(1, 16, 8, 8), key="k", cache=cache, **wrong)


class Clocked:
    """Networks that take as long as they say, by a clock of their own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.calls = 0.0, list[tuple[int, ...]]()
        self.share = 1.0  # of the time for which there was a core
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(time, "process_time", lambda: self.now * self.share)
        monkeypatch.setattr(choice, "_chosen", {})

    def network(self, ms: float) -> Any:
        def run(x: Tensor) -> Tensor:
            self.now += ms / 1e3
            self.calls.append(tuple(x.shape))
            return x

        return run

    def choose(self, cache: Cache, *size: int, **ms: float) -> str:
        networks = {name: self.network(value) for name, value in ms.items()}
        x = choice.timed_on(torch.zeros(1).expand(2, 16, *(size or (64, 64))))
        return choice.choose(networks, x, cache, "name")[0]


@pytest.mark.parametrize(
    ("ms", "want"),
    [
        ({"fp32": 20, "bf16": 10, "int8": 6}, "int8"),
        ({"fp32": 20, "bf16": 10, "int8": 9}, "bf16"),  # hardly faster is no reason to be less exact
        ({"fp32": 20, "bf16": 19, "int8": 18}, "fp32"),
        ({"fp32": 20, "bf16": 400, "int8": 12}, "int8"),
        ({"fp32": 20, "bf16": 30}, "fp32"),
    ],
    ids=str,
)
def test_the_clearly_fastest_is_chosen(
    ms: dict[str, float], want: str, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Clocked(monkeypatch).choose(cache, **ms) == want


def test_a_choice_is_kept_for_the_process_and_the_next(monkeypatch: pytest.MonkeyPatch, cache: Cache) -> None:
    clocked = Clocked(monkeypatch)
    assert clocked.choose(Cache(None), fp32=20, bf16=10) == "bf16"
    assert clocked.choose(Cache(None), fp32=10, bf16=20) == "bf16"
    choice._chosen.clear()  # as in another process
    assert clocked.choose(cache, fp32=10, bf16=20) == "fp32"
    choice._chosen.clear()
    assert clocked.choose(cache, fp32=20, bf16=10) == "fp32"
    assert clocked.choose(cache, fp32=20, bf16=10, int8=5) == "int8"  # there was none when it was measured


def test_what_a_busy_machine_measured_is_not_kept(monkeypatch: pytest.MonkeyPatch, cache: Cache) -> None:
    clocked = Clocked(monkeypatch)
    clocked.share = 0.3
    assert clocked.choose(cache, fp32=200, bf16=190) == "fp32"
    assert clocked.choose(cache, fp32=20, bf16=10) == "fp32"  # for this process it stands
    choice._chosen.clear()
    clocked.share = 1.7
    assert clocked.choose(cache, fp32=20, bf16=10) == "bf16"
    choice._chosen.clear()
    assert clocked.choose(cache, fp32=10, bf16=20) == "bf16"


def test_measuring_is_cheap(monkeypatch: pytest.MonkeyPatch, cache: Cache) -> None:
    clocked = Clocked(monkeypatch)
    clocked.choose(cache, 1080, 1920, fp32=20, bf16=10)
    assert set(clocked.calls) == {(1, 16, 192, 320)}
    assert clocked.now < 0.5
    choice._chosen.clear()
    clocked.now = 0
    clocked.choose(Cache(None), fp32=5000, bf16=3000)  # a machine this slow, or this busy, is not asked five times
    assert clocked.now == pytest.approx(16)


def test_bf16_that_differs_is_no_candidate(monkeypatch: pytest.MonkeyPatch, cache: Cache) -> None:
    monkeypatch.setattr(cpu, "has_bf16", lambda: True)
    timed: list[set[str]] = []

    def choose(networks: dict[str, Runner], *_: Any) -> tuple[str, dict[str, float], bool]:
        timed.append(set(networks))
        return "torch fp32", dict.fromkeys(networks, 1.0), True

    monkeypatch.setattr("streamfix.backends.runner.choose", choose)
    x = pictures(1, 16, 16, 16)
    open_runner(unet(), x, key="k", backend="torch", cache=cache)
    assert timed == [{"torch fp32", "torch bf16"}]
    large = nn.Sequential(nn.Conv2d(16, 32, 1), nn.Conv2d(32, 6, 1)).requires_grad_(False)
    for parameter, value in zip(large.parameters(), (1, 1000, 1 / 32, -1000), strict=True):
        parameter.fill_(value)
    open_runner(large, x, key="k", backend="torch", cache=cache)
    assert len(timed) == 1  # a small difference of large numbers: bfloat16 does not hold it
