"""A training run's configuration: one TOML file."""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..errors import InputError, UsageError
from .losses import LossWeights

T = TypeVar("T")

# Numbers that must be above 0: something is divided by them, or one at least is needed. Others may be 0.
_POSITIVE = {"steps", "batch", "rate", "clip_norm", "samples", "until", "validation_samples"}
_POSITIVE |= {"every", "validate_every", "checkpoint_every"}


@dataclass(frozen=True, slots=True)
class Schedule:
    """Optimiser and length: AdamW, linear warm-up, cosine down to `final_rate`, an average of the weights.

    clip_norm: largest norm of the gradient. precision: bf16 computes the network in bfloat16, the weights stay fp32.
    """

    steps: int
    batch: int = 16
    rate: float = 1e-3
    final_rate: float = 1e-6
    warmup_steps: int = 500
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    seed: int = 1
    precision: Literal["fp32", "bf16"] = "bf16"
    compile: bool = False


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How many samples are held, how often each is drawn before another takes its place, processes that make them.

    reuse: 0 makes all samples before the first step and keeps them. Processes that go on making samples take a core
    from the trainer: on two cores it is more than twice as fast without them.
    """

    samples: int = 2000
    reuse: float = 4.0
    workers: int = 1


@dataclass(frozen=True, slots=True)
class CurriculumStage:
    """A part of the curriculum, up to the share `until` of the schedule: how often each kind of degradation comes."""

    until: float
    mix: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Log:
    """Steps from one line of figures, validation with its sample sheet, or checkpoint to the next."""

    every: int = 100
    validate_every: int = 2000
    checkpoint_every: int = 1000
    validation_samples: int = 48


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file. recipe: options of the task's recipe."""

    schedule: Schedule
    stages: tuple[CurriculumStage, ...]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    pool: PoolSize = field(default_factory=PoolSize)
    loss: LossWeights = field(default_factory=LossWeights)
    log: Log = field(default_factory=Log)

    def stage_at(self, progress: float) -> int:
        """The number of the stage at this share of the schedule, 0 to 1."""
        return next((i for i, s in enumerate(self.stages) if progress < s.until), len(self.stages) - 1)


def load(path: Path) -> Config:
    """Read a configuration. Raises InputError, or UsageError naming the key and what it takes."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a training configuration, a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
    _known(path, "", found, {f.name for f in dataclasses.fields(Config)})
    if "schedule" not in found or not found.get("stages"):
        raise UsageError(f"{path}: a configuration needs a table [schedule] and at least one of [[stages]]")
    if not isinstance(found["stages"], list):
        raise UsageError(f"{path}: stages is one table; each stage is an entry of a list, headed [[stages]]")
    stages = tuple(_read(path, f"stages[{i}]", s, CurriculumStage) for i, s in enumerate(found["stages"]))
    untils = [s.until for s in stages]
    if sorted(set(untils)) != untils or untils[-1] != 1:
        raise UsageError(f"{path}: stages: until={untils} must rise to 1")
    return Config(
        schedule=_read(path, "schedule", found["schedule"], Schedule),
        stages=stages,
        recipe=_table(path, "recipe", found.get("recipe", {})),
        pool=_read(path, "pool", found.get("pool", {}), PoolSize),
        loss=_read(path, "loss", found.get("loss", {}), LossWeights),
        log=_read(path, "log", found.get("log", {}), Log),
    )


def _read(path: Path, table: str, values: Any, kind: type[T]) -> T:
    hints = get_type_hints(kind)
    _known(path, table, _table(path, table, values), set(hints))
    for name, value in values.items():
        wanted = hints[name]
        if get_origin(wanted) is Literal:
            fits = value in get_args(wanted)
        elif wanted is float:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        elif wanted in (int, bool):
            fits = type(value) is wanted
        else:
            fits = isinstance(value, Mapping) and all(type(share) in (int, float) for share in value.values())
        if not fits:
            raise UsageError(f"{path}: {table}.{name} = {value!r}: it takes {_describe(wanted)}")
        if wanted in (int, float):
            fits = math.isfinite(value) and (value > 0 if name in _POSITIVE else value >= 0)
        if not fits:
            least = "more than 0" if name in _POSITIVE else "0 or more"
            raise UsageError(f"{path}: {table}.{name} = {value!r}: it takes {least}")
    try:
        return kind(**values)
    except TypeError as error:
        raise UsageError(f"{path}: [{table}]: {error}") from error


def _describe(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    return getattr(kind, "__name__", "") if isinstance(kind, type) else "a table of names and how often each"


def _table(path: Path, name: str, values: Any) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise UsageError(f"{path}: {name} = {values!r}: it is a table, headed [{name}]")
    return values


def _known(path: Path, table: str, values: Mapping[str, Any], names: set[str]) -> None:
    for name in values:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            place = f"[{table}]" if table else "the file"
            raise UsageError(f"{path}: {place} has no {name!r}{hint}; it has: {', '.join(sorted(names))}")
