"""Whatever is sent to the API: an answer comes, it is never 500, and no stream reads or writes what is not allowed.

The engine is the real one; in place of jobs there is a record of what they would have opened.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.config.config import DaemonConfig, OutputConfig, StreamConfig
from streamfix.apps.daemon.engine.supervisor import Supervisor
from streamfix.apps.daemon.http.api import create_app
from streamfix.apps.daemon.http.models import ProblemDocument, StreamStatus
from streamfix.apps.daemon.load.costs import FrameCost
from streamfix.frame import VideoInfo
from streamfix.jobs import JobSpec
from tests.apps.daemon.engine import INFO, Builder
from tests.apps.daemon.hostile import CHAINS, GOOD, HOSTILE, LONG, requests
from tests.fakes.waiting import LONG_S

YARD = StreamConfig("yard", "rtsp://user:hush@8.8.8.8/yard", (OutputConfig("udp://8.8.4.4:9000"),), enabled=False)
SCHEMES = ("rtsp", "rtmp", "srt", "udp", "http", "https")
HOSTS = {"localhost": "127.0.0.1", "public.example": "8.8.8.8", "private.example": "10.0.0.7"}


@dataclass
class World:
    """The daemon under test. opened: the jobs that it wanted to run. touched: files that Python opened meanwhile."""

    client: TestClient
    supervisor: Supervisor
    folder: Path
    opened: list[JobSpec]
    touched: list[str] = field(default_factory=list)

    def put_in(self, value: Any) -> Any:
        """The value with the folders' real names."""
        if isinstance(value, str):
            return value.replace("ALLOWED", f"{self.folder}/allowed").replace("SECRET", f"{self.folder}/secret")
        if isinstance(value, list):
            return [self.put_in(item) for item in value]
        if isinstance(value, dict):
            return {self.put_in(name): self.put_in(item) for name, item in value.items()}
        return value

    def ask(self, method: str, path: str, body: Any) -> Response:
        """Send one request; what holds for every answer is checked."""
        begun_s = time.monotonic()
        where = path.replace("ALLOWED", quote(f"{self.folder}/allowed")).replace(
            "SECRET", quote(f"{self.folder}/secret")
        )
        headers = {"Content-Type": "application/json"}
        answer: Response = self.client.request(method, where, json=self.put_in(body), headers=headers)
        assert time.monotonic() - begun_s < LONG_S
        assert answer.status_code < 500, answer.text
        assert "hush" not in answer.text and "CANARY" not in answer.text
        if answer.status_code >= 400 and method != "HEAD":  # which has no body
            assert answer.headers["content-type"] == "application/problem+json"
            assert ProblemDocument.model_validate(answer.json()).status == answer.status_code
        return answer

    def check_opened(self) -> None:
        """No job was to read or write what is not allowed. Written without the daemon's own rules."""
        for spec in self.opened:
            text = repr(spec)
            for word in (f"{self.folder}/secret", "way_out", "/etc/", "/proc/", "/dev/", "CANARY"):
                assert word not in text, f"{word} in {text}"
            for url in (spec.inputs[0].url, *(output.url for output in spec.outputs)):
                self.check_url(url)
        self.opened.clear()

    def check_url(self, url: str) -> None:
        if url.startswith("/"):
            real = os.path.realpath(time.strftime(url))
            assert real.startswith(f"{self.folder}/allowed/"), url
            return
        parts = urlsplit(url)
        assert parts.scheme in SCHEMES, url
        if url == YARD.input or url == YARD.outputs[0].url:
            return
        host = parts.hostname or "0.0.0.0"
        address = HOSTS.get(host) or socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)[0][4][0]
        assert ip_address(address).is_global, url

    def reset(self) -> None:
        """Back to the one stream."""
        for status in self.supervisor.list():
            self.supervisor.remove(str(status["name"]))
        self.supervisor.add(YARD)


def numeric_only(host: str, port: int | None = None, **named: Any) -> Any:
    """In place of DNS: the names above, and addresses in all the forms that the system knows."""
    known = HOSTS.get(host, host)
    return _getaddrinfo(known, port, **{**named, "flags": socket.AI_NUMERICHOST})


_getaddrinfo = socket.getaddrinfo
_watching: list[list[str]] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _watching:
        _watching[-1].append(os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else "")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world").resolve()
    allowed, secret = folder / "allowed", folder / "secret"
    allowed.mkdir()
    secret.mkdir()
    (secret / "canary").write_text("CANARY")
    for name in ("in.ts", "out.mp4", "out_%Y%m%d.mkv"):  # the files among `GOOD`
        (allowed / name).write_bytes(b"G" * 188)
    (allowed / "way_out").symlink_to(secret)
    opened: list[JobSpec] = []

    def opens(spec: JobSpec) -> VideoInfo:
        opened.append(spec)
        return INFO

    config = DaemonConfig(allow_schemes=SCHEMES, allow_folders=(allowed,), streams=(YARD,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", numeric_only)
        supervisor = Supervisor(
            config,
            lambda: config,
            build=Builder(opens),
            measure=lambda *_: FrameCost(),
            capacity=1000.0,
            backoff_s=(0.0,),
        )
        supervisor.open()
        app = create_app(supervisor, config)
        with TestClient(app, base_url="http://localhost") as client:
            made = World(client, supervisor, folder, opened)
            sys.addaudithook(_watch)
            _watching.append(made.touched)
            yield made
            _watching.pop()
        supervisor.drain(LONG_S)
    assert [p.name for p in folder.rglob("*")].count("canary") == 1, "nothing was written or taken away"
    assert sorted(p.name for p in folder.iterdir()) == ["allowed", "secret"]
    assert (secret / "canary").read_text() == "CANARY"


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(sent=st.lists(requests, min_size=1, max_size=5))
@example(
    sent=[
        ("POST", "/api/streams", {"name": "a", "input": GOOD[0], "outputs": [GOOD[-1]]}),
        ("DELETE", "/api/streams/a", {}),
    ]
)
@example(sent=[("PATCH", "/api/streams/yard", {"input": "rtsp://8.8.8.8/${file:SECRET/canary}"})])
def test_whatever_is_asked(world: World, sent: list[tuple[str, str, Any]]) -> None:
    world.touched.clear()
    for method, path, body in sent:
        world.ask(method, path, body)
        world.check_opened()
    for status in world.ask("GET", "/api/streams", None).json():
        StreamStatus.model_validate(status)
    forbidden = (f"{world.folder}/secret", "/etc/passwd", "/proc/self/environ")
    assert not [path for path in world.touched if "way_out" in path or os.path.abspath(path).startswith(forbidden)]
    world.reset()
    world.check_opened()


@pytest.mark.parametrize("text", HOSTILE + LONG, ids=lambda text: repr(text[:30]))
def test_no_hostile_address_is_taken(world: World, text: str) -> None:
    """Each of them where it would do most harm, and by itself: chance may not try it."""
    base = {"name": "a", "input": GOOD[0], "outputs": [GOOD[1]]}
    tried = [{**base, "input": text}, {**base, "outputs": [GOOD[-1], {"url": text}]}]
    for body in tried:
        answer = world.ask("POST", "/api/streams", body)
        assert answer.status_code in (201, 422), answer.text
        world.check_opened()
        world.reset()


@pytest.mark.parametrize("chain", [c for c in CHAINS if "SECRET" in c])
def test_no_filter_that_reads_a_file_is_taken(world: World, chain: str) -> None:
    answer = world.ask("POST", "/api/streams", {"name": "a", "input": GOOD[0], "outputs": [GOOD[-1]], "filters": chain})
    assert answer.status_code == 422, answer.text
    assert world.opened == []


def test_what_is_sound_is_taken(world: World) -> None:
    """Else the tests above would prove nothing."""
    for url in GOOD:
        output = GOOD[-1] if url != GOOD[-1] else GOOD[-2]
        assert world.ask("POST", "/api/streams", {"name": "a", "input": url, "outputs": [output]}).status_code == 201
        assert [spec.inputs[0].url for spec in world.opened] == [world.put_in(url)]
        world.check_opened()
        world.reset()
        world.check_opened()
