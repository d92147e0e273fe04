"""Weights that a user gives: a file of its own, made from shipped ones for one camera."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError
from .weights import WeightsStore

BASE = "base"  # of the file's facts: task and tier that the weights belong to, such as "denoise:s"


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A file of weights. data: all of it. facts: what it tells of itself."""

    path: Path
    data: bytes
    facts: Mapping[str, str]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def read_given(path: Path) -> Given:
    """Read a file of weights. Raises ModelError if it is missing, damaged, or not of `streamfix train adapt`."""
    remedy = "give a file that `streamfix train adapt` wrote"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; {remedy}") from error
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length].decode()) if 2 <= length <= len(data) - 8 else None
        facts = header["__metadata__"] if isinstance(header, dict) else None
    except (ValueError, KeyError):
        facts = None
    if not isinstance(facts, dict) or BASE not in facts:
        raise ModelError(f"{path}: no weights that were adapted to a camera; {remedy}")
    return Given(path, data, facts)


class GivenWeights(WeightsStore):
    """The weights of a file, in place of the shipped ones of the tier that they were made from.

    Raises ModelError if the file is missing, damaged, or was made for another filter.
    """

    def __init__(self, shipped: WeightsStore, path: Path) -> None:
        super().__init__(shipped.folder, shipped.task, shipped.network, shipped.names, shipped.kind)
        self._given, self._store = read_given(path), shipped
        task, _, self._tier = self._given.facts[BASE].partition(":")
        if task != shipped.task or self._tier not in shipped.names:
            raise ModelError(
                f"{path}: these weights are of {self._given.facts[BASE]}, not of {shipped.task}; use them there"
            )

    def choose(self, wanted: str, device: object) -> str:
        if wanted not in ("auto", self._tier):
            raise ModelError(
                f"{self.task}=tier={wanted}: {self._given.path} has the weights of {self.kind} {self._tier}; "
                "leave one of the two out"
            )
        return self._tier

    def smallest(self) -> str:
        return self._store.smallest()

    def read(self, tier: str) -> tuple[bytes, str]:
        return self._given.data, self._given.digest

    def _where(self, tier: str) -> Path:
        return self._given.path

    def int8(self, tier: str) -> Path | None:
        beside = self._given.path.with_suffix(".int8")
        return beside if beside.is_file() else None
