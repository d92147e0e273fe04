"""The one entry point to the backends: opens a network where it runs fastest at equal quality, and logs why there."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import get_args

from torch import Tensor, nn

from ..errors import BadOption, ModelError, UsageError
from . import BACKENDS
from .base import AGREES, Backend, NetworkSource, Precision, Runner, largest_difference
from .cache import Cache, digest
from .choice import choose, timed_on
from .quantise import Calibration

_log = logging.getLogger(__name__)

_MOST_DIFFERENCE = 0.1  # RMS of bf16 minus fp32, relative to the correction's RMS: 20 dB below what the network does
_MOST_IN_PICTURE = 0.1 / 255  # the same for a picture, absolute; if bf16 rounded the result, 10 bits would become 8


def open_runner(
    network: nn.Module | Path,
    example: Tensor,
    *,
    key: str,
    backend: str = "auto",
    precision: Precision = "auto",
    calibration: Calibration | None = None,
    int8: Path | None = None,
    half: bool = False,
    foreign: bool = False,
    threads: int = 0,
    cache: Cache | None = None,
) -> Runner:
    """Open a network to run on the device of `example`, and log how it runs.

    network: a module from (B, Cin, h, w) to (B, Cout, h', w'), which is copied; or the path of an ONNX graph.
    example: a typical input; precisions are timed and compared on it.
    key: hash of the weights; whatever is derived from them is cached under it.
    backend: a backend's name, or auto for what is usually fastest on the device: OpenVINO on a CPU, if installed.
    precision: auto is the fastest on this machine of fp32; bf16, if the processor has it and its result differs from
    fp32's by less than a tenth of the RMS; int8, if a quantised graph is available or can be made.
    calibration: lets NNCF make an int8 graph, once; a graph that loses more than 0.15 dB on it is not used.
    int8: a file from `export_int8`, used instead.
    half: on a GPU, auto is fp16.
    foreign: not one of our networks; it returns pictures in [0, 1]. Backend auto is then the fastest as measured here;
    one whose results differ by more than half a 10-bit code is not used. Precision auto uses bf16 only if it differs by
    less than a tenth of an 8-bit code, RMS.
    threads: for OpenVINO and ONNX Runtime; 0 for as many as `cores.threads` says.
    cache: keeps exported graphs and timings; default: the user's cache folder.

    Raises UsageError for a backend or precision that is not available, with what to install; DeviceError for bf16 under
    OpenVINO on a processor without it; ModelError if the network cannot be opened, or the file `int8` is damaged or
    made from other weights.
    """
    if precision not in get_args(Precision):
        raise UsageError(f"no precision {precision!r}; there are {', '.join(get_args(Precision))}")
    cache = Cache.of_user() if cache is None else cache
    source = NetworkSource(network, example, key, cache, calibration, int8, half, foreign, threads)
    if backend != "auto":
        only = BACKENDS.create(backend)
        refusal = only.refusal(source) or only.missing()
        if refusal is not None:
            raise UsageError(refusal)
        return _fastest(source, {only: dict(only.runners(source, precision))}, "")
    able, hint = _able(source, precision)
    return _fastest(source, _opened(source, able, precision), hint)


def check_backend(task: str, name: str) -> None:
    """Raise BadOption, naming the filter `task`, if no backend has that name."""
    if name != "auto" and name not in BACKENDS:
        raise BadOption(f"{task}=backend: {name!r} is no backend; there are auto, {', '.join(BACKENDS)}")


def _able(source: NetworkSource, precision: Precision) -> tuple[list[Backend], str]:
    """The backends that may be chosen automatically, best first, and a hint at what a better one would need."""
    device = source.example.device
    backends = [BACKENDS.create(name) for name in BACKENDS]
    having = [b for b in backends if precision == "auto" or precision in b.precisions]
    ranked = [b for b in having if b.rank(device) > 0] or having
    ranked.sort(key=lambda b: -b.rank(device))
    fit = [b for b in ranked if b.refusal(source) is None]
    able = [b for b in fit if b.missing() is None]
    if not able:
        reasons = [b.missing() or "" for b in fit] or [b.refusal(source) or "" for b in ranked]
        raise UsageError("; ".join(reasons) or f"no backend with {precision} is installed; install streamfix again")
    better = [b.missing() for b in fit[: fit.index(able[0])]]
    return able, "".join(f"; a faster one is missing: {missing}" for missing in better)


def _opened(source: NetworkSource, able: list[Backend], precision: Precision) -> dict[Backend, dict[str, Runner]]:
    """The runners of the first backend that can open the network; for a foreign network, those of all that can."""
    opened: dict[Backend, dict[str, Runner]] = {}
    for i, backend in enumerate(able):
        try:
            opened[backend] = dict(backend.runners(source, precision))
        except ModelError as error:
            if not source.foreign or (i == len(able) - 1 and not opened):
                raise
            _log.info("%s is not used: %s", backend.name, error)
            continue
        if not source.foreign:
            break
    # Results are compared with those of the runtime that a foreign network was made for: it comes first.
    return dict(reversed(opened.items()))


def _fastest(source: NetworkSource, opened: dict[Backend, dict[str, Runner]], hint: str) -> Runner:
    """The runner to keep, out of those of some backends; the others are closed."""
    # A foreign network may accept no size but its example's.
    x = source.example[:1] if source.foreign else timed_on(source.example)
    runners: dict[str, Runner] = {}
    reference = next(iter(opened.values())).get("fp32")
    for backend, found in opened.items():
        exact = found.get("fp32")
        if exact is not reference and exact is not None and reference is not None:
            difference = largest_difference(exact(x), reference(x))
            if not difference <= AGREES:
                _log.warning(
                    "%s is not used: its picture differs from that of %s by up to %.2f 8-bit codes",
                    *(backend.name, reference.name, 255 * difference),
                )
                continue
        runners |= {
            runner.name: runner
            for name, runner in found.items()
            if name != "bf16" or exact is None or _is_alike(exact, runner, x, source.foreign)
        }
    best, timed = next(iter(runners)), ""
    if len(runners) > 1:
        place = " ".join(backend.identity(source) for backend in opened)
        name = digest("times", *(b.name for b in opened), place, source.key, str(source.threads))
        best, times = choose(runners, x, source.cache, name)
        height, width = x.shape[-2:]
        timed = f" (ms for {width}x{height}: {', '.join(f'{name} {times[name]:.1f}' for name in runners)})"
    for found in opened.values():
        for runner in found.values():
            if runner is not runners[best]:
                runner.close()
    _log.info("the network runs on %s%s%s", best, timed, hint)
    return runners[best]


def _is_alike(fp32: Runner, bf16: Runner, x: Tensor, is_picture: bool) -> bool:
    """Whether bf16's result is as good as fp32's."""
    exact = fp32(x)
    difference = float((bf16(x) - exact).square().mean().sqrt())
    most = _MOST_IN_PICTURE if is_picture else _MOST_DIFFERENCE * float(exact.square().mean().sqrt())
    return difference <= most
