"""What a report shows: the evidence is made again, compared, and some of its frames are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....jobs.evidence.verifying import Finding, Place, verify
from ....jobs.evidence.witness import Testimony
from .pictures import Shown, shown


@dataclass(frozen=True, slots=True)
class Samples:
    """findings: of `verify`. frames: what is shown, up to the first frame that differs."""

    findings: Sequence[Finding]
    frames: Sequence[Shown]

    @property
    def differing(self) -> list[str]:
        return [one.text for one in self.findings if one.same is False]


def samples(path: Path, record: Mapping[str, Any], place: Place, numbers: Sequence[int]) -> Samples:
    """Make the evidence again, and keep pictures of the frames of these numbers. Each has the hashes of the record."""
    kept: list[Shown] = []

    def look(of: Testimony) -> None:
        if of.number in numbers:
            kept.append(shown(of))

    findings = list(verify(path, [str(one) for one in place.inputs], look=look))
    return Samples(findings, kept)
