"""A camera at localhost: MPEG-TS over TCP, as long as there is film."""

from __future__ import annotations

import contextlib
import io
import socket
import threading

import av

from tests.apps.material import RATE
from tests.fakes.waiting import joined

SIZE = (64, 48)


class Camera:
    """Sends MPEG-TS at 25 frames a second over TCP to whoever connects, as long as there is film."""

    def __init__(self, film: list[bytes]) -> None:
        self._film = film
        self._over = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self._viewer: socket.socket | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name=f"camera {self.url}", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):  # nobody looks any more, or the camera is switched off
                viewer, _ = self._server.accept()
                with viewer:
                    self._shows(viewer)
                    try:
                        self._send(viewer)
                    finally:
                        self._shows(None)

    def _send(self, viewer: socket.socket) -> None:
        for part in self._film:
            if self._over.is_set():
                return
            viewer.sendall(part)
            self._over.wait(1 / 25)

    def _shows(self, viewer: socket.socket | None) -> None:
        with self._lock:
            self._viewer = viewer

    def close(self) -> None:
        """Switch it off, also if whoever looks takes nothing."""
        self._over.set()
        self._server.shutdown(socket.SHUT_RDWR)
        with self._lock, contextlib.suppress(OSError):  # the viewer has gone
            if self._viewer is not None:
                self._viewer.shutdown(socket.SHUT_RDWR)
        joined(self._thread)
        self._server.close()


def film(frames: int) -> list[bytes]:
    """The stream, in a part for each frame."""
    parts, file = [], io.BytesIO()
    with av.open(file, "w", format="mpegts", options={"flush_packets": "1"}) as container:
        stream = container.add_stream("mpeg2video", rate=RATE, options={"g": "10", "bf": "0"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for i in range(frames):
            frame = av.VideoFrame(*SIZE, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([60 + i % 100]) * plane.buffer_size)
            frame.pts, frame.time_base = i, 1 / RATE
            container.mux(stream.encode(frame))
            parts.append(file.getvalue())
            file.seek(0)
            file.truncate()
    return parts
