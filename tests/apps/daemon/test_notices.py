"""Notices: only what lasts is told, in order, again where that can help, and no stream ever waits for it."""

from __future__ import annotations

import json
import logging
import os
import queue
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.apps.daemon.access.secrets import Secrets
from streamfix.apps.daemon.config.config import ConfigError, DaemonConfig, load
from streamfix.apps.daemon.engine import shared
from streamfix.apps.daemon.engine.supervisor import Supervisor
from streamfix.apps.daemon.load.costs import FrameCost
from streamfix.apps.daemon.notices.mqtt import Mqtt, check_mqtt
from streamfix.apps.daemon.notices.notice import Notice, Observer, StreamState
from streamfix.apps.daemon.notices.notices import Notices
from streamfix.apps.daemon.notices.outbox import LONGEST_S, MOST, NotSent, Outbox
from streamfix.apps.daemon.notices.webhook import Webhook, check_webhook
from streamfix.errors import UsageError
from streamfix.live.health import STATES, State
from tests.apps.daemon.engine import Builder, spec_of, stream_config, untried
from tests.fakes.clock import Clock
from tests.fakes.serving import Serving
from tests.fakes.waiting import LONG_S, exited, until

ILL: dict[State, str] = {"degraded": "degraded", "reconnecting": "lost", "error": "unwell"}


def shown(state: State, name: str = "yard", reason: str = "", since_s: float = 0.0) -> StreamState:
    return StreamState(name, state, reason, since_s, 20.0)


def told(stream: str = "yard", state: Any = "lost") -> Notice:
    return Notice(stream, state, "well", "no frame for 20 s", 1.0, 2.0)


# -- laws


@given(st.lists(st.tuples(st.sampled_from(STATES), st.integers(1, 15)), max_size=30))
def test_what_is_told_lasted_and_is_never_told_twice(steps: list[tuple[State, int]]) -> None:
    """States one after the other, each for so many seconds."""
    observer, now, before, last = Observer(10.0), 0.0, "well", ""
    told_yet = False
    same_for = ill_for = 0  # seconds so far
    for state, seconds in steps:
        for _ in range(seconds):
            condition = ILL.get(state, "well" if state == "running" else "")
            same_for = same_for + 1 if condition == last else 0
            ill_for = ill_for + 1 if state in ILL and last in ILL.values() else 0
            last = condition
            for notice in observer.look([shown(state, since_s=now)], now, now):
                assert notice.state == condition and notice.before == before
                assert notice.news == (before != condition)
                assert notice.news or not told_yet, "what is no news is told at the beginning only"
                told_yet = True
                assert (ill_for if before == "well" != condition else same_for) >= 10
                before = condition
            if condition and same_for >= 10:
                assert before == condition, "what lasts is told"
            now += 1


def test_each_stream_is_told_by_itself_and_forgotten_when_it_goes() -> None:
    observer = Observer(5.0)
    assert observer.look([shown("error", "a", "bad"), shown("running", "b")], 0, 0) == []
    (first,) = observer.look([shown("error", "a", "bad"), shown("reconnecting", "b")], 5, 105)
    assert (first.stream, first.text, first.at) == ("a", "a: unwell: bad", 105)
    (gone,) = observer.look([shown("reconnecting", "b")], 6, 106)
    assert (gone.stream, gone.state, gone.before, gone.news) == ("a", "removed", "unwell", False)
    assert observer.look([shown("reconnecting", "b")], 7, 107) == []
    assert [n.stream for n in observer.look([shown("reconnecting", "b"), shown("error", "a")], 10, 110)] == ["b"]


def test_a_stream_that_is_well_from_the_beginning_concerns_only_who_keeps_its_state() -> None:
    """A broker may have kept that it was lost when the daemon ended."""
    observer = Observer(5.0)
    assert observer.look([shown("running")], 0, 0) == []
    (first,) = observer.look([shown("running")], 5, 5)
    assert (first.state, first.before, first.news) == ("well", "well", False)
    assert "news" not in first.as_json()
    assert observer.look([shown("running")], 50, 50) == []
    hook, broker = Receiver(), Receiver()
    broker.keeps_state = True
    boxes = [Outbox(hook), Outbox(broker)]
    for box in boxes:
        box.put(first)
        box.put(told("gate"))
        box.ask_to_end()
        assert box.join(LONG_S)
    assert (hook.got, broker.got) == (["gate"], ["yard", "gate"])


def test_what_was_never_told_of_a_stream_is_not_taken_back() -> None:
    observer = Observer(5.0)
    assert observer.look([shown("running")], 0, 0) == []
    assert observer.look([], 1, 1) == []


def test_a_camera_that_never_came_is_lost_and_one_that_was_stopped_is_nothing() -> None:
    observer = Observer(0.0)
    assert observer.look([shown("starting", since_s=100)], 0, 119) == []
    (lost,) = observer.look([shown("starting", since_s=100)], 5, 121)
    assert lost.state == "lost"
    assert observer.look([shown("stopped")], 6, 122) == []
    (well,) = observer.look([shown("running")], 8, 124)
    assert (well.state, well.before) == ("well", "lost")


class Receiver:
    """Takes notices, as long as it is told to."""

    shown = "test://receiver"
    keeps_state = False

    def __init__(self, *fails: BaseException | None) -> None:
        self.fails, self.tried, self.closed = list(fails), 0, threading.Event()
        self.got: list[str] = []

    def send(self, notice: Notice) -> None:
        self.tried += 1
        if self.fails and (error := self.fails.pop(0)) is not None:
            raise error
        self.got.append(notice.stream)

    def close(self) -> None:
        self.closed.set()


def test_notices_come_in_order_and_again(caplog: pytest.LogCaptureFixture) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    down = [NotSent("it cannot be reached: refused")] * 5
    receiver = Receiver(None, *down)
    with caplog.at_level(logging.INFO):
        box = Outbox(receiver, wait=wait)
        for name in "abc":
            box.put(told(name))
        until(lambda: receiver.got == ["a", "b", "c"])
        box.ask_to_end()
        assert box.join(LONG_S) and receiver.closed.is_set()
    assert waits == [1, 5, 10, 60, 60]
    said = [r.message for r in caplog.records]
    assert said == [
        "test://receiver cannot be told 'b: lost: no frame for 20 s': it cannot be reached: refused; "
        "trying again, at most every 60 s",
        "test://receiver is told again",
    ], "an outage is told once"


def test_what_no_other_attempt_mends_is_given_up_and_the_next_one_sent(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(NotSent("it answers 404 Not Found", again=False), ZeroDivisionError("a mistake of ours"))
    box = Outbox(receiver)
    for name in "abc":
        box.put(told(name))
    until(lambda: receiver.got == ["c"])
    box.ask_to_end()
    assert box.join(LONG_S)
    assert "404 Not Found" in caplog.text and "a bug in the daemon" in caplog.text


def test_whoever_hands_over_never_waits_and_the_oldest_go(caplog: pytest.LogCaptureFixture) -> None:
    stuck, go = threading.Event(), threading.Event()

    class Stuck(Receiver):
        def send(self, notice: Notice) -> None:
            stuck.set()
            assert go.wait(LONG_S)
            super().send(notice)

    receiver = Stuck()
    with caplog.at_level(logging.INFO):
        box = Outbox(receiver)
        box.put(told("first"))
        assert stuck.wait(LONG_S)
        for i in range(MOST + 50):
            box.put(told(str(i)))  # returns, though nothing goes out
        go.set()
        until(lambda: len(receiver.got) == MOST + 1)
        box.ask_to_end()
        assert box.join(LONG_S)
    assert receiver.got == ["first", *(str(i) for i in range(50, MOST + 50))]
    assert "is told again; 50 older notices were given up" in caplog.text


def test_what_is_an_hour_old_is_no_news() -> None:
    clock = Clock()

    def wait(seconds: float) -> bool:
        clock.now_s += 600
        return False

    receiver = Receiver(*[NotSent("down")] * 7)
    box = Outbox(receiver, clock=clock, wait=wait)
    box.put(told("old"))
    until(lambda: clock.now_s > 100 + LONGEST_S)
    until(lambda: receiver.tried == 7)
    box.put(told("new"))
    until(lambda: receiver.got == ["new"])
    box.ask_to_end()
    assert box.join(LONG_S)


def test_an_end_does_not_wait_for_a_receiver_that_is_away() -> None:
    receiver = Receiver(*[NotSent("down")] * 100)
    box = Outbox(receiver)
    for name in "abc":
        box.put(told(name))
    until(lambda: receiver.tried)
    box.ask_to_end()
    assert box.join(LONG_S), "each is tried once more and no longer waited for"
    assert receiver.tried <= 4


# -- a webhook


class Web:
    """A web server. answers: statuses, in order; then 204."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: queue.Queue[tuple[str, dict[str, str], Any]] = queue.Queue()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.got.put((self.path, dict(self.headers), json.loads(body)))
                status = web.answers.pop(0) if web.answers else 204
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._serving = Serving(self.server)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self._serving.close()


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.close()


def test_a_webhook_gets_json(web: Web) -> None:
    hook = Webhook(f"http://me:a%40b@{web.place}/hook/secret?x=1")
    assert hook.shown == f"http://{web.place}", "a path may be a secret"
    hook.send(told())
    path, headers, body = web.got.get(timeout=LONG_S)
    assert (path, headers["Content-Type"], headers["Authorization"]) == (
        "/hook/secret?x=1",
        "application/json",
        "Basic bWU6YUBi",
    )
    assert body == {
        "text": "yard: lost: no frame for 20 s",
        "stream": "yard",
        "state": "lost",
        "before": "well",
        "reason": "no frame for 20 s",
        "since": 1.0,
        "at": 2.0,
        "host": socket.gethostname(),
    }


@pytest.mark.parametrize(
    ("status", "again", "said"),
    [
        (500, True, "500"),
        (429, True, "429"),
        (404, False, "404"),
        (302, False, "give the address that it redirects to"),
    ],
)
def test_what_a_webhook_answers(web: Web, status: int, again: bool, said: str) -> None:
    web.answers = [status]
    with pytest.raises(NotSent, match=said) as caught:
        Webhook(f"http://{web.place}/").send(told())
    assert caught.value.again == again
    assert web.got.qsize() == 1, "it is not followed"


def test_nobody_there_is_another_attempt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NotSent, match="cannot be reached: Connection refused") as caught:
        Webhook(f"http://127.0.0.1:{port}/").send(told())
    assert caught.value.again


@pytest.mark.parametrize(
    "url", ["ftp://h/x", "https://", "example.org/hook", "http://h:port/", "http://h/a b", "file:///x"]
)
def test_what_is_no_webhook(url: str) -> None:
    with pytest.raises(UsageError, match=r"as in https://example\.org/hook"):
        check_webhook(url)


# -- MQTT

MOSQUITTO = (
    os.environ.get("STREAMFIX_MOSQUITTO") or shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
)
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="needs the mosquitto command, Debian's package mosquitto")


class RealBroker:
    """Debian's mosquitto, and a client that has subscribed to everything."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port, self.config = port, folder / f"mosquitto-{port}.conf"
        self.config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        self.got: queue.Queue[tuple[str, str]] = queue.Queue()
        self.start()

    def start(self) -> None:
        assert MOSQUITTO is not None
        self.process = subprocess.Popen([MOSQUITTO, "-c", self.config], stderr=subprocess.DEVNULL)
        until(self._listens)

    def _listens(self) -> bool:
        assert self.process.poll() is None, f"mosquitto ended with {self.process.returncode}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def watch(self) -> Any:
        client_of = pytest.importorskip("paho.mqtt.client")
        client = client_of.Client(client_of.CallbackAPIVersion.VERSION2)
        client.on_connect = lambda *_: client.subscribe("#", qos=1)
        client.on_message = lambda _, __, message: self.got.put((message.topic, message.payload.decode()))
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        return client

    def next(self) -> tuple[str, Any]:
        topic, text = self.got.get(timeout=LONG_S)
        return topic, json.loads(text) if text.startswith("{") else text

    def stop(self) -> None:
        self.process.kill()
        exited(self.process)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RealBroker]:
    pytest.importorskip("paho.mqtt.client", reason="needs the extra: pip install -e '.[mqtt]'")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    broker = RealBroker(tmp_path, port)
    yield broker
    broker.stop()


@needs_broker
def test_a_broker_keeps_each_streams_newest_notice(broker: RealBroker) -> None:
    sender = Mqtt(f"mqtt://127.0.0.1:{broker.port}/house/cams")
    for state in ("lost", "well"):
        sender.send(told("yard", state))
    sender.send(told("gate"))
    client = broker.watch()  # comes late, and still learns how things are
    found = dict(broker.next() for _ in range(3))
    assert found.keys() == {"house/cams", "house/cams/yard", "house/cams/gate"}
    assert found["house/cams"] == "online"
    assert (found["house/cams/yard"]["state"], found["house/cams/gate"]["state"]) == ("well", "lost")
    sender.send(told("yard", "removed"))
    assert broker.next() == ("house/cams/yard", "")
    later = broker.watch()
    assert dict(broker.next() for _ in range(2)).keys() == {"house/cams", "house/cams/gate"}, "nothing is kept of yard"
    later.loop_stop()
    sender.close()
    assert broker.next() == ("house/cams", "offline")
    client.loop_stop()


@needs_broker
def test_a_broker_that_restarts_is_told_afterwards(broker: RealBroker) -> None:
    sender = Mqtt(f"mqtt://127.0.0.1:{broker.port}")
    sender.send(told("a"))
    broker.stop()
    box = Outbox(sender, backoff_s=(0.05,))
    box.put(told("b"))
    with pytest.raises(NotSent):
        Mqtt(f"mqtt://127.0.0.1:{broker.port}").send(told("x"))
    broker.start()
    client = broker.watch()
    found = {broker.next()[0] for _ in range(2)}
    assert "streamfix/b" in found
    box.ask_to_end()
    assert box.join(LONG_S)
    client.loop_stop()


@needs_broker
def test_a_broker_that_refuses_says_why(tmp_path: Path, broker: RealBroker) -> None:
    broker.stop()
    broker.config.write_text(f"listener {broker.port} 127.0.0.1\nallow_anonymous false\n")
    broker.start()
    with pytest.raises(NotSent, match="it refuses the connection: Not authorized"):
        Mqtt(f"mqtt://me:wrong@127.0.0.1:{broker.port}").send(told())


@pytest.mark.parametrize(
    "url", ["mqtt://", "http://h", "mqtt://h/a#", "mqtt://h/+/x", "mqtt://h:port", "mqtt://h/x?qos=1"]
)
def test_what_is_no_broker(url: str) -> None:
    with pytest.raises(UsageError, match="as in mqtt://user:password@broker:1883/streamfix"):
        check_mqtt(url)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    path = tmp_path / "streams.toml"
    path.write_text('[daemon]\nmqtt = "mqtt://me:hush@broker/x"\nwebhook = "gopher://x"\n')
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert "streams.toml:2: daemon.mqtt = " in str(caught.value)
    assert 'pip install "streamfix[mqtt]"' in str(caught.value)
    assert "streams.toml:3: daemon.webhook" in str(caught.value)
    assert "hush" not in str(caught.value)


# -- the daemon


def test_another_configuration_counts_at_once(caplog: pytest.LogCaptureFixture) -> None:
    made: list[str] = []
    receivers = {"a": Receiver(), "b": Receiver()}

    def make(url: str) -> Receiver:
        made.append(url)
        return receivers[url]

    config = [DaemonConfig(webhook="${env:HOOK}", notify_after_s=1e-6)]
    notices = Notices(lambda: config[0], Secrets({"HOOK": "a"}), {"webhook": make})
    states: list[tuple[State, float]] = [("running", 0.0), ("error", 1.0), ("error", 2.0)]
    for state, steady in states:
        notices.look([shown(state)], steady, steady)
    until(lambda: receivers["a"].got == ["yard"])
    config[0] = DaemonConfig(webhook="b", notify_after_s=1e-6)
    notices.look([shown("running")], 3.0, 3.0)
    notices.look([shown("running")], 4.0, 4.0)
    until(lambda: receivers["b"].got == ["yard"])
    assert receivers["a"].closed.wait(LONG_S)
    config[0] = DaemonConfig(webhook="${env:GONE}")
    notices.look([], 5.0, 5.0)
    assert "daemon.webhook: ${env:GONE}: the variable is not set" in caplog.text
    notices.close()
    assert made == ["a", "b"]


def test_a_daemon_tells_a_webhook_of_a_camera(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real engine, its watch led by the hand."""
    monkeypatch.setattr(shared, "job_spec", lambda config, *_: spec_of(config))
    builder, clock = Builder(), Clock()
    config = DaemonConfig(webhook=f"http://{web.place}/", streams=(stream_config("yard"),))
    supervisor = Supervisor(
        config,
        build=builder,
        trial=untried,
        measure=lambda *_: FrameCost(0.0),
        capacity=2.0,
        backoff_s=(0.0,),
        clock=clock,
    )
    tick: Callable[[], None] = supervisor.watch.tick
    supervisor._table.add(config.streams[0])
    try:
        job = builder.job("yard")
        tick()
        job.health.lost("rtsp://me:hush@10.0.0.5/yard: no frame for 20 s")
        for _ in range(12):
            clock.now_s += 1
            tick()
        _, _, body = web.got.get(timeout=LONG_S)
        assert body["text"] == "yard: lost: rtsp://***@10.0.0.5/yard: no frame for 20 s"
        job.health.connected()
        for _ in range(12):
            clock.now_s += 1
            tick()
        assert web.got.get(timeout=LONG_S)[2]["state"] == "well"
        assert web.got.empty()
    finally:
        supervisor.drain(LONG_S)
