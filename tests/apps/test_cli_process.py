"""The command line as a process: pipes, signals, terminals, what it loads."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.apps.material import command, environment, levels, read_until, run_process
from tests.fakes.waiting import LONG_S, until
from tests.live.servers import free_port


@contextmanager
def process(words: list[str | Path], *folders: Path, **more: int) -> Iterator[subprocess.Popen[bytes]]:
    """A running streamfix, killed if the test leaves it running."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    with subprocess.Popen(command(*words), env=environment(*folders), **pipes) as running:  # type: ignore[call-overload]
        try:
            yield running
        finally:
            running.kill()


def test_a_job_without_our_filters_loads_no_heavy_library(clip: Path, tmp_path: Path) -> None:
    script = f"""
import json, sys
from streamfix.apps.cli import main
codes = [
    main(["-version"]), main(["-crff", "3"]), main(["-i", "x", "-vf", "smoth", "y"]), main(["-h"]),
    main(["-v", "error", "-i", {str(clip)!r}, "-vf", "null", "-c:v", "ffv1", {str(tmp_path / "o.mkv")!r}]),
    main(["-v", "error", "-i", {str(clip)!r}, "-vf", "scale=8:8", "-c:v", "ffv1", {str(tmp_path / "p.mkv")!r}]),
]
heavy = {{"torch", "cv2", "rich", "numpy", "ssl", "_hashlib", "http.client"}}
print(json.dumps([codes, sorted(heavy & set(sys.modules))]))
"""
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    codes, loaded = json.loads(done.stdout.splitlines()[-1])
    assert codes == [0, 1, 1, 0, 0, 0]
    assert loaded == [], "each costs a tenth of a second and more at every start"


@pytest.mark.slow
def test_pipes_both_ways_and_nothing_else_on_stdout(clip: Path, site: Path) -> None:
    words = ["-i", "-", "-vf", "invert", "-c:v", "ffv1", "-f", "matroska", "-"]
    done = run_process(words, site, stdin=clip.read_bytes())
    assert done.returncode == 0, done.stderr.decode()
    assert levels(io.BytesIO(done.stdout)) == [255 - i for i in range(25)]
    assert b"frame=   25" in done.stderr


def test_a_consumer_that_leaves_is_a_broken_pipe(clip: Path) -> None:
    words: list[str | Path] = ["-stream_loop", "-1", "-i", clip, "-c:v", "rawvideo", "-f", "rawvideo", "-"]
    with process(words) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(5000)
        running.stdout.close()
        said = running.stderr.read().decode()
        assert running.wait() == 1
    assert "Broken pipe" in said.splitlines()[-1]


def test_a_job_goes_on_when_nobody_reads_what_it_says(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    words: list[str | Path] = ["-stats_period", "0.02", "-progress", "-", "-stream_loop", "40", "-i", clip]
    with process([*words, "-c:v", "ffv1", out]) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        running.stderr.close()
        assert running.wait(timeout=LONG_S) == 0
    assert len(levels(out)) == 41 * 25


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_finishes_the_file(clip: Path, tmp_path: Path, number: int) -> None:
    out = tmp_path / "out.mp4"
    words: list[str | Path] = ["-nostats", "-progress", "-", "-stream_loop", "-1", "-i", clip, "-an", "-preset",
                               "ultrafast", "-qp", "0", out]  # fmt: skip
    with process(words) as running:
        assert running.stdout is not None
        read_until(running.stdout, b"progress=continue")  # type: ignore[arg-type]
        running.send_signal(number)
        rest, said = running.communicate(timeout=LONG_S)
    assert running.returncode == 255, said.decode()
    assert f"received signal {int(number)}" in said.decode()
    assert rest.decode().splitlines()[-1] == "progress=end"
    frames = int(re.findall(r"^frame=(\d+)$", rest.decode(), re.MULTILINE)[-1])
    found = levels(out)
    assert len(found) == frames > 0
    assert found == [i % 25 for i in range(frames)]


@pytest.mark.slow
def test_two_signals_stop_at_once(clip: Path, tmp_path: Path, site: Path) -> None:
    words: list[str | Path] = ["-i", clip, "-vf", "stuck", "-c:v", "ffv1", tmp_path / "out.mkv"]
    with process(words, site) as running:
        assert running.stderr is not None
        read_until(running.stderr, b"frame=    2")  # type: ignore[arg-type]
        running.send_signal(signal.SIGINT)
        read_until(running.stderr, b"received signal 2")  # type: ignore[arg-type]
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=LONG_S)[1]
    assert running.returncode == 123, said.decode()
    assert b"stopped at once" in said


def test_a_signal_while_the_input_is_opened_ends_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never.mkv")
    words: list[str | Path] = ["-i", tmp_path / "never.mkv", tmp_path / "out.mkv"]
    with process(words) as running:
        assert running.stderr is not None
        read_until(running.stderr, b"streamfix")  # type: ignore[arg-type]
        with open(tmp_path / "never.mkv", "wb"):  # opened at both ends now; nothing is ever written
            running.send_signal(signal.SIGINT)
            assert b"nothing was written" in read_until(running.stderr, b"written\n")  # type: ignore[arg-type]
            assert running.wait(timeout=LONG_S) == 255
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_nobody_reads_the_named_pipe_ends_it(clip: Path, tmp_path: Path, number: int) -> None:
    """Nothing was written, so there is nothing to finish: an end by signal, which says what was waited for."""
    fifo = tmp_path / "out.mkv"
    os.mkfifo(fifo)
    words: list[str | Path] = ["-nostats", "-progress", "-", "-stream_loop", "-1", "-i", clip, "-y", fifo]
    with process(words) as running:
        assert running.stdout is not None
        read_until(running.stdout, b"progress=continue")  # type: ignore[arg-type]
        running.send_signal(number)
        said = running.communicate(timeout=LONG_S)[1]
    assert running.returncode == 255, said.decode()
    assert b"nobody reads this named pipe" in said.splitlines()[-1]
    assert fifo.is_fifo()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_what_is_read_from_a_named_pipe(clip: Path, tmp_path: Path, number: int) -> None:
    fifo = tmp_path / "out.mkv"
    os.mkfifo(fifo)
    words: list[str | Path] = ["-stream_loop", "-1", "-i", clip, "-c:v", "ffv1", "-y", fifo]
    with process(words) as running, fifo.open("rb") as reading:
        data = reading.read(4000)  # it is being written
        running.send_signal(number)
        data += reading.read()
        assert running.wait(LONG_S) == 255
    found = levels(io.BytesIO(data))
    assert found == [i % 25 for i in range(len(found))] != []
    assert fifo.is_fifo()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_the_old_file(clip: Path, tmp_path: Path, number: int) -> None:
    """A stopped job is not complete: what it wrote lies beside the file that was there."""
    out, beside = tmp_path / "out.mp4", tmp_path / "out.partial.mp4"
    out.write_bytes(b"precious")
    words: list[str | Path] = ["-y", "-nostats", "-progress", "-", "-re", "-stream_loop", "9999", "-i", clip, "-an"]
    with process([*words, "-preset", "ultrafast", "-qp", "0", out]) as running:
        assert running.stdout is not None
        read_until(running.stdout, b"progress=continue")  # type: ignore[arg-type]
        running.send_signal(number)
        said = running.communicate(timeout=LONG_S)[1].decode()
    assert running.returncode == 255, said
    assert out.read_bytes() == b"precious"
    assert f"{out} was left as it was; what was written until then is in {beside}" in said
    found = levels(beside)
    assert found == [i % 25 for i in range(len(found))]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(clip: Path, tmp_path: Path, closed: str) -> None:
    """A file that is opened would get the number of one that is closed, and with it what is printed there."""
    out = tmp_path / "out.mkv"
    line = shlex.join(command("-nostats", "-i", clip, "-c:v", "ffv1", out))
    assert subprocess.run(["sh", "-c", f"{line} {closed}"], env=environment(), timeout=LONG_S).returncode == 0
    assert levels(out) == list(range(25))


@pytest.mark.parametrize("words", ["-version", "-i CLIP -c:v ffv1 -f matroska -"])
def test_data_for_a_closed_stdout_is_an_error(clip: Path, words: str) -> None:
    line = shlex.join(command("-hide_banner", *words.replace("CLIP", str(clip)).split()))
    done = subprocess.run(["sh", "-c", f"{line} >&-"], env=environment(), timeout=LONG_S, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert b"stdout" in done.stderr
    assert b"closed" in done.stderr
    assert b"Error" not in done.stderr
    assert b"Exception" not in done.stderr


def test_an_interrupt_while_modules_are_imported(tmp_path: Path) -> None:
    """It ends without a traceback, in any place of the imports."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.abc, signal, sys\n"
        "class Interrupts(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'av': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupts())\n"
    )
    done = run_process(["-version"], tmp_path)
    assert (done.returncode, done.stderr) == (255, b"")


@contextmanager
def on_terminal(words: list[str | Path], *folders: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A streamfix whose stdin and stderr are a terminal, and our end of that terminal."""
    ours, theirs = pty.openpty()
    script = "import os, sys; os.setsid(); import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
    script += "; from streamfix.apps.cli import main; sys.exit(main(sys.argv[1:]))"
    line = [sys.executable, "-c", script, *map(str, words)]
    environ = {**environment(*folders), "TERM": "xterm", "COLUMNS": "160"}
    with subprocess.Popen(line, env=environ, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs) as running:
        os.close(theirs)
        try:
            yield running, ours
        finally:
            running.kill()
            os.close(ours)


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 1), (b"\n", 1)])
def test_asks_before_it_overwrites(clip: Path, tmp_path: Path, answer: bytes, code: int) -> None:
    out = tmp_path / "out.mkv"
    out.write_bytes(b"precious")
    with on_terminal(["-nostats", "-i", clip, "-c:v", "ffv1", out]) as (running, terminal):
        read_until(terminal, b"already exists. Overwrite? [y/N] ")
        os.write(terminal, answer)
        assert running.wait(timeout=LONG_S) == code
    assert (out.read_bytes() == b"precious") == (code != 0)


def test_q_before_the_first_frame_is_no_success(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never.mkv")
    with on_terminal(["-i", tmp_path / "never.mkv", tmp_path / "out.mkv"]) as (running, terminal):
        read_until(terminal, b"streamfix")
        with open(tmp_path / "never.mkv", "wb"):
            os.write(terminal, b"q")
            read_until(terminal, b"nothing was written")
            assert running.wait(timeout=LONG_S) == 255


def test_q_ends_a_job_and_a_bar_shows_it(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    with on_terminal(["-stream_loop", "-1", "-i", clip, "-an", "-c:v", "ffv1", out]) as (running, terminal):
        read_until(terminal, b"encode ")  # how busy each thread is
        os.write(terminal, b"q")
        said = read_until(terminal, b" KiB in ")
        assert running.wait(timeout=LONG_S) == 0
    assert b" frames" in said
    assert b" fps" in said
    assert levels(out)[:30] == [i % 25 for i in range(30)]


def test_whoever_watches_knows_that_a_camera_is_waited_for(tmp_path: Path) -> None:
    """-progress says so before there is any picture; and the block at the end says that it was stopped."""
    told = tmp_path / "progress.txt"
    url = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    with process(["-nostdin", "-stats_period", "0.1", "-progress", told, "-i", url, tmp_path / "out.mkv"]) as running:
        until(lambda: told.exists() and "state=starting\nreason=connecting\n" in told.read_text())
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=LONG_S)
    blocks = told.read_text().split("progress=")
    assert blocks[-1] == "end\n"
    assert all("received_frames=0" in block for block in blocks[:-1])
    assert running.returncode == 255
