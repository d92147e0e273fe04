"""Cameras that say no: a wrong password is tried seldom, and what no attempt can mend is tried once. Real sockets."""

from __future__ import annotations

import logging
import socket
import threading
from itertools import pairwise

import av.error
import pytest

from streamfix.errors import InputError, LoginRefused, UnusableInput
from streamfix.live.camera.source import LiveSource
from streamfix.live.health import Event, Health
from streamfix.live.policy import LivePolicy
from streamfix.media.input.reader import Reader
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


# -- several streams with one account: the channels of a recorder


def channels(world: World, count: int, user: str = "me:hush-hush") -> list[LiveSource]:
    return [world.source(url=f"rtsp://{user}@nvr/ch{i}") for i in range(count)]


def goes_by(world: World, sources: list[LiveSource], seconds: float) -> None:
    """Let the world's time go by, with all sources at work."""
    until_s = world.now_s + seconds
    while world.now_s < until_s:
        for source in sources:
            source._camera.take(0.05)


def unauthorised() -> InputError:
    error = LoginRefused("rtsp://***@nvr/ch0: 401 Unauthorized")
    error.__cause__ = av.error.HTTPUnauthorizedError(1, "401")
    return error


def test_sixteen_channels_with_a_wrong_password_log_in_as_seldom_as_one() -> None:
    world = World([Script(refused=unauthorised()) for _ in range(100)])
    sources = channels(world, 16)
    goes_by(world, sources, 1800)
    assert len(world.attempts) <= 4
    waits = [b - a for a, b in pairwise(world.attempts)]
    assert waits == pytest.approx(WAITS_S[: len(waits)], abs=2)
    for source in sources:
        source.close()


def test_the_other_channels_say_why_they_wait_and_until_when() -> None:
    world = World([Script(refused=unauthorised())])
    first, second = channels(world, 2)
    health = second._health = second._camera._health = Health("ch1")
    goes_by(world, [first, second], 5)
    report = health.report()
    assert report.reason == (
        "not tried: another stream's login with this account was refused: rtsp://***@nvr/ch0: 401 Unauthorized"
    )
    assert report.next_try_s is not None
    assert "hush" not in str(list(health.events))
    world.scripts.append(Script(frames(2), hangs=True))
    second.retry()
    goes_by(world, [second], 1)
    assert health.report().state == "running", "by hand it is tried all the same"
    world.scripts.append(Script(frames(2), hangs=True))
    first.retry()
    goes_by(world, [first], 1)
    assert world.health.report().state == "running"
    first.close()
    second.close()


def test_a_right_password_holds_nobody_up() -> None:
    world = World([Script(frames(5), hangs=True) for _ in range(8)])
    sources = channels(world, 8)
    goes_by(world, sources, 3)
    assert len(world.attempts) == 8
    assert world.attempts[-1] - world.attempts[0] < 2
    for source in sources:
        source.close()


def test_a_server_that_does_not_answer_delays_the_others_by_seconds() -> None:
    world = World([Script(opens_after_s=60, hangs=True), *(Script(frames(5), hangs=True) for _ in range(7))])
    sources = channels(world, 8)
    goes_by(world, sources, 8)
    assert len(world.attempts) == 8
    for source in sources:
        source.close()


def test_other_accounts_and_other_servers_are_asked_as_ever() -> None:
    world = World([Script(refused=unauthorised()) for _ in range(20)])
    sources = channels(world, 3) + channels(world, 3, "me:another") + [world.source(url="rtsp://me:hush-hush@cam/1")]
    sources += [world.source(url="rtsp://nvr/ch1"), world.source(url="rtsp://nvr/ch2")]
    goes_by(world, sources, 20)
    assert len(world.attempts) == 5
    for source in sources:
        source.close()


def test_a_camera_that_wants_another_password_holds_none_of_those_up_that_have_theirs() -> None:
    script = [Script(frames(5), hangs=True), Script(refused=unauthorised()), Script(frames(5), hangs=True)]
    world = World(script)
    sources = channels(world, 3)
    goes_by(world, sources, 5)
    assert len(world.attempts) == 3
    for source in sources:
        source.close()


def test_a_channel_that_this_user_may_not_see_holds_up_no_other() -> None:
    denied = LoginRefused("rtsp://***@nvr/ch0: 403 Forbidden")
    denied.__cause__ = av.error.HTTPForbiddenError(1, "403")
    world = World([Script(refused=denied), *(Script(frames(5), hangs=True) for _ in range(3))])
    sources = channels(world, 4)
    goes_by(world, sources, 15)
    assert len(world.attempts) == 4, "and is itself tried after minutes"
    for source in sources:
        source.close()


def test_accounts_are_forgotten_with_their_streams() -> None:
    world = World([])
    account = world.accounts.of("rtsp://me:hush@nvr/1", WAITS_S)
    assert world.accounts.of("RTSP://me:hush@NVR/2", WAITS_S) is account
    assert world.accounts.of("rtsp://me:hush@nvr:555/2", WAITS_S) is not account
    assert len(world.accounts._known) == 1
    assert "hush" not in str(vars(world.accounts)), "passwords are kept as hashes"
    del account
    assert len(world.accounts._known) == 0


# -- real servers


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


def test_a_camera_that_ends_the_connection_is_no_broken_mp4() -> None:
    """Seen of one that restarts: it takes the connection and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        url = f"rtsp://127.0.0.1:{server.getsockname()[1]}/cam"
        with pytest.raises(InputError, match="the server has ended the connection, or what it sends is no video"):
            Reader([InputSpec(url, options={"rtsp_transport": "tcp"})])
