"""A stream's health: every frame is counted, and the state follows from what the parts tell."""

from __future__ import annotations

import re
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.errors import InputError, UsageError
from streamfix.live.health import Event, Health
from streamfix.live.policy import LivePolicy, is_live
from tests.fakes.clock import Clock
from tests.fakes.waiting import LONG_S, joined


@given(
    written=st.integers(0, 30),
    late=st.integers(0, 30),
    dropped=st.dictionaries(st.text(), st.integers(0, 9)),
    damaged=st.integers(0, 9),
)
def test_every_frame_told_of_is_counted(written: int, late: int, dropped: dict[str, int], damaged: int) -> None:
    health = Health()
    total = written + late + sum(dropped.values()) + 2
    for i in range(total):
        health.received(damaged=i < damaged)
    for i in range(written + late):
        health.written(0.1, late=i < late)
    for reason, count in dropped.items():
        health.dropped(reason, count)
    health.stood_in()
    report = health.report()
    assert report.counts.in_flight == 2
    assert (report.counts.received, report.counts.written, report.counts.late) == (total, written + late, late)
    assert report.counts.dropped_total == sum(dropped.values())
    assert report.counts.damaged == min(damaged, total)
    assert report.counts.standing_in == 1


def test_counting_from_many_threads_loses_nothing() -> None:
    health = Health()

    def count() -> None:
        for _ in range(2000):
            health.received()
            health.written(0.01)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    joined(*threads)
    assert health.report().counts.received == health.report().counts.written == 8000


def test_the_state_follows_the_parts() -> None:
    health = Health("yard")
    assert health.report().state == "starting"
    health.lost("connection refused")
    assert (health.report().state, health.report().reason) == ("starting", "connection refused")
    health.connected()
    assert (health.report().state, health.report().reconnects) == ("running", 0)
    health.stepped(0, "denoise", "")
    assert health.report().state == "running"
    health.stepped(1, "smooth", "60 ms a frame of 40")
    assert health.report().state == "degraded"
    assert "smooth" in health.report().reason
    health.lost("no picture for 20 s")
    assert (health.report().state, health.report().reason) == ("reconnecting", "no picture for 20 s")
    health.connected()
    assert (health.report().state, health.report().reconnects) == ("degraded", 1)
    health.stepped(0, "denoise", "calm for 10 s")
    health.output(0, "rec.mp4", "no space left")
    assert health.report().state == "degraded"
    assert health.report().reason == "rec.mp4: no space left"
    health.output(0, "rec.mp4", "")
    assert health.report().state == "running"
    health.ended()
    health.connected()
    assert health.report().state == "stopped"


def test_the_next_try_is_known_while_one_is_waited_for() -> None:
    health = Health("yard")
    assert health.report().next_try_s is None
    health.lost("timed out", 60)
    assert health.report().next_try_s == pytest.approx(time.time() + 60, abs=LONG_S)
    health.trying()
    assert health.report().next_try_s is None
    for end in (health.connected, health.ended):
        health.lost("timed out", 60)
        end()
        assert health.report().next_try_s is None
    told: list[Event] = []
    health = Health("yard", on_event=told.append)
    for _ in range(2):
        health.lost("wrong password", 120, tell_when=True)
    assert len(told) == 2
    assert all(re.fullmatch(r"wrong password; the next try is at \d\d:\d\d:\d\d", event.text) for event in told)
    assert health.report().reason == "wrong password"


def test_an_error_is_final_and_names_itself() -> None:
    health = Health()
    health.connected()
    health.ended(InputError("cam: gone for good"))
    assert (health.report().state, health.report().reason) == ("error", "cam: gone for good")


def test_events_are_told_once_and_kept() -> None:
    told: list[Event] = []
    health = Health("yard", on_event=told.append)
    for _ in range(3):
        health.lost("timed out")
    health.connected()
    health.lost("timed out")
    kinds = [event.kind for event in told]
    assert kinds == ["lost", "connect", "state", "lost", "state"]
    assert list(health.events) == told


def test_latency_is_of_the_last_frames() -> None:
    health = Health()
    for _ in range(600):
        health.written(9.0)
    for i in range(512):
        health.written(0.001 * (i % 100))
    latency = health.report().latency_s
    assert latency["p50"] == pytest.approx(0.05, abs=0.003)
    assert latency["max"] == pytest.approx(0.099)


def test_fps_is_of_the_last_five_seconds() -> None:
    clock = Clock()
    health = Health(clock=clock)
    for rate in [10] * 300 + [25] * 300:
        clock.now_s += 1 / rate
        health.written(None)
    clock.now_s += 0.04
    assert health.report().fps == pytest.approx(25, rel=0.02)
    clock.now_s += 6
    assert health.report().fps == 0


@pytest.mark.parametrize(
    ("url", "format", "live"),
    [
        ("rtsp://cam/1", None, True),
        ("RTSP://cam/1", None, True),
        ("srt://:9000", None, True),
        ("udp://@239.0.0.1:1234", None, True),
        ("/dev/video0", "v4l2", True),
        ("in.mp4", None, False),
        ("C:film.mp4", None, False),
        ("https://host/list.m3u8", None, False),
        ("-", "mpegts", False),
    ],
)
def test_what_is_live_without_being_told(url: str, format: str | None, live: bool) -> None:
    assert is_live(url, format) is live


@pytest.mark.parametrize("bad", [{"max_latency_s": 0}, {"lost_after_s": float("inf")}, {"backoff_s": ()}])
def test_a_policy_that_cannot_be_names_the_value(bad: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(bad))):
        LivePolicy(**bad)  # type: ignore[arg-type]


def test_a_filter_that_hangs_is_seen() -> None:
    clock = Clock()
    health = Health(clock=clock)
    health.connected()
    for _ in range(30):
        clock.now_s += 1
        health.received()
        health.written(0.1)
    clock.now_s += 3600
    assert not health.report().stalled, "no frame has come"
    health.received()
    for _ in range(25):
        clock.now_s += 1
        health.received()
        health.dropped("overload")
    report = health.report()
    assert report.stalled
    assert (report.state, report.reason) == ("degraded", "frames come in, but none has come out for 25 s")
    health.written(0.1)
    assert not health.report().stalled
    assert health.report().state == "running"
