"""A job among others: its host is asked before anything is written, and told what the threads do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamfix.chainspec import parse_chain
from streamfix.errors import UsageError
from streamfix.frame import Frame, VideoInfo
from streamfix.jobs import Hosting, JobSpec, build_job
from streamfix.jobs.pool import FilterPool
from streamfix.live.health import Health
from streamfix.live.policy import LivePolicy
from streamfix.media.specs import InputSpec, OutputSpec
from tests.apps.material import write_clip

LIVE = LivePolicy(on_lost="end", max_latency_s=60.0, ladder=())
both = pytest.mark.parametrize("live", [None, LIVE], ids=["recorded", "live"])


def spec(folder: Path, live: LivePolicy | None) -> JobSpec:
    clip = write_clip(folder / "in.mkv", frames=5)
    output = OutputSpec(str(folder / "out.mkv"), video_codec="ffv1")
    return JobSpec((InputSpec(str(clip)),), (output,), parse_chain("smooth"), device="cpu", live=live)


@both
def test_the_host_is_asked_before_anything_is_written(tmp_path: Path, live: LivePolicy | None) -> None:
    asked: list[Any] = []

    def admit(info: VideoInfo) -> None:
        asked.append((info.width, info.height))
        assert not (tmp_path / "out.mkv").exists()
        raise UsageError("there is no room")

    pool = FilterPool("cpu")
    with pytest.raises(UsageError, match="there is no room"):
        build_job(spec(tmp_path, live), Hosting(pool=pool, opening=asked.append, admit=admit))
    assert len(asked) == 2
    assert callable(asked[0].stop), "the source comes first, so that it can be stopped"
    assert asked[1] == (48, 32)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]
    assert len(pool) == 0, "filters are given back"


@both
def test_the_host_is_told_what_threads_do(tmp_path: Path, live: LivePolicy | None) -> None:
    told: list[tuple[str, Any, float]] = []
    pool, health = FilterPool("cpu"), Health("yard")
    job = build_job(spec(tmp_path, live), Hosting(health, pool, worked=lambda *what: told.append(what)))
    assert len(pool) == 1
    job.run()
    assert len(pool) == 0
    frames = {name: sum(isinstance(item, Frame) for n, item, _ in told if n == name) for name in ("restore", "encode")}
    if live is None:
        assert frames == {"restore": 5, "encode": 5}
    else:
        assert job.health is health
        report = health.report()
        assert frames["encode"] == report.counts.written > 0
        assert (report.state, report.counts.in_flight) == ("stopped", 0)
    assert all(seconds >= 0 for _, _, seconds in told)
