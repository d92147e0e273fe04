"""Loads OpenVINO, makes its graphs and stores them as bytes, and runs them on the CPU."""

from __future__ import annotations

import hashlib
import inspect
import logging
import sys
import tempfile
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from .. import cores
from ..errors import DeviceError, FilterError, ModelError, UsageError
from .cache import Parts

# Exceptions raised by tracing arbitrary networks, and the converter's own, most of which are RuntimeErrors.
CANNOT_EXPORT = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError, NotImplementedError)
_OPENING = threading.Lock()
_SIZES = 16  # picture sizes for which a graph stays compiled; the tiles of one picture have up to nine


def is_installed() -> bool:
    return find_spec("openvino") is not None


def load_openvino() -> Any:
    """Import `openvino`. Raises UsageError if it is not installed."""
    try:
        with without_telemetry():
            return import_module("openvino")
    except ImportError as error:
        raise UsageError(f'OpenVINO cannot be loaded ({error}); pip install "streamfix[openvino]"') from error


def missing() -> str | None:
    """Why OpenVINO cannot be loaded, with the remedy; None if it can."""
    try:
        load_openvino()
    except UsageError as error:
        return str(error)
    return None


def core() -> Any:
    """The one openvino.Core of this process, which is never released. Raises UsageError if OpenVINO is not installed.

    A core's CPU plugin gives the thread that loads it a signal-handler stack. When the core and its last graph are
    released, it frees that stack and restores the one it had found. With two cores, the first may be released first:
    the second then restores a freed stack, and the next signal that Python handles on that thread, such as ^C or a
    child's exit, kills the process (seen in OpenVINO 2026.4).
    """
    with _OPENING:
        return _core()


@cache
def _core() -> Any:
    return load_openvino().Core()


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Keep modules imported inside this block from reporting their use.

    OpenVINO and NNCF send an event to a web analytics service on import and on
    each conversion, unless the package that sends it is absent. A program that
    handles surveillance video must not phone home. If the user's own code has
    already imported OpenVINO, its choice stands.
    """
    sender = "openvino_telemetry"
    absent = sender not in sys.modules
    if absent:
        sys.modules[sender] = None  # type: ignore[assignment]  # documented: its import then fails
    try:
        yield
    finally:
        if absent:
            del sys.modules[sender]


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


def to_parts(model: Any) -> dict[str, bytes]:
    """A model as bytes, in OpenVINO's intermediate representation."""
    with tempfile.TemporaryDirectory(prefix="streamfix-") as folder:
        xml = Path(folder, "model.xml")
        load_openvino().save_model(model, xml, compress_to_fp16=False)
        return {"xml": xml.read_bytes(), "bin": xml.with_suffix(".bin").read_bytes()}


def from_parts(parts: Parts) -> Any:
    """The openvino.Model that `to_parts` stored. Raises ModelError if this OpenVINO cannot read it."""
    openvino = load_openvino()
    try:
        weights = openvino.Tensor(numpy.frombuffer(parts["bin"], numpy.uint8))
        return core().read_model(model=parts["xml"], weights=weights)
    except (KeyError, RuntimeError) as error:
        raise ModelError(
            f"OpenVINO {openvino.__version__} cannot read the exported graph: {_reason(error)}; export it again"
        ) from error


def read_graph(path: Path) -> Any:
    """Read an ONNX file as openvino.Model. Raises ModelError if OpenVINO cannot read it."""
    try:
        return core().read_model(path)
    except RuntimeError as error:
        raise ModelError(f"{path}: OpenVINO refuses it: {_reason(error)}") from error


def in_float32(model: Any) -> Any:
    """The model with float32 input and output, whatever floating point it uses inside. May change it in place."""
    openvino = load_openvino()
    if model.input().element_type == model.output(0).element_type == openvino.Type.f32:
        return model
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.f32)
    steps.output(0).tensor().set_element_type(openvino.Type.f32)
    return steps.build()


def code_version(module: nn.Module) -> str:
    """A hash of the source code that defines the network, and the versions that export it."""
    found = {type(part) for part in module.modules() if not type(part).__module__.startswith("torch.")}
    files = {inspect.getsourcefile(kind) for kind in found}
    hashed = hashlib.sha256(repr(module).encode())
    for file in sorted(f for f in files if f is not None):
        hashed.update(Path(file).read_bytes())
    return f"{hashed.hexdigest()} torch {torch.__version__} openvino {load_openvino().__version__}"


class OpenVinoRunner:
    """Runs an openvino.Model with one input (N, C, H, W) on the CPU, one picture at a time, each at full speed.

    precision: "fp32", "bf16" or "int8" (a quantised graph; its floating-point parts run in bfloat16 if the processor
    has it). Left to itself, OpenVINO would use bfloat16 everywhere; here nothing is less exact than its name says.
    threads: 0 for as many as `cores.threads` says.

    Compiles the graph for each picture size, and keeps it compiled for the last `_SIZES`. Leaving sizes open is just as
    fast, but on one thread OpenVINO 2026.4 then answers a size that the network cannot take with the previous picture's
    result.

    Raises DeviceError for bf16 on a processor without it.
    """

    def __init__(self, model: Any, precision: str = "fp32", threads: int = 0) -> None:
        self.name = f"openvino {precision}"
        self._core, self._tensor, self._model = core(), load_openvino().Tensor, in_float32(model.clone())
        if precision == "bf16" and not has_bf16():
            raise DeviceError(f"{self._core.get_property('CPU', 'FULL_DEVICE_NAME')} has no bfloat16; use fp32 or int8")
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if precision != "fp32" and has_bf16() else "f32",
            "INFERENCE_NUM_THREADS": threads or cores.threads(),
            "ENABLE_CPU_PINNING": False,  # otherwise every process pins its threads to the same first cores
        }
        self._requests: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._lock = threading.Lock()  # streams share a filter, and a request handles one picture at a time

    def to(self, device: torch.device) -> None:
        """Does nothing: the network runs on the CPU, and results return to the input's device."""

    def __call__(self, x: Tensor) -> Tensor:
        try:
            inputs = x.detach().to(device="cpu", dtype=torch.float32).contiguous()
            with self._lock:
                request = self._request((1, *x.shape[1:]))
                y = torch.empty(len(x), *request.get_output_tensor().shape[1:])
                for i in range(len(x)):  # no slower on a CPU than a batch, whose other pictures might change the result
                    request.set_input_tensor(self._tensor(inputs[i : i + 1].numpy(), shared_memory=True))
                    request.set_output_tensor(self._tensor(y[i : i + 1].numpy(), shared_memory=True))
                    request.infer()
        except RuntimeError as error:
            if isinstance(error, FilterError):
                raise
            if "alloc" in str(error):
                raise torch.OutOfMemoryError(_reason(error)) from error
            raise FilterError(f"{self.name} refuses {tuple(x.shape)}: {_reason(error)}") from error
        return y.to(x.device)

    def close(self) -> None:
        with self._lock:
            self._model = None
            self._requests.clear()

    def _request(self, shape: tuple[int, ...]) -> Any:
        if self._model is None:
            raise FilterError(f"{self.name} was closed")
        if shape not in self._requests:
            model = self._model.clone()
            model.reshape(list(shape))
            self._requests[shape] = self._core.compile_model(model, "CPU", self._settings).create_infer_request()
        self._requests.move_to_end(shape)
        while len(self._requests) > _SIZES:
            self._requests.popitem(last=False)
        return self._requests[shape]


def has_bf16() -> bool:
    """Whether OpenVINO reports bfloat16 support on this CPU."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _reason(error: Exception) -> str:
    """The last line of OpenVINO's report; earlier lines say where in its source it failed."""
    return [line.strip() for line in str(error).splitlines() if line.strip()][-1]


def _origin(error: Exception) -> str:
    """The first exception raised: the converter's own report around it is advice on how to trace."""
    first: BaseException = error
    while (cause := first.__cause__ or first.__context__) is not None:
        first = cause
    return _reason(error) if first is error else str(first).strip().partition("\n")[0]
