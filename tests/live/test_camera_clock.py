"""A camera's clock counts if it can be right: its time of day, and the speed of its timestamps. The rest is told."""

from __future__ import annotations

import random
from datetime import datetime
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.errors import InputError
from streamfix.frame import Frame
from streamfix.live.camera.camera_clock import ClockRate, TimeOfDay
from tests.live.cameras import Script, World, frames

NOW_S = 1.6e9


@pytest.mark.parametrize(
    ("taken_s", "told"),
    [
        (NOW_S - 0.3, ""),
        (NOW_S + 9.9, ""),
        (
            5.0,
            "the camera's clock says 1970-01-01 00:00:05 UTC, 50.7 years behind this machine's; times are this "
            "machine's",
        ),
        (NOW_S + 3600, "2020-09-13 13:26:40 UTC, 1.0 h ahead of this machine's"),
        (NOW_S - 20, "20.0 s behind this machine's"),
        (-3e9, "1874-12-07"),
        (1e18, "ahead of this machine's"),
        (float("nan"), "nan"),
    ],
)
def test_what_cannot_be_is_not_believed_and_told_once(taken_s: float, told: str) -> None:
    said: list[str] = []
    clock = TimeOfDay(said.append, lambda: NOW_S)
    found = [clock.believed(taken_s) for _ in range(3)]
    assert found == [taken_s if not told else None] * 3
    assert len(said) == bool(told)
    assert told in "".join(said)


def test_a_clock_that_is_set_right_is_believed_again() -> None:
    said: list[str] = []
    clock = TimeOfDay(said.append, lambda: NOW_S)
    assert [clock.believed(t) for t in (NOW_S + 3600, NOW_S, None, NOW_S + 3600)] == [None, NOW_S, None, None]
    assert [s.partition(",")[0][:38] for s in said] == [
        "the camera's clock says 2020-09-13 13:",
        "the camera's clock agrees with this ma",
        "the camera's clock says 2020-09-13 13:",
    ]


def test_a_picture_that_has_waited_here_is_older() -> None:
    clock = TimeOfDay(pytest.fail, lambda: NOW_S)
    assert clock.believed(NOW_S - 25, age_s=20) == NOW_S - 25


@pytest.mark.parametrize(("camera_s", "believed"), [(1.6e9 + 99.5, True), (0.0, False), (1.6e9 + 3700, False)])
def test_a_recording_is_dated_by_a_clock_that_can_be(camera_s: float, believed: bool) -> None:
    world = World([Script(frames(3), hangs=True)])
    real_open = world.open

    def open(*args: object, **kwargs: object) -> object:
        reader = real_open(*args, **kwargs)  # type: ignore[arg-type]
        reader.wall_start_s = camera_s
        return reader

    world.open = open  # type: ignore[method-assign]
    connect = world.connect

    def connected(opening: object) -> object:
        made = connect(opening)  # type: ignore[arg-type]
        made.wall_start_s = camera_s
        return made

    world.connect = connected  # type: ignore[method-assign, assignment]
    source = world.source()
    source.open()
    dated = datetime.fromisoformat(source.metadata["creation_time"]).timestamp()
    assert dated == pytest.approx(camera_s if believed else 1.6e9 + 100.0)
    told = [event.text for event in world.health.events if event.kind == "clock"]
    assert len(told) == (not believed)
    source.close()


def test_t_ends_a_run_whose_camera_never_answers() -> None:
    refused = InputError("rtsp://cam/1: Connection refused")
    world = World([Script(refused=refused) for _ in range(100)])
    source = world.source(duration_s=Fraction(12))
    with pytest.raises(InputError, match=r"rtsp://cam/1: no picture came in the 12 s of -t: .*Connection refused"):
        source.open()
    source.close()
    assert 12 <= world.now_s - 100.0 <= 15
    assert len(world.attempts) < 20


def test_a_camera_that_answers_late_is_still_taken() -> None:
    world = World([Script(frames(10), opens_after_s=3.0, hangs=True)])
    source = world.source(duration_s=Fraction(4))
    source.open()
    assert source.info.width == 32
    source.close()


class Sent:
    """What a camera sends, with a network that delays each packet for a while and now and then keeps all for longer.

    right: output times. wall: when each came. told: what was said, and when.
    """

    def __init__(self, seed: int = 1, delay_s: float = 0.05, burst_s: float = 0.0) -> None:
        self.told: list[tuple[float, str]] = []
        self.rate = ClockRate(lambda text: self.told.append((self.wall[-1], text)))
        self.right: list[float] = []
        self.wall: list[float] = [0.0]
        self._random, self._delay_s, self._burst_s = random.Random(seed), delay_s, burst_s
        self._sent_s = self._stamp_s = 0.0

    def send(self, seconds: float, stamped_fps: float, sent_fps: float) -> Sent:
        for _ in range(round(seconds * sent_fps)):
            self._sent_s += 1 / sent_fps
            self._stamp_s += 1 / stamped_fps
            came_s = self._sent_s + self._random.expovariate(1 / self._delay_s)
            if (held_s := self._burst_s - self._sent_s % 20) > 0:
                came_s = max(came_s, self._sent_s + held_s)
            self.wall.append(max(self.wall[-1], came_s))
            stamp = Fraction(round(self._stamp_s * 90000), 90000)
            self.right.append(float(self.rate.right(stamp, Fraction(round(self.wall[-1] * 1e6), 1_000_000))))
        return self


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.floats(0.001, 0.3), st.floats(0, 4), st.sampled_from([5.0, 12.5]))
def test_a_clock_that_keeps_time_is_left_alone(seed: int, delay_s: float, burst_s: float, fps: float) -> None:
    """Whatever the network does to the packets."""
    sent = Sent(seed, delay_s, burst_s).send(150, fps, fps)
    assert sent.told == []
    assert sent.rate.factor == 1
    assert sent.rate.kept
    assert sent.right == pytest.approx([n / fps + sent.right[0] for n in range(len(sent.right))], abs=1e-4)


@pytest.mark.parametrize("burst_s", [0.0, 3.0])
@pytest.mark.parametrize(("stamped", "sent"), [(25, 20), (15, 12), (25, 30), (25, 24.8), (10, 30)])
def test_a_clock_that_does_not_is_told_and_put_right(stamped: float, sent: float, burst_s: float) -> None:
    camera = Sent(burst_s=burst_s).send(350, stamped, sent)
    advance = sent / stamped
    assert len(camera.told) == 1
    at_s, text = camera.told[0]
    assert at_s < (40 if abs(advance - 1) > 0.05 and not burst_s else 150)
    assert float(text.split()[2]) == pytest.approx(advance, abs=0.02)
    assert "are put right from here on" in text
    assert not camera.rate.kept
    assert camera.right == sorted(camera.right)
    steps = [b - a for a, b in zip(camera.right, camera.right[1:], strict=False)]
    assert steps[-1] == pytest.approx(1 / sent, rel=2e-3), "a picture is shown as long as it takes to send one"
    assert max(steps) < 1.1 * max(1 / sent, 1 / stamped), "nothing jumps"


def test_a_clock_that_is_right_again_is_believed_again() -> None:
    camera = Sent().send(60, 25, 20).send(60, 25, 25)
    assert len(camera.told) == 2
    assert camera.told[1][1] == "timestamps advance as they should again"
    assert camera.rate.factor == 1


def test_changes_without_end_make_no_number_grow() -> None:
    camera = Sent()
    for _ in range(12):
        camera.send(30, 25, 20).send(30, 25, 25)
    assert len(camera.told) > 15
    last = camera.rate.right(Fraction(round(camera._stamp_s * 90000), 90000), Fraction(2000))
    assert last.denominator < 10**16


def test_the_next_connection_is_put_right_at_once() -> None:
    camera = Sent().send(60, 25, 20)
    before = camera.rate.factor
    camera.rate.restart()
    assert not camera.rate.kept
    first = camera.rate.right(Fraction(5), Fraction(1000))
    assert first == 5
    assert camera.rate.right(Fraction(6), Fraction(1001)) - first == before


def test_a_file_that_is_sent_as_fast_as_it_can_be_has_no_clock() -> None:
    camera = Sent(delay_s=0.001).send(60, 25, 250)
    assert camera.told == []
    assert camera.rate.factor == 1


@pytest.mark.parametrize("copied", [False, True])
def test_the_output_goes_on_with_this_machines_clock(copied: bool) -> None:
    """Of a camera that stamps 25 pictures a second and sends 20; -copyts keeps the camera's times."""
    given = [(n / 20, frame) for n, (_, frame) in enumerate(frames(20 * 70))]
    world = World([Script(given)])
    source = world.source(copy_timestamps=copied)
    shown = [item for item in source if isinstance(item, Frame)]
    source.close()
    last_s = (shown[-1].pts - shown[-400].pts) * shown[-1].time_base
    assert float(last_s) == pytest.approx(399 / (25 if copied else 20), rel=1e-3)
    assert shown[-1].duration * shown[-1].time_base == pytest.approx(0.04 if copied else 0.05, rel=1e-2)
    told = [event.text for event in world.health.events if event.kind == "clock"]
    if copied:
        assert told == []
    else:
        assert told == ["the camera's timestamps advance 0.800 s in each second; they are put right from here on (0:0)"]
