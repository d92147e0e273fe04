"""A live source: time only increases, each frame comes once, a lost camera comes back, nothing waits for ever."""

from __future__ import annotations

import gc
import os
import threading
import time
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.errors import Cancelled, InputError, UnknownName
from streamfix.frame import Frame
from streamfix.live.backoff import Backoff
from streamfix.live.camera.input import waits_for_a_sender
from streamfix.live.camera.source import LiveSource
from streamfix.live.health import Health
from streamfix.live.policy import LivePolicy
from streamfix.media.privacy.zones import Privacy, Zone
from streamfix.media.specs import InputSpec
from tests.fakes.waiting import LONG_S, until
from tests.live.cameras import BASE, TICKS, Script, ScriptedReader, World, frames


def ran(
    world: World, policy: LivePolicy | None = None, *, until_s: float = 1e9, url: str = "rtsp://cam/1"
) -> list[Any]:
    """What a source gives until the world's clock reaches so many seconds."""
    source = world.source(policy, url)
    items = []
    for item in source:
        items.append(item)
        if world.now_s >= until_s:
            source.stop()
    source.close()
    return items


def packets(items: list[Any]) -> list[Any]:
    return [item for item in items if isinstance(item, av.Packet)]


def shown(items: list[Any]) -> list[Frame]:
    return [item for item in items if isinstance(item, Frame)]


def real(items: list[Any]) -> list[Frame]:
    return [frame for frame in shown(items) if not frame.standing_in]


def ends(world: World, input: InputSpec, policy: LivePolicy, wanted_s: Fraction | None = None) -> list[Frame]:
    """What comes out of an input that has an end of its own."""
    source = LiveSource(
        *(input, policy, world.health),
        name="yard",
        wanted_s=wanted_s,
        open=world.open,
        connect=world.connect,
        clock=world.clock,
        pause=world.pause,
        random=lambda: 0.5,
    )
    world.made = source
    seen = shown(list(source))
    source.close()
    return seen


END = LivePolicy(on_lost="end")


# -- laws

connections = st.lists(
    st.builds(
        lambda count, first, ticks, wait, leap: Script(
            [
                item
                for i, (at_s, frame) in enumerate(frames(count, first, ticks=ticks))
                for item in (
                    (at_s, frame if i < count // 2 else Frame(frame.picture, frame.pts + leap, BASE, cut=frame.cut)),
                    (at_s, (frame.pts + (leap if i >= count // 2 else 0)) * 48 // 90),
                )
            ],
            opens_after_s=wait,
        ),
        count=st.integers(1, 12),
        first=st.integers(0, 1 << 33),
        ticks=st.sampled_from([1500, 3600, 9000]),
        wait=st.floats(0, 9),
        leap=st.sampled_from([0, 0, 90000 * 3600, -90000 * 3600, -90000 * 20, 90000 * 5]),
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None, max_examples=60)
@given(connections, st.sampled_from(["wait", "hold", "slate"]))
def test_times_increase_and_each_frame_comes_once(scripts: list[Script], on_lost: Any) -> None:
    expected = [item for script in scripts for _, item in script.items if isinstance(item, Frame)]
    firsts = [script.items[0][1].picture for script in scripts]
    world = World(scripts)
    items = ran(world, LivePolicy(on_lost=on_lost, backoff_s=(1, 2)))
    source = world.made
    assert [f.picture for f in real(items)] == [f.picture for f in expected]
    pts = [f.pts for f in shown(items)]
    assert pts == sorted(set(pts))
    assert {f.time_base for f in shown(items)} == {BASE}
    dts = [p.dts for p in packets(items)]
    assert dts == sorted(dts)
    report = world.health.report()
    assert report.counts.received == len(expected) == source.frames_read
    assert report.counts.standing_in == len(shown(items)) - len(expected)
    assert report.reconnects == len(firsts) - 1
    # Nothing that comes from a later connection, or from after a leap, continues what was before.
    assert [f.cut for f in real(items) if any(f.picture is p for p in firsts)] == [True] * len(firsts)


@settings(deadline=None, max_examples=30)
@given(st.floats(1, 200), st.integers(0, 1 << 33))
def test_a_gap_lasts_as_long_as_the_clock_on_the_wall_says(away_s: float, first: int) -> None:
    world = World([Script(frames(5)), Script(frames(5, first), opens_after_s=away_s)])
    before, after = (lambda f: (f[4], f[5]))(real(ran(world, LivePolicy(open_timeout_s=1e3))))
    passed_s = 1.0 + away_s  # the first wait, then the connecting
    assert after.time_s - before.time_s == pytest.approx(passed_s, abs=0.001)
    assert after.cut and not before.cut


@settings(deadline=None, max_examples=30)
@given(connections)
def test_the_first_item_is_at_0_whatever_the_cameras_clock_says(scripts: list[Script]) -> None:
    world = World(scripts)
    assert shown(ran(world))[0].pts == 0
    assert world.made.begin_s == 0


def test_the_first_connections_times_are_kept_where_that_is_asked_for() -> None:
    given_ = frames(6, 123456)
    world = World([Script(given_)])
    world.source(END, copy_timestamps=True)
    assert list(world.made) == [frame for _, frame in given_]


# -- what is lost comes back


def test_waits_get_longer_until_pictures_come() -> None:
    refused = [Script(refused=InputError("unauthorised")) for _ in range(5)]
    world = World([Script(frames(25)), *refused, Script(frames(25)), Script(frames(2)), Script(frames(2))])
    ran(world)
    waits = [b - a for a, b in pairwise(world.attempts)]
    assert waits[:6] == pytest.approx([0.96 + 1, 5, 10, 60, 60, 60], abs=0.11)
    assert waits[6:] == pytest.approx([0.96 + 1, 0.04 + 5, 0.04 + 10], abs=0.11)


def test_a_camera_that_is_off_is_looked_for_every_second() -> None:
    def off() -> Exception:
        error = InputError("connection refused")
        error.__cause__ = ConnectionRefusedError(111, "connection refused")
        return error

    world = World([Script(frames(25)), *(Script(refused=off()) for _ in range(50)), Script(frames(3))])
    ran(world)
    waits = [b - a for a, b in pairwise(world.attempts)]
    assert waits[1:51] == pytest.approx([1] * 50, abs=0.11)


def test_the_next_try_is_told_and_can_be_made_now() -> None:
    world = World([Script(refused=InputError("no picture")) for _ in range(4)] + [Script(frames(2), hangs=True)])
    source = world.source(LivePolicy(backoff_s=(600.0,)))
    for attempt in range(1, 5):
        while len(world.attempts) < attempt or world.health.report().next_try_s is None:
            source._camera.take(0.1)
        next_try_s = world.health.report().next_try_s
        assert next_try_s is not None and next_try_s - time.time() == pytest.approx(600, abs=LONG_S)
        source.retry()
    source.open()
    assert world.now_s - 100 < 5, "nobody waited ten minutes"
    assert world.health.report().next_try_s is None
    source.retry()
    assert len(list(zip(source, range(2), strict=False))) == 2, "a camera that is there is left alone"
    source.close()


@given(st.floats(0, 1, exclude_max=True))
def test_jitter_is_a_fifth(number: float) -> None:
    backoff = Backoff((1, 5), lambda: number)
    assert [backoff.next_s() / s for s in (1, 5, 5)] == pytest.approx([0.8 + 0.4 * number] * 3)


def test_an_error_is_the_reason_and_has_no_password() -> None:
    world = World([Script(frames(3), error=InputError("rtsp://me:secret@cam/1: timed out")), Script(hangs=True)])
    source = world.source()
    for _ in range(3):
        next(iter(source))
    while world.health.report().state != "reconnecting":
        source._camera.take(0.1)
    reason = world.health.report().reason
    assert "timed out" in reason and "secret" not in reason
    source.close()


def test_no_picture_for_long_is_a_lost_camera_even_if_sound_goes_on() -> None:
    sound = [(0.1 * i, 4800 * i) for i in range(1, 400)]
    world = World([Script(frames(3) + sound, hangs=True), Script(frames(3))])
    items = ran(world)
    assert len(real(items)) == 6
    assert world.attempts[1] - world.attempts[0] == pytest.approx(20 + 1, abs=0.3)


def test_its_end_is_an_end_where_asked_for_and_of_pipes() -> None:
    for policy, url in ((END, "rtsp://cam/1"), (LivePolicy(), "pipe:0"), (LivePolicy(), "clip.ts")):
        world = World([Script(frames(4)), Script(frames(4))])
        assert len(ran(world, policy, url=url)) == 4
        assert len(world.scripts) == 1


def test_a_pipe_that_breaks_off_is_a_failure() -> None:
    world = World([Script(frames(4), error=InputError("broke off"))])
    source = world.source(url="pipe:0")
    assert len(list(source)) == 4
    assert isinstance(source.failure, InputError)
    with pytest.raises(InputError, match="broke off"):
        source.close()


@pytest.mark.parametrize("error", [UnknownName("no demuxer of that name"), ValueError("a bug")])
def test_what_no_other_attempt_cures_is_raised_at_once(error: Exception) -> None:
    world = World([Script(refused=error)])
    with pytest.raises(type(error)):
        world.source().open()
    assert len(world.attempts) == 1


def test_a_camera_that_was_up_is_asked_again_whatever_it_answers() -> None:
    world = World([Script(frames(2)), Script(refused=ValueError("a bug")), Script(frames(2))])
    assert len(real(ran(world))) == 4


def test_until_the_first_picture_the_state_is_starting_with_the_reason() -> None:
    world = World([Script(refused=InputError("connection refused")), Script(frames(2))])
    source = world.source()
    source._camera.take(0.1)
    assert (world.health.report().state, world.health.report().reason) == ("starting", "connection refused")
    source.open()
    assert world.health.report().state == "running"
    source.close()


# -- time


@pytest.mark.parametrize("leap_s", [-3600, -11, 11.5, 86400])
def test_a_clock_that_is_set_moves_nothing(leap_s: float) -> None:
    leap = int(leap_s * 90000)
    late = [(s + 0.2, Frame(f.picture, f.pts + 5 * TICKS + leap, BASE)) for s, f in frames(5, 10**12)]
    early = frames(5, 10**12)
    sound = [(0.04 * i + 0.01, 10**12 * 48 // 90 + 1920 * i + (leap * 48 // 90 if i >= 5 else 0)) for i in range(10)]
    world = World([Script(sorted(early + late + sound, key=lambda x: x[0]))])
    items = ran(world, END)
    seen = shown(items)
    assert [f.pts - seen[0].pts for f in seen] == [TICKS * i for i in range(10)]
    assert [f.cut for f in seen] == [i in (0, 5) for i in range(10)]
    dts = [p.dts for p in packets(items)]
    assert [d - dts[0] for d in dts] == pytest.approx([1920 * i for i in range(10)], abs=1)


def test_a_camera_that_pauses_and_says_so_is_believed() -> None:
    pause = [(s + 15, Frame(f.picture, f.pts + 15 * 90000, BASE)) for s, f in frames(3, 5 * TICKS)]
    seen = shown(ran(World([Script(frames(5) + pause)]), END))
    assert [f.cut for f in seen] == [True] + [False] * 7
    assert seen[5].pts - seen[4].pts == 15 * 90000 + TICKS


def test_another_time_base_becomes_the_first_one() -> None:
    base = Fraction(1, 1000)
    world = World([Script(frames(3)), Script(frames(3, 7000, ticks=40, base=base), time_base=base)])
    seen = real(ran(world))
    assert {f.time_base for f in seen} == {BASE}
    assert [f.duration for f in seen] == [TICKS] * 6
    assert seen[5].pts - seen[4].pts == pytest.approx(TICKS, abs=1)


def test_readers_are_told_the_first_shape() -> None:
    world = World([Script(frames(2)), Script(frames(2), size=(64, 64))])
    ran(world)
    assert [r.live.shape for r in world.readers[:2]] == [None, (32, 16, "yuv420p")]


def test_the_input_s_own_limit_holds_for_the_whole_and_across_a_loss() -> None:
    world = World([Script(frames(25)), Script(frames(100, 77))])
    seen = ends(world, InputSpec("rtsp://cam/1", duration_s=Fraction(3)), LivePolicy())
    assert seen[-1].time_s == pytest.approx(2.96, abs=0.03)
    assert world.health.report().counts.received == len(seen)


@pytest.mark.parametrize("on_lost", ["wait", "hold", "slate"])
@pytest.mark.parametrize("limit", ["of the input", "of the outputs"])
def test_a_run_that_has_its_time_ends_though_the_camera_is_away(on_lost: Any, limit: str) -> None:
    world = World([Script(frames(25)), Script(frames(100), opens_after_s=3600)])
    own = Fraction(5) if limit == "of the input" else None
    policy = LivePolicy(on_lost=on_lost, open_timeout_s=1e4)
    begin_s = world.now_s
    seen = ends(world, InputSpec("rtsp://cam/1", duration_s=own), policy, Fraction(5))
    assert 5.0 <= world.now_s - begin_s < 6.5
    assert len(real(seen)) == 25
    last_s = seen[-1].time_s
    if on_lost == "wait":
        assert last_s == pytest.approx(0.96)
    elif own is not None:
        assert last_s == pytest.approx(5.0, abs=0.1) and last_s < 5.0
    else:
        assert last_s >= 4.9, "the outputs end themselves"


@pytest.mark.parametrize(
    "input",
    [
        InputSpec("udp://0.0.0.0:5000"),
        InputSpec("rtp://239.0.0.1:5004"),
        InputSpec("cam.sdp"),
        InputSpec("srt://0.0.0.0:9000?mode=listener"),
        InputSpec("srt://0.0.0.0:9000", options={"mode": "listener"}),
        InputSpec("tcp://0.0.0.0:9000?listen"),
        InputSpec("rtmp://0.0.0.0/live/x", options={"listen": "1"}),
        InputSpec("rtsp://0.0.0.0:8554/x", options={"rtsp_flags": "listen"}),
    ],
    ids=lambda input: input.url,
)
def test_where_the_camera_connects_nobody_stops_to_listen(input: InputSpec) -> None:
    """It cannot connect to us while we wait."""
    silent = [Script(opens_after_s=1e9) for _ in range(5)]
    world = World([Script(frames(1)), *silent])
    ends(world, input, LivePolicy(open_timeout_s=20.0, backoff_s=(1.0, 5.0, 10.0, 60.0)))
    assert len(world.attempts) == 7
    assert [b - a for a, b in pairwise(world.attempts)][1:] == pytest.approx([21.0] * 5, abs=0.3)


def test_where_we_connect_waits_get_longer_however() -> None:
    assert not any(
        waits_for_a_sender(InputSpec(url, options=options))
        for url, options in [
            ("rtsp://cam/1", {}),
            ("srt://cam:9000?mode=caller", {"mode": "caller"}),
            ("rtmp://cam/live/x", {"listen": "0"}),
            ("http://cam/listen.m3u8?listener=3", {}),
            ("/dev/video0", {}),
        ]
    )


def test_a_recording_says_when_its_first_picture_was_taken() -> None:
    """By the camera's clock if it has sent that by then; for a pipe it is not known."""
    world = World([Script(frames(3))])
    source = world.source()
    source.open()
    assert datetime.fromisoformat(source.metadata["creation_time"]).timestamp() == pytest.approx(1.6e9 + 100.0)
    source.close()
    world = World([Script(frames(3))])
    source = world.source(url="pipe:0")
    source.open()
    assert "creation_time" not in source.metadata
    source.close()


def test_the_wall_clock_goes_along_where_the_camera_tells() -> None:
    world = World([Script(frames(50)), Script(frames(50, 9 * 90000))])
    source = world.source()
    for item in source:
        assert source._camera._connection is not None
        source._camera._connection.wall_start_s = 1.6e9 + 100
        if isinstance(item, Frame):
            since_s = float(item.pts * item.time_base - source._joined.offset_s)
            assert source.wallclock_s(item.pts) == pytest.approx(1.6e9 + 100 + since_s)
    assert "capture_delay_s" in world.health.report().figures
    source.close()
    assert source.wallclock_s(0) is None


# -- packets


def test_packets_belong_to_the_first_connections_streams_whatever_became_of_them() -> None:
    world = World([Script([*frames(1), (0.0, 0)]), Script([*frames(1), (0.0, 99)])])
    source = world.source()
    items = []
    for item in source:
        items.append(item)
        if len(items) == 4:
            source.stop()
    world.readers.clear()
    gc.collect()
    first, second = packets(items)
    assert source.stream_of(first) is source.stream_of(second) is source.streams[1]
    assert first.stream is second.stream is source.streams[1].stream
    assert second.dts - first.dts == pytest.approx(48000 * 1.0, rel=0.1)
    source.close()


def test_sound_of_another_codec_is_left_out_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    others = [Script([*frames(1), (0.0, 99)], audio="ac3") for _ in range(3)]
    items = ran(World([Script([*frames(1), (0.0, 0)]), *others]))
    assert len(packets(items)) == 1
    assert caplog.text.count("left out: the first connection had aac in its place") == 1


# -- what stands in


def while_away(on_lost: Any) -> list[Frame]:
    """Five frames, four seconds of frames that stand in, and the frame that came then."""
    world = World([Script(frames(5)), Script(frames(5), opens_after_s=3.0)])
    seen = shown(ran(world, LivePolicy(on_lost=on_lost)))
    return seen[: seen.index(real(seen)[5]) + 1]


def test_hold_repeats_the_last_picture_at_the_rate() -> None:
    seen = while_away("hold")
    held, last = seen[5:-1], seen[4]
    assert all(f.standing_in for f in held)
    assert all(f.picture is last.picture and not f.cut for f in held)
    assert len(held) == pytest.approx((4.0 - 0.5) * 25, abs=3)
    assert held[0].time_s - last.time_s == pytest.approx(0.5, abs=0.05)
    assert [b.pts - a.pts for a, b in pairwise(held)] == pytest.approx([TICKS] * (len(held) - 1), abs=9)


def test_a_slate_has_the_stream_s_shape_and_says_the_time() -> None:
    slates = while_away("slate")[5:-1]
    assert {(f.width, f.height, f.picture.format.name) for f in slates} == {(32, 16, "yuv420p")}
    assert len({id(f.picture) for f in slates}) in (4, 5), "drawn once a second"


def test_frames_held_back_by_the_network_come_after_what_stood_in() -> None:
    """A connection that stalls and then gives all at once."""
    late = [(3.0 + 0.001 * i, f) for i, (_, f) in enumerate(frames(50, 5 * TICKS))]
    sound = [(3.0 + 0.001 * i, 9600 + 1920 * i) for i in range(50)]
    script = Script(sorted([*frames(5), *late, *sound], key=lambda x: x[0]))
    items = ran(World([script]), LivePolicy(on_lost="hold"), until_s=103.3)
    pts = [f.pts for f in shown(items)]
    assert pts == sorted(set(pts)) and len(real(items)) == 55
    # Sound stays with its picture.
    after = real(items)[5:]
    dts = [p.dts for p in packets(items)]
    assert float(dts[0] * Fraction(1, 48000)) == pytest.approx(after[0].time_s, abs=0.05)


# -- what piled up while filters were made ready


def begun(script: Script, ready_s: float = 0.0) -> tuple[World, list[Any]]:
    """What comes of a camera whose pictures are wanted so long after the first has come."""
    world = World([script])
    source = world.source()
    source.open()
    first = source.first
    assert first is not None and first.pts == 0
    world.now_s += ready_s
    source.begin_now()
    items = []
    for item in source:
        items.append(item)
        if len(shown(items)) == 11:
            source.stop()
    source.close()
    return world, items


def test_what_piled_up_is_left_out_and_told() -> None:
    """A second of pictures lies ready, read a millisecond apart; then they come as they are taken."""
    waited = [(1.0 + 0.001 * i, frame) for i, (_, frame) in enumerate(frames(26))][1:]
    sound = [(1.0 + 0.001 * i, 1920 * i) for i in range(26)]
    live = [
        (1.026 + 0.04 * (i + 1), replace(f, pts=(26 + i) * TICKS, cut=False)) for i, (_, f) in enumerate(frames(20))
    ]
    script = Script(sorted([(0.0, frames(1)[0][1]), *waited, *sound, *live], key=lambda x: x[0]))
    world, items = begun(script, ready_s=1.0)
    seen = shown(items)
    assert [f.pts // TICKS for f in seen] == [0, *range(29, 39)]
    assert [f.cut for f in seen] == [True, True, *[False] * 9]
    assert not packets(items)
    report = world.health.report()
    assert report.counts.received == len(seen) and not report.counts.dropped_total
    assert [e.text for e in world.health.events if e.kind == "start"] == [
        "28 pictures came before all was ready, and are left out"
    ]


@pytest.mark.parametrize("late_s", [0.0, 0.02])
def test_where_nothing_piled_up_a_fifth_of_a_second_is_left_out(late_s: float) -> None:
    _, items = begun(Script([(at_s + late_s * (i % 2), frame) for i, (at_s, frame) in enumerate(frames(20))]))
    assert [f.pts // TICKS for f in shown(items)] == [0, *range(5, 15)]


def test_one_picture_that_a_busy_machine_was_slow_with_has_waited_all_the_same() -> None:
    slow = {7: 0.03, 12: 0.05}
    at_s = list(accumulate(slow.get(i, 0.004) for i in range(25)))
    waited = [(at, frame) for at, (_, frame) in zip(at_s, frames(25), strict=True)]
    later = [replace(frame, cut=False) for _, frame in frames(20, 25 * TICKS)]
    _, items = begun(Script([*waited, *((at_s[-1] + 0.04 * (i + 1), frame) for i, frame in enumerate(later))]))
    assert [f.pts // TICKS for f in shown(items)][:2] == [0, 28]


def test_a_camera_of_few_pictures_begins_with_the_first_that_is_waited_for() -> None:
    _, items = begun(Script(frames(20, ticks=10 * TICKS)))
    assert [f.pts // TICKS for f in shown(items)] == list(range(0, 110, 10))


def test_an_input_that_never_makes_wait_begins_after_some_seconds() -> None:
    _, items = begun(Script([(0.02 * i, frame) for i, (_, frame) in enumerate(frames(300))]))
    pts = [f.pts // TICKS for f in shown(items)]
    assert pts[0] == 0 and 140 <= pts[1] <= 160 and pts[2:] == list(range(pts[1] + 1, pts[1] + 10))


# -- threads


def live(readers: list[Any], policy: LivePolicy, opened: list[Any]) -> LiveSource:
    def open(*_: Any, live: Any, **__: Any) -> Any:
        made = readers.pop(0)(live) if readers else stuck(live)
        opened.append(made)
        return made

    return LiveSource(InputSpec("rtsp://cam/1"), policy, Health(), open=open)


def stuck(live: Any) -> Any:
    """A call in C that heeds nothing."""
    entered.set()
    release.wait(2 * LONG_S)
    left.set()
    raise InputError("timed out at last")


entered, release, left = threading.Event(), threading.Event(), threading.Event()


def test_fifty_losses_leave_no_thread_and_no_handle() -> None:
    opened: list[ScriptedReader] = []
    readers = [lambda live: ScriptedReader(Script(frames(3)), live) for _ in range(51)]
    source = live(readers, LivePolicy(backoff_s=(0,)), opened)
    threads, handles = 0, 0
    for got, _ in enumerate(source, 1):
        if got == 3:
            threads, handles = threading.active_count(), len(os.listdir("/proc/self/fd"))
        if got == 153:
            break
    source.stop()
    source.close()
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= handles
    assert source.readers_left == 0
    assert [r.closed for r in opened] == [1] * 51


def test_readers_that_are_stuck_are_left_alone_but_only_a_few() -> None:
    release.clear()
    before = threading.active_count()
    opened: list[Any] = []
    policy = LivePolicy(backoff_s=(0,), lost_after_s=0.02, open_timeout_s=0.02)
    source = live([lambda live: ScriptedReader(Script(frames(3), hangs=True), live)], policy, opened)
    for _ in range(3):
        next(iter(source))

    def all_are_stuck() -> bool:
        source._camera.take(0.02)
        return source.readers_left == 4

    until(all_are_stuck)
    for _ in range(5):
        source._camera.take(0.02)
    assert source.readers_left == 4 and threading.active_count() <= before + 4
    assert "stuck" in source._health.report().reason
    release.set()
    source.close()
    until(lambda: source.readers_left == 0 and threading.active_count() == before)


def test_stop_is_heeded_whatever_blocks() -> None:
    for event in (entered, release, left):
        event.clear()
    source = live([], LivePolicy(), [])

    def stop() -> None:
        entered.wait(LONG_S)
        source.stop()

    threading.Thread(target=stop).start()
    with pytest.raises(Cancelled, match="before the first picture"):
        source.open()
    assert not left.is_set(), "it returns while the call is stuck"
    release.set()
    source.close()


# -- whoever looks at what the camera sees, and masks that change


def looked_at(world: World, seen: Any = None) -> LiveSource:
    """A source whose frames somebody looks at, and whose last picture is held."""
    world.made = LiveSource(
        *(InputSpec("rtsp://cam/1"), LivePolicy(on_lost="hold"), world.health),
        seen=seen,
        open=world.open,
        connect=world.connect,
        clock=world.clock,
        pause=world.pause,
        random=lambda: 0.5,
    )
    return world.made


def test_each_frame_of_the_camera_s_own_is_shown_before_it_is_given() -> None:
    world, looked = World([Script(frames(10), hangs=True)]), list[Frame]()
    source = looked_at(world, lambda frame, now_s: looked.append(frame))
    given = []
    for item in source:
        if isinstance(item, Frame):
            given.append(item)
            assert item.standing_in or looked[-1] is item
        if world.now_s > 103:
            source.stop()
    source.close()
    assert len(looked) == 10 == len(real(given)) < len(given)


def test_a_picture_from_before_the_masks_is_not_held() -> None:
    """Nothing stands in until there is one with them."""
    again = frames(1, 100 * TICKS, at_s=4.0)
    world = World([Script([*frames(10), *again], hangs=True)])
    source, given = looked_at(world), list[Frame]()
    for item in source:
        if isinstance(item, Frame):
            given.append(item)
            if item.standing_in:
                source.cover(Privacy((Zone(((0, 0), (1, 0), (1, 1)), "door"),)))
            elif len(given) > 10:
                source.stop()
    source.close()
    assert [frame.standing_in for frame in given] == [False] * 10 + [True, False]
