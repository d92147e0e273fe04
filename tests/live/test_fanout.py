"""Several outputs: each gets every picture, and none delays or breaks another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.conformance.fakes import ListSource
from streamfix.counts import FrameCounts
from streamfix.errors import IncompleteOutput, OutputError, UsageError
from streamfix.frame import Frame
from streamfix.live.health import Health
from streamfix.live.outputs.fanout import Fanout
from streamfix.live.policy import LivePolicy
from streamfix.media.specs import OutputSpec
from streamfix.pipeline import Pipeline
from tests.fakes.clock import Clock
from tests.fakes.waiting import LONG_S, joined, until
from tests.live.outputs import Made, NoSource, frames

POLICY = LivePolicy(backoff_s=(0.0,))
FILE, OTHER, SERVER = "a.mkv", "b.mkv", "rtmp://127.0.0.1/live/x"


def fanout(
    made: Made,
    *urls: str,
    policy: LivePolicy | None = POLICY,
    health: Health | None = None,
    clock: Callable[[], float] | None = None,
    **more: Any,
) -> Fanout:
    specs = [OutputSpec(url, format="flv" if url.startswith("rtmp") else None) for url in urls]
    return Fanout(specs, NoSource(), policy=policy, health=health, open=made, clock=clock or (lambda: 100.0), **more)


def counted(health: Health, count: int) -> None:
    for _ in range(count):
        health.received()


def assert_law(health: Health) -> None:
    report = health.report()
    assert report.counts.received == report.counts.written + report.counts.dropped_total, report
    assert report.counts.in_flight == 0


# -- files


@pytest.mark.parametrize("run", [Pipeline.run, Pipeline.run_inline], ids=["threaded", "inline"])
@pytest.mark.parametrize("depth", [1, 4])
def test_every_output_gets_all_in_order(run: Callable[[Pipeline], None], depth: int) -> None:
    made = Made()
    given = frames(12)
    items = [*given[:5], "note", *given[5:]]
    stage = fanout(made, FILE, OTHER, "c.mp4", policy=None, depth=depth)
    run(Pipeline(ListSource(items), stage, depth=depth))
    for url in (FILE, OTHER, "c.mp4"):
        (writer,) = made.writers[url]
        assert writer.pts == [f.pts for f in given]
        assert writer.items[5] == "note"
        assert (writer.flushed, writer.closed) == (1, 1)


def test_files_lose_nothing_to_a_slow_one() -> None:
    gate = threading.Event()
    made = Made(lambda url, number, item: gate.wait(LONG_S) if url == OTHER else None)
    stage = fanout(made, FILE, OTHER, policy=None, depth=2)
    thread = threading.Thread(target=lambda: Pipeline(ListSource(frames(20)), stage).run())
    thread.start()
    made.wait(lambda: len(made.items(FILE)) >= 2)
    assert len(made.items(FILE)) <= 4, "it runs no further ahead than the slow one's queue is long"
    gate.set()
    joined(thread)
    assert made.pts(FILE) == made.pts(OTHER) == [f.pts for f in frames(20)]


@pytest.mark.parametrize("moment", ["push", "flush"])
def test_the_first_error_of_a_file_is_that_of_all(moment: str) -> None:
    def fail(url: str, number: int, item: Any) -> None:
        if url == OTHER and moment == "push":
            raise OutputError("b.mkv: the disk is full")

    made = Made(fail)
    stage = fanout(made, FILE, OTHER, policy=None)
    if moment == "flush":

        def refuse() -> tuple[()]:
            raise OutputError("b.mkv: the disk is full")

        made.writers[OTHER][0].flush = refuse  # type: ignore[method-assign]
    with pytest.raises(OutputError, match="the disk is full"):
        Pipeline(ListSource(frames(60)), stage).run()
    assert [w.closed for url in (FILE, OTHER) for w in made.writers[url]] == [1, 1]
    assert made.writers[FILE][0].flushed == (moment == "flush"), "what is not whole is not finished"


def test_the_run_ends_when_all_have_enough() -> None:
    made = Made(limits={FILE: 3, OTHER: 5})
    source = ListSource(frames(2000))
    stage = fanout(made, FILE, OTHER, policy=None)
    Pipeline(source, stage).run()
    assert (len(made.items(FILE)), len(made.items(OTHER))) == (3, 5)
    assert source.given < 2000


def test_an_output_that_cannot_be_made_releases_those_before_it() -> None:
    made = Made()

    def make(spec: OutputSpec, delivery: Any) -> Any:
        if spec.url == OTHER:
            raise UsageError("no such encoder")
        return made(spec, delivery)

    with pytest.raises(UsageError, match="no such encoder"):
        Fanout([OutputSpec(FILE), OutputSpec(OTHER)], NoSource(), open=make)
    assert made.writers[FILE][0].closed == 1


def test_outputs_that_were_never_started_are_released() -> None:
    made = Made()
    stage = fanout(made, FILE, OTHER)
    stage.close()
    stage.close()
    assert [w.closed for url in (FILE, OTHER) for w in made.writers[url]] == [1, 1]


# -- live


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.lists(st.integers(0, 39), max_size=4), st.booleans())
def test_every_frame_of_the_first_output_is_accounted_for(count: int, failures: list[int], server_first: bool) -> None:
    """Whatever fails when: received = written + dropped, nothing is in flight at the end, and an output that is down by
    then is an error.
    """
    given, health = frames(count), Health()
    bad = {given[i].pts for i in failures if i < count}

    def fail(url: str, number: int, item: Any) -> None:
        if isinstance(item, Frame) and item.pts in bad and url == SERVER:
            raise OutputError("the server has gone")

    urls = (SERVER, FILE) if server_first else (FILE, SERVER)
    made = Made(fail)
    counted(health, count)
    ends_down = bool(given) and given[-1].pts in bad
    with pytest.raises(IncompleteOutput, match="the server has gone") if ends_down else nullcontext():
        Pipeline(ListSource(given), fanout(made, *urls, health=health)).run()
    assert_law(health)
    assert made.pts(SERVER) == sorted(made.pts(SERVER))
    if not server_first and count <= 8:
        assert made.pts(FILE) == [f.pts for f in given]


def test_a_slow_output_loses_pictures_and_holds_up_nobody() -> None:
    gate, health = threading.Event(), Health()
    made = Made(lambda url, number, item: gate.wait(LONG_S) if url == SERVER else None)
    given = frames(100)
    counted(health, 100)
    clock = Clock()
    stage = fanout(made, FILE, SERVER, health=health, clock=clock)
    source = ListSource(given, on_item=lambda n: made.wait(lambda: len(made.items(FILE)) >= n - 2))
    stage.push(given[0])  # so that the slow one is known to have worked before
    pipeline = Pipeline(source, stage, depth=1)
    pipeline.start()
    made.wait(lambda: len(made.pts(FILE)) == 101)
    gate.set()
    pipeline.wait()
    assert made.pts(FILE) == [given[0].pts, *(f.pts for f in given)]
    late = made.pts(SERVER)
    assert late[-8:] == [f.pts for f in given[-8:]], "the oldest are lost, not the newest"
    assert len(late) <= 10
    assert stage.outlets[1].live is not None
    assert health.report().outputs[1].counts.dropped["output"] == 101 - len(late)
    assert health.report().counts.written == 101


@pytest.mark.parametrize("unattended", [False, True])
def test_a_recording_that_cannot_be_made_takes_others_with_it_only_where_somebody_looks(unattended: bool) -> None:
    """A folder that is mounted late: on the command line this is an error, a daemon goes on and tries again."""
    made, health, clock = Made(), Health(), Clock()
    mounted = False

    def make(spec: OutputSpec, delivery: Any) -> Any:
        if spec.url == FILE and not mounted:
            raise OutputError(f"{FILE}: there is no directory nas; make it first")
        return made(spec, delivery)

    policy = replace(POLICY, unattended=unattended, backoff_s=(5.0,))
    specs = [OutputSpec(FILE), OutputSpec(SERVER, format="flv")]

    def run() -> Fanout:
        return Fanout(specs, NoSource(), policy=policy, health=health, open=make, clock=clock)

    if not unattended:
        with pytest.raises(OutputError, match="no directory nas"):
            run()
        return
    stage, given = run(), frames(3)
    for i, frame in enumerate(given[:2]):
        stage.push(frame)
        made.wait(lambda i=i: len(made.pts(SERVER)) > i)  # type: ignore[misc]
    until(lambda: health.report().outputs[0].counts.dropped_total == 2)
    assert "no directory nas" in health.report().outputs[0].trouble
    mounted = True
    clock.now_s += 10
    stage.push(given[2])
    made.wait(lambda: FILE in made.writers and len(made.pts(FILE)) == 1)
    with pytest.raises(IncompleteOutput, match="2 pictures are missing: there is no directory nas"):
        stage.flush()
    stage.close()
    assert made.pts(SERVER) == [f.pts for f in given]
    assert made.pts(FILE) == [given[2].pts]


def test_a_stream_that_the_container_cannot_hold_is_an_outputs_trouble() -> None:
    health, clock = Health(), Clock()
    made = Made()
    stage = fanout(made, FILE, OTHER, health=health, clock=clock)
    made.writers[FILE][0].left_out = ("stream 0:1 (audio, gsm) is left out: y4m cannot hold it",)
    for n, frame in enumerate(frames(2)):
        stage.push(frame)
        made.wait(lambda n=n: len(made.pts(FILE)) > n and len(made.pts(OTHER)) > n)  # type: ignore[misc]
    until(lambda: "(audio, gsm) is left out" in health.report().outputs[0].trouble)
    assert not health.report().outputs[1].trouble
    stage.flush()
    stage.close()


def test_a_recording_that_fails_goes_on_under_another_name_where_nobody_looks(tmp_path: Path) -> None:
    first, second = str(tmp_path / "a.mkv"), str(tmp_path / "a.1.mkv")

    def fail(url: str, number: int, item: Any) -> None:
        if url == first and isinstance(item, Frame):
            raise OutputError(f"{first}: No space left on device")

    (tmp_path / "a.mkv").touch()
    made, given = Made(fail), frames(3)
    stage = fanout(made, first, policy=replace(POLICY, unattended=True))
    for frame in given:
        stage.push(frame)
    with pytest.raises(IncompleteOutput, match=r"a\.mkv: 1 picture is missing: No space left on device"):
        stage.flush()
    stage.close()
    assert made.pts(second) == [f.pts for f in given[1:]]


def test_a_server_that_fails_is_tried_again_and_the_recording_never_notices() -> None:
    def fail(url: str, number: int, item: Any) -> None:
        if url == SERVER and number < 3 and isinstance(item, Frame):
            raise OutputError(f"{SERVER}: no answer from rtmp://user:hush@127.0.0.1: Connection refused")

    health, made, given = Health(), Made(fail), frames(8)
    counted(health, 8)
    Pipeline(ListSource(given), fanout(made, FILE, SERVER, health=health)).run()
    assert made.pts(FILE) == [f.pts for f in given]
    assert made.pts(SERVER) == [f.pts for f in given[3:]]
    assert [w.closed for w in made.writers[SERVER]] == [1, 1, 1, 1]
    said = [event.text for event in health.events if event.kind == "output"]
    assert len(said) == 2, "the same reason is told once, and the recovery"
    assert said[0] == f"{SERVER[:-1]}***: no answer from rtmp://***@127.0.0.1: Connection refused"
    assert said[1] == f"{SERVER[:-1]}***: well again"
    assert_law(health)


@pytest.mark.parametrize(
    ("url", "least_s", "most_s"), [(SERVER, 80, 122), (FILE, 8, 14)], ids=["a server", "a recording's disk"]
)
def test_waits_grow_between_attempts_and_what_comes_meanwhile_is_left_out(
    url: str, least_s: float, most_s: float
) -> None:
    clock, health = Clock(), Health()

    def fail(url: str, number: int, item: Any) -> None:
        raise OutputError("refused")

    made = Made(fail)
    policy = LivePolicy(backoff_s=(10.0, 100.0), unattended=True)
    stage = fanout(made, url, policy=policy, health=health, clock=clock)
    attempts = []
    for i, frame in enumerate(frames(75)):
        health.received()
        stage.push(frame)
        until(lambda: not health.report().counts.in_flight)
        attempts.append(len(made.writers[url]))
        clock.now_s += 2
        assert attempts[-1] <= 1 + i
    # the first at once, the next after 10 s +- 20 %, then every 100 s +- 20 %; a disk is asked every 10 s
    times = [2 * attempts.index(n) for n in (1, 2, 3)]
    assert times[0] == 0
    assert 8 <= times[1] <= 14
    assert least_s <= times[2] - times[1] <= most_s
    with pytest.raises(OutputError, match="refused"):
        list(stage.flush())
    stage.close()
    assert_law(health)


def test_a_file_that_fails_ends_there_and_the_rest_goes_on() -> None:
    def fail(url: str, number: int, item: Any) -> None:
        if url == FILE and isinstance(item, Frame) and item.pts >= frames(4)[3].pts:
            raise OutputError("a.mkv: No space left on device; free some space")

    health, made, given = Health(), Made(fail), frames(8)
    counted(health, 8)
    with pytest.raises(IncompleteOutput, match=r"a\.mkv: No space left"):
        Pipeline(ListSource(given), fanout(made, FILE, OTHER, health=health)).run()
    assert len(made.writers[FILE]) == 1
    assert made.pts(OTHER) == [f.pts for f in given]
    report = health.report()
    assert (report.counts.written, report.counts.dropped) == (3, {"output": 5})
    assert report.state == "degraded" or report.outputs[0].trouble.startswith("No space left")


def test_the_run_fails_when_no_output_is_left() -> None:
    def fail(url: str, number: int, item: Any) -> None:
        raise OutputError(f"{url}: gone")

    source = ListSource(frames(3000))
    with pytest.raises(OutputError, match=r"a\.mkv: gone"):
        Pipeline(source, fanout(Made(fail), FILE, OTHER), depth=1).run()
    assert source.given < 3000


def test_a_wrong_request_is_no_outage() -> None:
    """An encoder that does not take the pictures will not take them a minute later either."""

    def fail(url: str, number: int, item: Any) -> None:
        if url == SERVER:
            raise UsageError("libx264 does not open for 47x31")

    made = Made(fail)
    with pytest.raises(UsageError, match="does not open"):
        Pipeline(ListSource(frames(3000)), fanout(made, FILE, SERVER), depth=1).run()
    assert len(made.writers[SERVER]) == 1


def test_a_write_that_is_stuck_is_broken_off() -> None:
    clock, stuck, health = Clock(), threading.Event(), Health()

    def behave(url: str, number: int, item: Any) -> None:
        if url == SERVER and number == 0:
            stuck.set()
            made.wait(lambda: made.writers[SERVER][0].aborted > 0)
            raise OutputError("broken pipe")

    made = Made(behave)
    stage = fanout(made, FILE, SERVER, health=health, clock=clock, policy=POLICY)
    given = frames(4)
    stage.push(given[0])
    assert stuck.wait(LONG_S)
    clock.now_s += POLICY.lost_after_s + 1
    stage.push(given[1])
    assert made.writers[SERVER][0].aborted == 1
    with made.changed:
        made.changed.notify_all()
    made.wait(lambda: len(made.writers[SERVER]) == 2 or not stage.push(given[2]))
    list(stage.flush())
    stage.close()
    assert any("no answer for 20 s" in event.text for event in health.events)
    assert made.writers[SERVER][0].closed == 1


def test_what_comes_after_the_end_of_the_first_output_is_no_failure_of_it() -> None:
    health, made, given = Health(), Made(limits={FILE: 3, SERVER: 7}), frames(8)
    counted(health, 8)
    Pipeline(ListSource(given), fanout(made, FILE, SERVER, health=health)).run()
    assert (made.pts(FILE), made.pts(SERVER)) == ([f.pts for f in given[:3]], [f.pts for f in given[:7]])
    assert health.report().counts.written == 3
    assert set(health.report().counts.dropped) <= {"outside"}


def test_latency_and_lateness_are_those_of_the_first_output() -> None:
    """Each output's own counts are told too."""
    health, clock = Health(), Clock()
    given = [*frames(2, at_s=clock.now_s - 0.05), *frames(2, at_s=clock.now_s - 0.5)]
    counted(health, 4)
    made = Made(limits={OTHER: 3})
    Pipeline(ListSource(given), fanout(made, FILE, OTHER, health=health, clock=clock)).run()
    report = health.report()
    assert (report.counts.written, report.counts.late) == (4, 2)
    assert 0.45 < report.latency_s["max"] <= 0.5
    assert [output.counts for output in report.outputs] == [
        FrameCounts(written=4, late=2),
        FrameCounts(written=3, late=1, dropped={"outside": 1}),
    ]


@pytest.mark.parametrize("url", [SERVER, FILE])
def test_an_encoder_that_is_too_slow_makes_nothing_late_but_its_own_frame(url: str) -> None:
    """Each frame takes it three times as long as it has: a viewer sees fewer pictures, not older ones.

    A recording has them all, as far as its queue reaches.
    """
    clock, health = Clock(), Health()
    turns, gate = threading.Semaphore(0), threading.Semaphore(0)

    def encode(at: str, number: int, item: Any) -> None:
        gate.release()
        turns.acquire()

    made = Made(encode)
    policy = LivePolicy(max_latency_s=0.21)
    stage = fanout(made, url, health=health, clock=clock, policy=policy)
    given = frames(60, at_s=clock.now_s)
    counted(health, len(given))
    busy_until_s = 0.0
    for frame in given:
        assert frame.received_s is not None
        clock.now_s = frame.received_s
        if busy_until_s and clock.now_s >= busy_until_s:
            turns.release()
            busy_until_s = 0.0
        stage.push(frame)
        if not busy_until_s:
            assert gate.acquire(timeout=LONG_S)
            busy_until_s = clock.now_s + 0.12
    turns.release(100)
    list(stage.flush())
    stage.close()
    assert_law(health)
    report = health.report()
    if url == FILE:
        assert report.latency_s["max"] > 0.4
    else:
        assert report.counts.late <= 2, "the first ones, before it is known how long one takes"
        assert report.latency_s["p50"] <= 0.21
    assert report.counts.written >= 18


def test_frames_that_stand_in_do_not_count() -> None:
    health, made = Health(), Made()
    given = [replace(f, standing_in=i % 2 == 1) for i, f in enumerate(frames(6))]
    counted(health, 3)
    Pipeline(ListSource(given), fanout(made, FILE, health=health)).run()
    assert len(made.items(FILE)) == 6
    assert health.report().counts.written == 3
    assert_law(health)


def test_at_the_end_a_recording_has_time_to_write_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a server has: for as long as it may wait otherwise, too."""
    monkeypatch.setattr("streamfix.live.outputs.fanout._PATIENCE_S", 0.0)
    gate, health = threading.Event(), Health()
    made = Made(lambda url, number, item: gate.wait(LONG_S))
    stage = fanout(made, FILE, health=health, policy=replace(POLICY, queue_s=LONG_S))
    given = frames(60)
    counted(health, 60)
    for frame in given:
        stage.push(frame)
    threading.Timer(0.1, gate.set).start()
    stage.flush()
    stage.close()
    assert made.pts(FILE) == [f.pts for f in given]
    assert made.writers[FILE][0].aborted == 0
    assert_law(health)


def test_cancel_closes_all_and_loses_no_frame_from_the_books() -> None:
    gate, health = threading.Event(), Health()
    made = Made(lambda url, number, item: gate.wait(LONG_S))
    stage = fanout(made, FILE, SERVER, health=health)
    for frame in frames(5):
        health.received()
        stage.push(frame)
    threading.Timer(0.05, gate.set).start()
    stage.close()
    assert all(w.closed == 1 for writers in made.writers.values() for w in writers)
    assert all(w.flushed == 0 for writers in made.writers.values() for w in writers)
    assert_law(health)


def test_each_output_has_frames_of_its_own() -> None:
    """Writers set times in their encoder's units: one must not see another's."""
    made = Made()
    Pipeline(ListSource(frames(3)), fanout(made, FILE, SERVER)).run()
    for one, other in zip(made.writers[FILE][0].frames, made.writers[SERVER][0].frames, strict=True):
        assert one.picture is not other.picture
        assert [p.tolist() for p in one.picture.planes(one.color).data] == [
            p.tolist() for p in other.picture.planes(other.color).data
        ]
