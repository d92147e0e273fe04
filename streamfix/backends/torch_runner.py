"""A network of ours run by PyTorch, operation by operation."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal

import torch
from torch import Tensor, nn

Floating = Literal["fp32", "bf16"]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class TorchRunner:
    """Runs a copy of `module` in inference mode, channels last.

    precision: "fp32", or "bf16": weights and activations in bfloat16, accumulated in float32.
    """

    def __init__(self, module: nn.Module, precision: Floating = "fp32") -> None:
        self.name = f"torch {precision}"
        self._dtype = _DTYPES[precision]
        # Converted once: autocast would convert the weights again in every call.
        copy: Any = deepcopy(module).eval().requires_grad_(False).to(dtype=self._dtype)
        self._module = copy.to(memory_format=torch.channels_last)

    def to(self, device: torch.device) -> None:
        self._module = self._module.to(device)

    def __call__(self, x: Tensor) -> Tensor:
        try:
            with torch.inference_mode():
                y: Tensor = self._module(x.to(self._dtype, memory_format=torch.channels_last))
        except RuntimeError as error:
            # The CPU's allocator has no exception of its own.
            if "DefaultCPUAllocator" in str(error):
                raise torch.OutOfMemoryError(str(error).partition("\n")[0]) from error
            raise
        return y.float()

    def close(self) -> None:
        self._module = nn.Identity()
