"""Cameras that say no: a wrong password is tried seldom, and what no attempt can mend is tried once. Real sockets."""

from __future__ import annotations

import logging
from itertools import pairwise

import av.error
import pytest

from streamfix.errors import InputError, LoginRefused, UnusableInput
from streamfix.live.camera.source import LiveSource
from streamfix.live.health import Event, Health
from streamfix.live.policy import LivePolicy
from streamfix.media.libav_errors import cannot_open
from streamfix.media.specs import InputSpec
from tests.fakes.waiting import until
from tests.live.cameras import Script, World, frames
from tests.live.refusing import closed_port, refusing

WAITS_S = LivePolicy().login_backoff_s


def wrong_password() -> LoginRefused:
    return LoginRefused("rtsp://***@cam/1: 401 Unauthorized")


def test_waits_after_a_wrong_password_are_minutes_and_grow() -> None:
    assert min(WAITS_S) >= 60 and list(WAITS_S) == sorted(WAITS_S)
    world = World([*(Script(refused=wrong_password()) for _ in range(8)), Script(frames(1))])
    world.source().open()
    waits = [b - a for a, b in pairwise(world.attempts)]
    assert waits == pytest.approx([*WAITS_S, *[WAITS_S[-1]] * (8 - len(WAITS_S))], abs=0.11)


def test_half_an_hour_sees_no_more_than_four_logins() -> None:
    """Makers lock an account after five to ten wrong ones in half an hour."""
    world = World([Script(refused=wrong_password()) for _ in range(20)])
    source = world.source()
    while world.now_s < 100 + 1800:
        source._camera.take(0.1)
    assert len(world.attempts) <= 4
    source.close()


def test_a_camera_that_was_off_meanwhile_is_no_reason_to_log_in_more_often() -> None:
    off = InputError("connection refused")
    off.__cause__ = ConnectionRefusedError(111, "connection refused")
    world = World([Script(refused=e) for e in (wrong_password(), off, wrong_password(), off, off, wrong_password())])
    world.scripts.append(Script(frames(1)))
    world.source().open()
    waits = [b - a for a, b in pairwise(world.attempts)]
    first, second, third = WAITS_S[:3]
    assert waits == pytest.approx([first, 1, second, 1, 1, third], abs=0.11)


def test_a_password_that_was_right_meanwhile_makes_the_next_failure_a_first_one() -> None:
    bad = [Script(refused=wrong_password()) for _ in range(2)]
    world = World([*bad, Script(frames(50)), Script(refused=wrong_password()), Script(frames(1), hangs=True)])
    source = world.source()
    for _ in zip(source, range(51), strict=False):
        pass
    source.close()
    assert world.attempts[4] - world.attempts[3] == pytest.approx(WAITS_S[0], abs=0.11)


def test_each_refusal_is_told_with_the_time_of_the_next_try(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []
    world = World([*(Script(refused=wrong_password()) for _ in range(3)), Script(frames(1))])
    world.health = Health("yard", on_event=told.append)
    with caplog.at_level(logging.WARNING, "streamfix.live"):
        world.source().open()
    lost = [event.text for event in told if event.kind == "lost"]
    assert len(lost) == 3
    assert all("401 Unauthorized; the next try is at " in text for text in lost)
    assert len([r for r in caplog.records if "the next try is at" in r.getMessage()]) == 3


@pytest.mark.parametrize(
    ("describe", "user", "remedy"),
    [
        ("401 Unauthorized", "me:hush-hush", "check user and password; cameras lock an account after a few wrong ones"),
        ("401 Unauthorized", "", "put a user and a password before the host, as in user:password@host"),
        ("403 Forbidden", "me:hush-hush", "this user may not see it, or the account is locked; check its rights"),
    ],
)
def test_a_server_that_refuses_the_login_is_asked_once(describe: str, user: str, remedy: str) -> None:
    with refusing(describe) as server:
        health = Health("yard")
        source = LiveSource(InputSpec(server.url(user)), LivePolicy(), health)
        while health.report().next_try_s is None:
            source._camera.take(0.1)
        report = health.report()
        for _ in range(3):
            source._camera.take(0.01)
        source.close()
        assert report.state == "starting"
        assert describe.split()[0] in report.reason and report.reason.endswith(remedy)
        assert "hush" not in report.reason
        assert (server.clients, server.logins) == (1, int(bool(user) and describe.startswith("401")))


def test_a_retry_by_hand_is_one_more_login() -> None:
    with refusing() as server:
        health = Health("yard")
        source = LiveSource(InputSpec(server.url("me:hush-hush")), LivePolicy(), health)

        def waits() -> bool:
            source._camera.take(0.05)
            return health.report().next_try_s is not None

        until(waits)
        source.retry()
        until(lambda: waits() and server.logins == 2)
        source.close()


def raised(spec: InputSpec, policy: LivePolicy | None = None) -> BaseException:
    source = LiveSource(spec, policy or LivePolicy(backoff_s=(0.0,)), Health("yard"))
    with pytest.raises(UnusableInput) as caught:
        source.open()
    source.close()
    return caught.value


@pytest.mark.parametrize("transport", ["udp", "tcp", "udp_multicast", None])
def test_a_transport_that_the_camera_does_not_have_ends_it_at_once(transport: str | None) -> None:
    with refusing("200 OK", "461 Unsupported Transport") as server:
        options = {} if transport is None else {"rtsp_transport": transport}
        error = raised(InputSpec(server.url(), options=options))
        assert "the server has no such transport; choose another rtsp_transport, or leave it out" in str(error)
        assert server.clients == 1


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("rtsp://127.0.0.1:0/x", {}, "check the form of the URL, its port, and the values of the options"),
        ("rtsp://127.0.0.1:99999/x", {}, "check the form of the URL"),
        ("rtspx://127.0.0.1:1/x", {}, "Protocol not found; the part before the colon is read as a protocol"),
        ("rtsp://127.0.0.1:PORT/x", {"rtsp_transport": "tpc"}, "the values of the options"),
        ("rtsp://127.0.0.1:PORT/x", {"buffer_size": "-7"}, "Numerical result out of range"),
        ("rtsp://127.0.0.1:PORT/x", {"fflags": "nobufer"}, "the values of the options"),
        ("tcp://127.0.0.1", {}, "check the form of the URL"),
    ],
)
def test_what_no_server_can_answer_ends_it_at_once(url: str, options: dict[str, str], said: str) -> None:
    with closed_port() as held:
        error = raised(InputSpec(url.replace("PORT", str(held.getsockname()[1])), options=options))
        assert said in str(error)


def test_what_another_attempt_may_cure_is_no_refusal() -> None:
    for cause in (
        av.error.HTTPNotFoundError(1, "404"),
        av.error.HTTPServerError(1, "503"),
        ConnectionRefusedError(111, "refused"),
        av.error.ExitError(1, "no answer"),
    ):
        error = cannot_open("rtsp://cam/1", cause)
        assert type(error) is InputError
