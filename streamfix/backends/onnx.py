"""Runs ONNX graphs with ONNX Runtime."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import cores
from ..devices import cpu
from ..errors import FilterError, ModelError, UsageError
from .base import Backend, NetworkSource, Precision, Runner

_log = logging.getLogger(__name__)
_TYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16}


def is_installed() -> bool:
    return find_spec("onnxruntime") is not None


class OnnxRunner:
    """Runs a graph file on the CPU; after `to`, on a GPU if this ONNX Runtime has CUDA.

    threads: 0 for as many as `cores.threads` says.
    inputs: name, type and shape of each input without a default, as ONNX Runtime writes them.

    Raises ModelError if ONNX Runtime does not accept the file as a graph, UsageError if ONNX Runtime is not installed.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise UsageError(f'ONNX Runtime cannot be loaded ({error}); pip install "streamfix[onnx]"') from error
        self.name = "onnx fp32"
        self._runtime, self._path, self._threads = onnxruntime, path, threads
        self._session: Any | None = self._open(["CPUExecutionProvider"])
        defaults = {i.name for i in self._session.get_overridable_initializers()}
        self.inputs = [(i.name, i.type, list(i.shape)) for i in self._session.get_inputs() if i.name not in defaults]
        self._output = self._session.get_outputs()[0].name

    def to(self, device: torch.device) -> None:
        if device.type != "cuda":
            return
        if "CUDAExecutionProvider" in self._runtime.get_available_providers():
            self._session = self._open(["CUDAExecutionProvider", "CPUExecutionProvider"])
        else:
            _log.warning("%s runs on the CPU: this ONNX Runtime has no CUDA; pip install onnxruntime-gpu", self._path)

    def __call__(self, x: Tensor) -> Tensor:
        session = self._session
        if session is None:
            raise FilterError(f"{self.name} was closed")
        name, kind, _ = self.inputs[0]
        try:
            array = x.detach().to(device="cpu", dtype=_TYPES[kind]).contiguous().numpy()
            y = session.run([self._output], {name: array})[0]
        except RuntimeError as error:  # raised by torch while it prepares the input
            if "DefaultCPUAllocator" in str(error):
                raise torch.OutOfMemoryError(_line(error)) from error
            raise
        except self._failures as error:
            if "allocate" in str(error).lower() or "bad_alloc" in str(error):
                raise torch.OutOfMemoryError(_line(error)) from error
            raise FilterError(f"{self.name} refuses {tuple(x.shape)}: {_line(error)}") from error
        return torch.from_numpy(y).to(device=x.device, dtype=torch.float32)

    def close(self) -> None:
        self._session = None

    @property
    def _failures(self) -> Any:
        """Exceptions that ONNX Runtime raises when running a graph."""
        state = self._runtime.capi.onnxruntime_pybind11_state
        return (state.Fail, state.RuntimeException, state.InvalidArgument)

    def _open(self, providers: list[str]) -> Any:
        if not self._path.is_file():
            raise ModelError(f"{self._path}: there is no such file")
        options = self._runtime.SessionOptions()
        options.log_severity_level = 4  # fatal only: other failures are raised, so logging them would repeat them
        options.intra_op_num_threads = self._threads or cores.threads()
        state = self._runtime.capi.onnxruntime_pybind11_state
        refusals = (state.Fail, state.InvalidGraph, state.InvalidProtobuf, state.NotImplemented, state.InvalidArgument)
        try:
            return self._runtime.InferenceSession(str(self._path), options, providers=providers)
        except refusals as error:
            reason = _line(error).rpartition(" : ")[2]
            raise ModelError(f"{self._path}: ONNX Runtime refuses it: {reason}") from error


class OnnxBackend(Backend):
    """ONNX Runtime: runs graph files on CPUs and GPUs."""

    name = "onnx"
    precisions: tuple[Precision, ...] = ("fp32",)

    def missing(self) -> str | None:
        return None if is_installed() else 'ONNX Runtime is not installed; pip install "streamfix[onnx]"'

    def refusal(self, source: NetworkSource) -> str | None:
        if isinstance(source.network, nn.Module):
            return "onnx runs ONNX graphs only; use openvino or torch, or export the network to .onnx"
        return None

    def runners(self, source: NetworkSource, precision: Precision) -> dict[str, Runner]:
        assert isinstance(source.network, Path)
        if precision not in ("auto", "fp32"):
            raise UsageError(f'backend onnx has no {precision}; use openvino: pip install "streamfix[openvino]"')
        runner = OnnxRunner(source.network, source.threads)
        runner.to(source.example.device)
        return {"fp32": runner}

    def identity(self, source: NetworkSource) -> str:
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__} {cpu.identity()}"


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
