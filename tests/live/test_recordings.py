"""Recordings of a real RTSP camera miss nothing: bursts and disks that stop cost no picture while there is room."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from streamfix.chainspec import FilterSpec
from streamfix.jobs import Job, JobSpec, build_job
from streamfix.live.policy import LivePolicy
from streamfix.media.specs import InputSpec, OutputSpec
from tests.fakes.rtsp_camera import RtspCamera
from tests.fakes.waiting import LONG_S, joined, until
from tests.media.make import times

POLICY = LivePolicy(on_lost="end", max_latency_s=0.05)


def recording(camera: RtspCamera, out: Path, filter: str = "", policy: LivePolicy = POLICY) -> Job:
    chain = [FilterSpec(filter)] if filter else []
    return build_job(JobSpec([InputSpec(camera.url)], [OutputSpec(str(out))], chain, device="cpu", live=policy))


@pytest.mark.slow
def test_a_burst_costs_no_picture(tmp_path: Path) -> None:
    """As of Wi-Fi: nothing for a second, then all at once."""
    with RtspCamera(count=75, pause=(20, 1.0)).serving() as camera:
        job = recording(camera, tmp_path / "out.mkv", "smooth")
        job.run()
    assert job.health is not None
    counts = job.health.report().counts
    assert (counts.received, counts.written, counts.dropped) == (75, 75, {})
    assert len(times(tmp_path / "out.mkv")) == 75


@pytest.mark.slow
def test_a_disk_that_stops_costs_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the header and nothing more until the camera has sent all."""
    write, goes_on = os.pwrite, threading.Event()

    def slow(descriptor: int, data: Any, at: int) -> int:
        assert at < 2000 or goes_on.wait(LONG_S)
        return write(descriptor, data, at)

    monkeypatch.setattr(os, "pwrite", slow)
    with RtspCamera(count=60).serving() as camera:
        job = recording(camera, tmp_path / "out.mkv")
        thread = threading.Thread(target=job.run)
        thread.start()
        until(lambda: len(camera.sent) == 60)
        goes_on.set()
        joined(thread)
    assert job.health is not None
    counts = job.health.report().counts
    assert (counts.received, counts.written, counts.dropped) == (60, 60, {})
    assert len(times(tmp_path / "out.mkv")) == 60
