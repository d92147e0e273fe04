"""ONNX graphs as networks: what is read from them, what is refused, and that the result is the graph's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from streamfix.backends import onnx as backend
from streamfix.backends.base import Runner
from streamfix.backends.compiled import read_graph
from streamfix.backends.graph_info import graph_info
from streamfix.backends.network_info import NetworkInfo
from streamfix.backends.onnx import OnnxRunner
from streamfix.backends.openvino import OpenVinoRunner
from streamfix.errors import FilterError, ModelError
from streamfix.filters.tile import Tiler
from tests.backends.conftest import needs_openvino

onnx = pytest.importorskip("onnx", reason="writes the graphs that are tested")
pytest.importorskip("onnxruntime", reason="runs them")

Size = int | str


def graph(
    path: Path,
    channels: int = 3,
    scale: int = 1,
    size: tuple[Size, Size, Size, Size] | None = None,
    kind: str = "FLOAT",
    strided: bool = False,
    extra: str | None = None,
) -> Path:
    """A 3x3 blur (or a blur in strides of 4), then `scale` times larger by repetition."""
    helper, proto = onnx.helper, onnx.TensorProto
    dtype = {"FLOAT": np.float32, "FLOAT16": np.float16, "UINT8": np.uint8}[kind]
    blur = np.zeros((channels, channels, 3, 3), np.float32)
    blur[range(channels), range(channels)] = 1 / 9
    nodes = [helper.make_node("Conv", ["x", "blur"], ["b"], pads=[1, 1, 1, 1])]
    weights = {"blur": blur}
    if strided:
        down = np.zeros((channels, channels, 4, 4), np.float32)
        down[range(channels), range(channels)] = 1 / 16
        nodes += [
            helper.make_node("Conv", ["b", "down"], ["d"], strides=[4, 4]),
            helper.make_node("ConvTranspose", ["d", "up"], ["u"], strides=[4, 4]),
            helper.make_node("Add", ["b", "u"], ["s"]),  # fails where 4 does not divide the size
        ]
        weights |= {"down": down, "up": down}
    last = "s" if strided else "b"
    if scale > 1:
        weights["scales"] = np.array([1, 1, scale, scale], np.float32)
        nodes.append(helper.make_node("Resize", [last, "", "scales"], ["y"], mode="nearest"))
    else:
        nodes.append(helper.make_node("Identity", [last], ["y"]))
    shape = list(size or ("n", channels, "h", "w"))
    inputs = [helper.make_tensor_value_info("x", getattr(proto, kind), shape)]
    if extra:
        inputs.append(helper.make_tensor_value_info(extra, proto.FLOAT, [1]))
        nodes[-1] = helper.make_node("Mul", [nodes[-1].input[0], extra], ["y"])
    made = [onnx.numpy_helper.from_array(v if k == "scales" else v.astype(dtype), k) for k, v in weights.items()]
    outputs = [helper.make_tensor_value_info("y", getattr(proto, kind), None)]
    model = helper.make_model(
        helper.make_graph(nodes, "blur", inputs, outputs, made),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.save(model, str(path))
    return path


Opened = Callable[[Path], tuple[Runner, NetworkInfo]]


@pytest.fixture(params=["onnx", pytest.param("openvino", marks=needs_openvino)])
def opened(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Reads a file and opens it, with one runtime or the other."""
    by_openvino = request.param == "openvino"
    if by_openvino:
        monkeypatch.setattr(backend, "is_installed", lambda: False)

    def read(path: Path) -> tuple[Runner, NetworkInfo]:
        info = graph_info(path)
        return OpenVinoRunner(read_graph(path)) if by_openvino else OnnxRunner(path), info

    return read


def blurred(x: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(x, 3, 1, 1)


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_scale_and_channels_are_found(tmp_path: Path, opened: Opened, channels: int, scale: int) -> None:
    network, info = opened(graph(tmp_path / "net.onnx", channels, scale))
    assert (info.channels, info.scale, info.multiple, info.fixed_size) == (channels, scale, 1, None)
    assert info.batched
    x = torch.rand(2, channels, 17, 31)
    want = blurred(x).repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    assert torch.allclose(network(x), want, atol=1e-6)


def test_channels_left_open_are_found(tmp_path: Path, opened: Opened) -> None:
    assert opened(graph(tmp_path / "net.onnx", 1, size=("n", "c", "h", "w")))[1].channels == 1


def test_the_multiple_is_found_and_any_size_served(tmp_path: Path, opened: Opened) -> None:
    network, info = opened(graph(tmp_path / "net.onnx", strided=True))
    assert info.multiple == 4
    assert Tiler(network, info)(torch.rand(1, 3, 35, 18)).shape == (1, 3, 35, 18)


@pytest.mark.parametrize("size", [(150, 101), (64, 48), (10, 7)], ids=str)
def test_a_graph_of_fixed_size_is_served_by_tiles(tmp_path: Path, opened: Opened, size: tuple[int, int]) -> None:
    network, info = opened(graph(tmp_path / "net.onnx", scale=2, size=(1, 3, 48, 64)))
    assert (info.fixed_size, info.batched, info.scale) == ((48, 64), False, 2)
    x = torch.rand(2, 3, *size)
    y = Tiler(network, info)(x)
    want = blurred(x).repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert y.shape == want.shape
    inside = slice(None, -2) if min(size) >= 64 else slice(None, -4)  # a smaller picture ends in repeated pixels
    assert torch.allclose(y[..., inside, inside], want[..., inside, inside], atol=1e-3)


def test_half_precision_graphs_take_and_give_what_the_caller_has(tmp_path: Path, opened: Opened) -> None:
    network, _ = opened(graph(tmp_path / "net.onnx", kind="FLOAT16"))
    x = torch.rand(1, 3, 16, 16)
    y = network(x)
    assert y.dtype == torch.float32
    assert torch.allclose(y, blurred(x), atol=2e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "UINT8"}, "a floating-point picture"),
        ({"channels": 4}, r"takes 4 channels; 1 \(luma\) or 3"),
        ({"size": (8, 3, "h", "w")}, "takes 8 pictures at once"),
        ({"size": ("n", 3, 64, "w")}, "fixes only one of height and width"),
        ({"extra": "sigma"}, r"asks for 2 inputs \(x, sigma\)"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_other_graphs_are_refused_in_one_line(
    tmp_path: Path, opened: Opened, options: dict[str, Any], message: str
) -> None:
    path = tmp_path / "net.onnx"
    if options.get("kind") == "UINT8":
        helper, proto = onnx.helper, onnx.TensorProto
        ports = [helper.make_tensor_value_info(n, proto.UINT8, [1, 3, "h", "w"]) for n in "xy"]
        nodes = [helper.make_node("Identity", ["x"], ["y"])]
        made = helper.make_graph(nodes, "copy", ports[:1], ports[1:])
        onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    else:
        graph(path, **options)
    with pytest.raises(ModelError, match=message) as caught:
        opened(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "content", [b"", b"this is a letter, not a graph", bytes(2000)], ids=["empty", "text", "zeros"]
)
def test_what_is_no_graph_is_refused(tmp_path: Path, opened: Opened, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        opened(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path, opened: Opened) -> None:
    with pytest.raises(ModelError, match=r"net\.onnx: there is no such file"):
        opened(tmp_path / "net.onnx")


def test_with_nothing_that_runs_graphs_the_remedies_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = graph(tmp_path / "net.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelError, match=r'pip install "streamfix\[openvino\]" or "streamfix\[onnx\]"'):
        graph_info(path)


def test_a_closed_runner_and_a_wrong_size_say_so(tmp_path: Path) -> None:
    runner = OnnxRunner(graph(tmp_path / "net.onnx", strided=True))
    with pytest.raises(FilterError, match=r"onnx fp32 refuses \(1, 3, 17, 17\): "):
        runner(torch.rand(1, 3, 17, 17))
    runner.close()
    with pytest.raises(FilterError, match="onnx fp32 was closed"):
        runner(torch.rand(1, 3, 16, 16))
