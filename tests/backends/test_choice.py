"""Which backend runs somebody else's network, and why: what there is, what agrees, what is fastest here."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from streamfix.backends import BACKENDS
from streamfix.backends.base import Backend, NetworkSource, Precision, Runner
from streamfix.backends.cache import Cache
from streamfix.backends.runner import open_runner
from streamfix.backends.torch import TorchRunner
from streamfix.errors import ModelError, UsageError
from tests.backends.conftest import needs_openvino, pictures

X = pictures(1, 3, 24, 32)


class BySize(nn.Module):
    """Python code that looks at the size: an export keeps what it did for one picture."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.shape[2] < 40 else 1 - x


class Untraceable(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            raise RuntimeError("this network cannot be followed\nfor reasons of its own")
        return x * 0.5


def convolution() -> nn.Module:
    torch.manual_seed(1)
    return nn.Conv2d(3, 3, 3, padding=1).requires_grad_(False)


@pytest.fixture
def first_wins(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was timed; of it the last, the least exact, is taken as the fastest."""
    timed: list[list[str]] = []

    def choose(networks: Mapping[str, Runner], *_: Any) -> tuple[str, dict[str, float], bool]:
        timed.append(list(networks))
        return list(networks)[-1], dict.fromkeys(networks, 1.0), False

    monkeypatch.setattr("streamfix.backends.runner.choose", choose)
    return timed


@needs_openvino
@pytest.mark.parametrize(
    ("module", "why"),
    [
        (BySize(), "the export differs by up to"),
        (Untraceable(), "cannot export the network: this network cannot be followed"),
    ],
    ids=["by size", "untraceable"],
)
def test_a_network_that_cannot_be_exported_runs_on_torch_and_the_log_says_why(
    module: nn.Module, why: str, cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):  # the second time it is known
        with caplog.at_level(logging.INFO, logger="streamfix"):
            runner = open_runner(module, X, key="k", precision="fp32", foreign=True, cache=cache)
        assert runner.name == "torch fp32"
        (said,) = [r.getMessage() for r in caplog.records if "is not used" in r.getMessage()]
        assert said.startswith("openvino is not used: ")
        assert "\n" not in said
        caplog.clear()
    with pytest.raises(ModelError, match=f"{why}.*use backend torch"):
        open_runner(module, X, key="k", backend="openvino", precision="fp32", foreign=True, cache=cache)


class OneSize(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[-2:] == (200, 400)
        return super().forward(x)


def test_what_takes_one_size_is_tried_on_that_size(cache: Cache) -> None:
    example = pictures(1, 3, 200, 400)
    runner = open_runner(OneSize(3, 3, 1), example, key="k", foreign=True, cache=cache)
    assert runner(example).shape == (1, 3, 200, 400)


@needs_openvino
def test_what_is_foreign_is_timed_on_every_backend(first_wins: list[list[str]], cache: Cache) -> None:
    runner = open_runner(convolution(), X, key="k", precision="fp32", foreign=True, cache=cache)
    assert first_wins == [["torch fp32", "openvino fp32"]]
    assert runner.name == "openvino fp32"
    assert torch.allclose(runner(X), convolution()(X), atol=1e-5)


@needs_openvino
def test_a_graph_is_run_by_the_faster_of_two_runtimes(
    first_wins: list[list[str]], cache: Cache, tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx", reason="writes the graph")
    pytest.importorskip("onnxruntime", reason="runs it")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ports = [helper.make_tensor_value_info(n, kind, ["n", 3, "h", "w"]) for n in "xy"]
    nodes = [helper.make_node("Mul", ["x", "x"], ["y"])]
    path = tmp_path / "net.onnx"
    made = helper.make_graph(nodes, "square", ports[:1], ports[1:])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    runner = open_runner(path, X, key="k", precision="fp32", foreign=True, cache=cache)
    assert first_wins == [["onnx fp32", "openvino fp32"]]
    assert torch.allclose(runner(X), X * X, atol=1e-6)
    for backend, precision in (("onnx", "bf16"), ("torch", "fp32")):
        with pytest.raises(UsageError, match="use openvino"):
            open_runner(path, X, key="k", backend=backend, precision=precision, cache=cache)  # type: ignore[arg-type]


class New(Backend):
    """What another package would bring: one class, announced by one line."""

    name = "new"
    precisions: tuple[Precision, ...] = ("fp32",)

    def rank(self, device: torch.device) -> int:
        return 3

    def refusal(self, source: NetworkSource) -> str | None:
        return None if isinstance(source.network, nn.Module) else "new runs modules only"

    def runners(self, source: NetworkSource, precision: Precision) -> dict[str, Runner]:
        assert isinstance(source.network, nn.Module)
        runner = TorchRunner(source.network)
        runner.name = "new fp32"
        return {"fp32": runner}

    def identity(self, source: NetworkSource) -> str:
        return "new 1.0"


@pytest.fixture
def new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BACKENDS, "_classes", {**BACKENDS._classes, "new": New})


@pytest.mark.usefixtures("new")
def test_a_backend_that_is_announced_is_chosen_by_its_rank(cache: Cache) -> None:
    for backend in ("auto", "new"):
        assert open_runner(convolution(), X, key="k", backend=backend, cache=cache).name == "new fp32"


@pytest.mark.usefixtures("new")
def test_a_faster_one_that_is_not_installed_is_named(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(New, "missing", lambda self: "new is not installed; pip install new")
    with caplog.at_level(logging.INFO, logger="streamfix"):
        runner = open_runner(convolution(), X, key="k", precision="fp32", cache=cache)
    assert runner.name != "new fp32"
    assert "a faster one is missing: new is not installed; pip install new" in caplog.text
    with pytest.raises(UsageError, match="new is not installed; pip install new"):
        open_runner(convolution(), X, key="k", backend="new", cache=cache)


@pytest.mark.usefixtures("new")
def test_one_that_gives_another_picture_is_not_taken(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However fast it is: somebody else's network is what its own runtime makes of it."""

    def shifted(self: Backend, source: NetworkSource, precision: Precision) -> dict[str, Runner]:
        assert isinstance(source.network, nn.Module)
        return {"fp32": TorchRunner(nn.Sequential(source.network, nn.Softplus(100)))}

    monkeypatch.setattr(New, "runners", shifted)
    with caplog.at_level(logging.INFO, logger="streamfix"):
        runner = open_runner(convolution(), X, key="k", precision="fp32", foreign=True, cache=cache)
    assert torch.allclose(runner(X), convolution()(X), atol=1e-5)
    assert "new is not used: its picture differs from that of torch fp32 by up to" in caplog.text


@needs_openvino
def test_an_export_that_fails_leaves_the_hosts_logging_alone(cache: Cache) -> None:
    """OpenVINO's converter sets the root logger to errors alone: warnings of a whole program were lost after it."""
    root = logging.getLogger()
    before = root.level, list(root.filters), list(root.handlers)
    with pytest.raises(ModelError):
        open_runner(Untraceable(), X, key="k", backend="openvino", precision="fp32", foreign=True, cache=cache)
    assert (root.level, list(root.filters), list(root.handlers)) == before
