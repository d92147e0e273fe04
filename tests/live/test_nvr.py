"""The commands of samples/nvr run as go2rtc and MediaMTX run them: until SIGINT, and nothing stays behind."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from tests.apps.material import environment
from tests.fakes.waiting import LONG_S, until
from tests.live.legs import BUNNY, free_port, needs_rtsp_server, rtsp
from tests.live.servers import wait_bound
from tests.media.make import needs_ffmpeg

SAMPLES = Path(__file__).parents[2] / "samples" / "nvr"
CAMERA = "rtsp://192.0.2.10/stream"


def command_in(name: str) -> str:
    """The one command of streamfix in a file of the samples."""
    (found,) = re.findall(r"(?:exec:|runOnDemand: )(streamfix .*)", (SAMPLES / name).read_text(encoding="utf-8"))
    return str(found)


def words_of(command: str, camera: str, **variables: object) -> list[str]:
    """What is run, with that camera and a filter without a network; a host fills in its variables."""
    assert CAMERA in command and "-vf denoise" in command
    for name, value in variables.items():
        command = command.replace(f"${name}", str(value))
    words = shlex.split(command.replace(CAMERA, camera).replace("-vf denoise", "-vf smooth"))
    return [sys.executable, "-m", *words]


@contextmanager
def started(words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process group of its own, as these hosts start it."""
    with subprocess.Popen(
        words, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def ended_by_sigint(process: subprocess.Popen[bytes]) -> None:
    """Exit code 255, and no process of its group left."""
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LONG_S)
    assert process.returncode == 255
    until(lambda: is_gone(process.pid), "its processes are gone")


@pytest.mark.slow
@needs_rtsp_server
def test_go2rtc_reads_mpegts_and_ends_it(tmp_path: Path) -> None:
    command, *settings = command_in("go2rtc.yaml").split("#")
    assert settings == [f"killsignal={int(signal.SIGINT)}", "killtimeout=5"]
    with rtsp(BUNNY) as camera, started(words_of(command, camera)) as process:
        assert process.stdout is not None
        seen = process.stdout.read(188 * 100)
        ended_by_sigint(process)
    assert seen[0] == seen[188] == 0x47
    (tmp_path / "seen.ts").write_bytes(seen)
    with av.open(str(tmp_path / "seen.ts")) as container:
        assert container.streams.video[0].codec_context.name == "h264"


@pytest.mark.slow
@needs_rtsp_server
@needs_ffmpeg
def test_mediamtx_gets_a_publisher_and_ends_it(tmp_path: Path) -> None:
    """ffmpeg stands in for MediaMTX's own server: it listens at the address that is filled in."""
    port, out = free_port(), tmp_path / "seen.ts"
    server = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-rtsp_flags", "listen", "-i", f"rtsp://127.0.0.1:{port}/yard"]
    server += ["-c", "copy", "-flush_packets", "1", "-f", "mpegts", str(out)]
    with rtsp(BUNNY) as camera, subprocess.Popen(server, stderr=subprocess.PIPE) as listening:
        try:
            wait_bound(port, listening)
            with started(words_of(command_in("mediamtx.yml"), camera, RTSP_PORT=port, MTX_PATH="yard")) as process:
                until(lambda: out.exists() and out.stat().st_size > 188 * 20, "the server gets pictures")
                ended_by_sigint(process)
        finally:
            listening.kill()
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.name == "h264"


def test_frigate_reads_what_the_others_publish() -> None:
    text = (SAMPLES / "frigate.yml").read_text(encoding="utf-8")
    assert "rtsp://192.0.2.20:8554/yard" in text
    assert "\n  yard:\n" in (SAMPLES / "mediamtx.yml").read_text(encoding="utf-8")
