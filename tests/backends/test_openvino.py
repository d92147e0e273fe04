"""OpenVINO: exported once, found again, never less exact than its name says, and it reports to nobody."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from streamfix.backends import compiled, openvino
from streamfix.backends.base import NetworkSource
from streamfix.backends.cache import Cache
from streamfix.backends.compiled import Compiled, from_parts, to_parts
from streamfix.backends.graphs import Graphs
from streamfix.backends.openvino import OpenVinoRunner, code_version, convert
from streamfix.backends.runner import open_runner
from streamfix.errors import DeviceError, ModelError, UsageError
from tests.backends.conftest import needs_openvino, pictures, unet
from tests.fakes.waiting import LONG_S

pytestmark = needs_openvino

X = pictures(1, 16, 16, 24)


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """The modules that were exported."""
    seen: list[nn.Module] = []

    def counted(module: nn.Module, example: torch.Tensor) -> object:
        seen.append(module)
        return convert(module, example)

    monkeypatch.setattr(openvino, "convert", counted)
    return seen


def run(cache: Cache, module: nn.Module | None = None, key: str = "small") -> torch.Tensor:
    module = unet() if module is None else module
    return open_runner(module, X, key=key, backend="openvino", precision="fp32", cache=cache)(X)


def test_what_is_exported_once_is_found_again_and_the_same(cache: Cache, conversions: list[nn.Module]) -> None:
    first, second = run(cache), run(cache)
    assert len(conversions) == 1
    assert torch.equal(first, second)
    assert float((first - unet()(X)).abs().max()) < 1e-5  # bfloat16 would differ by 1e-3


_SIGNALLED = """
import signal
import torch
from streamfix.backends.openvino import OpenVinoRunner, convert
x = torch.rand(1, 3, 8, 8)
runners = [OpenVinoRunner(convert(torch.nn.Conv2d(3, 3, 1), x)) for _ in range(2)]
for runner in runners:
    runner(x)
while runners:
    runners.pop(0).close()
del runner
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell inherits that it is ignored
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.slow
def test_signals_are_handled_after_runners_have_gone_in_any_order() -> None:
    """In a process of its own, for a process that has no stack left to handle a signal on does not live."""
    done = subprocess.run([sys.executable, "-c", _SIGNALLED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "interrupted"), done.stderr


def test_other_weights_and_other_code_are_exported_anew(
    cache: Cache, conversions: list[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(cache)
    other = unet(seed=5)
    assert torch.allclose(run(cache, other, key="other"), other(X), atol=1e-5)
    run(cache, nn.Conv2d(16, 6, 3, padding=1))  # a key says nothing about the network's layers
    assert len(conversions) == 3
    monkeypatch.setattr(openvino, "code_version", lambda module: "the next release")
    run(cache)
    assert len(conversions) == 4


def test_the_version_is_of_the_source_and_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    source = tmp_path / "streamfix_test_network.py"
    source.write_text("from torch import nn\nclass Net(nn.Sequential): pass\n", encoding="utf-8")
    network = import_module("streamfix_test_network").Net
    before = code_version(network(nn.ReLU()))
    assert code_version(network(nn.ReLU())) == before
    assert code_version(network(nn.Tanh())) != before
    source.write_text("from torch import nn\nclass Net(nn.Sequential): 'other'\n", encoding="utf-8")
    assert code_version(network(nn.ReLU())) != before


def bitten(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"?" + content[len(content) // 2 + 1 :])


@pytest.mark.parametrize("damage", [bitten, lambda path: path.write_bytes(b"")], ids=["changed", "emptied"])
def test_a_damaged_file_is_made_again(
    cache: Cache, conversions: list[nn.Module], damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    want = run(cache)
    assert cache.folder is not None
    (path,) = cache.folder.iterdir()
    damage(path)
    assert torch.equal(run(cache), want)
    assert len(conversions) == 2
    assert "is made again" in caplog.text
    assert torch.equal(run(cache), want)
    assert len(conversions) == 2


def test_a_whole_file_that_openvino_refuses_is_made_again(
    cache: Cache, conversions: list[nn.Module], caplog: pytest.LogCaptureFixture
) -> None:
    want = run(cache)
    assert cache.folder is not None
    (path,) = cache.folder.iterdir()
    cache.write(path.stem, {"xml": b"<net", "bin": b""})
    assert torch.equal(run(cache), want)
    assert len(conversions) == 2
    assert "the network is exported again: OpenVINO" in caplog.text


def test_without_a_cache_it_runs_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert torch.allclose(run(Cache(tmp_path / "file")), unet()(X), atol=1e-5)
    assert "not kept for the next run" in caplog.text
    assert torch.allclose(run(Cache(None)), unet()(X), atol=1e-5)


@pytest.mark.parametrize(
    "parts",
    [{}, {"xml": b"no graph", "bin": b"x"}, {"xml": b"", "bin": b""}],
    ids=["nothing", "text", "empty"],
)
def test_what_is_no_graph_is_refused(parts: dict[str, bytes]) -> None:
    with pytest.raises(ModelError, match=r"OpenVINO .* cannot read the exported graph: .*; export it again"):
        from_parts(parts)


def test_weights_that_are_missing_are_refused() -> None:
    parts = to_parts(convert(unet(), X))
    with pytest.raises(ModelError, match="cannot read the exported graph"):
        from_parts(parts | {"bin": parts["bin"][:100]})


def test_more_sizes_than_it_keeps_compiled_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_SIZES", 2)
    runner, network = OpenVinoRunner(convert(unet(), X)), unet()
    for width in (8, 12, 16, 8, 12, 16):
        x = pictures(1, 16, 8, width)
        assert torch.allclose(runner(x), network(x), atol=1e-5)


class Slow:
    """A request that ends only once another one has begun."""

    def __init__(self, request: Any, both: threading.Barrier) -> None:
        self._request, self._both = request, both

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    def infer(self) -> None:
        self._both.wait(LONG_S)
        self._request.infer()


def test_two_pictures_at_once_share_the_threads_and_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    compile_for = Compiled._compile
    both = threading.Barrier(2)

    class Graph:
        def __init__(self, graph: Any) -> None:
            self._graph = graph

        def create_infer_request(self) -> Any:
            return Slow(self._graph.create_infer_request(), both)

    def noted(self: Compiled, shape: tuple[int, ...], streams: int) -> Any:
        graph = compile_for(self, shape, streams)
        asked.append((streams, graph.get_property("INFERENCE_NUM_THREADS")))
        return Graph(graph)

    model, xs = convert(unet(), X), [pictures(1, 16, 24, 32, seed=seed).numpy() for seed in range(6)]
    alone = [Compiled(model, threads=2)(x) for x in xs]
    monkeypatch.setattr(Compiled, "_compile", noted)
    shared = Compiled(model, threads=2)
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(shared, xs, timeout=LONG_S))
    shared.close()
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))
    assert sorted(asked) == [(1, 2), (2, 2)]


def test_one_thread_takes_one_picture_at_a_time() -> None:
    runner, x = Compiled(convert(unet(), X), threads=1), pictures(1, 16, 8, 8).numpy()
    with ThreadPoolExecutor(3) as pool:
        assert all(np.array_equal(y, runner(x)) for y in pool.map(runner, [x] * 6, timeout=LONG_S))


def test_bf16_needs_a_processor_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "has_bf16", lambda: False)
    with pytest.raises(DeviceError, match="has no bfloat16; use fp32 or int8"):
        OpenVinoRunner(convert(unet(), X), "bf16")


def test_int8_without_a_network_or_the_means_to_make_one_says_what_is_missing(cache: Cache) -> None:
    for foreign, why in ((False, "there is neither"), (True, "this network came with neither")):
        graphs = Graphs(NetworkSource(unet(), X, "k", cache, foreign=foreign))
        with pytest.raises(UsageError, match=f"int8 needs a quantised network or a calibration, and {why}; use fp32"):
            graphs.int8(needed=True)
        assert graphs.int8(needed=False) is None


def test_nothing_is_reported() -> None:
    compiled.load_openvino()
    assert import_module("openvino.tools.ovc.telemetry_utils").tm.__name__ == "openvino.tools.ovc.telemetry_stub"
    assert "openvino_telemetry" not in sys.modules  # and so can still be imported by who wants it
