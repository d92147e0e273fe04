"""The API over the real engine: what is asked over HTTP happens, and its refusals are the engine's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from streamfix.apps.daemon.config.config import DaemonConfig
from streamfix.apps.daemon.engine import shared
from streamfix.apps.daemon.engine.supervisor import Supervisor
from streamfix.apps.daemon.http.api import create_app
from streamfix.apps.daemon.load.costs import FrameCost
from tests.apps.daemon.engine import Builder, spec_of, stream_config, untried
from tests.fakes.waiting import LONG_S

YARD = {"name": "yard", "input": "rtsp://u:hush@192.0.2.5/s", "outputs": ["rtsp://192.0.2.9/yard"]}


@pytest.fixture
def builder() -> Builder:
    return Builder()


@pytest.fixture
def client(builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(shared, "job_spec", lambda config, *_: spec_of(config))
    config = DaemonConfig(streams=(stream_config("gate"),), allow_private=True, allow_folders=(tmp_path,))
    supervisor = Supervisor(
        config,
        lambda: config,
        build=builder,
        trial=untried,
        measure=lambda *_: FrameCost(1 / 25),
        capacity=2.5,
        backoff_s=(0.0,),
    )
    supervisor.open()
    builder.job("gate")
    with TestClient(create_app(supervisor, config, supervisor.secrets), base_url="http://127.0.0.1") as client:
        yield client
    supervisor.drain(LONG_S)


def test_a_streams_life_over_http(client: TestClient, builder: Builder) -> None:
    made = client.post("/api/streams", json=YARD)
    assert made.status_code == 201, made.text
    assert made.json()["input"] == "rtsp://***@192.0.2.5/s"
    builder.job("yard").frames(4)
    assert client.get("/api/streams/yard").json()["state"] == "running"
    assert [s["name"] for s in client.get("/api/streams").json()] == ["gate", "yard"]
    changed = client.patch("/api/streams/yard", json={"filters": "smooth"})
    assert (changed.status_code, changed.json()["filters"]) == (200, "smooth")
    builder.job("yard", 2)
    assert client.post("/api/streams/yard/stop", json={}).json()["state"] == "stopped"
    assert client.post("/api/streams/yard/start", json={}).json()["state"] in ("starting", "running")
    assert client.get("/api/streams/yard/history").json()["step_s"] == 5
    assert {"state", "connect"} <= {e["kind"] for e in client.get("/api/streams/yard/events").json()}
    reloaded = client.post("/api/reload", json={}).json()
    assert {name: what for name, what in reloaded.items() if what} == {"kept": ["gate"]}
    assert client.delete("/api/streams/yard").status_code == 204
    assert client.get("/api/streams/yard").status_code == 404
    assert "hush" not in made.text + client.get("/metrics").text


def test_refusals_have_their_figure(client: TestClient) -> None:
    assert client.post("/api/streams", json=YARD).status_code == 201
    assert client.post("/api/streams", json=YARD).status_code == 409
    same = client.post("/api/streams", json={**YARD, "name": "porch"})
    assert same.status_code == 409
    assert same.json()["detail"] == "stream 'yard' writes there already; write to another place"
    refused = client.post("/api/streams", json={**YARD, "name": "porch", "outputs": ["rtsp://192.0.2.7/porch"]})
    assert refused.status_code == 409
    assert "porch needs about 1.00 of a core, 2.00 of 2.25 are taken" in refused.json()["detail"]
    assert client.get("/api/streams/porch").status_code == 404


def test_probes_and_figures(client: TestClient) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}
    system = client.get("/api/system").json()
    assert system["load"] == {"used": 1.0, "capacity": 2.25}
    assert system["streams"] == 1
    figures = client.get("/metrics")
    assert figures.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'streamfix_stream_up{stream="gate"} 1.0' in figures.text
