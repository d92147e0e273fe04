"""OpenVINO without PyTorch: loads it, stores its graphs as bytes, and runs them on the CPU, in and out of NumPy."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
_AT_ONCE = 2  # pictures: one core is then never without work, and more would only take memory


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
    """Runs an openvino.Model with one input (N, C, H, W) on the CPU.

    precision: "fp32", "bf16" or "int8" (a quantised graph; its floating-point parts run in bfloat16 if the processor
    has it). Left to itself, OpenVINO would use bfloat16 everywhere; here nothing is less exact than its name says.
    threads: 0 for as many as `cores.threads` says.

    A call that is alone has all threads. One that comes while another runs has half of them, and so have those that
    follow as long as they meet: after each layer all threads of a picture wait for the slowest, which two pictures with
    threads of their own do not do for each other. The results are the same. Further calls wait.

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
        self._threads = threads or cores.threads()
        self._at_once = min(_AT_ONCE, self._threads)
        self._settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision != "fp32" and has_bf16() else "f32",
            "ENABLE_CPU_PINNING": False,  # otherwise every process pins its threads to the same first cores
        }
        self._idle: OrderedDict[tuple[int, ...], _Idle] = OrderedDict()
        self._running = 0
        self._changed = threading.Condition()

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """x: (B, Cin, h, w). Returns (B, Cout, h', w'), a new array. Several threads may call it.

        Raises MemoryError if memory runs out, FilterError for a size that the network does not take.
        """
        try:
            inputs = np.ascontiguousarray(x, np.float32)
            with self._request((1, *x.shape[1:])) as request:
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
        with self._changed:
            return to_parts(self._model)

    def close(self) -> None:
        """Release the graphs; calls that are running end first."""
        with self._changed:
            self._model = None
            self._changed.wait_for(lambda: not self._running)
            self._idle.clear()

    @contextmanager
    def _request(self, shape: tuple[int, ...]) -> Iterator[Any]:
        """A request for pictures of that shape that nobody else uses."""
        with self._changed:
            self._changed.wait_for(lambda: self._running < self._at_once)
            wide = self._running == 0
            idle = self._compiled(shape, wide)
            request = (idle.wide if wide else idle.narrow).pop()
            self._running += 1
        try:
            yield request
        finally:
            with self._changed:
                (idle.wide if wide else idle.narrow).append(request)
                self._running -= 1
                self._changed.notify_all()

    def _compiled(self, shape: tuple[int, ...], wide: bool) -> _Idle:
        """The requests for that shape; the graph is compiled for it where it is not yet."""
        if self._model is None:
            raise FilterError(f"{self.name} was closed")
        idle = self._idle.setdefault(shape, _Idle([], []))
        self._idle.move_to_end(shape)
        try:
            if wide and not idle.wide:
                idle.wide.append(self._compile(shape, 1).create_infer_request())
            elif not wide and not idle.narrow and not idle.divided:
                graph = self._compile(shape, self._at_once)
                idle.narrow += (graph.create_infer_request() for _ in range(self._at_once))
                idle.divided = True
        except RuntimeError:
            del self._idle[shape]
            raise
        while len(self._idle) > _SIZES:
            self._idle.popitem(last=False)
        return idle

    def _compile(self, shape: tuple[int, ...], streams: int) -> Any:
        """The graph for pictures of that shape, so many at once, each with its share of the threads."""
        assert self._model is not None
        model = self._model.clone()
        model.reshape(list(shape))
        divided = {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": self._threads // streams * streams}
        return self._core.compile_model(model, "CPU", {**self._settings, **divided})


@dataclass(slots=True)
class _Idle:
    """What of one size's requests is not in use. wide: has all threads. narrow: have a part each, once `divided`."""

    wide: list[Any]
    narrow: list[Any]
    divided: bool = False


def has_bf16() -> bool:
    """Whether OpenVINO reports bfloat16 support on this CPU."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def reason(error: Exception) -> str:
    """The last line of OpenVINO's report; earlier lines say where in its source it failed."""
    return [line.strip() for line in str(error).splitlines() if line.strip()][-1]
