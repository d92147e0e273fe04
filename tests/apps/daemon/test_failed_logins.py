"""Wrong tokens are told with the sender's address, never with what was sent, and nobody can flood the log with them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from streamfix.apps.daemon.config.config import DaemonConfig
from streamfix.apps.daemon.http.api import create_app
from streamfix.apps.daemon.http.failed_logins import ADDRESSES, EACH, FailedLogins
from tests.apps.daemon.fake_supervisor import FakeSupervisor

TOKEN = "0123456789abcdef"
WRONG = "hush-hush-hush-hush"


def request(host: str | None = "192.0.2.7", forwarded: str = "") -> HTTPConnection:
    headers = [(b"x-forwarded-for", forwarded.encode("latin-1"))] if forwarded else []
    return HTTPConnection({"type": "http", "client": host and (host, 4711), "headers": headers})


class Minutes:
    """Stands in for the event loop's clock."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def __call__(self, delay_s: float, call: Callable[[], None]) -> None:
        self.due.append(call)

    def go_by(self) -> None:
        due, self.due = self.due, []
        for call in due:
            call()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records if "wrong token" in record.getMessage()]
    caplog.clear()
    return found


def test_each_is_told_until_they_are_many_then_their_number(caplog: pytest.LogCaptureFixture) -> None:
    minutes = Minutes()
    failed = FailedLogins(minutes)
    for _ in range(EACH + 37):
        failed.note(request())
    failed.note(request("2001:db8::1"))
    told = ["a wrong token or session from 192.0.2.7"] * EACH + ["a wrong token or session from 2001:db8::1"]
    assert said(caplog) == told
    minutes.go_by()
    assert said(caplog) == ["37 more wrong tokens or sessions from 192.0.2.7 within a minute"]
    failed.note(request())
    assert said(caplog) == ["a wrong token or session from 192.0.2.7"], "another minute"


@settings(deadline=None)
@given(st.lists(st.integers(0, 400), max_size=900))
def test_lines_and_memory_are_bounded_and_none_is_uncounted(senders: list[int]) -> None:
    minutes, lines = Minutes(), list[str]()
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("streamfix.daemon")
    logger.addHandler(handler)
    try:
        failed = FailedLogins(minutes)
        for number in senders:
            failed.note(request(f"198.51.{number // 256}.{number % 256}"))
        assert len(minutes.due) == bool(senders)
        minutes.go_by()
    finally:
        logger.removeHandler(handler)
    assert len(lines) <= ADDRESSES * (EACH + 1) + 1
    assert sum(int(line.split()[0]) if line[0].isdigit() else 1 for line in lines) == len(senders)


@pytest.mark.parametrize(
    ("host", "forwarded", "named"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("127.0.0.1", "203.0.113.9", "127.0.0.1, forwarded for 203.0.113.9"),
        ("::1", "10.0.0.1, 2001:db8::5", "::1, forwarded for 2001:db8::5"),
        ("127.0.0.1", "x\x1b[31m\nforged line", "127.0.0.1"),
        (None, "203.0.113.9", "unknown"),
    ],
)
def test_a_proxy_at_this_machine_is_believed_and_nobody_else(
    host: str | None, forwarded: str, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    FailedLogins(Minutes()).note(request(host, forwarded))
    assert said(caplog) == [f"a wrong token or session from {named}"]


@pytest.fixture
def guarded() -> Iterator[TestClient]:
    supervisor = FakeSupervisor(DaemonConfig(token=TOKEN))
    with TestClient(
        create_app(supervisor, supervisor.config), base_url="http://localhost:8080", client=("192.0.2.7", 1)
    ) as client:
        yield client


def test_whatever_way_a_wrong_token_comes_it_is_told_without_it(
    guarded: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    for path, headers in (
        ("/api/streams", {"Authorization": f"Bearer {WRONG}"}),
        ("/api/streams", {"Authorization": f"Basic {WRONG}"}),
        ("/metrics", {"Cookie": f"a=b; streamfix_session={WRONG}"}),
        ("/api/login", {}),
    ):
        answer = guarded.get(path, headers=headers) if headers else guarded.post(path, json={"token": WRONG})
        assert answer.status_code == 401
        assert WRONG not in caplog.text
        assert said(caplog) == ["a wrong token or session from 192.0.2.7"]


def test_what_is_still_untold_is_told_when_the_server_ends(caplog: pytest.LogCaptureFixture) -> None:
    supervisor = FakeSupervisor(DaemonConfig(token=TOKEN))
    with TestClient(create_app(supervisor, supervisor.config), client=("192.0.2.7", 1)) as client:
        for _ in range(EACH + 3):
            client.get("/api/streams", headers={"Authorization": f"Bearer {WRONG}"})
    assert said(caplog)[-1] == "3 more wrong tokens or sessions from 192.0.2.7 within a minute"


def test_who_shows_no_token_or_the_right_one_is_not_told(guarded: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    assert guarded.get("/api/streams").status_code == 401
    assert guarded.get("/").status_code == 200
    assert guarded.get("/api/streams", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert guarded.post("/api/login", json={"token": TOKEN}).status_code == 204
    assert guarded.get("/api/streams").status_code == 200
    assert said(caplog) == []
