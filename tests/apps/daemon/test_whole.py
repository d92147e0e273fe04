"""The daemon as a whole: a process, real cameras, real recordings, and its page in a real browser."""

from __future__ import annotations

import re
import signal
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from tests.apps.daemon.browsing import AWAY, Visit, chromium, needs_chromium, sync_api
from tests.apps.daemon.running import Daemon
from tests.apps.daemon.running import start as start
from tests.fakes.waiting import LONG_S, until
from tests.live.legs import BUNNY, encode, ffmpeg, free_port, needs_ffmpeg, needs_rtsp_server, rtsp

pytestmark = [pytest.mark.slow, needs_ffmpeg, needs_rtsp_server]
Start = Callable[..., Daemon]
expect = sync_api.expect
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-an")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of H.264 at 160x90, 25 frames a second."""
    folder = tmp_path_factory.mktemp("camera")
    short = encode(BUNNY, folder / "short.mp4", *H264)
    ffmpeg("-stream_loop", "11", "-i", str(short), "-c", "copy", str(folder / "minute.mp4"))
    return folder / "minute.mp4"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


def configuration(folder: Path, cameras: dict[str, str], filters: dict[str, str], lost_after: str = "1s") -> str:
    lines = ["[daemon]", "port = 0", "max_load = 8", 'drain = "30s"', f'allow_folders = ["{folder}"]']
    lines += ["[defaults]", 'max_latency = "20s"', f'lost_after = "{lost_after}"', 'on_lost = "hold"']
    for name, url in cameras.items():
        output = f'{{ url = "{folder}/{name}.mkv", video_options = {{ preset = "ultrafast" }} }}'
        lines += ["[[streams]]", f'name = "{name}"', f'input = "{url}"', 'input_options = { rtsp_transport = "tcp" }']
        lines += [f'filters = "{filters.get(name, "smooth")}"', f"outputs = [{output}]"]
    return "\n".join(lines) + "\n"


def times(path: Path) -> Sequence[float]:
    """When each frame of a recording is shown, in seconds."""
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def written(daemon: Daemon, name: str) -> int:
    return int(daemon.json(f"/api/streams/{name}")["written"])


@pytest.mark.chromium
@needs_chromium
def test_what_an_operator_sees_of_a_camera_that_is_lost_and_comes_back(
    browser: Any, clip: Path, tmp_path: Path, start: Start
) -> None:
    port = free_port()
    with rtsp(clip, port) as url:
        daemon = start(configuration(tmp_path, {"yard": url}, {}))
        daemon.told("READY=1")
        visit = Visit(browser, f"{daemon.address()}/")
        page = visit.open("yard")
        badge, compare, knob = page.locator("article .badge"), page.locator(".compare"), page.locator(".divider")
        expect(badge).to_have_text("Running")
        expect(compare).to_have_attribute("data-pictures", re.compile(r"\d\d"))
        at = knob.get_attribute("aria-valuenow")
        knob.focus()
        page.keyboard.press("PageUp")
        assert int(knob.get_attribute("aria-valuenow")) == int(at) + 10
        before, after = visit.roughness()
        assert before > 0 and after > 0, "there are pictures on both sides"
    expect(badge).to_have_text("Camera lost")
    expect(badge).to_have_css("color", "rgb(191, 29, 38)")
    expect(page.locator(".over")).to_contain_text("No picture since")
    lost_at = written(daemon, "yard")
    with rtsp(clip, port):
        expect(badge).to_have_text("Running")
        expect(page.locator(".over")).to_be_hidden()
        until(lambda: written(daemon, "yard") > lost_at + 10)
        page.reload()
        expect(badge).to_have_text("Running")
        expect(compare).to_have_attribute("data-pictures", re.compile(r"\d"))
        status = daemon.json("/api/streams/yard")
        assert status["reconnects"] >= 1
        assert 'streamfix_reconnects_total{stream="yard"}' in daemon.get("/metrics")[1]
        visit.forgive(AWAY)
        visit.context.close()
        assert visit.trouble == []
        daemon.send(signal.SIGTERM)
        assert daemon.process.wait(LONG_S) == 0
    shown = times(tmp_path / "yard.mkv")
    assert all(a < b for a, b in pairwise(shown))
    assert shown[0] == pytest.approx(0, abs=0.1)


@pytest.mark.chromium
@needs_chromium
def test_a_recording_is_played_while_the_next_one_is_written(
    browser: Any, clip: Path, tmp_path: Path, start: Start
) -> None:
    """In folders of the day; what is served is what lies on the disk."""
    rec = tmp_path / "rec"
    rec.mkdir()
    pattern = f"{rec}/%Y-%m-%d/yard_%H%M%S.mp4"
    options = 'segment_time = "1", reset_timestamps = "1", strftime = "1"'
    with rtsp(clip) as url:
        daemon = start(
            f'[daemon]\nport = 0\nmax_load = 8\nallow_folders = ["{rec}"]\n'
            f'[[streams]]\nname = "yard"\ninput = "{url}"\ntransport = "tcp"\nmax_latency = "20s"\n'
            f'outputs = [{{ url = "{pattern}", format = "segment", options = {{ {options} }} }}]\n'
        )
        daemon.told("READY=1")

        def finished() -> list[dict[str, Any]]:
            files: list[dict[str, Any]] = daemon.json("/api/streams/yard/recordings")["files"]
            return [one for one in files if not one["writing"]]

        until(lambda: len(finished()) >= 3)
        oldest = finished()[-1]
        assert any(one["writing"] for one in daemon.json("/api/streams/yard/recordings")["files"])
        with urllib.request.urlopen(f"{daemon.address()}/api/streams/yard/recordings/{oldest['name']}") as answer:
            served = answer.read()
        assert served == (rec / oldest["name"].removeprefix("1/")).read_bytes()
        visit = Visit(browser, f"{daemon.address()}/")
        page = visit.open("yard/recordings")
        page.locator(".files li").last.get_by_role("button", name="Play").click()
        page.wait_for_function("() => document.querySelector('video').videoWidth === 160")
        page.wait_for_function("() => document.querySelector('video').currentTime > 0")
        visit.context.close()
        assert visit.trouble == []
        daemon.send(signal.SIGTERM)
        assert daemon.process.wait(LONG_S) == 0
    for path in rec.rglob("*.mp4"):
        assert times(path)[0] == pytest.approx(0, abs=0.1), path


def test_a_reload_that_changes_one_of_eight_streams_costs_the_others_no_frame(
    clip: Path, tmp_path: Path, start: Start
) -> None:
    names = [f"cam{i}" for i in range(8)]
    others = [name for name in names if name != "cam3"]
    slow = encode(clip, tmp_path / "slow.mp4", *H264, "-r", "5")  # so that a busy machine is no reason to drop one
    with rtsp(slow) as url:
        cameras = dict.fromkeys(names, url)
        daemon = start(configuration(tmp_path, cameras, {}, "20s"))
        daemon.told("READY=1")
        # The first few seconds are timed by their arrival, until the server has told its clock.
        until(lambda: min(written(daemon, name) for name in names) > 30)
        before = {name: daemon.json(f"/api/streams/{name}") for name in names}
        daemon.config.write_text(configuration(tmp_path, cameras, {"cam3": "null"}, "20s"))
        daemon.send(signal.SIGHUP)
        daemon.told("RELOADING=1")
        daemon.told("READY=1")
        seen = {name: written(daemon, name) for name in names}
        until(lambda: all(written(daemon, name) > seen[name] + 5 for name in names))
        after = {name: daemon.json(f"/api/streams/{name}") for name in names}
        daemon.send(signal.SIGTERM)
        assert daemon.process.wait(LONG_S) == 0
    assert after["cam3"]["filters"] == "null"
    assert (tmp_path / "cam3.1.mkv").exists(), "what was recorded before is not replaced"
    for name in others:
        assert after[name]["dropped"] == before[name]["dropped"]
        shown = times(tmp_path / f"{name}.mkv")[int(before[name]["written"]) - 1 :]
        assert len(shown) > 5
        assert [b - a for a, b in pairwise(shown)] == pytest.approx([0.2] * (len(shown) - 1), abs=0.005), name
