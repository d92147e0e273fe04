"""Real cameras for tests: servers and senders on this machine, and what watches a live source."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import pytest

from streamfix.frame import Frame
from streamfix.live.camera.source import LiveSource
from streamfix.live.health import Health
from streamfix.live.policy import LivePolicy
from streamfix.media.specs import InputSpec
from tests.fakes.waiting import LONG_S, exited, joined
from tests.live.servers import free_port as free_port
from tests.media.make import needs_ffmpeg as needs_ffmpeg

BUNNY = Path(__file__).parents[2] / "samples" / "bunny.mp4"
PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")


def _has_rtsp_server() -> bool:
    look = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    return os.path.exists(PYTHON) and subprocess.run([PYTHON, "-c", look], capture_output=True).returncode == 0


needs_rtsp_server = pytest.mark.skipif(
    not _has_rtsp_server(), reason="needs GStreamer's RTSP server for /usr/bin/python3 (gir1.2-gst-rtsp-server-1.0)"
)
needs_namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and the ip command for network namespaces"
)


@contextlib.contextmanager
def process(*command: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a command until the block ends."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, **options) as child:
        try:
            yield child
        finally:
            child.kill()
            exited(child)


@contextlib.contextmanager
def sender(clip: Path, *output: str, speed: float | None = 1, loop: bool = True) -> Iterator[subprocess.Popen[str]]:
    """ffmpeg sends a clip as it is. speed: a multiple of real time, None for as fast as possible."""
    pace = [] if speed is None else ["-readrate", str(speed)]
    again = ["-stream_loop", "-1"] if loop else []
    with process("ffmpeg", "-v", "error", *pace, *again, "-i", str(clip), "-c", "copy", *output) as child:
        yield child


@contextlib.contextmanager
def rtsp(
    clip: Path, port: int = 0, account: str = "", namespace: str = "", address: str = "127.0.0.1"
) -> Iterator[str]:
    """GStreamer's RTSP server; gives the URL, without account."""
    into = ("ip", "netns", "exec", namespace) if namespace else ()
    command = (*into, PYTHON, str(SERVER), str(clip), address, str(port), *([account] if account else []))
    with process(*command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        listens_at = server.stdout.readline().strip()
        assert listens_at, "the RTSP server did not start"
        yield f"rtsp://{address}:{listens_at}/cam"


def ffmpeg(*words: str) -> None:
    """Run ffmpeg to its end."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words], check=True, stdin=subprocess.DEVNULL)


def encode(clip: Path, path: Path, *codec: str, size: str = "160:90") -> Path:
    """A clip, smaller and in another codec."""
    ffmpeg("-i", str(clip), "-vf", f"scale={size}", "-threads", "1", *codec, str(path))
    return path


class Watch:
    """Runs a live source in a thread and keeps what it gives.

    frames: without their pictures' planes; hashes of them where `hashed`.
    """

    def __init__(
        self,
        url: str,
        policy: LivePolicy | None = None,
        options: dict[str, str] | None = None,
        *,
        look: Any = None,
        **fields: Any,
    ) -> None:
        self.health = Health()
        self.source = LiveSource(InputSpec(url, options=options or {}, **fields), policy or LivePolicy(), self.health)
        self.frames: list[Frame] = []
        self.seen: list[Any] = []
        self.packets = 0
        self.error: BaseException | None = None
        self._look = look
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="watch")

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.source.stop()
        joined(self._thread)
        self.source.close()

    def until(self, true: Callable[[], object], timeout_s: float = LONG_S) -> None:
        """Wait until something is so; fails if it does not become so in time."""
        end_s = time.monotonic() + timeout_s
        with self._changed:
            while not true():
                left_s = end_s - time.monotonic()
                assert left_s > 0 and self.error is None, (self.error, self.health.report(), len(self.frames))
                self._changed.wait(min(left_s, 0.05))

    @property
    def state(self) -> str:
        return self.health.report().state

    @property
    def real(self) -> Sequence[Frame]:
        return [f for f in self.frames if not f.standing_in]

    def _run(self) -> None:
        try:
            for item in self.source:
                with self._changed:
                    if isinstance(item, Frame):
                        self.frames.append(item)
                        self.seen.append(self._look(item) if self._look is not None else None)
                    elif isinstance(item, av.Packet):
                        self.packets += 1
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - shown by the test that waits
            self.error = error


def increases(frames: Sequence[Frame]) -> bool:
    pts = [f.pts for f in frames]
    return pts == sorted(set(pts))
