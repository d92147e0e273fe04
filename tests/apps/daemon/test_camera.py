"""The camera of these tests can be switched off whatever its viewer does: else a leak hangs the whole run."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from tests.apps.daemon.camera import Camera


def test_it_ends_although_its_viewer_takes_nothing() -> None:
    camera = Camera([bytes(2**26)])  # more than the system holds for a connection
    port = urlsplit(camera.url).port
    with socket.create_connection(("127.0.0.1", port or 0)) as viewer:
        assert viewer.recv(1), "it is sending"
        camera.close()
