"""Small clips that are cut, filters that remember, and what is in an output."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from streamfix.chainspec import parse_chain
from streamfix.errors import FilterError
from streamfix.filters.base import Filter
from streamfix.jobs import Job, JobSpec, Resume, build_job
from streamfix.media.specs import InputSpec, OutputSpec
from tests.media.make import clip

EVERY = Resume(Fraction(2, 5))  # ten pictures
Array = NDArray[np.float32]


class Echo(Filter[list[Array]]):
    """Mixes each frame with the result before it.

    ahead: frames to come that are mixed in as well.
    """

    arrays = "numpy"
    share = 0.75  # of what was before: a frame is seen in about 30 behind it

    def __init__(self, ahead: int = 0) -> None:
        self.future = ahead

    def init_state(self) -> list[Array]:
        return []

    def save_state(self, state: list[Array]) -> Mapping[str, Any]:
        return {"last": [part.copy() for part in state]}

    def load_state(self, saved: Mapping[str, Any]) -> list[Array]:
        return [part.copy() for part in saved["last"]]

    def __call__(self, x: Array, states: Sequence[list[Array]]) -> Array:
        out = np.empty_like(x[:, :1])
        for i, (window, state) in enumerate(zip(x, states, strict=True)):
            now = window.mean(0)
            state[:] = [now if not state else now + np.float32(self.share) * (state[0] - now)]
            out[i, 0] = state[0]
        return out


class Forgetful(Echo):
    """The same, and cannot save what it remembers."""

    save_state = Filter.save_state
    load_state = Filter.load_state


class Failing(Filter[None]):
    """Changes nothing, and fails at one frame as often as `left` says."""

    arrays = "numpy"
    thread_safe = True
    left = 0

    def __init__(self, at: int = 0) -> None:
        self.at, self.count = at, 0

    def __call__(self, x: Array, states: Sequence[None]) -> Array:
        self.count += 1
        if self.count == self.at + 1 and type(self).left:  # the first picture is looked at before all
            type(self).left -= 1
            raise FilterError("the power went off")
        return x


def cut_clip(path: Path, *, frames: int = 50, **more: Any) -> Path:
    """A clip of 25 pictures a second with a keyframe at every fifth, B-frames, and sound."""
    usual = {"g": "5", "keyint_min": "5", "bf": "2", "sc_threshold": "0"}
    own = more.pop("options", {})
    options = None if own is None else {**usual, **own}
    return clip(path, frames=frames, audio=more.pop("audio", "aac"), options=options, **more)


def job(source: Path | InputSpec, out: Path, chain: str = "echo", resume: Resume | None = EVERY, **output: Any) -> Job:
    """A job on the CPU that is ready to run."""
    given = source if isinstance(source, InputSpec) else InputSpec(str(source))
    spec = OutputSpec(str(out), **{"video_options": {"preset": "ultrafast"}, "overwrite": True, **output})
    return build_job(JobSpec([given], [spec], parse_chain(chain), device="cpu", resume=resume))


def contents(path: Path) -> dict[str, Any]:
    """Streams, tags, chapters, and every packet with its times."""
    with av.open(str(path)) as file:
        packets: dict[int, list[Any]] = {s.index: [] for s in file.streams}
        for p in file.demux():
            if p.size:
                digest = hashlib.md5(bytes(p), usedforsecurity=False).hexdigest()
                packets[p.stream.index].append((p.pts, p.dts, p.duration, p.is_keyframe, digest))
        streams = [(s.type, s.time_base, dict(s.metadata), int(s.disposition)) for s in file.streams]
        return {"streams": streams, "tags": dict(file.metadata), "chapters": file.chapters(), "packets": packets}


def folder_of(out: Path) -> Path:
    return out.with_name(out.name + ".streamfix")


def segments_in(out: Path) -> list[str]:
    return sorted(path.name for path in folder_of(out).glob("segment-*.packets"))
