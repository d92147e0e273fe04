"""The backend OpenVINO: loads a network's graphs from the cache or exports them, and opens them as runners."""

from __future__ import annotations

import logging
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..devices import cpu
from ..errors import ModelError, UsageError
from . import compiled, openvino, quantise
from .base import AGREES, Backend, NetworkSource, Precision, Runner, largest_difference
from .cache import Parts, digest
from .openvino import OpenVinoRunner

_log = logging.getLogger(__name__)

_FORMAT = "1"  # raise this when the way graphs are exported changes


class Graphs:
    """A source as openvino.Model, in float32 and int8. Raises UsageError if OpenVINO is not installed."""

    def __init__(self, source: NetworkSource) -> None:
        self._source = source
        self.version = (
            openvino.code_version(source.network)
            if isinstance(source.network, nn.Module)
            else f"onnx openvino {compiled.load_openvino().__version__}"
        )

    def fp32(self) -> Any:
        """Raises ModelError if OpenVINO cannot read or export the network, or if its results differ."""
        network = self._source.network
        if isinstance(network, Path):
            return compiled.read_graph(network)
        name = self._name("fp32")
        parts = self._source.cache.read(name)
        if parts is not None and "refused" in parts:
            raise ModelError(parts["refused"].decode())
        if parts is not None:
            try:
                return compiled.from_parts(parts)
            except ModelError as error:
                _log.warning("the network is exported again: %s", error)
        try:
            model = openvino.convert(network, self._source.example)
            if self._source.foreign:
                self._check(network, model)
        except ModelError as error:
            self._source.cache.write(name, {"refused": str(error).encode()})  # so that later runs do not try again
            raise
        self._source.cache.write(name, compiled.to_parts(model))
        return model

    def _check(self, network: nn.Module, model: Any) -> None:
        """Raises ModelError unless the model agrees with the network on a picture of another size and shape.

        An export traces one picture through the network. Where Python code depends on the size, or builds a mask for
        it, the export keeps what was right for that picture only.
        """
        x = self._source.example[:1].cpu().float()
        x = torch.cat((x, x.flip(-2)), -2).transpose(-1, -2).contiguous()
        runner = OpenVinoRunner(model, threads=self._source.threads)
        try:
            with torch.inference_mode():
                want, got = deepcopy(network).cpu().float().eval()(x), runner(x)
        except openvino.CANNOT_EXPORT as error:
            raise ModelError(f"the export fails on another size of picture: {error}; use backend torch") from error
        finally:
            runner.close()
        difference = largest_difference(got, want)
        if not difference <= AGREES:  # also true for NaN
            raise ModelError(f"the export differs by up to {255 * difference:.2f} 8-bit codes; use backend torch")

    def int8(self, *, needed: bool) -> Any | None:
        """The quantised graph. None if it loses too much, which is logged, or if it is unavailable and not `needed`.

        Raises UsageError if it is needed, but NNCF or a calibration is missing to make it; ModelError if the given file
        is damaged or made from other weights, or if it is needed and this OpenVINO cannot read it.
        """
        parts = self._int8_parts(needed)
        if parts is None or not quantise.is_accepted(parts):
            return None
        try:
            return compiled.from_parts(parts)
        except ModelError as error:  # made by a newer OpenVINO, for example
            if needed:
                raise
            _log.warning("int8 is not used: %s", error)
            return None

    def _int8_parts(self, needed: bool) -> Parts | None:
        source = self._source
        if source.int8 is not None:
            return quantise.read_int8(source.int8, source.key)
        name = self._name("int8")
        parts = source.cache.read(name)
        given = source.calibration
        if parts is not None and (given is None or quantise.is_made_with(parts, given) or not quantise.can_quantise()):
            return parts
        if given is None:
            if needed:
                why = "this network came with neither" if source.foreign else "there is neither"
                raise UsageError(f"int8 needs a quantised network or a calibration, and {why}; use fp32 or bf16")
            return None
        if not needed and not quantise.can_quantise():
            return None
        parts = quantise.quantised_parts(self.fp32(), given, source.key)
        source.cache.write(name, parts)
        return parts

    def _name(self, precision: str) -> str:
        return digest("graph", _FORMAT, precision, self._source.key, self.version)


class OpenVinoBackend(Backend):
    """OpenVINO on the CPU: exports modules, and runs ONNX graphs as they are."""

    name = "openvino"
    precisions: tuple[Precision, ...] = ("fp32", "bf16", "int8")

    def rank(self, device: torch.device) -> int:
        return 2 if device.type == "cpu" else 0

    def missing(self) -> str | None:
        return compiled.missing()

    def refusal(self, source: NetworkSource) -> str | None:
        return None

    def runners(self, source: NetworkSource, precision: Precision) -> dict[str, Runner]:
        graphs = Graphs(source)

        def opened(graph: Any, name: str) -> Runner:
            return OpenVinoRunner(graph, name, source.threads)

        if precision in ("fp32", "bf16"):
            return {precision: opened(graphs.fp32(), precision)}
        quantised = graphs.int8(needed=precision == "int8")
        int8 = {} if quantised is None else {"int8": opened(quantised, "int8")}
        if precision == "int8" and int8:
            return int8
        graph = graphs.fp32()
        runners = {"fp32": opened(graph, "fp32")}
        if precision == "auto" and compiled.has_bf16():
            runners["bf16"] = opened(graph, "bf16")
        return runners | int8

    def identity(self, source: NetworkSource) -> str:
        return f"{Graphs(source).version} {cpu.identity()}"
