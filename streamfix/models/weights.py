"""The weights that a filter ships: where they are, whether they are intact, and which to use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import ModelError
from .tiers import SIZES

if TYPE_CHECKING:
    from torch import nn

SUMS = "SHA256SUMS"
_TIERS: Sequence[str] = tuple(SIZES)
_PREFERENCE = MappingProxyType[str, tuple[str, ...]]({"cuda": ("m", "s", "xs"), "cpu": ("s", "xs", "m")})


class _OnDevice(Protocol):
    """A device of PyTorch's or of `streamfix.devices`."""

    @property
    def type(self) -> str: ...


class WeightsStore:
    """The weights of one filter: a folder in its package.

    For each shipped tier the folder holds TIER.safetensors, a model card TIER.md and, optionally, TIER.int8, an int8
    graph for OpenVINO. SHA256SUMS lists the sha256 of each weights file, one `sha256 name` per line.

    task: name of the filter and of its recipe, for messages.
    network: makes an untrained network of a tier. Its input and output may have any size and any number of channels.
    names: what the weights are named where they are not of tiers, such as those of several networks, the one that auto
    takes first; kind: what such a name is one of, for messages.
    """

    def __init__(
        self,
        folder: Path,
        task: str,
        network: Callable[[Any], nn.Module],
        names: Sequence[str] = _TIERS,
        kind: str = "tier",
    ) -> None:
        self.folder, self.task, self.network = folder, task, network
        self.names, self.kind = names, kind

    def shipped(self) -> dict[str, str]:
        """Tiers that have weights, smallest first, and the sha256 expected of each file.

        Raises ModelError if SHA256SUMS is damaged.
        """
        path = self.folder / SUMS
        if not path.is_file():
            return {}
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = [line.split() for line in text.splitlines() if line.strip()]
        if not all(len(line) == 2 for line in lines):
            raise ModelError(f"{path}: it is damaged, a line is not `sha256 name`; install streamfix again")
        sums = {name: digest for digest, name in lines}
        return {tier: sums[f"{tier}.safetensors"] for tier in self.names if f"{tier}.safetensors" in sums}

    def choose(self, wanted: str, device: _OnDevice) -> str:
        """The tier to use on `device`. wanted: a tier, or auto for the best shipped one there.

        Raises ModelError for a tier that is not shipped, with the command that trains it.
        """
        there = self.shipped()
        order: Sequence[str] = _PREFERENCE["cuda" if device.type == "cuda" else "cpu"]
        for tier in order if self.names is _TIERS else self.names:
            if tier in there and wanted in ("auto", tier):
                return tier
        if wanted == "auto":
            raise ModelError(f"{self.task}: no weights at all in {self.folder}, or no {SUMS}; install streamfix again")
        recipe = self.folder.parent / "recipes" / f"{wanted}.toml"
        raise ModelError(
            f"{self.task}: no weights of {self.kind} {wanted} in {self.folder}; "
            f"there are: {', '.join(there) or 'none'}. "
            f"Train them: streamfix train {self.task} --config {recipe} --data SET.tar --out RUN, "
            f"then put RUN/weights.safetensors there as {wanted}.safetensors, and its sha256 into {SUMS}"
        )

    def smallest(self) -> str:
        """The smallest shipped tier; there is one whenever `choose` finds any."""
        return next(iter(self.shipped()))

    def read(self, tier: str) -> tuple[bytes, str]:
        """The tier's weights as a safetensors file, and their sha256.

        Raises ModelError if the file is missing or differs from the shipped one.
        """
        path = self._where(tier)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}; install streamfix again") from error
        got, want = hashlib.sha256(data).hexdigest(), self.shipped().get(tier, "none")
        if got != want:
            raise ModelError(f"{path}: sha256 is {got[:12]}, expected {want[:12]}; install streamfix again")
        return data, got

    def load(self, tier: str) -> tuple[nn.Module, str]:
        """The tier's network with its weights, and their sha256.

        Raises ModelError if the file is missing, differs from the shipped one, or belongs to another network.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        data, digest = self.read(tier)
        network = self.network(tier)
        try:
            network.load_state_dict(load(data))
        except (SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(
                f"{self._where(tier)}: not the weights of {self.kind} {tier}: {reason}; install streamfix again"
            ) from error
        return network.eval().requires_grad_(False), digest

    def _where(self, tier: str) -> Path:
        return self.folder / f"{tier}.safetensors"

    def int8(self, tier: str) -> Path | None:
        """The tier's int8 graph, None if none is shipped. The file records which weights it was made from."""
        path = self.folder / f"{tier}.int8"
        return path if path.is_file() else None

    def card(self, tier: str) -> Path:
        """The tier's model card: its data, licences, training, seed, figures and limits."""
        return self.folder / f"{tier}.md"
