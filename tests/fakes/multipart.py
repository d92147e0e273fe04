"""Cameras that push motion JPEG over HTTP (multipart/x-mixed-replace), each with its own idea of how that begins."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from typing import Any, Literal

import av
import numpy as np

from tests.fakes.serving import serving

Begins = Literal["right", "empty line", "header", "picture", "middle", "page", "nothing"]


_TEXTS = {"page": b"<html><body>Log in, please.</body></html>", "nothing": bytes(3000)}


def jpegs(count: int) -> list[bytes]:
    """So many pictures, each brighter than the one before."""
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, "yuvj420p", Fraction(1, 25)
    made = []
    for n in range(count):
        frame = av.VideoFrame.from_ndarray(np.full((72, 64), 20 + 5 * n, np.uint8), "yuvj420p")
        frame.pts = n
        made += [bytes(packet) for packet in encoder.encode(frame)]
    return made


@dataclass
class MultipartCamera:
    """Sends `count` pictures again and again, `fps` a second. begins: how its answer begins.

    sent: when the newest client got each, monotonic seconds.
    """

    begins: Begins = "right"
    fps: float = 10
    count: int = 12
    sent: list[float] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Listen; gives the URL."""
        camera, pictures, ended = self, jpegs(self.count), threading.Event()

        class Pushes(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                kind = "text/html" if camera.begins == "page" else "multipart/x-mixed-replace; boundary=part"
                self.send_header("Content-Type", kind)
                if (text := _TEXTS.get(camera.begins)) is not None:
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                with suppress(OSError):  # the client goes
                    camera._push(self.wfile.write, pictures, ended)

            def log_message(self, format: str, *args: Any) -> None:
                """Log nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Pushes)
        server.daemon_threads = True
        with serving(server):
            try:
                yield f"http://127.0.0.1:{server.server_port}/mjpg"
            finally:
                ended.set()

    def _push(self, write: Any, pictures: list[bytes], ended: threading.Event) -> None:
        if (text := _TEXTS.get(self.begins)) is not None:
            write(text)
            return
        begin_s = time.monotonic()
        sent = self.sent = list[float]()
        for number, picture in enumerate(cycle(pictures)):
            if ended.wait(max(0.0, begin_s + number / self.fps - time.monotonic())):
                return
            header = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
            part = b"--part\r\n" + header + picture + b"\r\n"
            if not number:
                part = {
                    "empty line": b"\r\n" + part,
                    "header": header + picture + b"\r\n",
                    "picture": picture + b"\r\n",
                    "middle": picture[len(picture) // 2 :] + b"\r\n",
                }.get(self.begins, part)
            write(part)
            sent.append(time.monotonic())
