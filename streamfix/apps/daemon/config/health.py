"""The table [health]: whether cameras' sight is watched, and from when on something is a fault."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

from ....health import Limits
from .options import option
from .values import Boolean, Seconds, number

_USUAL = Limits()
_LOST = "Share of its usual edges below which a"


@dataclass(frozen=True, slots=True)
class HealthConfig:
    """The options of [health]; those but `enabled` are `health.Limits`'."""

    enabled: Annotated[Boolean, option("Watch", "Whether what cameras see is watched at all.")] = True
    defocused_ratio: Annotated[float, number(0.05, 0.95), option("Out of focus", f"{_LOST} picture is so.")] = (
        _USUAL.defocused_ratio
    )
    defocused_s: Annotated[Seconds, option("Out of focus for", "How long before it is told.")] = _USUAL.defocused_s
    covered_ratio: Annotated[float, number(0.05, 0.95), option("Covered", f"{_LOST} part may be covered.")] = (
        _USUAL.covered_ratio
    )
    covered_share: Annotated[float, number(0.05, 1), option("Covered parts", "Share of them that makes a cover.")] = (
        _USUAL.covered_share
    )
    covered_s: Annotated[Seconds, option("Covered for", "How long before it is told.")] = _USUAL.covered_s
    moved_share: Annotated[float, number(0.005, 0.25), option("Moved", "By more than this share of the width.")] = (
        _USUAL.moved_share
    )
    moved_s: Annotated[Seconds, option("Moved for", "How long before it is told.")] = _USUAL.moved_s
    blank_codes: Annotated[
        float, number(0.1, 50), option("Blank", "Standard deviation below which a picture is so, of 255.")
    ] = _USUAL.blank_codes
    blank_s: Annotated[Seconds, option("Blank for", "How long before it is told.")] = _USUAL.blank_s
    dirty_ratio: Annotated[float, number(0.05, 0.95), option("Dirty", f"{_LOST} part may be dirty.")] = (
        _USUAL.dirty_ratio
    )
    dirty_s: Annotated[Seconds, option("Dirty for", "How long before it is told.")] = _USUAL.dirty_s
    frozen_s: Annotated[Seconds, option("Frozen for", "How long before it is told.")] = _USUAL.frozen_s
    learn_s: Annotated[Seconds, option("Learn for", "What a camera usually sees is the median of so long.")] = (
        _USUAL.learn_s
    )

    @property
    def limits(self) -> Limits:
        """As the examiner takes them."""
        return Limits(**{f.name: getattr(self, f.name) for f in fields(Limits) if hasattr(self, f.name)})
