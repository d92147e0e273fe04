"""A network of ours run by PyTorch, operation by operation."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..errors import FilterError

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
        self._module: nn.Module | None = copy.to(memory_format=torch.channels_last)

    def to(self, device: torch.device) -> None:
        if self._module is not None:
            self._module.to(device)

    def __call__(self, x: Tensor) -> Tensor:
        module = self._module
        if module is None:
            raise FilterError(f"{self.name} was closed")
        try:
            with torch.inference_mode():
                y: Tensor = module(x.to(self._dtype, memory_format=torch.channels_last))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            if "DefaultCPUAllocator" in reason:  # it has no exception of its own
                raise torch.OutOfMemoryError(reason) from error
            raise FilterError(f"{self.name} refuses {tuple(x.shape)}: {reason}") from error
        return y.float()

    def close(self) -> None:
        self._module = None
