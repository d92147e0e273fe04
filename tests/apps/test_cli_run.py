"""Whole runs of the command line: results, exit codes, what is said and where."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import av
import pytest

from streamfix.media.output import options
from tests.apps.conftest import Run
from tests.apps.material import QUIET, blocks, kinds, levels, write_clip


def test_passes_pictures_and_sound_through(run: Run, clip: Path, tmp_path: Path) -> None:
    said = run("-i", clip, "-vf", "null", "-c:v", "ffv1", tmp_path / "out.mkv")
    assert (said.code, said.out) == (0, "")
    assert levels(tmp_path / "out.mkv") == list(range(25))
    assert kinds(tmp_path / "out.mkv") == ["video", "audio"]


def test_runs_filters_of_packages_and_of_libavfilter(run: Run, clip: Path, tmp_path: Path) -> None:
    said = run("-i", clip, "-vf", "crop=16:16:0:0,invert,scale=8:8", "-c:v", "ffv1", "-an", tmp_path / "out.mkv")
    assert said.code == 0
    assert levels(tmp_path / "out.mkv") == [255 - i for i in range(25)]
    assert kinds(tmp_path / "out.mkv") == ["video"]


def test_takes_a_part(run: Run, clip: Path, tmp_path: Path) -> None:
    assert run(*QUIET, "-ss", "200ms", "-i", clip, "-t", "0.4", "-c:v", "ffv1", tmp_path / "a.mkv").code == 0
    assert levels(tmp_path / "a.mkv") == list(range(5, 15))
    assert run(*QUIET, "-i", clip, "-frames:v", "7", "-c:v", "ffv1", tmp_path / "b.mkv").code == 0
    assert levels(tmp_path / "b.mkv") == list(range(7))


def test_takes_streams_of_several_inputs(run: Run, clip: Path, tmp_path: Path) -> None:
    silent = write_clip(tmp_path / "silent.mkv", 10)
    words = ("-i", silent, "-i", clip, "-map", "0:v", "-map", "1:a:0", "-map", "1:s?")
    assert run(*QUIET, *words, "-c:v", "ffv1", tmp_path / "out.mkv").code == 0
    assert kinds(tmp_path / "out.mkv") == ["video", "audio"]
    assert levels(tmp_path / "out.mkv") == list(range(10))


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (641, 359)])
def test_odd_sizes(run: Run, tmp_path: Path, size: tuple[int, int]) -> None:
    write_clip(tmp_path / "in.mkv", 3, size=size)
    assert run(*QUIET, "-i", tmp_path / "in.mkv", "-vf", "invert", "-c:v", "ffv1", tmp_path / "out.mkv").code == 0
    assert levels(tmp_path / "out.mkv") == [255, 254, 253]
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == size


def test_encoder_options_arrive(run: Run, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    words = (
        "-c:v",
        "libx264",
        "-crf",
        "30",
        "-preset",
        "ultrafast",
        "-g",
        "5",
        "-bf",
        "0",
        "-x264-params",
        "scenecut=0",
    )
    assert run(*QUIET, "-i", clip, *words, "-an", "-metadata", "title=Harbour", out).code == 0
    with av.open(str(out)) as container:
        assert container.metadata["title"] == "Harbour"
        keys = [p.is_keyframe for p in container.demux(video=0) if p.size]
    assert keys == [True, False, False, False, False] * 5


def test_a_quiet_run_says_nothing(run: Run, clip: Path, tmp_path: Path) -> None:
    said = run("-v", "quiet", "-i", clip, "-c:v", "ffv1", tmp_path / "out.mkv")
    assert (said.code, said.out, said.err) == (0, "", "")


def test_tells_input_output_and_progress(run: Run, clip: Path, tmp_path: Path) -> None:
    said = run("-i", clip, "-vf", "double", "-c:v", "ffv1", "-benchmark", tmp_path / "out.mkv")
    assert said.out == ""
    assert "48x32, yuv420p, 25 fps" in said.err
    assert "stream 0:0 (video, ffv1) -> double -> ffv1\n" in said.err
    assert "stream 0:1 (audio, flac) -> copy\n" in said.err
    assert "double may invent detail: the result is reconstructed, not restored" in said.err
    assert "frame=   25 fps=" in said.err
    assert "\r" in said.err or said.err.count("frame=") == 1
    assert "bench: utime=" in said.err
    assert "bench: maxrss=" in said.err


def test_a_verbose_run_shows_what_libav_says(run: Run, clip: Path, tmp_path: Path) -> None:
    words = ("-i", clip, "-c:v", "libx264", "-an")
    assert "[libx264 @ " not in run(*words, tmp_path / "quiet.mp4").err
    for cached in (options.known_options, options.default_option, options._options):
        cached.cache_clear()
    said = run("-v", "verbose", *words, tmp_path / "out.mp4")
    assert (said.code, said.out) == (0, "")
    assert "[libx264 @ " in said.err
    assert "deprecated" not in said.err  # options that nobody has given


@pytest.mark.parametrize("level", ["verbose", "debug"])
def test_what_libav_says_by_itself_has_no_passwords(run: Run, tmp_path: Path, level: str) -> None:
    playlist = tmp_path / "list.m3u8"
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXTINF:2,", "http://me:hush@127.0.0.1:1/a.ts", "#EXT-X-ENDLIST"]
    playlist.write_text("\n".join(lines))
    options = ("-protocol_whitelist", "file,http,tcp,crypto")
    said = run("-v", level, *options, "-i", playlist, tmp_path / "out.mp4")
    assert said.code == 1
    assert "http://***@127.0.0.1:1/a.ts" in said.err
    assert "hush" not in said.err


def test_progress_blocks(run: Run, clip: Path, tmp_path: Path) -> None:
    log = tmp_path / "progress.txt"
    words = ("-stats_period", "0.02", "-progress", log, "-stream_loop", "20")
    assert run(*QUIET, *words, "-i", clip, "-c:v", "ffv1", tmp_path / "out.mkv").code == 0
    found = blocks(log.read_text())
    assert [b["progress"] for b in found] == ["continue"] * (len(found) - 1) + ["end"]
    keys = ["frame", "fps", "bitrate", "total_size", "out_time_us", "out_time_ms", "out_time", "dup_frames"]
    assert list(found[-1]) == [*keys, "drop_frames", "speed", "progress"]
    counts = [int(b["frame"]) for b in found]
    assert counts == sorted(counts)
    last = found[-1]
    assert (last["frame"], last["dup_frames"], last["drop_frames"]) == ("525", "0", "0")
    assert last["out_time"].startswith("00:00:2")
    assert int(last["out_time_us"]) == pytest.approx(21_000_000, abs=50_000)
    assert int(last["total_size"]) == pytest.approx((tmp_path / "out.mkv").stat().st_size, rel=0.05)
    assert last["bitrate"].endswith("kbits/s")
    assert last["speed"].endswith("x")


def test_progress_ends_with_a_block_also_when_the_job_fails(run: Run, clip: Path, tmp_path: Path) -> None:
    said = run(*QUIET, "-progress", "-", "-i", clip, "-vf", "broken", "-c:v", "ffv1", tmp_path / "out.mkv")
    assert said.code == 1
    assert blocks(said.out)[-1]["progress"] == "end"


class Listener:
    """Takes one connection and keeps what comes over it. Leaving the block waits for its end."""

    def __enter__(self) -> Listener:
        self.received = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(30)  # a job that never connects fails the test and does not hang it
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._receive)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._server.close()

    def _receive(self) -> None:
        connection, _ = self._server.accept()
        with connection, connection.makefile("rb") as stream:
            self.received = stream.read()


def test_progress_goes_to_a_socket(run: Run, clip: Path, tmp_path: Path) -> None:
    with Listener() as listener:
        url = f"tcp://{listener.address}"
        assert run(*QUIET, "-progress", url, "-i", clip, "-c:v", "ffv1", tmp_path / "out.mkv").code == 0
    assert blocks(listener.received.decode())[-1]["frame"] == "25"


def test_progress_is_posted_over_http(run: Run, clip: Path, tmp_path: Path) -> None:
    with Listener() as listener:
        url = f"http://{listener.address}/jobs/1"
        assert run(*QUIET, "-progress", url, "-i", clip, "-c:v", "ffv1", tmp_path / "out.mkv").code == 0
    head, _, body = listener.received.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /jobs/1 HTTP/1.1\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"progress=end\n" in body
    assert body.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("-i {d}/missing.mp4 {d}/o.mkv", "missing.mp4: No such file or directory"),
        ("-i {d} {d}/o.mkv", "directory"),
        ("-i {d}/text.mp4 {d}/o.mkv", "text.mp4"),
        ("-i {d}/empty.mp4 {d}/o.mkv", "empty.mp4"),
        ("-i {d}/cut.mp4 {d}/o.mkv", "cut.mp4"),
        ("-i {d}/sound.mka {d}/o.mkv", "no video stream"),
        ("-i {c} -vf smoth {d}/o.mkv", "no filter 'smoth'. Did you mean 'smooth'?"),
        (
            "-i {c} -vf invert=amuont=1 {d}/o.mkv",
            "invert has no option 'amuont' (did you mean 'amount'?); it has:",
        ),
        ("-i {c} -vf invert=amount=much {d}/o.mkv", "invert=amount: 'much' is not a number"),
        ("-i {c} -vf lost {d}/o.mkv", "filter 'lost' is announced as nowhere_at_all:X but does not load"),
        ("-i {c} -vf broken -c:v ffv1 {d}/o.mkv", "broken at pts 80 (0.080 s): ZeroDivisionError: of its own making"),
        ("-i {c} -vf scale=nosuch=1 {d}/o.mkv", "libavfilter does not take scale=nosuch=1"),
        ("-i {c} -c:v nosuch {d}/o.mkv", "nosuch"),
        ("-i {c} -c:v ffv1 {d}/o.nosuch", "o.nosuch"),
        ("-i {c} -c:v ffv1 {d}/nowhere/o.mkv", "there is no directory"),
        ("-i {c} -map 3:v {d}/o.mkv", "-map 3:v: there is no input 3"),
        ("-i {c} -c:v ffv1 -crf 20 {d}/o.mkv", "crf"),
        ("-i {c} -y -c:v ffv1 {c}", "clip.mkv"),
        ("-i {c} -c:v ffv1 -f matroska /dev/full", "No space left on device"),
        ("-device cuda:77 -i {c} -vf invert {d}/o.mkv", "device cuda:77: PyTorch sees"),
        ("-progress {d}/nowhere/p -i {c} {d}/o.mkv", "nowhere/p: No such file or directory"),
        ("-progress - -i {c} -f matroska -", "stdout carries the video"),
        ("-i {c} -crff 3 {d}/o.mkv", "Unrecognized option 'crff'. Did you mean 'crf'?"),
        ("-i {c}", "At least one output file must be specified"),
        ("-y -n -i {c} {d}/text.mp4", "-y and -n are both given"),
        ("-v loud -i {c} {d}/o.mkv", "-loglevel loud: expected one of quiet"),
    ],
)
def test_a_failure_is_one_line_that_teaches(run: Run, clip: Path, tmp_path: Path, words: str, says: str) -> None:
    (tmp_path / "text.mp4").write_text("This is no video.\n" * 200)
    (tmp_path / "empty.mp4").touch()
    if "cut.mp4" in words:  # its index, at the end, is gone
        whole = write_clip(tmp_path / "whole.mp4").read_bytes()
        (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    if "sound.mka" in words:
        write_clip(tmp_path / "sound.mka", audio=True, video=False)
    before = clip.read_bytes()
    said = run("-hide_banner", "-nostats", *words.format(c=clip, d=tmp_path).split())
    assert said.code == 1
    assert said.out == ""
    assert says in said.err
    last = said.err.splitlines()[-1]
    assert last.startswith("streamfix: ")
    assert says in last
    assert "Traceback" not in said.err
    assert clip.read_bytes() == before


def test_a_traceback_is_for_who_debugs(run: Run, clip: Path, tmp_path: Path) -> None:
    said = run("-loglevel", "debug", "-i", clip, "-vf", "broken", "-c:v", "ffv1", tmp_path / "o.mkv")
    assert said.code == 1
    assert 'raise ZeroDivisionError("of its own making")' in said.err


@pytest.mark.parametrize("words", [("-n",), (), ("-nostdin",)])
def test_an_existing_output_is_refused(run: Run, clip: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    out = tmp_path / "out.mkv"
    out.write_bytes(b"precious")
    said = run(*words, "-i", clip, out)
    assert said.code == 1
    assert f"File '{out}' already exists. Exiting; -y overwrites it." in said.err
    assert out.read_bytes() == b"precious"


def test_y_overwrites_and_a_failure_keeps_the_old_file(run: Run, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    out.write_bytes(b"precious")
    assert run("-y", "-i", clip, "-vf", "broken", "-c:v", "ffv1", out).code == 1
    assert out.read_bytes() == b"precious"
    assert run("-y", "-i", clip, "-c:v", "ffv1", out).code == 0
    assert levels(out) == list(range(25))
