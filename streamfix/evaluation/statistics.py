"""Whether a difference is more than chance: paired bootstrap over scenes, and gates set before measuring."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadOption, InputError
from .metrics import FIGURES, LOWER_IS_BETTER

RESAMPLES = 10_000

Rows = Mapping[str, Mapping[str, Any]]  # by name: the figures of one scene


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better one is than the best of others, scene by scene; positive is better, also for errors.

    mean: over scenes. low, high: its 95 % interval. worst: the least of all scenes. by_scene: all of them, with the
    one that was best of the others there. scenes without this figure (no static pixels, say) are left out.
    """

    mean: float
    low: float
    high: float
    worst: float
    worst_scene: str
    by_scene: Mapping[str, tuple[float, str]]


def gain(scenes: Mapping[str, Rows], subject: str, others: Sequence[str], figure: str) -> Gain | None:
    """Of `subject` over the best of `others` in each scene; None if no scene has the figure for both."""
    sign = -1 if figure in LOWER_IS_BETTER else 1
    by_scene: dict[str, tuple[float, str]] = {}
    for scene, rows in scenes.items():
        own = rows[subject][figure]
        theirs = {name: sign * rows[name][figure] for name in others if rows[name][figure] is not None}
        if own is not None and theirs:
            best = max(theirs, key=lambda name: theirs[name])
            by_scene[scene] = (sign * own - theirs[best], best)
    if not by_scene:
        return None
    values = [value for value, _ in by_scene.values()]
    low, high = bootstrap(values)
    worst = min(by_scene, key=lambda scene: by_scene[scene][0])
    return Gain(float(np.mean(values)), low, high, by_scene[worst][0], worst, by_scene)


def bootstrap(values: Sequence[float], resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of `values`, one a scene, paired already.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. The seed is fixed.
    """
    rng = np.random.default_rng(0)
    drawn = rng.choice(np.asarray(values, np.float64), (resamples, len(values)))
    low, high = np.percentile(drawn.mean(1), (2.5, 97.5))
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class QualityGate:
    """What a filter has to reach, set before it is measured.

    suites: in which. figure: a field of `Quality`. against: "classical" or "network", the best of these peers in each
    scene; one peer or filter by name; or "truth": the figure itself counts, not a gain.
    filters: those that the gate is for; all if there are none.
    mean: least mean gain. worst: least gain of any scene. low: least lower end of the mean's 95 % interval.
    """

    suites: tuple[str, ...]
    figure: str
    against: str = "classical"
    filters: tuple[str, ...] = ()
    mean: float = -math.inf
    worst: float = -math.inf
    low: float = -math.inf

    def is_for(self, chain: str) -> bool:
        return not self.filters or chain in self.filters

    def words(self, suite: str) -> str:
        return f"{suite}: {self.figure}" + ("" if self.against == "truth" else f" against {self.against}")

    def failures(self, found: Gain) -> list[str]:
        """In words, what was not reached."""
        pairs = (("mean", found.mean, self.mean), ("low", found.low, self.low), ("worst", found.worst, self.worst))
        return [f"{name} {value:+.2f}, wanted {least:+.2f}" for name, value, least in pairs if value < least]


def read_gates(path: Path) -> list[QualityGate]:
    """The [[gate]] tables of a TOML file. Raises InputError, BadOption."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("gate", [])
    except OSError as e:
        raise InputError(f"{path}: {e.strerror}; give a TOML file of gates") from e
    except tomllib.TOMLDecodeError as e:
        raise BadOption(f"{path}: {e}") from e
    known = set(QualityGate.__dataclass_fields__)
    for table in tables:
        if unknown := set(table) - known:
            raise BadOption(f"{path}: a gate has no {', '.join(sorted(unknown))}; it has: {', '.join(sorted(known))}")
        if table.get("figure") not in FIGURES or not table.get("suites"):
            raise BadOption(f"{path}: a gate needs suites and a figure, one of {', '.join(FIGURES)}; got {table}")
    if not tables:
        raise BadOption(f"{path}: it has no [[gate]]; each needs suites and a figure")
    return [
        QualityGate(**{**table, **{k: tuple(table[k]) for k in ("suites", "filters") if k in table}})
        for table in tables
    ]
