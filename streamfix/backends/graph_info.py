"""What an ONNX graph takes and returns: read from the file, or found by running it where the file leaves it open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..errors import FilterError, ModelError
from . import compiled, onnx, openvino
from .base import Runner
from .network_info import NetworkInfo

_FLOATING = ("tensor(float)", "tensor(float16)")  # as ONNX Runtime writes them
_Input = tuple[str, str, Sequence[Any]]  # name, type, shape; an entry of the shape that is not an int is left open


def graph_info(path: Path) -> NetworkInfo:
    """Inspect a graph from one floating-point picture (N, C, H, W) in [0, 1] to one, using ONNX Runtime or OpenVINO.

    Raises ModelError if the file is not such a graph, or if neither of the two is installed.
    """
    if not path.is_file():
        raise ModelError(f"{path}: there is no such file")
    runner, inputs = _open(path)
    try:
        return _found(path, runner, inputs)
    finally:
        runner.close()


def _open(path: Path) -> tuple[Runner, Sequence[_Input]]:
    if onnx.is_installed():
        runner = onnx.OnnxRunner(path)
        return runner, runner.inputs
    if not compiled.is_installed():
        raise ModelError(
            f"{path}: nothing is installed that runs ONNX graphs; "
            'pip install "streamfix[openvino]" or "streamfix[onnx]"'
        )
    model = compiled.read_graph(path)
    kinds = {"f32": "tensor(float)", "f16": "tensor(float16)"}
    inputs: list[_Input] = []
    for port in model.inputs:
        name = port.element_type.get_type_name()
        shape = [d.get_length() if d.is_static else "?" for d in port.partial_shape]
        inputs.append((port.any_name, kinds.get(name, name), shape))
    _check_inputs(path, inputs)  # before OpenVinoRunner assumes that there is only one
    return openvino.OpenVinoRunner(model), inputs


def _check_inputs(path: Path, inputs: Sequence[_Input]) -> None:
    if len(inputs) != 1:
        names = ", ".join(name for name, *_ in inputs) or "none"
        raise ModelError(
            f"{path}: the graph asks for {len(inputs)} inputs ({names}); a single one, the picture, is supported"
        )
    _, kind, shape = inputs[0]
    if kind not in _FLOATING or len(shape) != 4:
        raise ModelError(
            f"{path}: the graph's input is {kind} {list(shape)}; "
            "a floating-point picture (N, C, H, W) in [0, 1] is needed: export it without uint8 or NHWC"
        )


def _found(path: Path, runner: Runner, inputs: Sequence[_Input]) -> NetworkInfo:
    _check_inputs(path, inputs)
    shape = list(inputs[0][2])
    batch, channels, height, width = (d if isinstance(d, int) else None for d in shape)
    if batch not in (None, 1):
        raise ModelError(f"{path}: the graph takes {batch} pictures at once; export it with a batch of 1 or any")
    fixed = (height, width) if height is not None and width is not None else None
    if fixed is None and (height, width) != (None, None):
        raise ModelError(f"{path}: the graph fixes only one of height and width ({shape}); fix both or none")
    if channels is None:
        channels = _channels(path, runner, fixed or (64, 64))
    if channels not in (1, 3):
        raise ModelError(f"{path}: the graph takes {channels} channels; 1 (luma) or 3 (R, G, B) are needed")
    if fixed is not None:
        scale = _scale(path, _result(runner, channels, *fixed), channels, *fixed)
        return NetworkInfo(scale, channels, fixed_size=fixed, batched=batch is None)
    for multiple in (1, 2, 4, 8, 16, 32, 64):
        side = 64 + multiple  # the largest of these multiples that divides it is `multiple`
        result = _result(runner, channels, side, side)
        if result is not None and result[-1] % side == 0 and result[-2] % side == 0:
            return NetworkInfo(_scale(path, result, channels, side, side), channels, multiple, batched=batch is None)
    raise ModelError(f"{path}: the graph's result is not a whole multiple of its input's size")


def _result(runner: Runner, channels: int, height: int, width: int) -> tuple[int, ...] | None:
    """Shape of the result; None if the graph does not accept the input."""
    try:
        return tuple(runner(torch.full((1, channels, height, width), 0.5)).shape)
    except FilterError:
        return None


def _channels(path: Path, runner: Runner, size: tuple[int, int]) -> int:
    height, width = size
    for channels in (3, 1):
        if _result(runner, channels, height, width) is not None:
            return channels
    raise ModelError(f"{path}: the graph takes neither 3 nor 1 channels of {width}x{height}")


def _scale(path: Path, shape: tuple[int, ...] | None, channels: int, height: int, width: int) -> int:
    if shape is None or len(shape) != 4 or shape[1] != channels:
        raise ModelError(
            f"{path}: the graph gives {shape} for (1, {channels}, {height}, {width}); "
            "a picture with the channels of the input is needed"
        )
    scale = shape[2] // height
    if scale < 1 or (shape[2], shape[3]) != (height * scale, width * scale):
        raise ModelError(f"{path}: the graph gives {shape[3]}x{shape[2]} for {width}x{height}: no whole scale")
    return scale
