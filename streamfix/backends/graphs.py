"""A network's exported graphs: from the cache where they are, made where they are not."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..errors import ModelError, UsageError
from . import openvino, quantise
from .cache import Cache, Parts, digest
from .quantise import Calibration

_log = logging.getLogger(__name__)

_FORMAT = "1"  # raise it when graphs are exported differently


class Graphs:
    """The openvino.Models of `module` in float32 and int8. The arguments are those of `open_runner`.

    Raises UsageError if OpenVINO is not installed.
    """

    def __init__(
        self,
        module: nn.Module,
        example: Tensor,
        *,
        key: str,
        cache: Cache,
        calibration: Calibration | None = None,
        int8: Path | None = None,
    ) -> None:
        self.version = openvino.code_version(module)
        self._module, self._example, self._key = module, example, key
        self._cache, self._calibration, self._int8 = cache, calibration, int8

    def fp32(self) -> Any:
        name = self._name("fp32")
        parts = self._cache.read(name)
        if parts is not None:
            try:
                return openvino.from_parts(parts)
            except ModelError as error:
                _log.warning("the network is exported again: %s", error)
        model = openvino.convert(self._module, self._example)
        self._cache.write(name, openvino.to_parts(model))
        return model

    def int8(self, *, needed: bool) -> Any | None:
        """None if the quantised network loses too much, which is logged, or cannot be had and is not `needed`.

        Raises UsageError if it is needed and NNCF or the calibration to make it is missing, ModelError if the given
        file is damaged or made from other weights, or it is needed and this OpenVINO cannot read it.
        """
        parts = self._int8_parts(needed)
        if parts is None or not quantise.is_accepted(parts):
            return None
        try:
            return openvino.from_parts(parts)
        except ModelError as error:  # made by an OpenVINO newer than this one, say
            if needed:
                raise
            _log.warning("int8 is not used: %s", error)
            return None

    def _int8_parts(self, needed: bool) -> Parts | None:
        if self._int8 is not None:
            return quantise.read_int8(self._int8, self._key)
        name = self._name("int8")
        parts = self._cache.read(name)
        given = self._calibration
        if parts is not None and (given is None or quantise.is_made_with(parts, given) or not quantise.can_quantise()):
            return parts
        if given is None:
            if needed:
                raise UsageError(
                    "int8: there is no quantised network yet, and no calibration to make it with; use fp32"
                )
            return None
        if not needed and not quantise.can_quantise():
            return None
        parts = quantise.quantised_parts(self.fp32(), given, self._key)
        self._cache.write(name, parts)
        return parts

    def _name(self, precision: str) -> str:
        return digest("graph", _FORMAT, precision, self._key, self.version)
