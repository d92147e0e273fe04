"""A chain in which nothing decides by itself: what was left to a filter is told, or measured and recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...backends import compiled
from ...chainspec import FilterSpec, filter_text, parse_chain
from ...errors import UsageError
from ...filters import FILTERS
from ...filters.base import Filter
from . import arithmetic

MEASURED = "measured"


def settled(chain: Sequence[FilterSpec]) -> tuple[FilterSpec, ...]:
    """The chain with values for what would be "auto". Raises UsageError if an option has none, and as `FILTERS.values`.

    What may be measured (`Filter.measured_options`) is not in it, and tier neither: that is known once it is open.
    """
    return tuple(_settled(spec) for spec in chain if spec.name != "null")


def with_tier(spec: FilterSpec, made: Filter[Any]) -> FilterSpec:
    """The filter with the tier that it runs."""
    given = FILTERS.values(spec.name, spec.options)
    if "tier" not in FILTERS.options(spec.name) or "tier" in given:
        return spec
    return _spec(spec.name, {**given, "tier": made.resolved()["tier"]})


def values(spec: FilterSpec) -> dict[str, Any]:
    """Every option of a filter of ours with its value in a settled chain."""
    given = FILTERS.values(spec.name, spec.options)
    found = {}
    for name, option in FILTERS.options(spec.name).items():
        value = given.get(name, option.default)
        found[name] = MEASURED if value == "auto" else value
    return found


def _settled(spec: FilterSpec) -> FilterSpec:
    if spec.name not in FILTERS:
        return spec
    kind: type[Filter[Any]] = FILTERS.get(spec.name)
    given = dict(FILTERS.values(spec.name, spec.options))
    if given.get("precision", arithmetic.PRECISION) != arithmetic.PRECISION:
        raise UsageError(
            f"-evidence: {spec.name}=precision={given['precision']}: it computes in {arithmetic.PRECISION}, which "
            "repeats; leave it out"
        )
    for name, option in FILTERS.options(spec.name).items():
        if name in given or option.default != "auto" or name == "tier" or name in kind.measured_options:
            continue
        if name == "backend":
            given[name] = "openvino" if compiled.is_installed() else "torch"
        elif name == "precision":
            given[name] = arithmetic.PRECISION
        elif name in kind.evidence_options:
            given[name] = kind.evidence_options[name]
        else:
            raise UsageError(
                f"-evidence: {spec.name} would decide its {name} by itself; tell it, as in {spec.name}={name}=VALUE"
            )
    return _spec(spec.name, given) if given else spec


def _spec(name: str, given: Mapping[str, Any]) -> FilterSpec:
    (spec,) = parse_chain(filter_text(name, {key: _text(value) for key, value in given.items() if value is not None}))
    return spec


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
