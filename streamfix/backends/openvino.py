"""Makes OpenVINO's graphs of PyTorch's networks, and runs them as other backends do; see `compiled`."""

from __future__ import annotations

import hashlib
import inspect
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import FilterError, ModelError
from .compiled import Compiled, load_openvino, reason

# Exceptions raised by tracing arbitrary networks, and the converter's own, most of which are RuntimeErrors.
CANNOT_EXPORT = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError, NotImplementedError)


def convert(module: nn.Module, example: Tensor) -> Any:
    """Export a network as openvino.Model in float32, with batch, height and width left open.

    example: (B, C, H, W), a picture of any size that the network takes.
    Raises ModelError if OpenVINO cannot export some part of the network.
    """
    openvino = load_openvino()
    copy = deepcopy(module).cpu().float().eval().requires_grad_(False)
    with warnings.catch_warnings(), _root_logger_kept():
        warnings.simplefilter("ignore")  # torch's warnings about the tracer that the conversion uses
        try:
            return openvino.convert_model(copy, example_input=example[:1].detach().cpu().float().contiguous())
        except CANNOT_EXPORT as error:
            raise ModelError(f"OpenVINO cannot export the network: {_origin(error)}; use backend torch") from error


@contextmanager
def _root_logger_kept() -> Iterator[None]:
    """Put the root logger back as it was: OpenVINO's converter sets its level and filters, which are the host's."""
    root = logging.getLogger()
    level, filters = root.level, list(root.filters)
    try:
        yield
    finally:
        root.setLevel(level)
        root.filters[:] = filters


def code_version(module: nn.Module) -> str:
    """A hash of the source code that defines the network, and the versions that export it."""
    found = {type(part) for part in module.modules() if not type(part).__module__.startswith("torch.")}
    files = {inspect.getsourcefile(kind) for kind in found}
    hashed = hashlib.sha256(repr(module).encode())
    for file in sorted(f for f in files if f is not None):
        hashed.update(Path(file).read_bytes())
    return f"{hashed.hexdigest()} torch {torch.__version__} openvino {load_openvino().__version__}"


class OpenVinoRunner:
    """Runs an openvino.Model as `Compiled` does, for tensors. model, precision, threads: see there."""

    def __init__(self, model: Any, precision: str = "fp32", threads: int = 0) -> None:
        self.compiled = Compiled(model, precision, threads)
        self.name = self.compiled.name

    def to(self, device: torch.device) -> None:
        """Does nothing: the network runs on the CPU, and results return to the input's device."""

    def __call__(self, x: Tensor) -> Tensor:
        try:
            y = self.compiled(x.detach().to(device="cpu", dtype=torch.float32).numpy())
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, FilterError) or not (isinstance(error, MemoryError) or "alloc" in str(error)):
                raise
            raise torch.OutOfMemoryError(str(error)) from error
        return torch.from_numpy(y).to(x.device)

    def close(self) -> None:
        self.compiled.close()


def _origin(error: Exception) -> str:
    """The first exception raised: the converter's own report around it is advice on how to trace."""
    first: BaseException = error
    while (cause := first.__cause__ or first.__context__) is not None:
        first = cause
    return reason(error) if first is error else str(first).strip().partition("\n")[0]
