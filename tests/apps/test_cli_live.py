"""Live streams and several outputs on the command line."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from streamfix.apps.cli.grammar import parse
from streamfix.apps.cli.jobs import job_spec
from streamfix.apps.cli.live import live_fields, live_words
from streamfix.apps.cli.values import parse_ladder
from streamfix.jobs import JobSpec
from streamfix.live.health import Health
from streamfix.live.policy import LivePolicy
from tests.apps.conftest import Run
from tests.apps.material import QUIET, blocks, command, environment, kinds, levels, read_until
from tests.fakes.waiting import LONG_S
from tests.live.servers import free_port
from tests.media.make import needs_ffmpeg


def spec(*words: str) -> JobSpec:
    return job_spec(parse(list(words)), overwrite=False)


def test_several_outputs_have_the_same_pictures(run: Run, clip: Path, tmp_path: Path) -> None:
    words = ("-i", clip, "-vf", "invert", "-c:v", "ffv1", tmp_path / "a.mkv", "-c:v", "ffv1", "-an", tmp_path / "b.mkv")
    said = run(*words)
    assert said.code == 0
    assert levels(tmp_path / "a.mkv") == levels(tmp_path / "b.mkv") == [255 - i for i in range(25)]
    assert (kinds(tmp_path / "a.mkv"), kinds(tmp_path / "b.mkv")) == (["video", "audio"], ["video"])
    assert f"Output '{tmp_path / 'a.mkv'}'\nOutput '{tmp_path / 'b.mkv'}'\n" in said.err


def test_outputs_end_each_for_themselves(run: Run, clip: Path, tmp_path: Path) -> None:
    short, long = tmp_path / "short.mkv", tmp_path / "long.mkv"
    words = ("-i", clip, "-an", "-c:v", "ffv1", "-frames:v", "3", short, "-c:v", "ffv1", "-t", "0.4", long)
    assert run(*QUIET, *words).code == 0
    assert levels(short) == list(range(3))
    assert levels(long) == list(range(10))


def test_no_output_is_replaced_unasked(run: Run, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "b.mkv").write_text("precious")
    said = run(*QUIET, "-i", clip, tmp_path / "a.mkv", tmp_path / "b.mkv")
    assert said.code == 1
    assert "b.mkv' already exists" in said.err
    assert not (tmp_path / "a.mkv").exists()


def test_a_clip_as_a_camera(run: Run, clip: Path, tmp_path: Path) -> None:
    out, progress = tmp_path / "out.mkv", tmp_path / "progress"
    # A budget that no machine exceeds: what is looked at is that every picture is there.
    live = ("-live", "-max_latency", "60", "-re")
    said = run("-progress", progress, *live, "-i", clip, "-vf", "invert", "-c:v", "ffv1", out)
    assert said.code == 0, said.err
    assert levels(out) == [255 - i for i in range(25)]
    assert kinds(out) == ["video", "audio"]
    assert "25 fps, live within 60000 ms" in said.err
    last = blocks(progress.read_text())[-1]
    assert (last["frame"], last["received_frames"], last["drop_frames"]) == ("25", "25", "0")
    assert (last["state"], last["rung"], last["filters"], last["reconnects"]) == ("stopped", "0", "invert", "0")
    assert 0 < int(last["latency_p50_us"]) <= int(last["latency_p99_us"])
    assert "stopped p99=" in said.err


def test_a_live_run_ends_after_its_time(run: Run, clip: Path, tmp_path: Path) -> None:
    words = ("-live", "-max_latency", "60", "-re", "-stream_loop", "-1", "-i", clip, "-an", "-t", "0.4", "-c:v", "ffv1")
    assert run(*QUIET, *words, tmp_path / "out.mkv").code == 0
    assert levels(tmp_path / "out.mkv") == list(range(10))


@needs_ffmpeg
def test_a_signal_finishes_a_live_recording(clip: Path, tmp_path: Path) -> None:
    port, out = free_port(socket.SOCK_DGRAM), tmp_path / "out.mp4"
    sender = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", str(clip), "-an"]
    sender += ["-c:v", "mpeg4", "-g", "5", "-f", "mpegts", f"udp://127.0.0.1:{port}"]
    words: list[str | Path] = ["-nostats", "-progress", "-", "-i", f"udp://user:hush@127.0.0.1:{port}", out]
    with (
        subprocess.Popen(sender) as camera,
        subprocess.Popen(command(*words), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running,
    ):
        try:
            assert running.stdout is not None
            read_until(running.stdout, b"state=running")  # type: ignore[arg-type]
            running.send_signal(signal.SIGINT)
            rest, said = running.communicate(timeout=LONG_S)
        finally:
            camera.kill()
            running.kill()
    assert running.returncode == 255, said.decode()
    assert levels(out)
    assert b"progress=end" in rest
    assert b"hush" not in said
    assert f"Input 'udp://***@127.0.0.1:{port}'" in said.decode()


def test_a_camera_that_cannot_be_fails_at_once(run: Run, tmp_path: Path) -> None:
    said = run(*QUIET, "-live", "-f", "nosuch", "-i", "rtsp://user:hush@127.0.0.1:1/x", tmp_path / "out.mkv")
    assert said.code == 1
    assert "-f nosuch" in said.err
    assert "hush" not in said.err


@pytest.mark.parametrize(
    ("words", "live"),
    [
        (("-i", "rtsp://h/x"), LivePolicy()),
        (("-i", "srt://h:1"), LivePolicy()),
        (("-f", "v4l2", "-i", "/dev/video0"), LivePolicy()),
        (("-nolive", "-i", "rtsp://h/x"), None),
        (("-i", "http://h/x.m3u8"), None),
        (("-live", "-i", "http://h/x.m3u8"), LivePolicy()),
        (("-live", "-i", "-"), LivePolicy()),
        (("-max_latency", "300ms", "-i", "udp://:5000"), LivePolicy(max_latency_s=0.3)),
        (("-on_lost", "slate", "-i", "udp://:5000"), LivePolicy(on_lost="slate")),
        (("-on_damaged", "hold", "-lost_after", "5", "-i", "udp://:1"), LivePolicy(on_damaged="hold", lost_after_s=5)),
        (("-queue", "30", "-queue_bytes", "64Mi", "-i", "udp://:1"), LivePolicy(queue_s=30, queue_bytes=64 * 2**20)),
        (("-ladder", "smooth|null", "-i", "udp://:1"), LivePolicy(ladder=("smooth", "null"))),
        (("-ladder", "", "-i", "udp://:1"), LivePolicy(ladder=())),
    ],
)  # fmt: skip
def test_what_is_live(words: tuple[str, ...], live: LivePolicy | None) -> None:
    assert spec(*words, "out.mkv").live == live


def test_options_of_srt_are_known() -> None:
    job = spec("-latency", "20000", "-passphrase", "0123456789", "-i", "srt://h:1", "-pbkeylen", "16", "srt://h:2")
    assert job.inputs[0].options == {"latency": "20000", "passphrase": "0123456789"}
    assert job.outputs[0].options == {"pbkeylen": "16"}


def test_outputs_share_what_is_said_before_the_first() -> None:
    job = spec("-i", "a", "-vf", "edge", "-map", "0:v", "x.mkv", "-vf", "edge", "-c:v", "ffv1", "y.mkv", "-an", "z.mkv")
    assert [o.url for o in job.outputs] == ["x.mkv", "y.mkv", "z.mkv"]
    assert [o.video_codec for o in job.outputs] == [None, "ffv1", None]
    assert [o.audio for o in job.outputs] == [True, True, False]
    assert (job.audio, [f.name for f in job.filters], job.maps) == (True, ["edge"], ("0:v",))
    assert spec("-i", "a", "-an", "x.mkv", "-an", "y.mkv").audio is False


def test_ladders() -> None:
    assert parse_ladder("smooth=0.5 | null") == ("smooth=0.5", "null")
    assert parse_ladder("format='yuv420p|gray',smooth|null") == ("format='yuv420p|gray',smooth", "null")


def test_how_a_live_stream_is_told() -> None:
    health = Health()
    health.connected()
    health.stepped(0, "denoise", "")
    health.received(damaged=True)
    health.received()
    health.written(0.25, late=True)
    health.dropped("overload")
    health.stepped(1, "smooth", "too slow")
    health.output(0, "out.mkv", "")
    health.output_wrote(0, late=True)
    health.output(1, "rtmp://m/x", "too slow,\npictures are left out")
    health.output_left_out(1, "output")
    health.output_left_out(1, "rate")
    health.figure("capture_delay_s", 0.125)
    told = live_fields(health.report())
    assert told == {
        "state": "degraded",
        "reason": "down to smooth: too slow; rtmp://m/x: too slow, pictures are left out",
        "received_frames": "2",
        "damaged_frames": "1",
        "standing_in_frames": "0",
        "late_frames": "1",
        "drop_frames_overload": "1",
        "latency_p50_us": "250000",
        "latency_p99_us": "250000",
        "capture_delay_us": "125000",
        "reconnects": "0",
        "rung": "1",
        "filters": "smooth",
        "output_0_trouble": "",
        "output_0_written_frames": "1",
        "output_0_late_frames": "1",
        "output_0_drop_frames": "0",
        "output_1_trouble": "too slow, pictures are left out",
        "output_1_written_frames": "0",
        "output_1_late_frames": "0",
        "output_1_drop_frames": "2",
    }
    assert live_words(health.report()) == "degraded p99=250ms late=1 damaged=1 rung=1"
    assert live_words(Health().report()) == "starting p99=N/A"
