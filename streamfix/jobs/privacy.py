"""`privacy` in a filter chain: no filter, but an order to whatever reads the pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..chainspec import FilterSpec
from ..errors import BadOption
from ..media.privacy.zones import BLACK, Mode, Privacy, checked_color, zones_in_file
from ..registry import Registry

if TYPE_CHECKING:
    from .job import JobSpec

NAME = "privacy"
#: Reads the options of `privacy`, as the filters' registry does theirs.
OPTIONS: Registry[PrivacyOptions] = Registry("filter")


@OPTIONS.register(NAME)
@dataclass(frozen=True, slots=True)
class PrivacyOptions:
    """Covers zones of the picture before anything else sees it; it stands first in a chain.

    zones: a TOML file of [[zone]] tables, each with points = [[x, y], ...] from 0 to 1 and, if you like, a name.
    mode: solid paints `color` over them, mosaic shows the mean colours of at most 8 cells across, blur joins these.
    color: RRGGBB. audit: a file to which JSON Lines are added that say what was covered in each frame.
    """

    zones: str
    mode: Mode = "solid"
    color: str = BLACK
    audit: str | None = None


def split_privacy(chain: Iterable[FilterSpec]) -> tuple[Privacy | None, tuple[FilterSpec, ...]]:
    """What a chain has burnt in, and the filters behind that. The files of zones are read now.

    Raises BadOption for wrong options or zones, and for `privacy` behind a filter.
    """
    chain = tuple(chain)
    count = next((i for i, spec in enumerate(chain) if spec.name != NAME), len(chain))
    for i, spec in enumerate(chain[count:], count):
        if spec.name == NAME:
            raise BadOption(
                f"privacy must stand first in the chain: {chain[i - 1].name} in front of it would see, remember and "
                f"show what it covers; begin with {NAME}={spec.arguments}"
            )
    found: Privacy | None = None
    for spec in chain[:count]:
        found = _read(spec) if found is None else found.and_also(_read(spec))
    return found, chain[count:]


def _read(spec: FilterSpec) -> Privacy:
    options = OPTIONS.create(NAME, spec.options)
    color = checked_color(options.color)
    return Privacy(zones_in_file(options.zones, options.mode, color), options.audit)


def hoisted(spec: JobSpec) -> JobSpec:
    """The job with what its chain has burnt in where the reader finds it, and the chain without that."""
    found, rest = split_privacy(spec.filters)
    if found is None:
        return spec
    return replace(spec, filters=rest, privacy=found.and_also(spec.privacy))


def refuse_privacy(chain: Iterable[FilterSpec]) -> None:
    """Raise BadOption where filters alone are run: a mask that nobody burns in must not pass for one."""
    if any(spec.name == NAME for spec in chain):
        raise BadOption(
            "privacy is burnt in where pictures are read, so it cannot stand here; put it first in the job's own "
            "chain, where it holds for every step"
        )
