"""A stacked picture made again from its record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from ....errors import InputError
from ....jobs.evidence import signature
from ....jobs.evidence.verifying import Finding
from ....media.specs import InputSpec
from ....stack import sidecar
from ....stack.making import stack

KIND = "streamfix stack"
_MADE_OF = ("scale", "reference", "motion", "iterations", "smooth", "deblur", "min_correlation", "most_frames")


def is_stacked(path: Path) -> bool:
    """True if the file is the record of a stacked picture."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("kind") == KIND


def verify(path: Path, inputs: Sequence[str]) -> Iterator[Finding]:
    """Stack again, and compare. Raises InputError where the recording is missing, and what `stack` raises."""
    then = json.loads(path.read_text(encoding="utf-8"))
    row = then["input"]
    if row is None:
        raise InputError(
            f"{path}: it was made of a program's frames, which nobody else has; only files can be verified"
        )
    if key := signature.verified(path):
        yield Finding(True, f"the record is signed by the Ed25519 key {key}; whose that is, you have to know")
    file = Path(inputs[0]) if inputs else path.parent / row["name"]
    if not file.is_file():
        raise InputError(f"{path}: the recording {row['name']} is not beside it; say where it is with -i FILE")
    got = sidecar.file_sha256(str(file))
    if row["sha256"] is not None:
        changed = f"the recording {row['name']} has changed: sha256 is {got}, was {row['sha256']}"
        same = got == row["sha256"]
        yield Finding(same, f"the recording {row['name']}: sha256 {got}" if same else changed)
    times = {name: None if row[name] is None else Fraction(row[name]) for name in ("start_s", "duration_s")}
    spec = InputSpec(str(file), start_s=times["start_s"], duration_s=times["duration_s"])
    asked = then["parameters"]
    corners = asked["corners"]
    made = stack(
        spec,
        None if corners is not None else asked["roi"],
        corners=None if corners is None else [value for point in corners for value in point],
        **{name: asked[name] for name in _MADE_OF},
    )
    now = json.loads(sidecar.sidecar(made, spec, got))
    for name, was in then["versions"].items():
        if now["versions"].get(name) != was:
            yield Finding(None, f"version of {name}: {now['versions'].get(name)} here, {was} then")
    yield from _frames(then["frames"], now["frames"])
    yield _result(then["result"], now["result"])


def _frames(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    if len(then) != len(now):
        yield Finding(False, f"the record has {len(then)} frames, the recording {len(now)}")
    for was, is_ in zip(then, now, strict=False):
        for name in sorted(was):
            if is_.get(name) != was[name]:
                text = f"its {name} is {is_.get(name)}, was {was[name]}"
                yield Finding(False, f"frame {was['number']} is the first that differs: {text}")
                return
    yield Finding(True, f"all {len(then)} frames were registered again, each the same")


def _result(then: Mapping[str, Any], now: Mapping[str, Any]) -> Finding:
    if now["rgb_sha256"] == then["rgb_sha256"]:
        return Finding(True, f"the picture: sha256 of its pixels {now['rgb_sha256']}")
    return Finding(False, f"the picture differs: sha256 of its pixels is {now['rgb_sha256']}, was {then['rgb_sha256']}")
