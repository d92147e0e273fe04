"""Recordings over HTTP: listed, served whole and in ranges, to those with the token, and nothing else of the disk."""

from __future__ import annotations

import http.client
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.config.config import DaemonConfig, OutputConfig
from streamfix.apps.daemon.engine.control import Engine
from streamfix.apps.daemon.http.api import create_app
from streamfix.apps.daemon.http.models import ProblemDocument
from streamfix.apps.daemon.http.serving import HttpServer
from tests.apps.daemon.engine import stream_config
from tests.apps.daemon.fake_supervisor import FakeSupervisor

DATA = random.Random(1).randbytes(700_000)
TOKEN = "correct-horse-battery"
FILE = "/api/streams/yard/recordings/1/2026-11-30/yard_120000.mp4"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One recording of a hundred, a secret beside them."""
    folder = tmp_path_factory.mktemp("rec")
    (folder / "2026-11-30").mkdir()
    for minute in range(12):
        path = folder / "2026-11-30" / f"yard_12{minute:02}00.mp4"
        path.write_bytes(DATA if not minute else b"later")
        os.utime(path, (1_796_040_000 + minute * 60,) * 2)
    (folder / "secret.mp4").write_bytes(b"CANARY")
    return folder


@pytest.fixture(scope="module")
def supervisor(folder: Path) -> FakeSupervisor:
    supervisor = FakeSupervisor(DaemonConfig(allow_folders=(folder,), allow_private=True))
    clock = {"strftime": "1", "segment_time": "60"}
    recording = OutputConfig(f"{folder}/%Y-%m-%d/yard_%H%M%S.mp4", format="segment", options=clock)
    outputs = (recording, OutputConfig("rtsp://m/yard"))
    supervisor.add(stream_config("yard", outputs=outputs, retention={"max_age": "14d"}))
    supervisor.add(stream_config("gate"))
    return supervisor


@pytest.fixture(scope="module")
def client(supervisor: FakeSupervisor) -> Iterator[TestClient]:
    with TestClient(create_app(cast(Engine, supervisor), supervisor.config), base_url="http://127.0.0.1") as client:
        yield client


def ask(client: TestClient, path: str = FILE, method: str = "GET", **headers: str) -> Response:
    answer: Response = client.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    if answer.status_code >= 400:
        assert ProblemDocument.model_validate(answer.json()).status == answer.status_code
    return answer


# -- laws


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 800_000), st.integers(0, 800_000))
def test_any_range_is_that_part_of_the_file(client: TestClient, a: int, b: int) -> None:
    answer = ask(client, Range=f"bytes={a}-{b}")
    if a > b:
        assert (answer.status_code, answer.content) == (200, DATA), "a malformed range is ignored"
    elif a >= len(DATA):
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(DATA)}")
    else:
        assert answer.status_code == 206
        assert answer.content == DATA[a : b + 1]
        assert answer.headers["content-range"] == f"bytes {a}-{min(b, len(DATA) - 1)}/{len(DATA)}"


@pytest.mark.parametrize(
    "path",
    [
        "1/2026-11-30/../../secret.mp4", "1/2026-11-30/%2e%2e/%2e%2e/secret.mp4", "1/..%2fsecret.mp4", "1/secret.mp4",
        "/etc/passwd", "1//etc/passwd", "2/yard", "3/yard_120000.mp4", "1/2026-11-30/yard_120000.mp4%00",
        "1/2026-11-30",
        "1/2026-11-30/yard_120000.mp4/..", "%2e%2e/secret.mp4", "1/2026-11-30%5cyard_120000.mp4", "1/%ff%fe",
        "1/2026-11-30/",
    ],
)  # fmt: skip
def test_nothing_else_of_the_disk_is_served(client: TestClient, path: str) -> None:
    answer = client.get(f"/api/streams/yard/recordings/{path}")
    assert answer.status_code == 404
    assert b"CANARY" not in answer.content and b"root:" not in answer.content
    assert client.get(f"/api/streams/gate/recordings/{path}").status_code == 404


def test_recordings_are_for_those_who_have_the_token(supervisor: FakeSupervisor) -> None:
    config = DaemonConfig(token=TOKEN, allow_folders=supervisor.config.allow_folders)
    other = FakeSupervisor(config, streams=supervisor.streams)
    with TestClient(create_app(cast(Engine, other), config), base_url="http://127.0.0.1") as client:
        for path in (FILE, "/api/streams/yard/recordings"):
            assert ask(client, path).status_code == 401
            assert ask(client, path, Authorization=f"Bearer {TOKEN}").status_code == 200
            assert ask(client, path, Sec_Fetch_Site="cross-site", Authorization=f"Bearer {TOKEN}").status_code == 403


# -- the list


def test_the_list_is_newest_first_in_pages(client: TestClient, folder: Path) -> None:
    whole = ask(client, "/api/streams/yard/recordings").json()
    assert (whole["records"], whole["count"], whole["left"]) == (True, 12, 0)
    assert whole["bytes"] == len(DATA) + 11 * 5
    assert whole["retention"] == {"max_age": "14d"}
    first = ask(client, "/api/streams/yard/recordings?limit=5").json()
    assert (len(first["files"]), first["left"]) == (5, 7)
    rest = ask(client, f"/api/streams/yard/recordings?limit=50&before={first['files'][-1]['name']}").json()
    assert (first["files"] + rest["files"], rest["left"]) == (whole["files"], 0)
    assert whole["files"][-1] == {
        "name": "1/2026-11-30/yard_120000.mp4",
        "begun": whole["files"][0]["begun"] - 660,
        "changed": 1_796_040_000,
        "bytes": len(DATA),
        "writing": False,
    }


def test_the_list_up_to_a_time_begins_with_what_was_recorded_then(client: TestClient) -> None:
    whole = ask(client, "/api/streams/yard/recordings").json()["files"]
    for i, one in enumerate(whole):
        shown = ask(client, f"/api/streams/yard/recordings?until={one['begun'] + 1}").json()
        assert shown["files"] == whole[i:] and shown["count"] == 12
    assert ask(client, "/api/streams/yard/recordings?until=5").json()["files"] == []
    assert ask(client, "/api/streams/yard/recordings?until=1e300").json()["files"] == whole


def test_what_is_being_written_is_marked(client: TestClient, folder: Path) -> None:
    with (folder / "2026-11-30" / "yard_120500.mp4").open("ab"):
        files = ask(client, "/api/streams/yard/recordings").json()["files"]
    assert [one["name"][-10:-4] for one in files if one["writing"]] == ["120500"]


def test_a_stream_without_recordings_says_so(client: TestClient) -> None:
    assert ask(client, "/api/streams/gate/recordings").json()["records"] is False
    assert ask(client, "/api/streams/nobody/recordings").status_code == 404


# -- a file


def test_a_whole_file(client: TestClient) -> None:
    answer = ask(client)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == "inline; filename*=utf-8''yard_120000.mp4"
    saved = ask(client, f"{FILE}?download=true")
    assert saved.headers["content-disposition"].startswith("attachment;")
    head = ask(client, method="HEAD")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(DATA)))


@pytest.mark.parametrize(
    ("given", "want"),
    [("bytes=-5", DATA[-5:]), ("bytes=699990-", DATA[699990:]), ("bytes=-900000", DATA), ("Bytes = 0-0", DATA[:1])],
)
def test_ends(client: TestClient, given: str, want: bytes) -> None:
    answer = ask(client, Range=given)
    assert (answer.status_code, answer.content) == (206, want)


@pytest.mark.parametrize("given", ["bytes=0-1,5-6", "lines=1-2", "bytes=x-y", "bytes=-", "bytes", "bytes=1-2-3"])
def test_what_is_no_single_range_gets_all(client: TestClient, given: str) -> None:
    assert ask(client, Range=given).status_code == 200


def test_a_range_of_another_version_gets_all(client: TestClient) -> None:
    tag = ask(client).headers["etag"]
    assert ask(client, Range="bytes=0-4", If_Range=tag).content == DATA[:5]
    assert ask(client, Range="bytes=0-4", If_Range='"another"').content == DATA
    assert ask(client, Range="bytes=-0").status_code == 416


def test_a_file_that_grows_while_it_is_sent_has_the_length_that_was_told(
    supervisor: FakeSupervisor, folder: Path
) -> None:
    """Over the real server, which ends the connection of an answer that is longer than it said."""
    app = create_app(cast(Engine, supervisor), supervisor.config)
    server = HttpServer(app, "127.0.0.1", 0, on_close=app.state.previews.close)
    server.start()
    path = folder / "2026-11-30" / "yard_121100.mp4"
    path.write_bytes(DATA * 8)
    try:
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        link.request("GET", "/api/streams/yard/recordings/1/2026-11-30/yard_121100.mp4")
        answer = link.getresponse()
        begin = answer.read(1000)
        with path.open("ab") as file:
            file.write(DATA)
        assert begin + answer.read() == DATA * 8
        link.request("HEAD", FILE)  # the connection is still good
        assert link.getresponse().status == 200
        link.close()
    finally:
        server.close()
        path.write_bytes(b"later")


def test_an_answer_that_nobody_takes_closes_its_file(client: TestClient) -> None:
    def held() -> int:
        links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return sum(os.path.exists(link) and os.readlink(link).endswith("yard_120000.mp4") for link in links)

    for _ in range(3):
        ask(client, method="HEAD")
        ask(client, Range="bytes=0-1")
        ask(client, Range="bytes=999999999-")
    assert held() == 0
