"""What a stream's camera sees: told in events, status, metrics and notices, and known after a restart."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamfix.apps.daemon.config.config import DaemonConfig
from streamfix.apps.daemon.config.health import HealthConfig
from streamfix.apps.daemon.config.spec import StreamConfig, read_stream
from streamfix.apps.daemon.engine.camera_sight import CameraSight
from streamfix.apps.daemon.engine.watch import _state_of
from streamfix.apps.daemon.http.metrics import Metrics
from streamfix.apps.daemon.http.models import StreamStatus
from streamfix.apps.daemon.notices.mqtt import Mqtt
from streamfix.apps.daemon.notices.notice import Notice, Observer, StreamState
from streamfix.frame import Frame, PixelFormat, Planes
from streamfix.health import Limits
from tests.apps.daemon.test_config import complaints, read, stream
from tests.health.scene import Luma, Street

FORMAT = PixelFormat("yuv420p", "yuv", 8, 1, 1)
COLOUR = np.full((90, 160), 140, np.uint8)
SETTINGS = HealthConfig(learn_s=60.0)


def config(**more: Any) -> StreamConfig:
    body = {"name": "yard", "input": "rtsp://cam.example/a", "outputs": ["rtsp://out.example/a"], **more}
    found, _, problems = read_stream(body, {})
    assert problems == []
    return found


def frame(luma: Luma) -> Frame:
    return Frame(Planes(FORMAT, 320, 180, (luma, COLOUR, COLOUR)), 0, Fraction(1, 25))


class Camera:
    """A sight with the street in front of it. told: of its events."""

    def __init__(self, folder: Path | None, stream: StreamConfig | None = None, at_s: float = 0.0) -> None:
        self.stream = stream or config()
        self.settings = SETTINGS
        self.sight = CameraSight("yard", lambda: self.settings, folder)
        self.street, self.at_s = Street(), at_s
        self.told: list[tuple[str, str]] = []
        self.watched = self.sight.begin(self.stream, self.stream.privacy, lambda *event: self.told.append(event))

    def show(self, seconds: int, **how: Any) -> None:
        for _ in range(seconds):
            self.sight.see(frame(self.street.picture(**how)), self.at_s)
            self.at_s += 1


def covered(luma: Luma) -> Luma:
    return np.full_like(luma, 70)


class OfStreams:
    """What metrics and the watch ask of a stream."""

    def __init__(self, camera: Camera) -> None:
        from streamfix.apps.daemon.engine.stream import ManagedStream

        self.made = ManagedStream(camera.stream, lambda config: pytest.fail("nothing runs here"))
        self.made.sight = camera.sight
        self.streams = [self.made]

    def nodes(self) -> list[Any]:
        return []

    @property
    def admission(self) -> Any:
        from streamfix.apps.daemon.load.admission import Admission

        return Admission(2.0, 0.9)


def test_a_cover_is_told_everywhere_once_and_so_is_its_end() -> None:
    camera = Camera(None)
    camera.show(130)
    source, observer, notices = OfStreams(camera), Observer(0.0), list[Notice]()

    def look() -> str:
        notices.extend(observer.look([_state_of(each) for each in source.streams], camera.at_s, 1000.0 + camera.at_s))
        return Metrics(source).text().decode()

    assert 'streamfix_health{kind="covered",stream="yard"} 0.0' in look()
    camera.show(20, doing=covered)
    for _ in range(3):
        text = look()
    assert 'streamfix_health{kind="covered",stream="yard"} 1.0' in text
    assert 'streamfix_health{kind="moved",stream="yard"} 0.0' in text
    status = StreamStatus(**source.made.status())  # type: ignore[arg-type]
    assert status.health is not None
    assert [each.kind for each in status.health.faults] == ["covered"]
    camera.show(20)
    for _ in range(3):
        text = look()
    assert 'streamfix_health{kind="covered",stream="yard"} 0.0' in text
    ((kind, begins), (_, ends)) = camera.told
    assert (kind, begins, ends) == ("sight", f"{begins}", f"over: {begins}")
    assert begins.startswith("the view is covered (")
    assert [(n.state, n.fault, n.text) for n in notices if n.fault] == [
        ("faulty", "covered", f"yard: faulty: {begins}"),
        ("mended", "covered", f"yard: mended: {begins}"),
    ]


def test_what_is_well_is_no_news_and_a_removed_stream_takes_its_faults_along() -> None:
    observer = Observer(10.0)
    well = StreamState("yard", "running", "", 0.0, 20.0)
    ill = replace(well, faults={"moved": ("the camera was moved", 5.0)})
    assert [n for n in observer.look([well], 0.0, 0.0) if n.fault] == []
    (begun,) = observer.look([ill], 1.0, 1.0)  # at once: it has lasted already
    assert begun.as_json() | {"host": ""} == {
        "text": "yard: faulty: the camera was moved",
        "stream": "yard",
        "state": "faulty",
        "before": "well",
        "reason": "the camera was moved",
        "since": 5.0,
        "at": 1.0,
        "fault": "moved",
        "host": "",
    }
    assert observer.look([ill], 2.0, 2.0) == []
    assert [(n.state, n.fault, n.news) for n in observer.look([], 3.0, 3.0)] == [("removed", "moved", False)]


def test_each_fault_has_a_topic_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("paho.mqtt")
    sent: list[tuple[str, str]] = []
    client = Mqtt("mqtt://broker.example/cams")
    monkeypatch.setattr(client, "_client", object())
    monkeypatch.setattr(Mqtt, "_publish", staticmethod(lambda client, topic, text: sent.append((topic, text))))
    client.send(Notice("yard", "faulty", "well", "the camera was moved", 1.0, 2.0, fault="moved"))
    client.send(Notice("yard", "removed", "well", "", 1.0, 2.0, fault="moved"))
    client.send(Notice("yard", "well", "lost", "", 1.0, 2.0))
    assert [topic for topic, _ in sent] == ["cams/yard/health/moved", "cams/yard/health/moved", "cams/yard"]
    assert [bool(text) for _, text in sent] == [True, False, True]


def test_what_it_usually_sees_outlasts_the_daemon(tmp_path: Path) -> None:
    first = Camera(tmp_path / "sight")
    first.show(130)
    first.sight.save()
    again = Camera(tmp_path / "sight", at_s=1e6)  # another machine's uptime
    again.show(15, doing=covered)
    assert [text.partition(" (")[0] for _, text in again.told] == ["the view is covered"]
    assert oct((tmp_path / "sight").stat().st_mode)[-3:] == "700"
    again.sight.forget()
    assert list((tmp_path / "sight").iterdir()) == []


@pytest.mark.parametrize("other", [{"input": "rtsp://cam.example/b"}, {"zones": {"door": "0 0, 0.5 0, 0.5 1"}}])
def test_a_reference_of_another_view_or_before_a_zone_is_deleted(other: dict[str, Any], tmp_path: Path) -> None:
    first = Camera(tmp_path)
    first.show(130)
    first.sight.save()
    assert len(list(tmp_path.iterdir())) == 1
    again = Camera(tmp_path, config(**other))
    assert list(tmp_path.iterdir()) == []
    again.show(15, doing=covered)
    assert again.told == []


def test_it_can_be_switched_off_for_one_stream_or_all() -> None:
    assert not Camera(None, config(health=False)).watched
    camera = Camera(None)
    camera.settings = replace(SETTINGS, enabled=False)
    camera.show(5, doing=lambda luma: luma * 0)
    assert (camera.told, camera.sight.verdict, camera.sight.status()) == ([], None, None)


def test_other_limits_count_at_once_and_what_was_learnt_stays() -> None:
    camera = Camera(None)
    camera.show(130)
    camera.settings = replace(SETTINGS, covered_s=40.0)
    camera.show(30, doing=covered)
    assert camera.told == []
    camera.show(20, doing=covered)
    assert len(camera.told) == 1


# -- the configuration


def test_the_table_of_health_is_read(tmp_path: Path) -> None:
    text = '[health]\nenabled = false\ndefocused = "90s"\ncovered_share = 0.5\n' + stream("health = false")
    made = read(tmp_path, text)
    assert (made.health.enabled, made.health.limits) == (False, Limits(defocused_s=90.0, covered_share=0.5))
    assert not made.streams[0].health
    assert DaemonConfig().health.limits == Limits()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[health]\ncoverd_share = 0.5\n", "did you mean 'covered_share'"),
        ("[health]\ncovered_share = 7\n", "it takes a number from 0.05 to 1"),
        ("[health]\ndirty = 'soon'\n", "it takes a time above 0"),
    ],
)
def test_wrong_limits_are_told(text: str, says: str, tmp_path: Path) -> None:
    (line,) = complaints(tmp_path, text + stream(""))
    assert says in line


@pytest.mark.parametrize("value", ["[0, 0, 1]", '"0 0 1 one"', "[0.5, 0, 0.4, 1]", "[0, 0, 2, 1]", "3"])
def test_a_wrong_box_is_told(value: str, tmp_path: Path) -> None:
    (line,) = complaints(tmp_path, stream(f"overlays = {{clock = {value}}}"))
    assert "box 'clock': it takes left, top, right and bottom, from 0 to 1" in line


def test_boxes_are_a_table_by_name(tmp_path: Path) -> None:
    (made,) = read(tmp_path, stream("overlays = {clock = [0.02, 0.02, 0.4, 0.08]}")).streams
    assert made.overlays == {"clock": "0.02 0.02 0.4 0.08"}
    again, _, problems = read_stream(made.as_mapping(), {})
    assert (again.overlays, problems) == (made.overlays, [])
