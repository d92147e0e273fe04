"""Cameras over the nodes of a cluster: where they run, and what becomes of them when a node goes."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from streamfix.apps.daemon.config.config import load
from streamfix.apps.daemon.engine.supervisor import Supervisor
from streamfix.errors import UnknownName
from tests.apps.daemon.camera import film
from tests.apps.daemon.engine import untried
from tests.fakes.waiting import joined, until
from tests.ray.conftest import Nodes

pytestmark = pytest.mark.slow


class Gate:
    """A camera at localhost that any number may watch: MPEG-TS over TCP. most: at a time, so far."""

    def __init__(self) -> None:
        self._film, self._over = film(25), threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self.viewers = self.most = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                viewer, _ = self._server.accept()
                self._threads.append(threading.Thread(target=self._show, args=(viewer,), daemon=True))
                self._threads[-1].start()

    def _show(self, viewer: socket.socket) -> None:
        with self._lock:
            self.viewers += 1
            self.most = max(self.most, self.viewers)
        with viewer, contextlib.suppress(OSError):
            viewer.settimeout(1.0)
            for part in itertools.cycle(self._film):
                if self._over.wait(1 / 25):
                    break
                viewer.sendall(part)
        with self._lock:
            self.viewers -= 1

    def close(self) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        joined(*self._threads)
        self._server.close()


@pytest.fixture
def cameras() -> Iterator[dict[str, Gate]]:
    made = {name: Gate() for name in ("gate", "yard")}
    yield made
    for camera in made.values():
        camera.close()


def configuration(folder: Path, address: str, cameras: dict[str, Gate]) -> Path:
    lines = ["[daemon]", "port = 0", "max_load = 8", f'allow_folders = ["{folder}"]', 'allow_schemes = ["tcp"]']
    lines += ["[cluster]", f'address = "{address}"', 'lost_after = "8s"']
    lines += ["[defaults]", 'max_latency = "5s"', 'lost_after = "2s"', 'on_lost = "hold"']
    for name, camera in cameras.items():
        output = f'{{ url = "{folder}/{name}.mkv", video_options = {{ preset = "ultrafast" }} }}'
        lines += ["[[streams]]", f'name = "{name}"', f'input = "{camera.url}"', f"outputs = [{output}]"]
    path = folder / "streams.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def frames_in(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))


def test_cameras_of_a_lost_node_run_elsewhere(nodes: Nodes, cameras: dict[str, Gate], tmp_path: Path) -> None:
    """Within 20 s, none twice, and the recording that the node has left stays; a drained node's cameras move too."""
    handles = {name: nodes.add(cpus=2, node_name=name) for name in ("north", "south")}
    path = configuration(tmp_path, nodes.address, cameras)
    daemon = Supervisor(load(path), lambda: load(path), path=path, trial=untried, backoff_s=(0.2,))
    node_of = {}

    def running(name: str, without: str = "") -> bool:
        status = daemon.get(name)
        node_of[name] = str(status["node"])
        return status["state"] == "running" and int(str(status["written"])) > 5 and node_of[name] not in ("", without)

    daemon.open()
    try:
        until(lambda: all(running(name) for name in cameras), "both cameras run")
        assert len(set(node_of.values())) == 2, "the second one runs where there is more room"
        assert daemon.latest("gate") is not None
        (lost,) = {n for n in node_of.values() if n in handles} - {next(iter(handles))} or {node_of["gate"]}
        name = next(each for each, node in node_of.items() if node == lost)
        metrics = daemon.metrics().decode()
        assert f'streamfix_node_up{{node="{lost}"}} 1.0' in metrics
        begun_s = time.monotonic()
        nodes.kill(handles.pop(lost))
        until(lambda: running(name, without=lost), "the camera runs elsewhere")
        took_s = time.monotonic() - begun_s
        assert f'streamfix_node_up{{node="{lost}"}} 0.0' in daemon.metrics().decode()
        (told,) = [node for node in daemon.nodes() if node["name"] == lost]
        assert (told["up"], told["streams"]) == (False, 0)
        assert "answer" in str(told["reason"])
        left = tmp_path / f"{name}.partial.mkv"  # what the lost node has written
        kept = left.read_bytes()
        assert (tmp_path / f"{name}.partial-2.mkv").exists()
        now = node_of[name]
        daemon.drain_node(now, True)
        until(lambda: all(running(each, without=now) for each in cameras), "its cameras have moved")
        with pytest.raises(UnknownName, match="there is no node 'west'; there are: "):
            daemon.drain_node("west", True)
        assert all(camera.most == 1 for camera in cameras.values()), "a stream ran twice"
    finally:
        assert daemon.drain(30.0)
        for handle in handles.values():
            nodes.kill(handle)
    assert took_s < 20
    assert left.read_bytes() == kept
    recordings = sorted(each.name for each in tmp_path.glob("*.mkv"))
    # Each was finished once at least: by the drained node, and at the end.
    assert {f"{name}.mkv", f"{name}.1.mkv", left.name} <= set(recordings)
    for recording in recordings:
        assert frames_in(tmp_path / recording) > 5, recording
