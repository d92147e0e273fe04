"""The record of evidence: one JSON file by which everything can be done again and compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from ...chainspec import FilterSpec, chain_text, parse_chain
from ...errors import InputError
from ...filters import FILTERS
from ...filters.base import Filter
from ...media.specs import InputSpec
from ..job import Evidence, JobSpec
from . import arithmetic, settling
from .digests import file_sha256
from .environment import machine, versions

KIND, FORMAT = "streamfix evidence", 1
NAME = "evidence.json"
WORKING_COPY = "working-copy.mkv"
#: How an input was read: what is at its default is not in the record.
_READ = ("format", "options", "start_s", "duration_s", "end_s", "autorotate", "copy_timestamps", "video_codec")
_TIMES = ("start_s", "duration_s", "end_s")
LIBAVFILTER = ("FFmpeg project: libavfilter, ffmpeg.org/ffmpeg-filters.html",)


def begun(
    spec: JobSpec, chain: Sequence[FilterSpec], filters: Iterable[Filter[Any]], hashes: Sequence[str]
) -> dict[str, Any]:
    """The part that is known before the first frame. chain: settled, with tiers. hashes: of the inputs."""
    left = list(filters)
    steps = [_step(one, left.pop(0) if one.name in FILTERS else None) for one in chain]
    return {
        "kind": KIND,
        "format": FORMAT,
        "result": "Restored",
        "inputs": [_input(one, digest) for one, digest in zip(spec.inputs, hashes, strict=True)],
        "maps_of_streams": list(spec.maps),
        "vf": chain_text(chain) or "null",
        "steps": steps,
        "arithmetic": dict(arithmetic.FIXED),
        "versions": versions(),
        "machine": machine(),
    }


def read(path: Path) -> dict[str, Any]:
    """A record. Raises InputError if the file is none of evidence."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path}: it is damaged, no JSON: {error}") from error
    if not isinstance(record, dict) or record.get("kind") != KIND:
        raise InputError(f"{path}: it is no record of streamfix -evidence")
    if record.get("format") != FORMAT:
        raise InputError(f"{path}: format {record.get('format')}, this version reads {FORMAT}; use a newer streamfix")
    return record


def found(path: Path) -> Path:
    """The record in a folder, or the file itself. Raises InputError."""
    if not path.is_dir():
        return path
    there = sorted(path.glob("*.json"))
    if len(there) != 1:
        raise InputError(f"{path}: there are {len(there)} .json files in it, evidence has one; name the file")
    return there[0]


def job_of(record: Mapping[str, Any], inputs: Sequence[str]) -> JobSpec:
    """The job of a record, without its output. inputs: where the recordings are."""
    from ...media.specs import OutputSpec

    return JobSpec(
        inputs=[_spec(one, url) for one, url in zip(record["inputs"], inputs, strict=True)],
        outputs=(OutputSpec("-", format="null"),),
        filters=() if record["vf"] == "null" else parse_chain(record["vf"]),
        maps=tuple(record["maps_of_streams"]),
        device=arithmetic.DEVICE,
        exit_on_error=True,
        evidence=Evidence(""),
    )


def file_row(path: Path, **more: Any) -> dict[str, Any]:
    """A file of the result, by its name, without its folder."""
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": file_sha256(path), **more}


def _step(spec: FilterSpec, made: Filter[Any] | None) -> dict[str, Any]:
    if made is None:
        return {"filter": spec.name, "by": "libavfilter", "options": spec.arguments, "literature": list(LIBAVFILTER)}
    resolved = dict(made.resolved())
    options = settling.values(spec)
    return {
        "filter": spec.name,
        "by": "streamfix",
        "what": (type(made).__doc__ or "").strip().split("\n")[0],
        "options": options,
        "weights": {name: value for name, value in resolved.items() if name not in options},
        "literature": list(made.literature),
    }


def _input(spec: InputSpec, sha256: str) -> dict[str, Any]:
    usual = {f.name: f.default for f in fields(InputSpec)}
    how = {name: getattr(spec, name) for name in _READ if getattr(spec, name) not in (usual[name], {})}
    path = Path(spec.url.removeprefix("file:"))
    return {
        "name": path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256,
        "read": {name: str(value) if isinstance(value, Fraction) else value for name, value in how.items()},
    }


def _spec(row: Mapping[str, Any], url: str) -> InputSpec:
    how: dict[str, Any] = {name: Fraction(value) if name in _TIMES else value for name, value in row["read"].items()}
    return InputSpec(url, thread_count=arithmetic.THREADS, **how)
