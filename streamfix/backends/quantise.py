"""Networks in 8-bit integers, by NNCF's post-training quantisation, used only if they are good enough.

Method: scales come from the ranges of activations on a few examples, then each
layer's bias is corrected (Nagel et al., "Data-Free Quantization Through Weight
Equalization and Bias Correction", 2019, section 4.2). These stay in floating
point: the first and last layers, which see and make the picture; sums, which
add fine corrections to values with a wide range; and the layers that cost most
quality, if the others then lose little.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError, UsageError
from .cache import Parts, read_parts, write_parts
from .compiled import load_openvino, to_parts, without_telemetry
from .openvino import OpenVinoRunner, convert

_log = logging.getLogger(__name__)

MOST_LOST_DB = 0.15
_WANTED_DB = 0.1  # while the loss is greater, the layer that costs most goes back to floating point
_MOST_KEPT = 1 / 4  # of the layers between first and last; with more in floating point, int8 is hardly faster
_CONVOLUTIONS = {"Convolution", "ConvolutionBackpropData", "GroupConvolution", "GroupConvolutionBackpropData"}


@dataclass(frozen=True, slots=True)
class Calibration:
    """A small set of what a network will see in use; 16 to 64 crops of 96x96 are enough.

    inputs: (N, Cin, h, w). targets: (N, Cout, h, w), the network's ideal output. Both float32, peak 1.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if self.inputs.ndim != 4 or self.targets.ndim != 4 or not 0 < len(self.inputs) == len(self.targets):
            raise ValueError(
                f"a calibration is N inputs and N targets (N, C, h, w), got {tuple(self.inputs.shape)} "
                f"and {tuple(self.targets.shape)}"
            )

    def psnr(self, network: Callable[[Tensor], Tensor]) -> float:
        """Mean of the examples' PSNRs in dB, so that those with little noise count as much as the others."""
        results = torch.cat([network(self.inputs[i : i + 1]) for i in range(len(self.inputs))])
        error = (results - self.targets).square().mean((1, 2, 3))
        return float(-10 * error.clamp(min=1e-12).log10().mean())

    def digest(self) -> str:
        """A hash of the examples."""
        hashed = hashlib.sha256()
        for part in (self.inputs, self.targets):
            hashed.update(part.float().cpu().contiguous().numpy().tobytes())
        return hashed.hexdigest()


def can_quantise() -> bool:
    return find_spec("nncf") is not None


def quantise(model: Any, calibration: Calibration, kept: Collection[str] = ()) -> Any:
    """Quantise all convolutions of `model` but the first and last; an openvino.Model in float32, from `convert`.

    kept: names of further layers that stay in floating point.
    Raises UsageError if NNCF is not installed, ModelError if `model` has no layer between those two.
    """
    nncf = _load_nncf()
    first, *_, last = _layers(model)
    advanced = import_module("nncf.quantization.advanced_parameters")
    console = import_module("rich").get_console()  # NNCF draws progress bars on stdout, which may carry video
    quiet, console.quiet = console.quiet, True
    try:
        return nncf.quantize(
            model,
            nncf.Dataset([calibration.inputs[i : i + 1].float().cpu().numpy() for i in range(len(calibration.inputs))]),
            subset_size=len(calibration.inputs),
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=[first, *kept, last], types=["Add"], validate=False),
            advanced_parameters=advanced.AdvancedQuantizationParameters(
                # Half the range for weights: processors without VNNI add products in 16 bits, which would overflow.
                overflow_fix=advanced.OverflowFix.ENABLE,
                # Average the ranges of all examples: a single outlier would make the steps coarse for all.
                activations_range_estimator_params=import_module(
                    "nncf.quantization.range_estimator"
                ).RangeEstimatorParametersSet.MEAN_MINMAX,
            ),
        )
    finally:
        console.quiet = quiet


def _layers(model: Any) -> list[str]:
    """Names of the convolutions in running order. Raises ModelError if there is none between the first and last."""
    names = [node.get_friendly_name() for node in model.get_ordered_ops() if node.get_type_name() in _CONVOLUTIONS]
    if len(names) < 3:
        raise ModelError(f"int8 leaves the first and last convolutions as they are, and the network has {len(names)}")
    return names


def _best(model: Any, calibration: Calibration, exact: float) -> tuple[Any, float, list[str]]:
    """The quantised graph, its PSNR, and the layers kept in floating point so that it stays close to `exact`."""

    def tried(kept: list[str]) -> tuple[Any, float, list[str]]:
        graph = quantise(model, calibration, kept)
        return graph, calibration.psnr(OpenVinoRunner(graph, "int8")), kept

    best = tried([])
    layers = _layers(model)[1:-1]
    while exact - best[1] > _WANTED_DB and len(best[2]) + 1 <= _MOST_KEPT * len(layers):
        kept = best[2]
        _log.info("int8 loses %.3f dB; looking for the layer that costs most", exact - best[1])
        better = max((tried([*kept, layer]) for layer in layers if layer not in kept), key=lambda found: found[1])
        if better[1] <= best[1]:
            break
        best = better
    return best


def quantised_parts(model: Any, calibration: Calibration, key: str) -> dict[str, bytes]:
    """The quantised graph as parts, with its measured "facts"; if it is not accepted, only the facts, and a warning.

    It is accepted if it loses at most MOST_LOST_DB of the PSNR that `model` reaches on the calibration.
    """
    before = calibration.psnr(OpenVinoRunner(model))
    quantised, after, kept = _best(model, calibration, before)
    accepted = before - after <= MOST_LOST_DB
    facts: dict[str, Any] = {"key": key, "psnr_fp32_db": before, "psnr_int8_db": after, "accepted": accepted}
    facts |= {"not_quantised": kept}
    facts |= {"openvino": load_openvino().__version__, "nncf": _load_nncf().__version__, "set": calibration.digest()}
    parts = {"facts": json.dumps(facts).encode()}
    return parts | to_parts(quantised) if accepted else parts


def is_accepted(parts: Parts) -> bool:
    """Whether `quantised_parts` accepted the graph; if not, logs a warning with the figures."""
    facts = json.loads(parts["facts"])
    if not facts["accepted"]:
        before, after = facts["psnr_fp32_db"], facts["psnr_int8_db"]
        _log.warning(
            "int8 is not used: it loses %.2f dB on the calibration (%.2f dB, fp32 %.2f dB), at most %.2f are allowed",
            *(before - after, after, before, MOST_LOST_DB),
        )
    return bool(facts["accepted"])


def is_made_with(parts: Parts, calibration: Calibration) -> bool:
    """Whether `quantised_parts` used these examples."""
    return bool(json.loads(parts["facts"])["set"] == calibration.digest())


def export_int8(
    module: nn.Module, example: Tensor, path: Path, *, key: str, calibration: Calibration
) -> dict[str, Any]:
    """Quantise a network into a file for `open_runner`, so that its users need no NNCF. Returns its facts.

    Facts: "psnr_fp32_db", "psnr_int8_db", "not_quantised" (names of layers), and what it was made with.

    Raises UsageError if OpenVINO or NNCF is not installed, ModelError if int8 loses too much.
    """
    parts = quantised_parts(convert(module, example), calibration, key)
    if not is_accepted(parts):
        raise ModelError(f"{path} is not written: int8 loses more than {MOST_LOST_DB} dB on the calibration")
    write_parts(path, parts)
    facts: dict[str, Any] = json.loads(parts["facts"])
    return facts


def read_int8(path: Path, key: str) -> Parts:
    """Read a file from `export_int8`. Raises ModelError if it is damaged or made from other weights."""
    try:
        parts = read_parts(path)
        if "facts" not in parts:
            raise ValueError("it has no 'facts'")
        made_from = json.loads(parts["facts"])["key"]
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is no quantised network: {error}; export it again") from error
    if made_from != key:
        raise ModelError(f"{path} was made from weights {made_from[:12]}, these are {key[:12]}; export it again")
    return parts


def _load_nncf() -> Any:
    if sys.modules.get("nncf") is not None:
        return sys.modules["nncf"]
    before = logging.getLoggerClass()
    try:
        with without_telemetry():
            nncf = import_module("nncf")
    except ImportError as error:
        raise UsageError(f'int8: NNCF cannot be loaded ({error}); pip install "streamfix[quantise]"') from error
    finally:
        logging.setLoggerClass(before)  # NNCF replaces the logger class for the whole process
    logger = logging.getLogger("nncf")
    logger.handlers.clear()  # they write to stdout, which may carry video
    logger.setLevel(logging.ERROR)
    logger.propagate = True
    return nncf
