"""OpenVINO without PyTorch: loads it, stores its graphs as bytes, and runs them on the CPU, in and out of NumPy."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import cores
from ..errors import DeviceError, FilterError, ModelError, UsageError
from .cache import Parts

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
        weights = openvino.Tensor(np.frombuffer(parts["bin"], np.uint8))
        return core().read_model(model=parts["xml"], weights=weights)
    except (KeyError, RuntimeError) as error:
        raise ModelError(
            f"OpenVINO {openvino.__version__} cannot read the exported graph: {reason(error)}; export it again"
        ) from error


def read_graph(path: Path) -> Any:
    """Read an ONNX file as openvino.Model. Raises ModelError if OpenVINO cannot read it."""
    try:
        return core().read_model(path)
    except RuntimeError as error:
        raise ModelError(f"{path}: OpenVINO refuses it: {reason(error)}") from error


def in_float32(model: Any) -> Any:
    """The model with float32 input and output, whatever floating point it uses inside. May change it in place."""
    openvino = load_openvino()
    if model.input().element_type == model.output(0).element_type == openvino.Type.f32:
        return model
    steps = openvino.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.f32)
    steps.output(0).tensor().set_element_type(openvino.Type.f32)
    return steps.build()


class Compiled:
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
        self.name, self.precision = f"openvino {precision}", precision
        self._core, self._tensor = core(), load_openvino().Tensor
        self._model: Any | None = in_float32(model.clone())
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

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """x: (B, Cin, h, w). Returns (B, Cout, h', w'), a new array.

        Raises MemoryError if memory runs out, FilterError for a size that the network does not take.
        """
        try:
            inputs = np.ascontiguousarray(x, np.float32)
            with self._lock:
                request = self._request((1, *x.shape[1:]))
                y = np.empty((len(x), *request.get_output_tensor().shape[1:]), np.float32)
                for i in range(len(x)):  # no slower on a CPU than a batch, whose other pictures might change the result
                    request.set_input_tensor(self._tensor(inputs[i : i + 1], shared_memory=True))
                    request.set_output_tensor(self._tensor(y[i : i + 1], shared_memory=True))
                    request.infer()
        except RuntimeError as error:
            if isinstance(error, FilterError):
                raise
            if "alloc" in str(error):
                raise MemoryError(reason(error)) from error
            raise FilterError(f"{self.name} refuses {tuple(x.shape)}: {reason(error)}") from error
        return y

    def parts(self) -> dict[str, bytes]:
        """Its graph as bytes, see `to_parts`."""
        with self._lock:
            return to_parts(self._model)

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


def reason(error: Exception) -> str:
    """The last line of OpenVINO's report; earlier lines say where in its source it failed."""
    return [line.strip() for line in str(error).splitlines() if line.strip()][-1]
