"""Runs networks in PyTorch, operation by operation."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .. import threads
from ..devices import cpu
from ..devices.graphs import Graphed
from ..errors import FilterError, UsageError
from .base import Backend, NetworkSource, Precision, Runner

Floating = Literal["fp32", "bf16", "fp16"]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchRunner:
    """Runs a copy of `module` in inference mode, channels last.

    precision: "fp32"; or "bf16" or "fp16" for weights and activations, accumulated in float32.
    fixed: it does the same operations whenever it is called with one size, and so may be replayed as a CUDA graph.
    """

    def __init__(self, module: nn.Module, precision: Floating = "fp32", *, fixed: bool = False) -> None:
        self.name = f"torch {precision}"
        self._dtype = _DTYPES[precision]
        # Converted once: autocast would convert the weights again on every call.
        copy: Any = deepcopy(module).eval().requires_grad_(False).to(dtype=self._dtype)
        self._module: nn.Module | None = copy.to(memory_format=torch.channels_last)
        self._graphed = Graphed(self._computed) if fixed else None

    def to(self, device: torch.device) -> None:
        if self._module is not None:
            self._module.to(device)
            if self._graphed is not None:
                self._graphed.close()  # it was recorded where the weights were

    def __call__(self, x: Tensor) -> Tensor:
        if self._module is None:
            raise FilterError(f"{self.name} was closed")
        try:
            with torch.inference_mode(), threads.using_all():
                (y,) = self._computed(x) if self._graphed is None else self._graphed(x)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            if "DefaultCPUAllocator" in reason:  # the CPU allocator has no exception of its own
                raise torch.OutOfMemoryError(reason) from error
            raise FilterError(f"{self.name} refuses {tuple(x.shape)}: {reason}") from error
        return y

    def close(self) -> None:
        self._module = None
        if self._graphed is not None:
            self._graphed.close()

    def _computed(self, x: Tensor) -> tuple[Tensor, ...]:
        assert self._module is not None
        y: Tensor = self._module(x.to(self._dtype, memory_format=torch.channels_last))
        return (y.float(),)


class TorchBackend(Backend):
    """PyTorch: any module on any device."""

    name = "torch"
    precisions: tuple[Precision, ...] = ("fp32", "bf16")

    def refusal(self, source: NetworkSource) -> str | None:
        if isinstance(source.network, nn.Module):
            return None
        return 'torch runs no ONNX graph; use openvino or onnx: pip install "streamfix[openvino]" or "streamfix[onnx]"'

    def runners(self, source: NetworkSource, precision: Precision) -> dict[str, Runner]:
        network, device = source.network, source.example.device
        assert isinstance(network, nn.Module)
        if precision == "int8":
            raise UsageError('backend torch has no int8; use openvino: pip install "streamfix[openvino]"')

        def opened(*precisions: Floating) -> dict[str, Runner]:
            runners: dict[str, Runner] = {
                floating: TorchRunner(network, floating, fixed=not source.foreign) for floating in precisions
            }
            for runner in runners.values():
                runner.to(device)
            return runners

        if precision != "auto":
            return opened(precision)
        if source.half and device.type == "cuda":
            return opened("fp16")
        has_bf16 = cpu.has_bf16() if device.type == "cpu" else torch.cuda.is_bf16_supported()
        return opened("fp32", "bf16") if has_bf16 else opened("fp32")

    def identity(self, source: NetworkSource) -> str:
        device = source.example.device
        processor = cpu.identity() if device.type == "cpu" else torch.cuda.get_device_name(device)
        return f"torch {torch.__version__} {processor}"
