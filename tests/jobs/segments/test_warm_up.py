"""How near a segment that begins with a warm-up comes to the same pictures within the whole."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from streamfix.filters import FILTERS
from streamfix.filters.base import Filter
from streamfix.jobs import Resume
from tests.jobs.segments.material import job

SIZE = 160, 96
SECOND = Resume(Fraction(1))


def noisy_clip(path: Path, frames: int = 100, cut_at: int | None = None) -> Path:
    """A moving pattern, noise of 6 codes, a keyframe each second, losslessly. cut_at: another pattern from there."""
    random, (width, height) = np.random.default_rng(0), SIZE
    y, x = np.mgrid[:height, : width + frames].astype(np.float32)
    scenes = [120 + 50 * np.sin(x / 7) * np.cos(y / 9), 120 + 60 * np.sign(np.sin(x / 11 + y / 5))]
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"qp": "0", "preset": "ultrafast", "g": "25", "sc_threshold": "0"}
        for n in range(frames):
            scene = scenes[cut_at is not None and n >= cut_at][:, n : n + width]
            luma = np.clip(scene + random.normal(0, 6, scene.shape), 16, 235).astype(np.uint8)
            planes = np.concatenate([luma.reshape(-1), np.full(width * height // 2, 128, np.uint8)])
            frame = av.VideoFrame.from_ndarray(planes.reshape(-1, width), format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


def restored(source: Path, out: Path, chain: str, resume: Resume | None) -> list[Any]:
    job(source, out, chain, resume, video_options={"qp": "0", "preset": "ultrafast"}).run()
    with av.open(str(out)) as file:
        return [frame.to_ndarray().astype(np.float64) for frame in file.decode(video=0)]


def psnr(a: Any, b: Any) -> float:
    error = float(((a - b) ** 2).mean())
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


@pytest.fixture
def _forgetful_smooth(monkeypatch: pytest.MonkeyPatch) -> None:
    smooth: Any = FILTERS.get("smooth")
    own = {"save_state": Filter.save_state, "load_state": Filter.load_state, "__doc__": smooth.__doc__}
    monkeypatch.setattr(FILTERS, "_classes", {**FILTERS._classes, "hazy": type("Hazy", (smooth,), own)})


@pytest.mark.slow
@pytest.mark.usefixtures("_forgetful_smooth")
def test_the_seam_is_within_a_bound_that_the_warm_up_sets(tmp_path: Path) -> None:
    """The first picture of a segment differs from the whole's by so much, and the change across the seam shows none."""
    source = noisy_clip(tmp_path / "in.mp4")
    whole = restored(source, tmp_path / "whole.mkv", "hazy", None)
    worst = {}
    for count in (2, 8, 16, 32):
        found = restored(source, tmp_path / f"{count}.mkv", "hazy", replace(SECOND, warm_up=count))
        assert len(found) == len(whole)
        assert all(psnr(a, b) == math.inf for a, b in zip(found[:25], whole[:25], strict=True))
        worst[count] = min(psnr(found[at], whole[at]) for at in (25, 50, 75))
        steps = [[float(np.abs(f[at] - f[at - 1]).mean()) for at in (25, 50, 75)] for f in (found, whole)]
        if count == 32:
            assert max(abs(a - b) / b for a, b in zip(*steps, strict=True)) < 0.02
    assert worst[2] < worst[8] < worst[16]
    assert worst[16] > 56  # 48.9, 58.1, 63.6 and 63.7 dB when it was written
    assert worst[32] > 56


@pytest.mark.usefixtures("_forgetful_smooth")
def test_where_a_scene_begins_there_is_no_seam(tmp_path: Path) -> None:
    """Pictures bit for bit, without state or warm-up that would matter."""
    source = noisy_clip(tmp_path / "in.mp4", frames=40, cut_at=25)
    whole = restored(source, tmp_path / "whole.mkv", "hazy", None)
    found = restored(source, tmp_path / "apart.mkv", "hazy", replace(SECOND, warm_up=2))
    assert [psnr(a, b) for a, b in zip(found, whole, strict=True)] == [math.inf] * 40
