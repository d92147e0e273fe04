"""A stream that has ended, in whatever way, leaves no thread, no file and nothing of libav; no collector is needed.

A daemon changes its streams for months. What waits for Python's collector of cycles, which counts objects of Python and
knows nothing of the megabytes and threads of an encoder, adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streamfix.apps.daemon.access.secrets import Secrets
from streamfix.apps.daemon.access.urls import Allowed
from streamfix.apps.daemon.config.config import DaemonConfig
from streamfix.apps.daemon.config.problems import ConfigError
from streamfix.apps.daemon.config.spec import OutputConfig, StreamConfig
from streamfix.apps.daemon.config.trial import Ground, try_stream
from streamfix.apps.daemon.engine.supervisor import Supervisor
from streamfix.apps.daemon.load.costs import FrameCost
from streamfix.apps.daemon.load.sample_encoder import SampleEncoder
from streamfix.jobs import Job
from streamfix.live.backoff import Backoff
from streamfix.live.camera.connection import Connection
from streamfix.live.camera.source import LiveSource
from streamfix.live.outputs.fanout import Fanout
from streamfix.live.outputs.outlet import Outlet
from streamfix.media.input.decoder import VideoDecoder
from streamfix.media.input.reader import Reader
from streamfix.media.output.encoder import VideoEncoder
from streamfix.media.output.made_up import blank_frame
from streamfix.media.output.muxer import Muxer
from streamfix.media.output.writer import Writer
from streamfix.media.specs import OutputSpec
from streamfix.pipeline import Pipeline
from tests.apps.daemon.engine import INFO
from tests.fakes.kept import Kept, kept
from tests.fakes.rtsp_camera import RtspCamera
from tests.fakes.waiting import LONG_S, until

KINDS = (Job, Pipeline, LiveSource, Connection, Reader, VideoDecoder, Fanout, Outlet, Writer, Muxer, VideoEncoder)
Begin = Callable[..., Supervisor]


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    with RtspCamera(stamped_fps=25, sent_fps=50).serving() as camera:
        yield camera


@pytest.fixture
def begin(camera: RtspCamera, tmp_path: Path) -> Iterator[Begin]:
    """Starts a daemon's engine with one stream of the camera; drains it in the end."""
    made: list[Supervisor] = []

    def begin(folder: Path = tmp_path, read: Callable[[], DaemonConfig] | None = None, **fields: Any) -> Supervisor:
        supervisor = Supervisor(
            config_of(camera, folder, **fields),
            read,
            measure=lambda *_: FrameCost(0.0),
            capacity=2.0,
            backoff_s=(0.0,),
        )
        made.append(supervisor)
        supervisor.open()
        return supervisor

    yield begin
    for supervisor in made:
        assert supervisor.drain(LONG_S)


def config_of(camera: RtspCamera, folder: Path, crf: str = "30", **fields: Any) -> DaemonConfig:
    options = {"segment_time": "1", "reset_timestamps": "1", "strftime": "1"}
    recording = OutputConfig(
        f"{folder}/yard_%H%M%S.mkv",
        format="segment",
        options=options,
        video_options={"preset": "ultrafast", "crf": crf, "threads": "3"},
    )
    given: dict[str, Any] = {"filters": "smooth", "max_latency_s": 5.0, "ladder": (), "transport": "tcp", **fields}
    stream = StreamConfig("yard", camera.url, (recording,), **given)
    return DaemonConfig(allow_folders=(folder,), allow_private=True, device="cpu", streams=(stream,))


def shown(supervisor: Supervisor, count: int = 5) -> None:
    """Wait for so many pictures of the present run."""
    until(lambda: int(str(supervisor.get("yard")["written"])) >= count, "pictures")


def test_what_ends_with_its_stream(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = begin(enabled=False)
    supervisor.start("yard")  # what is loaded once, stays
    shown(supervisor)
    supervisor.stop("yard")
    with kept(monkeypatch, *KINDS) as found:
        supervisor.start("yard")
        shown(supervisor)
        assert found.alive.keys() == {kind.__name__ for kind in KINDS}
        supervisor.stop("yard")
        found.are_gone()


def test_what_ends_when_a_stream_is_changed(
    camera: RtspCamera, begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trial of the new configuration included."""
    crf = ["30"]
    supervisor = begin(read=lambda: config_of(camera, tmp_path, crf[0]))
    shown(supervisor)

    def changed(to: str) -> None:
        crf[0] = to
        assert supervisor.reload().restart == ("yard",)
        shown(supervisor)

    changed("31")
    with kept(monkeypatch, *KINDS) as found:
        for each in ("32", "33"):
            changed(each)
        present = dict.fromkeys((kind.__name__ for kind in KINDS), 1)
        until(lambda: found.alive == present, "the present run's objects, one of each")
        until(lambda: not found.more, "no more threads, files and contexts than before")


def test_what_ends_when_a_camera_is_lost(begin: Begin, camera: RtspCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends each connection after a moment, in the middle of a picture."""
    monkeypatch.setattr(Backoff, "next_s", lambda self, **_: 0.0)
    supervisor = begin()
    shown(supervisor)
    with kept(monkeypatch, Connection, Reader, VideoDecoder) as found:
        camera.count = 10
        until(lambda: found.count >= 9, "three connections more")
        until(lambda: max(found.alive.values(), default=0) <= 1, "one of each at most")


def test_what_ends_when_an_output_fails(begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    supervisor = begin(folder, enabled=False)
    supervisor.start("yard")
    shown(supervisor)
    supervisor.stop("yard")
    with kept(monkeypatch, *KINDS) as found:
        supervisor.start("yard")
        shown(supervisor)
        before = found.count
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        until(lambda: supervisor.stream("yard").state == "degraded", "the next segment cannot be made")
        until(lambda: found.count > before, "another attempt")
        supervisor.stop("yard")
        found.are_gone()


@pytest.mark.parametrize("problem", [{}, {"video_options": {"crf": "nine"}}], ids=str)
def test_what_a_trial_leaves(
    problem: dict[str, Any], camera: RtspCamera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(camera, tmp_path)
    stream = config.streams[0]
    stream = replace(stream, outputs=(replace(stream.outputs[0], **problem),), audio_codec="aac")
    ground = Ground(Secrets({}), Allowed(folders=(tmp_path,), private=True), "cpu")

    def tried() -> bool:
        try:
            try_stream(stream, ground).close()
        except ConfigError:
            return False
        return True

    tried()  # what is found out once, is kept
    with kept(monkeypatch, Muxer, VideoEncoder) as found:
        assert tried() == (not problem)
        assert found.count
        found.are_gone()


def test_what_a_measurement_of_its_cost_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured() -> None:
        frame = blank_frame(INFO)
        with SampleEncoder(OutputSpec("rtsp://m/yard"), INFO, frame) as encoder:
            encoder.encode(frame)
            encoder.flush()

    measured()
    with kept(monkeypatch, Muxer, VideoEncoder) as found:
        measured()
        found.are_gone()


def test_the_law_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.itself = self

    with kept(monkeypatch, Cycle) as found:
        Cycle()
        assert isinstance(found, Kept)
        assert found.alive == {"Cycle": 1}
