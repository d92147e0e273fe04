"""What a job in segments is: input, options and versions, by which another run knows whether it may go on with it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, BinaryIO

import av

from ... import __version__
from ...chainspec import FilterSpec, chain_text, filter_text, parse_chain
from ...errors import InputError, UsageError
from ...filters import FILTERS
from ...media.output.request import Request
from ...media.output.target import file_of
from ...media.specs import InputSpec

if TYPE_CHECKING:
    from ...filters.base import Filter
    from ..job import JobSpec, Resume

FORMAT = 1  # raise this when the meaning of what is kept changes
_LOOKED_AT = 2**20  # bytes of an input's beginning and end
_PACKAGES = ("numpy", "opencv-python-headless", "opencv-python", "openvino", "torch", "onnxruntime")


def description(spec: JobSpec, resume: Resume, request: Request) -> dict[str, Any]:
    """All that the result depends on and that is known before the filters are made, as plain values by what it is."""
    output = spec.outputs[0]
    whole = {f.name: plain(getattr(output, f.name)) for f in fields(output) if f.name not in ("url", "overwrite")}
    return {
        "format": FORMAT,
        "version": {"streamfix": __version__, "libraries": _versions()},
        "inputs": [identity_of(each) for each in spec.inputs],
        "filters (-vf)": chain_text(spec.filters) or "null",
        "zones of privacy": None if spec.privacy is None else [plain(asdict(zone)) for zone in spec.privacy.zones],
        "streams": [list(spec.maps), spec.audio, spec.subtitles, spec.data],
        "device": spec.device,
        "xerror": spec.exit_on_error,
        "options of the output": whole,
        "encoder": {"codec": request.codec, "options": dict(sorted(request.video.items()))},
        "resume_every": str(resume.every_s),
        "warm-up": resume.warm_up,
        **({"segments apart": True} if resume.apart else {}),
    }


def check(old: Mapping[str, Any], new: Mapping[str, Any], folder: str) -> None:
    """Raise UsageError if a folder's job is another one than `new`. old: the manifest, with more in it."""
    found = difference({name: old.get(name) for name in new}, new, "")
    if found is not None:
        place, was, now = found
        raise UsageError(
            f"-resume: {folder} holds the beginning of another job: {place} was {_shown(was)}, and is {_shown(now)}. "
            "Give the same command as then, write to another file, or delete that folder to begin anew"
        )


def resolved(filters: Sequence[Filter[Any]]) -> list[dict[str, str]]:
    """What the filters have settled by themselves, one by one."""
    return [dict(each.resolved()) for each in filters]


def with_resolved(chain: Sequence[FilterSpec], values: Sequence[Mapping[str, str]]) -> tuple[FilterSpec, ...]:
    """The chain with options as another run has settled them. values: of our filters in it, in order."""
    left = list(values)
    found = []
    for spec in chain:
        if spec.name not in FILTERS or not left:
            found.append(spec)
            continue
        known = list(FILTERS.options(spec.name))
        given = {known[int(k)] if k.isdigit() and int(k) < len(known) else k: v for k, v in spec.options.items()}
        settled = {name: value for name, value in left.pop(0).items() if name in known}
        found += parse_chain(filter_text(spec.name, {**given, **settled}))
    return tuple(found)


def identity_of(spec: InputSpec) -> dict[str, Any]:
    """By what an input is known again: size, time of change, hash of its first and last MiB; and how it is read."""
    path = file_of(spec.url) or spec.url
    try:
        with open(path, "rb") as file:
            known = os.fstat(file.fileno())
            head = _digest(file, 0)
            tail = _digest(file, max(0, known.st_size - _LOOKED_AT))
    except OSError as error:
        raise InputError(f"{spec.shown}: {error.strerror}") from error
    return {
        "file": os.path.realpath(path),
        "size": known.st_size,
        "time of change": known.st_mtime_ns,
        "beginning": head,
        "end": tail,
        "options": {f.name: plain(getattr(spec, f.name)) for f in fields(spec) if f.name != "url"},
    }


def _digest(file: BinaryIO, at: int) -> str:
    file.seek(at)
    return hashlib.sha256(file.read(_LOOKED_AT)).hexdigest()


def _versions() -> dict[str, str]:
    found = {"av": av.__version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def plain(value: Any) -> Any:
    """A value of a specification as JSON holds it."""
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in sorted(value.items())}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def difference(old: Any, new: Any, place: str) -> tuple[str, Any, Any] | None:
    """Where two values differ first, and both values there."""
    if old == new:
        return None
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            if (found := difference(old.get(key), new.get(key), f"{place} {key}".strip())) is not None:
                return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            if (found := difference(one, other, place)) is not None:
                return found
    return place, old, new


def _shown(value: Any) -> str:
    text = "not given" if value in (None, {}, []) else value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
