"""A network run by PyTorch, operation by operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import FilterError


class TorchNetwork:
    """Runs `module` in inference mode, channels last, in fp16 on a GPU where `half` allows it.

    call: what to call in place of the module itself, on the same weights.
    The other arguments are those of `Network`.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        scale: int = 1,
        channels: int = 3,
        multiple: int = 1,
        minimum: int = 1,
        receptive_field: int | None = None,
        batched: bool = True,
        half: bool = False,
        call: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.scale, self.channels = scale, channels
        self.multiple, self.minimum = multiple, minimum
        self.fixed_size: tuple[int, int] | None = None
        self.receptive_field = receptive_field
        self.batched = batched
        self._module = module.eval().requires_grad_(False)
        self._call = call or module
        self._half = half
        self._dtype = torch.float32

    def to(self, device: torch.device) -> None:
        self._dtype = torch.float16 if self._half and device.type == "cuda" else torch.float32
        module: Any = self._module.to(device=device, dtype=self._dtype)  # torch 2.11's types know no memory_format
        module.to(memory_format=torch.channels_last)

    def __call__(self, x: Tensor) -> Tensor:
        try:
            with torch.inference_mode():
                y = self._call(x.to(self._dtype, memory_format=torch.channels_last))
        except RuntimeError as error:
            # The CPU's allocator has no exception of its own.
            if "DefaultCPUAllocator" in str(error):
                raise torch.OutOfMemoryError(str(error).partition("\n")[0]) from error
            raise
        want = (x.shape[0], x.shape[1], x.shape[2] * self.scale, x.shape[3] * self.scale)
        if tuple(y.shape) != want:
            raise FilterError(f"the network gave {tuple(y.shape)} for {tuple(x.shape)}; {want} was expected")
        return y.to(x.dtype)
