"""Opens a network of ours on the fastest backend that is as good."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import torch
from torch import Tensor, nn

from ..devices import cpu
from ..errors import UsageError
from . import openvino
from .cache import Cache, digest
from .choice import choose, timed_on
from .graphs import Graphs
from .openvino import OpenVinoRunner
from .quantise import Calibration
from .torch_runner import Floating, TorchRunner

_log = logging.getLogger(__name__)

Backend = Literal["auto", "torch", "openvino"]
Precision = Literal["auto", "fp32", "bf16", "int8"]

_MOST_DIFFERENCE = 0.1  # of bf16 from fp32, to the RMS of the result: 20 dB under what the network does


class Runner(Protocol):
    """A convolutional network on one backend in one precision. Safe to call from several threads.

    name: of both: "torch fp32", "torch bf16", "openvino fp32", "openvino bf16" or "openvino int8".
    """

    @property
    def name(self) -> str: ...

    def __call__(self, x: Tensor) -> Tensor:
        """x: (B, Cin, h, w) float32 on any device. Returns (B, Cout, h, w) float32 on the same.

        Raises torch.OutOfMemoryError if memory is short, FilterError for a size that the network does not take.
        """

    def to(self, device: torch.device) -> None:
        """Compute on `device` from now on, if the backend can."""

    def close(self) -> None:
        """Release what it holds."""


def open_runner(
    module: nn.Module,
    example: Tensor,
    *,
    key: str,
    backend: Backend = "auto",
    precision: Precision = "auto",
    calibration: Calibration | None = None,
    int8: Path | None = None,
    threads: int = 0,
    cache: Cache | None = None,
) -> Runner:
    """Run `module` on the device where `example` lies, and log how.

    module: plain convolutions on (B, Cin, h, w); it is copied.
    example: such an input as it comes in use; precisions are timed and compared on it.
    key: hash of the weights; what is made of them is kept under it.
    backend: auto is OpenVINO on a CPU where it is installed, else torch.
    precision: auto is the fastest on this machine of fp32; of bf16, where the processor has it and its result differs
    from fp32's by less than a tenth of the RMS; of int8, where a quantised graph is at hand or can be made.
    calibration: lets int8 be made, once, by NNCF; a graph that loses more than 0.15 dB on it is not used.
    int8: a file of `export_int8`, in place of that.
    threads: of OpenVINO; 0 for as many as torch uses.
    cache: where exported graphs and measured times are kept; by default the user's cache folder.

    Raises UsageError for a backend or precision that cannot be had, with what to install; DeviceError for bf16 under
    OpenVINO on a processor without it; ModelError if the file `int8` is damaged or made from other weights.
    """
    if backend not in get_args(Backend) or precision not in get_args(Precision):
        raise UsageError(
            f"no backend {backend!r} or no precision {precision!r}; there are {', '.join(get_args(Backend))} "
            f"and {', '.join(get_args(Precision))}"
        )
    hint = ""
    if backend == "auto":
        on_cpu = example.device.type == "cpu"
        backend = "openvino" if precision == "int8" or (on_cpu and openvino.is_installed()) else "torch"
        if on_cpu and backend == "torch":
            hint = '; pip install "streamfix[openvino]" for a faster one'
    cache = Cache.of_user() if cache is None else cache
    if backend == "openvino":
        graphs = Graphs(module, example, key=key, cache=cache, calibration=calibration, int8=int8)
        runners, place = _openvino(graphs, example, precision, threads), f"{graphs.version} {cpu.identity()}"
    else:
        runners, place = _torch(module, example, precision), f"torch {torch.__version__} {_processor(example)}"
    best, timed = next(iter(runners)), ""
    if len(runners) > 1:
        best, times = choose(runners, example, cache, digest("times", backend, place, key, str(threads)))
        height, width = timed_on(example).shape[-2:]
        timed = f" (ms for {width}x{height}: {', '.join(f'{name} {times[name]:.1f}' for name in runners)})"
    for name, runner in runners.items():
        if name != best:
            runner.close()
    _log.info("the network runs on %s%s%s", runners[best].name, timed, hint)
    return runners[best]


# Both give what there is to choose from by precision, the most exact one first.


def _torch(module: nn.Module, example: Tensor, precision: Precision) -> dict[str, Runner]:
    if precision == "int8":
        raise UsageError('backend torch has no int8; use openvino: pip install "streamfix[openvino]"')

    def runner(floating: Floating) -> Runner:
        made = TorchRunner(module, floating)
        made.to(example.device)
        return made

    if precision != "auto":
        return {precision: runner(precision)}
    runners = {"fp32": runner("fp32")}
    if cpu.has_bf16() if example.device.type == "cpu" else torch.cuda.is_bf16_supported():
        runners |= _alike(runners["fp32"], runner("bf16"), example)
    return runners


def _openvino(graphs: Graphs, example: Tensor, precision: Precision, threads: int) -> dict[str, Runner]:
    def runner(graph: Any, name: str) -> Runner:
        return OpenVinoRunner(graph, name, threads)

    if precision in ("fp32", "bf16"):
        return {precision: runner(graphs.fp32(), precision)}
    quantised = graphs.int8(needed=precision == "int8")
    int8 = {} if quantised is None else {"int8": runner(quantised, "int8")}
    if precision == "int8":
        return int8 or {"fp32": runner(graphs.fp32(), "fp32")}
    graph = graphs.fp32()
    runners = {"fp32": runner(graph, "fp32")}
    if openvino.has_bf16():
        runners |= _alike(runners["fp32"], runner(graph, "bf16"), example)
    return runners | int8


def _alike(fp32: Runner, bf16: Runner, example: Tensor) -> dict[str, Runner]:
    """bf16 if its result is as good as fp32's."""
    x = timed_on(example)
    exact = fp32(x)
    difference = (bf16(x) - exact).square().mean().sqrt()
    if difference <= _MOST_DIFFERENCE * exact.square().mean().sqrt():
        return {"bf16": bf16}
    bf16.close()
    return {}


def _processor(example: Tensor) -> str:
    return cpu.identity() if example.device.type == "cpu" else torch.cuda.get_device_name(example.device)
