"""What a backend is: it opens networks as runners. All that `open_runner` knows of one stands here."""

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


#: What two backends make of a foreign network's picture may differ by so much anywhere: half a code of 10-bit video.
AGREES = 1 / 2046


class Runner(Protocol):
    """A network on one backend in one precision. Safe to call from several threads.

    name: of both, such as "torch fp32" or "openvino int8".
    """

    @property
    def name(self) -> str: ...

    def __call__(self, x: Tensor) -> Tensor:
        """x: (B, Cin, h, w) floating point on any device. Returns (B, Cout, h', w') float32 on the same.

        Raises torch.OutOfMemoryError if memory is short, FilterError for a size that the network does not take.
        """

    def to(self, device: torch.device) -> None:
        """Compute on `device` from now on, if the backend can."""

    def close(self) -> None:
        """Release what it holds. A call after that raises FilterError."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkSource:
    """A network that is to be opened.

    network: a module that takes (B, Cin, h, w) and gives (B, Cout, h', w'), or the path of an ONNX graph that does.
    example: such an input as it comes in use, on the device where the network is to run.
    key: hash of the weights; what is made of them is kept under it.
    calibration: examples that int8 can be made from. int8: a file of `export_int8`, in place of that.
    half: on a GPU take fp16, where no precision is asked for.
    foreign: a network of somebody else, whose result is a picture in [0, 1]: nothing is known of how it fares on a
    backend, so its export is checked, and backends are timed against each other.
    threads: 0 for as many as torch uses.
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
    """One way to run networks. A package adds one by a subclass, named under the entry points `streamfix.backends`.

    name: as it is asked for. precisions: that it has.
    """

    name: str
    precisions: tuple[Precision, ...] = ("fp32",)

    def rank(self, device: torch.device) -> int:
        """How fast it is there as a rule; the highest comes first. 0: only if it is asked for by name."""
        return 1

    def missing(self) -> str | None:
        """What is not installed, with the remedy; None if the backend can be used."""
        return None

    @abstractmethod
    def refusal(self, source: NetworkSource) -> str | None:
        """Why it cannot run a network of this kind, with the remedy; None if it can. Cheap: nothing is opened."""

    @abstractmethod
    def runners(self, source: NetworkSource, precision: Precision) -> Mapping[str, Runner]:
        """The network by precision, the most exact one first: all that may be taken by themselves for "auto", else one.

        Raises ModelError if the network cannot be had here after all, UsageError or DeviceError if the precision
        cannot, with what to do.
        """

    @abstractmethod
    def identity(self, source: NetworkSource) -> str:
        """What its speed depends on: versions and the processor. Times measured for one hold for the other."""


def largest_difference(x: Tensor, y: Tensor) -> float:
    """Of two results, anywhere; infinite if they are not of one size."""
    return float((x - y).abs().max()) if x.shape == y.shape else float("inf")
