"""A short noisy clip, and evidence made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from streamfix.chainspec import parse_chain
from streamfix.jobs import Evidence, JobSpec, build_job
from streamfix.media.specs import InputSpec, OutputSpec
from tests.analysis.material import write_clip

FRAMES, WIDTH, HEIGHT = 5, 96, 64


def recording(path: Path, frames: int = FRAMES) -> Path:
    """A clip without loss in which a pattern moves, with noise."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    pictures = [
        np.clip(0.5 + 0.3 * np.sin((x + 2 * i) / 5) * np.cos(y / 7) + rng.normal(0, 0.03, y.shape), 0, 1)
        for i in range(frames)
    ]
    write_clip(path, [np.asarray(one, np.float32) for one in pictures])
    return path


def job(path: Path, folder: Path, vf: str = "smooth", **more: Any) -> JobSpec:
    """Of the recording, with its evidence in `folder`/e and its viewing copy in `folder`/out.mkv."""
    evidence = more.pop("evidence", Evidence(str(folder / "e")))
    # The record has the viewing copy's hash, and x264 does not repeat itself on processors with AVX-512.
    output = OutputSpec(str(folder / "out.mkv"), **{"video_codec": "mpeg4", **more.pop("output", {})})
    source = InputSpec(str(path), **more.pop("input", {}))
    return JobSpec(inputs=[source], outputs=[output], filters=parse_chain(vf), evidence=evidence, **more)


def made(path: Path, folder: Path, vf: str = "smooth", **more: Any) -> dict[str, Any]:
    """The record of evidence that was made."""
    build_job(job(path, folder, vf, **more)).run()
    found: dict[str, Any] = json.loads((folder / "e" / "evidence.json").read_text(encoding="utf-8"))
    return found
