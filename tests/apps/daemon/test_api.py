"""The REST API in front of a supervisor that runs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx import Response

from streamfix.apps.daemon.access.secrets import Secrets
from streamfix.apps.daemon.config.changes import Plan
from streamfix.apps.daemon.config.config import ConfigError, DaemonConfig, Problem, StreamConfig
from streamfix.apps.daemon.config.spec import OutputConfig
from streamfix.apps.daemon.http.api import create_app
from streamfix.apps.daemon.http.models import ProblemDocument, StreamStatus
from streamfix.conformance.fakes import clip
from streamfix.errors import InputError, UsageError
from tests.apps.daemon.fake_supervisor import FakeSupervisor

TOKEN = "0123456789abcdef"
YARD = StreamConfig(
    "yard",
    "rtsp://user:hush@192.0.2.5/yard",
    (OutputConfig("rtmp://me:hush@192.0.2.6/live/yard"), OutputConfig("udp://192.0.2.7:9000")),
    input_options={"rtsp_transport": "tcp", "password": "hush"},
    max_latency_s=0.3,
)
CONFIG = DaemonConfig(allow_private=True, allow_schemes=("rtsp", "rtmp", "udp", "srt"), streams=(YARD,))
NEW = {"name": "gate", "input": "rtsp://192.0.2.8/gate", "outputs": ["udp://192.0.2.9:9000"]}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def supervisor() -> FakeSupervisor:
    made = FakeSupervisor(CONFIG)
    made.add(YARD)
    return made


@pytest.fixture
def client(supervisor: FakeSupervisor) -> Iterator[TestClient]:
    with TestClient(create_app(supervisor, CONFIG), base_url="http://localhost:8080") as client:
        yield client


def refused(response: Response, status: int) -> ProblemDocument:
    """The problem document of an answer that says no."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert "hush" not in response.text
    return ProblemDocument.model_validate(response.json())


# -- laws


def test_no_answer_shows_a_credential(client: TestClient, supervisor: FakeSupervisor) -> None:
    for path in ("", "/yard", "/yard/events", "/yard/history"):
        response = client.get(f"/api/streams{path}")
        assert response.status_code == 200
        assert "hush" not in response.text
    assert "***@192.0.2.5" in client.get("/api/streams/yard").json()["config"]["input"]


def test_what_is_shown_can_be_sent_back_and_is_the_same_stream(client: TestClient, supervisor: FakeSupervisor) -> None:
    shown = client.get("/api/streams/yard").json()["config"]
    for method in (client.put, client.patch):
        assert method("/api/streams/yard", json=shown).status_code == 200
        assert supervisor.streams["yard"] == YARD
        assert supervisor.streams["yard"].foreign == frozenset()
    assert client.patch("/api/streams/yard", json={}).status_code == 200
    assert supervisor.streams["yard"] == YARD


def test_every_route_but_the_login_needs_the_token(supervisor: FakeSupervisor) -> None:
    config = DaemonConfig(token="${env:TOKEN}", host="0.0.0.0")
    app = create_app(supervisor, config, Secrets({"TOKEN": TOKEN}))
    routes = [route for route in every_route(app) if isinstance(route, APIRoute)]
    assert {route.path for route in routes} >= {"/api/streams/{name}", "/api/login", "/metrics"}
    with TestClient(app) as client:
        for route in routes:
            for method in route.methods or ():
                path = route.path.replace("{name}", "yard")
                answer = client.request(method, path, headers=JSON)
                free = path in ("/livez", "/readyz", "/api/login")
                assert (answer.status_code == 401) != free, f"{method} {path}: {answer.status_code}"
        assert client.get("/api/openapi.json").status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get("/api/openapi.json", headers=bearer).status_code == 200
        assert supervisor.running == {"yard"}, "nothing was done"


def test_who_may_look_changes_nothing_whatever_the_route(supervisor: FakeSupervisor) -> None:
    config = DaemonConfig(token="${env:TOKEN}", read_token="only-to-look-at-it", host="0.0.0.0")
    app = create_app(supervisor, config, Secrets({"TOKEN": TOKEN}))
    before, changing = dict(supervisor.streams), 0
    with TestClient(app, base_url="http://box") as client:
        assert client.post("/api/login", json={"token": "only-to-look-at-it"}).status_code == 204
        for path, operations in app.openapi()["paths"].items():
            where = path.replace("{name}", "yard").replace("{file}", "1/yard.mp4")
            for method in set(operations) - {"get", "head"}:
                answer = client.request(method, where, json={})
                if where in ("/api/login", "/api/logout"):
                    continue
                assert "this token may look and change nothing" in refused(answer, 403).detail
                changing += 1
            if "get" in operations and not where.endswith(".mjpg"):
                assert client.get(where).status_code not in (401, 403), where
        client.cookies.clear()
        look, change = ({"Authorization": f"Bearer {token}"} for token in ("only-to-look-at-it", TOKEN))
        refused(client.delete("/api/streams/yard", headers=look), 403)
        may = [client.get("/api/system", headers=headers).json()["may_change"] for headers in (look, change)]
        assert may == [False, True]
        assert client.delete("/api/streams/yard", headers=change).status_code == 204
    assert changing >= 8 and "yard" in before


def test_a_token_that_was_changed_is_the_old_one_no_longer(supervisor: FakeSupervisor) -> None:
    """Once the configuration was read again; one that does not do, or cannot be read, changes nothing."""
    config = DaemonConfig(token="${env:TOKEN}", host="0.0.0.0")
    environment = {"TOKEN": TOKEN}
    supervisor.config = config
    with TestClient(create_app(supervisor, config, Secrets(environment))) as client:

        def permitted(token: str) -> bool:
            answer = client.get("/api/system", headers={"Authorization": f"Bearer {token}"})
            return bool(answer.status_code == 200)

        assert (permitted(TOKEN), permitted("another-one-of-those")) == (True, False)
        environment["TOKEN"] = "another-one-of-those"
        supervisor.config = replace(config)
        assert (permitted(TOKEN), permitted("another-one-of-those")) == (False, True)
        for wrong in ("short", None):
            environment.pop("TOKEN")
            if wrong is not None:
                environment["TOKEN"] = wrong
            supervisor.config = replace(config)
            assert permitted("another-one-of-those")
            assert not permitted("short")
            environment["TOKEN"] = "kept"


def every_route(app: Any) -> Iterator[Any]:
    """Routes of the app and of the routers that it includes, however FastAPI nests them."""
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        yield from every_route(inner) if inner is not None else [route]


def test_the_documented_bodies_are_those_that_the_configuration_takes(client: TestClient) -> None:
    known = set(YARD.as_mapping())
    schemas = client.get("/api/openapi.json").json()["components"]["schemas"]
    assert set(schemas["StreamBody"]["properties"]) == known
    assert set(schemas["StreamChange"]["properties"]) == known - {"name"}
    output = schemas["StreamBody"]["properties"]["outputs"]["items"]["anyOf"][1]
    assert set(output["properties"]) == set(YARD.as_mapping()["outputs"][0])


def test_the_document_names_no_other_host_and_its_references_lead_somewhere(client: TestClient) -> None:
    document = client.get("/api/openapi.json").json()
    schemas = document["components"]["schemas"]
    text = json.dumps(document)
    assert "HTTPValidationError" not in schemas, "FastAPI's own error form is not ours"
    assert {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]} <= set(schemas)
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"] and operation["description"]


# -- streams


def test_a_stream_lives(client: TestClient, supervisor: FakeSupervisor) -> None:
    made = client.post("/api/streams", json=NEW)
    assert made.status_code == 201
    assert made.headers["location"] == "/api/streams/gate"
    assert StreamStatus.model_validate(made.json()).state == "running"
    assert "input" in supervisor.streams["gate"].foreign, "it came over HTTP, and may do less than the operator's own"
    assert [s["name"] for s in client.get("/api/streams").json()] == ["yard", "gate"]
    assert client.post("/api/streams/gate/stop", headers=JSON).json()["state"] == "stopped"
    assert client.post("/api/streams/gate/start", headers=JSON).json()["state"] == "running"
    changed = client.patch("/api/streams/gate", json={"max_latency": "100ms"})
    assert changed.json()["max_latency"] == 0.1
    assert supervisor.streams["gate"].input == NEW["input"]
    gone = client.delete("/api/streams/gate")
    assert (gone.status_code, gone.content) == (204, b"")
    assert list(supervisor.streams) == ["yard"]


def test_null_is_back_to_the_default(client: TestClient, supervisor: FakeSupervisor) -> None:
    assert client.patch("/api/streams/yard", json={"max_latency": None}).status_code == 200
    assert supervisor.streams["yard"].max_latency_s == StreamConfig.__dataclass_fields__["max_latency_s"].default


def test_a_whole_configuration_takes_the_place_of_the_old_one(client: TestClient, supervisor: FakeSupervisor) -> None:
    assert client.put("/api/streams/yard", json={**NEW, "name": "yard"}).status_code == 200
    now = supervisor.streams["yard"]
    assert (now.input, now.input_options, now.max_latency_s) == (NEW["input"], {}, 0.2)


def test_what_is_not_known_is_null_and_never_nan(client: TestClient) -> None:
    status = client.get("/api/streams/yard").json()
    assert (status["fps"], status["latency"]) == (None, {"p50": 0.02, "p99": None})
    history = client.get("/api/streams/yard/history").json()
    assert history["fps"] == [25.0, None]
    assert len({len(values) for name, values in history.items() if name != "step_s"}) == 1


@pytest.mark.parametrize("rest", ["", "/history", "/events", "/snapshot.jpg", "/live.mjpg"])
def test_an_unknown_stream_is_not_found(client: TestClient, rest: str) -> None:
    assert "there are: yard" in refused(client.get(f"/api/streams/pond{rest}"), 404).detail


def test_an_unknown_stream_cannot_be_changed(client: TestClient) -> None:
    refused(client.delete("/api/streams/pond"), 404)
    refused(client.patch("/api/streams/pond", json={}), 404)
    refused(client.put("/api/streams/pond", json={**NEW, "name": "pond"}), 404)
    refused(client.post("/api/streams/pond/start", headers=JSON), 404)
    refused(client.post("/api/streams/pond/retry", headers=JSON), 404)


def test_the_attempt_that_a_stream_waits_for_can_be_made_now(client: TestClient, supervisor: FakeSupervisor) -> None:
    assert client.get("/api/streams/yard").json()["next_try"] is None
    supervisor.next_try["yard"] = 1764021660.0
    assert client.get("/api/streams").json()[0]["next_try"] == 1764021660.0
    answer = client.post("/api/streams/yard/retry", headers=JSON)
    assert (answer.status_code, answer.json()["next_try"]) == (200, None)
    client.post("/api/streams/yard/stop", headers=JSON)
    assert "start it" in refused(client.post("/api/streams/yard/retry", headers=JSON), 409).detail


# -- what is refused


def test_a_taken_name_and_a_full_machine_are_conflicts(client: TestClient, supervisor: FakeSupervisor) -> None:
    assert "already" in refused(client.post("/api/streams", json={**NEW, "name": "yard"}), 409).detail
    supervisor.capacity = 1
    assert "0.71 of a core, 1.62 of 1.80" in refused(client.post("/api/streams", json=NEW), 409).detail
    supervisor.draining = True
    refused(client.post("/api/streams/yard/start", headers=JSON), 409)


def test_everything_that_is_wrong_is_said_at_once_with_its_place(client: TestClient) -> None:
    body = {**NEW, "max_latency": "fast", "on_lots": "hold", "outputs": [{"url": "udp://192.0.2.9:9000", "x": 1}]}
    errors = {error.where: error for error in refused(client.post("/api/streams", json=body), 422).errors}
    assert set(errors) == {"max_latency", "on_lots", "outputs[0].x"}
    assert "fast" in errors["max_latency"].value
    assert "on_lost" in errors["on_lots"].detail


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff",
        b'{"name": NaN}',
        b'{"name": "a", "name": "b"}',
        b'{"name": "\\ud800"}',
        b'{"name": "a\\u0000b", "input": "/a\\u0000b", "outputs": ["\\u0000"]}',
        b"[" * 60000,
        b'{"a":' * 9000 + b"1" + b"}" * 9000,
        b'{"max_latency": ' + b"9" * 5000 + b"}",
        b'{"max_latency": 1e999}',
        json.dumps({"name": "x" * 60000}).encode(),
    ],
    ids=lambda body: repr(body[:24]),
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/streams"), ("PUT", "/api/streams/yard"), ("POST", "/api/login")]
)
def test_a_body_that_is_no_stream_is_told_so(client: TestClient, method: str, path: str, body: bytes) -> None:
    answer = refused(client.request(method, path, content=body, headers=JSON), 422)
    assert answer.detail


@pytest.mark.parametrize(
    "query",
    ["side=left", "side=", "fps=0", "fps=-1", "fps=nan", "fps=inf", "fps=99", "width=0", "width=9999999", "width=x"],
)
def test_a_view_that_cannot_be_is_told_so(client: TestClient, query: str) -> None:
    path = "live.mjpg" if query.startswith("fps") else "snapshot.jpg"
    assert refused(client.get(f"/api/streams/yard/{path}?{query}"), 422).errors[0].where.startswith("query.")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"input": "rtsp://***@192.0.2.66/yard", "input_options": {}}, "input"),
        ({"input": "rtsp://192.0.2.66/yard"}, "input_options.password"),
        ({"outputs": ["rtmp://***@192.0.2.66/live/yard"]}, "outputs[0]"),
        ({"outputs": [{"url": "udp://192.0.2.7:9000", "options": {"pkt_key": "***"}}]}, "outputs[0].options.pkt_key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hidden_credentials_do_not_go_to_another_address(
    client: TestClient, supervisor: FakeSupervisor, change: dict[str, Any], place: str
) -> None:
    answer = refused(client.patch("/api/streams/yard", json=change), 422)
    assert [error.where for error in answer.errors] == [place]
    assert "give them again" in answer.errors[0].detail
    assert supervisor.streams["yard"] == YARD


def test_a_secret_set_for_one_input_is_not_sent_to_another(client: TestClient, supervisor: FakeSupervisor) -> None:
    supervisor.streams["yard"] = StreamConfig(
        "yard", "rtsp://192.0.2.5/yard", YARD.outputs, input_options={"timeout": "${env:SECRET}"}
    )
    answer = refused(client.patch("/api/streams/yard", json={"input": "rtsp://192.0.2.66/yard"}), 422)
    assert any(error.where.startswith("input_options") for error in answer.errors)


def test_credentials_stay_where_outputs_change_their_order(client: TestClient, supervisor: FakeSupervisor) -> None:
    shown = client.get("/api/streams/yard").json()["config"]["outputs"]
    assert client.patch("/api/streams/yard", json={"outputs": [*reversed(shown)]}).status_code == 200
    assert supervisor.streams["yard"].outputs == YARD.outputs[::-1]
    assert client.patch("/api/streams/yard", json={"outputs": [shown[0]["url"]]}).status_code == 200
    assert supervisor.streams["yard"].outputs == YARD.outputs[:1]


def test_keys_of_outputs_that_look_alike_are_not_mixed_up(client: TestClient, supervisor: FakeSupervisor) -> None:
    first, second = (OutputConfig(f"rtmp://192.0.2.6/live/{key}") for key in ("hush1", "hush2"))
    supervisor.streams["yard"] = replace(YARD, outputs=(first, second))
    shown = client.get("/api/streams/yard").json()["config"]["outputs"]
    assert [output["url"] for output in shown] == ["rtmp://192.0.2.6/live/***"] * 2
    assert client.patch("/api/streams/yard", json={"outputs": shown, "filters": "null"}).status_code == 200
    assert supervisor.streams["yard"].outputs == (first, second)
    urls = [output["url"] for output in shown]
    assert client.patch("/api/streams/yard", json={"outputs": [*urls, "udp://192.0.2.7:9000"]}).status_code == 200
    assert supervisor.streams["yard"].outputs[:2] == (first, second)
    for outputs in (urls[:1], urls * 2):
        answer = refused(client.patch("/api/streams/yard", json={"outputs": outputs}), 422)
        assert answer.errors[0].where == "outputs[0]"
        assert "give them again" in answer.errors[0].detail


def test_a_stream_is_not_renamed(client: TestClient) -> None:
    answer = refused(client.patch("/api/streams/yard", json={"name": "gate"}), 422)
    assert "not renamed" in answer.errors[0].detail


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (
            ConfigError([Problem(("streams", 2, "max_latency"), '"fast"', "give a time")], "s.toml", lambda place: 17),
            422,
        ),
        (UsageError("s.toml:3:1: no TOML"), 422),
        (InputError("s.toml: it is gone; see rtsp://user:hush@192.0.2.5/"), 409),
    ],
)
def test_a_reload_that_fails_says_why(
    client: TestClient, supervisor: FakeSupervisor, error: Exception, status: int
) -> None:
    def fail() -> Plan:
        raise error

    supervisor.on_reload = fail
    assert "s.toml" in refused(client.post("/api/reload", headers=JSON), status).detail


def test_a_reload_says_what_it_did(client: TestClient, supervisor: FakeSupervisor) -> None:
    supervisor.on_reload = lambda: Plan(add=("gate",), restart=("yard",), needs_restart=("port",))
    assert client.post("/api/reload", headers=JSON).json() == {
        "added": ["gate"],
        "removed": [],
        "restarted": ["yard"],
        "kept": [],
        "needs_restart": ["port"],
    }


def test_a_mistake_of_our_own_tells_nothing(supervisor: FakeSupervisor, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Plan:
        raise ZeroDivisionError("rtsp://user:hush@192.0.2.5/")

    supervisor.on_reload = fail
    app = create_app(supervisor, CONFIG)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        answer = refused(client.post("/api/reload", headers=JSON), 500)
    assert "its log" in answer.detail
    assert "ZeroDivisionError" in caplog.text


# -- probes, figures, page


def test_probes_need_no_camera(client: TestClient, supervisor: FakeSupervisor) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    for ready, draining, status, text in (
        (False, False, 503, "starting"),
        (True, False, 200, "ready"),
        (False, True, 503, "draining"),
    ):
        supervisor.ready, supervisor.draining = ready, draining
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()) == (status, {"status": text})
        assert client.get("/livez").status_code == 200


def test_figures_and_system(client: TestClient) -> None:
    metrics = client.get("/metrics")
    assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert metrics.text.startswith("# TYPE")
    system = client.get("/api/system").json()
    assert system["load"] == {"used": 0.5, "capacity": 1.8}
    assert (system["streams"], system["ready"]) == (1, True)
    assert system["version"] and system["python"] and system["torch"]


def test_the_page_is_served_and_nothing_beside_it(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["etag"]
    for path in ("/../api.py", "/%2e%2e/api.py", "/..%2fapi.py", "//etc/passwd", "/%00", "/a%00b", "/" + "a" * 5000):
        assert client.get(path).status_code == 404, path
    refused(client.get("/nothing"), 404)
    refused(client.post("/", headers=JSON), 405)
    refused(client.get("/api/nothing"), 404)
    assert "GET" in client.request("DELETE", "/api/streams").headers["allow"]


# -- pictures


def test_defaults_are_those_of_the_file_without_credentials(supervisor: FakeSupervisor) -> None:
    given = {"filters": "smooth", "input_options": {"password": "hush"}, "transport": "tcp"}
    supervisor.config = replace(CONFIG, defaults=given)
    with TestClient(create_app(supervisor, CONFIG), base_url="http://localhost:8080") as client:
        found = client.get("/api/defaults").json()
    assert "name" not in found and "outputs" not in found
    assert (found["filters"], found["transport"], found["audio"]) == ("smooth", "tcp", True)
    assert found["input_options"] == {"password": "***"}


def test_a_snapshot_is_the_newest_picture(client: TestClient, supervisor: FakeSupervisor) -> None:
    assert "no picture yet: running" in refused(client.get("/api/streams/yard/snapshot.jpg"), 409).detail
    before, after = clip(2)
    supervisor.pictures["yard"] = before, after
    for query, shape in (("", (32, 48)), ("?side=both", (32, 96)), ("?side=before&width=24&at=5", (16, 24))):
        answer = client.get(f"/api/streams/yard/snapshot.jpg{query}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "no-store"
        picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None and picture.shape[:2] == shape


# -- login


@pytest.fixture
def guarded(supervisor: FakeSupervisor) -> Iterator[TestClient]:
    config = DaemonConfig(token="${env:TOKEN}", hosts=("streams.example",))
    app = create_app(supervisor, config, Secrets({"TOKEN": TOKEN}))
    with TestClient(app, base_url="https://streams.example") as client:
        yield client


def test_a_browser_logs_in_with_the_token(guarded: TestClient) -> None:
    assert guarded.get("/").status_code == 200
    refused(guarded.get("/api/streams"), 401)
    for token in ("", "wrong", TOKEN + "x", "\u00e9"):
        refused(guarded.post("/api/login", json={"token": token}), 401)
    answer = guarded.post("/api/login", json={"token": TOKEN})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"].lower()
    assert TOKEN not in cookie
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/", "secure"))
    assert guarded.get("/api/streams").status_code == 200
    assert guarded.post("/api/logout", headers=JSON).status_code == 204
    refused(guarded.get("/api/streams"), 401)


def test_a_daemon_that_others_reach_does_not_start_without_a_token(supervisor: FakeSupervisor) -> None:
    with pytest.raises(UsageError, match=r"set daemon\.token"):
        create_app(supervisor, DaemonConfig(host="0.0.0.0"))
    with pytest.raises(UsageError, match="the variable is not set"):
        create_app(supervisor, DaemonConfig(token="${env:TOKEN}"), Secrets({}))


def test_files_of_the_page_are_all_below_its_folder() -> None:
    web = Path(__import__("streamfix.apps.daemon.http.api", fromlist=["WEB"]).WEB)
    assert (web / "index.html").is_file()
    assert all(path.resolve().is_relative_to(web.resolve()) for path in web.rglob("*"))


# -- what a camera sees


def test_zones_are_replaced_alone(client: TestClient, supervisor: FakeSupervisor) -> None:
    zones = {"door": [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]}
    answer = client.put("/api/streams/yard/zones", json={"zones": zones, "zone_mode": "mosaic"})
    assert answer.status_code == 200
    config = supervisor.config_of("yard")
    assert (config.zones, config.zone_mode) == ({"door": "0.1 0.1, 0.5 0.1, 0.5 0.5"}, "mosaic")
    assert replace(config, zones={}, zone_mode="solid") == YARD
    wrong = refused(client.put("/api/streams/yard/zones", json={"zones": {"door": "0 0, 1 1"}}), 422)
    assert [error.where for error in wrong.errors] == ["zones"]
    refused(client.put("/api/streams/yard/zones", json={"zones": {}, "input": "rtsp://192.0.2.9/x"}), 422)
    assert client.put("/api/streams/yard/zones", json={"zones": {}}).json()["config"]["zones"] == {}


def test_a_camera_that_was_moved_can_be_learnt_anew(client: TestClient, supervisor: FakeSupervisor) -> None:
    assert client.post("/api/streams/yard/relearn", json={}).status_code == 204
    assert supervisor.relearnt == ["yard"]
    refused(client.post("/api/streams/none/relearn", json={}), 404)
