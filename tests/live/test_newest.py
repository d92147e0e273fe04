"""streamfix.live: the newest frame for whoever comes for it, and every frame in one account."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import streamfix
from streamfix.frame import Frame
from streamfix.jobs.ladder import live_restoration
from streamfix.live.health import Health
from streamfix.live.outputs.newest import Newest
from streamfix.live.policy import LivePolicy
from streamfix.live_video import LiveVideo
from streamfix.media.specs import InputSpec
from tests.apps.material import environment, write_clip
from tests.fakes.waiting import joined, until
from tests.live.cameras import Script, World, frames
from tests.live.legs import BUNNY, encode, free_port, needs_rtsp_server, rtsp

PATIENT = LivePolicy(max_latency_s=60.0)


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> InputSpec:
    """Twelve frames at the pace of a camera."""
    return InputSpec(str(write_clip(tmp_path_factory.mktemp("camera") / "in.mkv", 12)), realtime=True)


def shown(count: int) -> list[Frame]:
    return [frame for _, frame in frames(count)]


def assert_law(report: Any) -> None:
    counts = report.counts
    assert counts.received == counts.written + counts.dropped_total, report
    assert counts.in_flight == 0


def video_of(world: World, policy: LivePolicy = PATIENT) -> LiveVideo:
    return LiveVideo(world.source(policy), live_restoration([], policy, world.health), policy, world.health)


# -- the stage


def test_each_frame_is_taken_once_and_the_newest_is() -> None:
    health = Health()
    newest = Newest(health, 60)
    first, second, third = shown(3)
    for frame in (first, second):
        health.received()
        newest.push(frame)
    taken = newest.take(0)
    assert taken is not None and taken.pts == second.pts
    assert taken.cut  # of the first one, which nobody has seen
    assert newest.take(0) is None and not newest.over
    health.received()
    newest.push(third)
    assert newest.take() is third
    counts = health.report().counts
    assert (counts.written, dict(counts.dropped), counts.in_flight) == (2, {"missed": 1}, 0)


def test_who_waits_is_told_of_a_frame_and_of_the_end() -> None:
    newest, (frame,) = Newest(Health(), 60), shown(1)
    found: list[Frame | None] = []
    acts: list[Callable[[], object]] = [lambda: newest.push(frame), newest.flush]
    for act in acts:
        waiting = threading.Thread(target=lambda: found.append(newest.take()))
        waiting.start()
        act()
        joined(waiting)
    assert found == [frame, None]
    assert newest.over


def test_who_does_not_wait_is_called() -> None:
    newest, calls = Newest(Health(), 60), list[int]()
    assert newest.take(0, lambda: calls.append(1)) is None
    newest.push(shown(1)[0])
    newest.push(shown(1)[0])
    assert calls == [1]


def test_frames_that_are_taken_late_count_as_such() -> None:
    health = Health()
    newest = Newest(health, 0.2, clock=lambda: 100.0)
    for received_s in (99.9, 99.7, None):
        newest.push(shown_at(received_s))
        newest.take(0)
    assert (health.report().counts.written, health.report().counts.late) == (3, 1)


def shown_at(received_s: float | None) -> Frame:
    return replace(shown(1)[0], received_s=received_s)


# -- the whole


def test_a_loop_that_keeps_up_gets_every_frame(camera: InputSpec) -> None:
    with streamfix.live(camera, max_latency=60) as video:
        times = [frame.time_s for frame in video]
        assert video.ended and video.read() is None
        info = video.info
    assert times == sorted(times)
    assert info is not None and (info.width, info.height) == (48, 32)
    report = video.report()
    assert_law(report)
    assert report.state == "stopped"
    assert report.counts.received == 12
    assert len(times) == report.counts.written


def test_what_a_slow_loop_missed_is_counted_and_it_gets_the_newest(camera: InputSpec) -> None:
    with streamfix.live(camera, max_latency=60) as video:
        first = video.read()
        until(lambda: video.ended, "the camera's end")
        last = video.read()
        assert video.read() is None
    assert first is not None and last is not None
    assert last.time_s == pytest.approx(11 / 25)
    report = video.report()
    assert_law(report)
    assert report.counts.written == 2
    assert report.counts.dropped["missed"] == 10 - report.counts.dropped.get("overload", 0)


def test_frames_are_restored(camera: InputSpec) -> None:
    with streamfix.live(camera, "negate", max_latency=60) as video:
        frame = video.read()
    assert frame is not None
    assert frame.array("gray")[0, 0] in range(255 - 12, 256)


def test_async_for_gives_the_frames_and_the_loop_goes_on_meanwhile(camera: InputSpec) -> None:
    async def run() -> tuple[list[float], int]:
        found, turns = [], 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        other = asyncio.create_task(others())
        with streamfix.live(camera, max_latency=60) as video:
            async for frame in video:
                found.append(frame.time_s)
        other.cancel()
        assert_law(video.report())
        return found, turns

    found, turns = asyncio.run(run())
    assert found == sorted(found) and found[-1] == pytest.approx(11 / 25)
    assert turns > len(found)


def test_a_camera_that_comes_back_goes_on() -> None:
    world = World([Script(frames(5)), Script(frames(5))])
    with video_of(world) as video:
        found = list(video)
    assert [f.time_s for f in found] == sorted(f.time_s for f in found)
    assert_law(video.report())
    assert (video.report().reconnects, video.report().counts.received) == (1, 10)
    assert found[-1].pts > 9 * 3600


def test_the_error_that_ends_it_is_raised(tmp_path: Path) -> None:
    with streamfix.live(tmp_path / "missing.mkv") as video, pytest.raises(streamfix.InputError, match=r"missing\.mkv"):
        list(video)
    assert video.report().state == "error"


def test_closing_ends_a_loop_that_waits() -> None:
    world = World([Script(hangs=True, items=frames(1))])
    world.pause = lambda seconds: None  # type: ignore[method-assign]  # its clock stands still: it waits for ever
    video, found = video_of(world), list[Frame]()
    loop = threading.Thread(target=lambda: found.extend(video))
    loop.start()
    until(lambda: found)
    video.close()
    video.close()
    joined(loop)
    assert not loop.is_alive() and len(found) == 1
    assert_law(video.report())


def test_one_that_is_let_go_ends(camera: InputSpec) -> None:
    before = set(threading.enumerate())
    video = streamfix.live(InputSpec(camera.url, realtime=True, loops=-1))
    assert video.read() is not None
    assert set(threading.enumerate()) > before
    del video
    gc.collect()
    until(lambda: set(threading.enumerate()) <= before, "its threads end")


def test_a_program_may_end_without_closing_it(camera: InputSpec) -> None:
    code = f"""if True:
        import streamfix
        from streamfix.media.specs import InputSpec
        video = streamfix.live(InputSpec({camera.url!r}, realtime=True, loops=-1), "smooth")
        assert video.read() is not None
    """
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_recording_is_refused(camera: InputSpec) -> None:
    with pytest.raises(streamfix.UsageError, match=r"in\.mkv is a recording; streamfix\.open\(\.\.\.\) gives all"):
        streamfix.live(camera.url)


def test_a_wrong_chain_is_refused_at_once() -> None:
    with pytest.raises(streamfix.UnknownName, match="nosuch"):
        streamfix.live("rtsp://127.0.0.1:9/cam", "nosuch")


def test_the_function_and_the_package_of_that_name_are_both_there() -> None:
    code = """if True:
        import streamfix
        assert callable(streamfix.live)
        from streamfix.live.policy import LivePolicy
        import streamfix.live.health
        assert streamfix.live.health.Health and callable(streamfix.live)
        try:
            streamfix.live("x", "nosuch")
        except streamfix.UnknownName:
            print("called")
    """
    said = subprocess.run([sys.executable, "-c", code], env=environment(), check=True, capture_output=True, timeout=120)
    assert said.stdout == b"called\n"


@pytest.mark.slow
@needs_rtsp_server
@pytest.mark.parametrize("opened", [streamfix.live, lambda url: streamfix.open(url)], ids=["live", "open"])
def test_a_real_camera_under_a_slow_loop(opened: Callable[[str], Any], tmp_path: Path) -> None:
    """It falls no further behind, and a server that restarts is found again."""
    clip = encode(BUNNY, tmp_path / "cam.mp4", "-c:v", "libx264", "-g", "25", "-pix_fmt", "yuv420p")
    port = free_port()
    lags: list[float] = []
    pause = threading.Event()

    def look(count: int) -> None:
        for _ in range(count):
            frame = next(loop)
            assert frame.received_s is not None
            lags.append(time.monotonic() - frame.received_s)
            pause.wait(0.1)  # the work of a program that needs more time than the camera leaves

    with rtsp(clip, port) as url:
        video = opened(url)
        loop = iter(video)
        look(20)
        assert max(lags[5:]) < 1.0
    with rtsp(clip, port):
        before = len(lags)
        look(20)
        assert max(lags[before + 2 :]) < 1.0
    video.close()
