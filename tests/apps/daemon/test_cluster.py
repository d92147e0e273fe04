"""Streams on the nodes of a cluster, without Ray: leases, the account of nodes, what an agent does, what is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from streamfix.apps.daemon.cluster.agent import Agent, Lease
from streamfix.apps.daemon.cluster.hosted import Told
from streamfix.apps.daemon.cluster.placing import Placing
from streamfix.apps.daemon.config.config import load
from streamfix.apps.daemon.engine.control import Conflict
from streamfix.apps.daemon.http.api import create_app
from streamfix.apps.daemon.http.metrics import _nodes
from streamfix.apps.daemon.load.admission import Need
from streamfix.errors import InputError, UsageError
from streamfix.jobs import JobSpec
from streamfix.live.health import Event, Health
from streamfix.live.policy import LivePolicy
from streamfix.media.specs import InputSpec, OutputSpec
from tests.apps.daemon.camera import Camera, film
from tests.apps.daemon.fake_supervisor import FakeSupervisor
from tests.fakes.clock import Clock
from tests.fakes.waiting import until


class TestLease:
    def test_it_is_over_so_long_after_a_question_was_sent(self) -> None:
        clock = Clock()
        lease = Lease(4.0, clock)
        lease.renew(100.0)  # the daemon's clock is another one
        clock.now_s += 3.9
        assert not lease.over
        lease.renew(103.9)
        clock.now_s += 3.9
        assert not lease.over
        clock.now_s += 0.2
        assert lease.over

    def test_a_question_that_was_long_on_its_way_gives_no_more_time(self) -> None:
        """The daemon counts from when it sent it; at that time plus the lease nothing may run here any more."""
        clock = Clock()
        lease = Lease(4.0, clock)
        lease.renew(100.0)
        clock.now_s += 3.0
        lease.renew(100.5)
        clock.now_s += 1.4
        assert not lease.over
        clock.now_s += 0.2
        assert lease.over


class TestPlacing:
    def placing(self, **nodes: float) -> Placing:
        made = Placing(0.5)
        made.have({name: (cores, 0.0) for name, cores in nodes.items()})
        return made

    def test_streams_go_where_there_is_most_room(self) -> None:
        placing = self.placing(north=4, south=8)
        assert placing.choose("a") == "south"
        placing.place("a", "south", Need(3.0))
        assert placing.choose("b") == "north"
        assert placing.capacity == Need(6.0, 1.0 * 0.0)
        assert placing.load("south") == (1, Need(3.0))

    def test_streams_that_start_together_are_spread(self) -> None:
        placing = self.placing(north=2, south=2)
        assert {placing.choose("a"), placing.choose("b")} == {"north", "south"}

    def test_what_fits_on_no_node_waits_until_one_has_room(self) -> None:
        placing = self.placing(north=4, south=4)
        for name, node in (("a", "north"), ("b", "south")):
            placing.place(name, node, Need(1.5))
        with pytest.raises(Conflict, match=r"c needs about 1\.00 cores and fits on no node: north has 0\.50, south"):
            placing.place("c", "north", Need(1.0))
        with pytest.raises(Conflict, match="fits on no node"):
            placing.choose("c")
        assert placing.next() is None
        placing.release("b")
        assert placing.next() == "c"
        assert placing.choose("c") == "south"

    def test_without_nodes_it_says_what_to_do(self) -> None:
        placing = self.placing()
        with pytest.raises(Conflict, match="no node of the cluster takes streams now; start one"):
            placing.choose("a")
        placing.have({"north": (4, 0.0)})
        assert placing.next() == "a"

    def test_a_node_that_goes_takes_its_streams_from_the_account(self) -> None:
        placing = self.placing(north=4, south=4)
        placing.place("a", "north", Need(2.0))
        placing.have({"south": (4, 0.0)})
        assert placing.taken == Need()
        assert placing.choose("a") == "south"


@pytest.fixture
def camera() -> Iterator[Camera]:
    made = Camera(film(1500))
    yield made
    made.close()


def spec_of(camera: Camera, out: Path) -> JobSpec:
    policy = LivePolicy(max_latency_s=5.0)
    return JobSpec((InputSpec(camera.url),), (OutputSpec(str(out)),), subtitles=False, data=False, live=policy)


class TestAgent:
    @pytest.fixture
    def left(self) -> list[int]:
        return []

    @pytest.fixture
    def agent(self, left: list[int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
        monkeypatch.setattr("sys.setswitchinterval", lambda seconds: None)
        monkeypatch.setattr("streamfix.apps.daemon.cluster.agent.limit_heaps", lambda: None)
        made = Agent("cpu", 4.0, left.append)
        yield made
        made.close()

    def until_told(self, agent: Agent, key: str, enough: Any) -> Told:
        found: list[Told] = []

        def look() -> bool:
            told = agent.poll(0.0).get(key)
            if told is not None and enough(told):
                found.append(told)
            return bool(found)

        agent._lease._until_s = float("inf")
        until(look, f"{key} is told of")
        return found[0]

    def test_outputs_wait_until_the_stream_is_admitted(self, agent: Agent, camera: Camera, tmp_path: Path) -> None:
        """And a recording that is there is left alone: the free name is found where it is written."""
        (tmp_path / "yard.mkv").write_bytes(b"an older recording")
        agent.begin("1", "yard", spec_of(camera, tmp_path / "yard.mkv"))
        told = self.until_told(agent, "1", lambda told: told.need is not None)
        assert told.info is not None and told.need is not None and told.need.cores > 0
        assert [path.name for path in tmp_path.iterdir()] == ["yard.mkv"]
        agent.tell("1", "admit")
        self.until_told(agent, "1", lambda told: told.report.counts.written > 2)
        assert agent.latest("1") is not None
        agent.tell("1", "stop")
        last = self.until_told(agent, "1", lambda told: told.ended)
        assert last.error is None
        assert (tmp_path / "yard.mkv").read_bytes() == b"an older recording"
        assert (tmp_path / "yard.1.mkv").stat().st_size > 0
        assert agent.poll(0.0) == {}, "what is over is told of once"

    def test_an_error_is_told(self, agent: Agent, camera: Camera, tmp_path: Path) -> None:
        agent.begin("1", "yard", spec_of(camera, tmp_path / "nowhere" / "yard.mkv"))
        self.until_told(agent, "1", lambda told: told.need is not None)
        agent.tell("1", "admit")
        told = self.until_told(agent, "1", lambda told: told.ended)
        assert told.error is not None and "nowhere" in str(told.error)

    def test_nobody_asks_any_more(self, agent: Agent, left: list[int], camera: Camera, tmp_path: Path) -> None:
        """Then the streams end: they are about to be started on another node."""
        agent.begin("1", "yard", spec_of(camera, tmp_path / "yard.mkv"))
        self.until_told(agent, "1", lambda told: told.need is not None)
        agent.tell("1", "admit")
        self.until_told(agent, "1", lambda told: told.report.counts.written > 0)
        agent._lease._until_s = 0.0
        until(lambda: left, "the agent leaves")
        assert left == [0]
        assert all(thread.name != "stream yard" or not thread.is_alive() for thread in threading.enumerate())


def test_a_mirrored_report_is_shown_until_the_end() -> None:
    there, here = Health("yard"), Health("yard")
    told: list[Event] = []
    there.connected()
    for _ in range(3):
        there.received()
    there.written(0.1)
    here.mirror(there.report())
    assert here.report() == there.report() or here.report().state == "running"
    here._on_event = told.append
    here.replay(there.events[0])
    assert told == [there.events[0]]
    here.ended(InputError("node north is lost"))
    report = here.report()
    assert (report.state, report.reason) == ("error", "node north is lost")
    assert (report.counts.received, report.counts.written, report.counts.dropped_total) == (3, 1, 2)


def test_the_configuration_says_where_the_cluster_is(tmp_path: Path) -> None:
    path = tmp_path / "streams.toml"
    path.write_text('[cluster]\naddress = "10.0.0.5:6379"\n', encoding="utf-8")
    config = load(path)
    assert config.cluster is not None
    assert (config.cluster.address, config.cluster.lost_after_s) == ("10.0.0.5:6379", 10.0)
    path.write_text('[cluster]\nadress = "x"\nlost_after = "2s"\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"(?s)adress.*lost_after.*may not answer for some seconds; give 8s"):
        load(path)


def test_the_api_tells_of_nodes_and_drains_them() -> None:
    supervisor = FakeSupervisor(node_names=("north", "south"))
    with TestClient(create_app(supervisor, supervisor.config), base_url="http://localhost:8080") as client:
        assert [node["name"] for node in client.get("/api/nodes").json()] == ["north", "south"]
        drained = client.post("/api/nodes/north/drain", json={}).json()
        assert [node["drained"] for node in drained] == [True, False]
        assert [node["drained"] for node in client.post("/api/nodes/north/resume", json={}).json()] == [False, False]
        assert client.post("/api/nodes/west/drain", json={}).status_code == 404


def test_metrics_tell_which_nodes_are_up() -> None:
    node = {"name": "north", "up": False, "drained": True, "streams": 0, "load": {"used": 0.0}}
    families = {family.name: family.samples[0] for family in _nodes([node])}
    assert families["streamfix_node_up"].value == 0
    assert families["streamfix_node_up"].labels == {"node": "north"}
    assert families["streamfix_node_drained"].value == 1
    assert list(_nodes([])) == []
