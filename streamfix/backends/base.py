"""What a backend is: it opens networks as runners. This is all that `open_runner` knows about one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from .cache import Cache
from .quantise import Calibration

Precision = Literal["auto", "fp32", "bf16", "int8"]


#: Largest difference anywhere between two backends' pictures from a foreign network: half a code of 10-bit video.
AGREES = 1 / 2046


class Runner(Protocol):
    """A network on one backend in one precision. Thread-safe.

    name: backend and precision, such as "torch fp32" or "openvino int8".
    """

    @property
    def name(self) -> str: ...

    def __call__(self, x: Tensor) -> Tensor:
        """x: (B, Cin, h, w) floating point on any device. Returns (B, Cout, h', w') float32 on the same device.

        Raises torch.OutOfMemoryError if memory runs out, FilterError for a size that the network does not take.
        """

    def to(self, device: torch.device) -> None:
        """Compute on `device` from now on, if the backend can."""

    def close(self) -> None:
        """Release all resources. Later calls raise FilterError."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkSource:
    """A network to be opened.

    network: a module from (B, Cin, h, w) to (B, Cout, h', w'), or the path of an ONNX graph.
    example: a typical input, on the device where the network will run.
    key: hash of the weights; whatever is derived from them is cached under it.
    calibration: examples from which int8 can be made. int8: a file from `export_int8`, used instead.
    half: on a GPU use fp16, unless a precision is asked for.
    foreign: not one of our networks; its result is a picture in [0, 1]. Nothing is known about how it behaves on a
    backend, so its export is checked, and backends are timed against each other.
    threads: 0 for as many as `cores.threads` says.
    """

    network: nn.Module | Path
    example: Tensor
    key: str
    cache: Cache
    calibration: Calibration | None = None
    int8: Path | None = None
    half: bool = False
    foreign: bool = False
    threads: int = 0


class Backend(ABC):
    """One way to run networks. A package adds one as a subclass, under the entry-point group `streamfix.backends`.

    name: the name users give. precisions: those it offers.
    """

    name: str
    precisions: tuple[Precision, ...] = ("fp32",)

    def rank(self, device: torch.device) -> int:
        """How fast it usually is on that device; the highest comes first. 0: used only if asked for by name."""
        return 1

    def missing(self) -> str | None:
        """What is not installed, with the remedy; None if the backend is usable."""
        return None

    @abstractmethod
    def refusal(self, source: NetworkSource) -> str | None:
        """Why it cannot run this kind of network, with the remedy; None if it can. Cheap: opens nothing."""

    @abstractmethod
    def runners(self, source: NetworkSource, precision: Precision) -> Mapping[str, Runner]:
        """Open the network: runners by precision, most exact first. For "auto" all that may be chosen by it, else one.

        Raises ModelError if the backend cannot open the network after all; UsageError or DeviceError, with the remedy,
        if the precision is not available.
        """

    @abstractmethod
    def identity(self, source: NetworkSource) -> str:
        """What its speed depends on: versions and the processor. Timings hold for as long as this stays the same."""


def largest_difference(x: Tensor, y: Tensor) -> float:
    """The largest difference between two results; infinite if their shapes differ."""
    return float((x - y).abs().max()) if x.shape == y.shape else float("inf")
