"""Real streams: cameras at localhost, a real filter, recordings that can be played; what is done to one, others do not
notice."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest

from streamfix.apps.daemon.config.config import DaemonConfig, OutputConfig, StreamConfig
from streamfix.apps.daemon.engine.supervisor import Supervisor
from streamfix.apps.daemon.load.costs import FrameCost
from tests.apps.daemon.camera import SIZE, Camera, film
from tests.fakes.waiting import until


@pytest.fixture
def cameras() -> Iterator[list[Camera]]:
    shown = film(750)
    made = [Camera(shown) for _ in range(3)]
    yield made
    for camera in made:
        camera.close()


def stream(name: str, url: str, folder: Path, filters: str = "smooth") -> StreamConfig:
    output = OutputConfig(str(folder / f"{name}.mkv"), overwrite=True, video_options={"preset": "ultrafast"})
    return StreamConfig(name, url, (output,), filters, input_format="mpegts", max_latency_s=5.0, ladder=())


def test_cameras_are_restored_and_recorded_side_by_side(cameras: list[Camera], tmp_path: Path) -> None:
    nobody = socket.create_server(("127.0.0.1", 0))
    closed_port = nobody.getsockname()[1]
    nobody.close()
    a, b = (stream(name, camera.url, tmp_path) for name, camera in zip("ab", cameras, strict=False))
    away = stream("away", f"tcp://127.0.0.1:{closed_port}", tmp_path)
    lost = stream("lost", cameras[2].url, tmp_path / "no_such_folder")
    config = DaemonConfig(allow_folders=(tmp_path,), allow_schemes=("tcp",), device="cpu", streams=(a, b, away, lost))
    changed = replace(config, streams=(a, replace(b, filters="")))
    measured: list[str] = []

    def measure(spec: object, info: object) -> FrameCost:
        measured.append(str(info))
        return FrameCost(0.001, 0.001)

    supervisor = Supervisor(config, lambda: changed, measure=measure, capacity=2.0)
    supervisor.open()
    try:
        for name in "ab":
            until(lambda name=name: int(str(supervisor.get(name)["written"])) >= 10, f"pictures of {name}")  # type: ignore[misc]
        until(lambda: supervisor.stream("lost").state == "degraded")
        status = {str(s["name"]): s for s in supervisor.list()}
        assert {n: s["state"] for n, s in status.items()} == {
            "a": "running",
            "b": "running",
            "away": "starting",
            "lost": "degraded",
        }
        assert "refused" in str(status["away"]["reason"])
        assert "there is no directory" in str(status["lost"]["reason"])
        assert status["a"]["size"] == list(SIZE)
        assert (status["a"]["rung"], status["a"]["rung_name"]) == (0, "smooth")
        assert len(measured) == 1, "streams of one kind cost the same"
        latest = supervisor.latest("a")
        assert latest is not None
        assert [(f.width, f.height) for f in latest] == [SIZE, SIZE]
        stages = supervisor.stream("a").record.stages
        assert {"restore", "encode"} <= set(stages)
        run_of_a = supervisor.stream("a")._health

        done = supervisor.reload()
        assert (done.keep, done.restart, done.remove) == (("a",), ("b",), ("away", "lost"))
        before = int(str(supervisor.get("a")["written"]))
        until(lambda: int(str(supervisor.get("b")["written"])) >= 5, "pictures of b after its change")
        until(lambda: int(str(supervisor.get("a")["written"])) > before, "pictures of a")
        assert supervisor.stream("a")._health is run_of_a, "it never knew"
        assert supervisor.get("b")["rung_name"] == "pass-through"
    finally:
        finished = supervisor.drain(30.0)
    assert finished
    for name in "ab":
        report = supervisor.stream(name).report
        assert report is not None
        assert (report.state, report.counts.in_flight) == ("stopped", 0), "every frame is accounted for"
        with av.open(str(tmp_path / f"{name}.mkv")) as recording:
            assert sum(1 for _ in recording.decode(video=0)) == report.counts.written
    assert len(supervisor._shared.pool()) == 0, "all filters were given back"
