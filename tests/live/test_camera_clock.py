"""A camera's time of day counts if it can be, and what cannot be is told once."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

import pytest

from streamfix.errors import InputError
from streamfix.live.camera.camera_clock import TimeOfDay
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

    world.connect = connected  # type: ignore[method-assign]
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
