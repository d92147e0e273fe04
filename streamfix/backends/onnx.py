"""A network stored as an ONNX graph, run by ONNX Runtime."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError

_log = logging.getLogger(__name__)
_TYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16}


class OnnxNetwork:
    """Runs the graph of a file: one floating-point picture (N, C, H, W) in [0, 1] in, one out.

    Scale, channels and the sizes it takes are read from the graph, and where
    the graph leaves them open, found by running it. Raises ModelError if the
    file is no such graph, or if ONNX Runtime is not installed.
    """

    receptive_field: int | None = None

    def __init__(self, path: str | Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(f'{path}: ONNX Runtime is not installed; pip install "streamfix[onnx]"') from error
        self._runtime, self._path = onnxruntime, str(path)
        self._session = self._open(["CPUExecutionProvider"])
        given = [i for i in self._session.get_inputs() if i.name not in self._defaults()]
        if len(given) != 1:
            names = ", ".join(i.name for i in given) or "none"
            raise ModelError(
                f"{path}: the graph asks for {len(given)} inputs ({names}); it can be given a picture only"
            )
        self._input = given[0].name
        self._output = self._session.get_outputs()[0].name
        shape = given[0].shape
        if given[0].type not in _TYPES or len(shape) != 4:
            raise ModelError(
                f"{path}: the graph's input is {given[0].type} {shape}; "
                "a floating-point picture (N, C, H, W) in [0, 1] is needed: export it without uint8 or NHWC"
            )
        self._dtype = _TYPES[given[0].type]
        batch, channels, height, width = (d if isinstance(d, int) else None for d in shape)
        self.batched = batch is None
        if batch not in (None, 1):
            raise ModelError(f"{path}: the graph takes {batch} pictures at once; export it with a batch of 1 or any")
        self.fixed_size: tuple[int, int] | None = None
        if height is not None and width is not None:
            self.fixed_size = (height, width)
        elif height is not None or width is not None:
            raise ModelError(f"{path}: the graph fixes only one of height and width ({shape}); fix both or none")
        self.minimum = 1
        self.channels = channels or self._find_channels()
        if self.channels not in (1, 3):
            raise ModelError(f"{path}: the graph takes {self.channels} channels; 1 (luma) or 3 (R, G, B) are needed")
        self.multiple, self.scale = self._find_multiple_and_scale()

    def to(self, device: torch.device) -> None:
        if device.type != "cuda":
            return
        if "CUDAExecutionProvider" in self._runtime.get_available_providers():
            self._session = self._open(["CUDAExecutionProvider", "CPUExecutionProvider"])
        else:
            _log.warning("%s runs on the CPU: this ONNX Runtime has no CUDA; pip install onnxruntime-gpu", self._path)

    def __call__(self, x: Tensor) -> Tensor:
        array = x.to(device="cpu", dtype=self._dtype).contiguous().numpy()
        try:
            y = self._session.run([self._output], {self._input: array})[0]
        except self._failure as error:
            if "allocate" in str(error).lower() or "bad_alloc" in str(error):
                raise torch.OutOfMemoryError(str(error)) from error
            raise
        return torch.from_numpy(y).to(device=x.device, dtype=x.dtype)

    @property
    def _failure(self) -> Any:
        """The base of what ONNX Runtime raises."""
        state = self._runtime.capi.onnxruntime_pybind11_state
        return (state.Fail, state.RuntimeException, state.InvalidArgument)

    def _open(self, providers: list[str]) -> Any:
        if not Path(self._path).is_file():
            raise ModelError(f"{self._path}: there is no such file")
        options = self._runtime.SessionOptions()
        options.log_severity_level = 4  # fatal: what goes wrong is raised, and said once
        state = self._runtime.capi.onnxruntime_pybind11_state
        refusals = (state.Fail, state.InvalidGraph, state.InvalidProtobuf, state.NotImplemented, state.InvalidArgument)
        try:
            return self._runtime.InferenceSession(self._path, options, providers=providers)
        except refusals as error:
            reason = str(error).partition("\n")[0].rpartition(" : ")[2]
            raise ModelError(f"{self._path}: ONNX Runtime refuses it: {reason}") from error

    def _defaults(self) -> set[str]:
        return {i.name for i in self._session.get_overridable_initializers()}

    def _try(self, channels: int, height: int, width: int) -> tuple[int, ...] | None:
        """Shape of the result, None if the graph cannot take the input."""
        try:
            return tuple(self(torch.full((1, channels, height, width), 0.5)).shape)
        except self._failure:
            return None

    def _find_channels(self) -> int:
        height, width = self.fixed_size or (64, 64)
        for channels in (3, 1):
            if self._try(channels, height, width) is not None:
                return channels
        raise ModelError(f"{self._path}: the graph takes neither 3 nor 1 channels of {width}x{height}")

    def _find_multiple_and_scale(self) -> tuple[int, int]:
        if self.fixed_size is not None:
            height, width = self.fixed_size
            return 1, self._scale_of(self._try(self.channels, height, width), height, width)
        for multiple in (1, 2, 4, 8, 16, 32, 64):
            side = 64 + multiple  # of the multiples tried, `multiple` is the largest that divides it
            shape = self._try(self.channels, side, side)
            if shape is not None and shape[-1] % side == 0 and shape[-2] % side == 0:
                return multiple, self._scale_of(shape, side, side)
        raise ModelError(f"{self._path}: the graph gives no picture of a whole multiple of its input's size")

    def _scale_of(self, shape: tuple[int, ...] | None, height: int, width: int) -> int:
        if shape is None or len(shape) != 4 or shape[1] != self.channels:
            raise ModelError(
                f"{self._path}: the graph gives {shape} for (1, {self.channels}, {height}, {width}); "
                "a picture with the channels of the input is needed"
            )
        scale = shape[2] // height
        if scale < 1 or (shape[2], shape[3]) != (height * scale, width * scale):
            raise ModelError(
                f"{self._path}: the graph gives {shape[3]}x{shape[2]} for {width}x{height}: no whole scale"
            )
        return scale
