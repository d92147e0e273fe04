"""Who may use the API: tokens, sessions, hosts and origins."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from streamfix.apps.daemon.access.auth import (
    COOKIE,
    Access,
    Tokens,
    check_exposure,
    host_name,
    is_loopback,
    is_own_origin,
)
from streamfix.errors import UsageError

TOKEN = "0123456789abcdef"


@given(st.binary(max_size=40), st.binary(max_size=80))
def test_nothing_but_the_token_and_its_session_opens(authorization: bytes, cookies: bytes) -> None:
    access = Access(TOKEN)
    assert access.right(authorization, cookies) is None
    assert access.right(f"Bearer {TOKEN}".encode(), cookies) == "change"
    cookie = f"; {COOKIE}={access.session}".encode()
    assert access.right(authorization, cookies.replace(b";", b"") + cookie) == "change"


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_who_may_look_is_never_taken_for_who_may_change(change: str, look: str) -> None:
    assume(change != look)
    access = Access(Tokens(change, look))
    assert (access.right_of(change), access.right_of(look)) == ("change", "look")
    for right in ("change", "look"):
        assert access.right(b"", f"{COOKIE}={access.session_of(right)}".encode()) == right
    other = Access(Tokens(change, look + "x"))
    assert other.right(b"", f"{COOKIE}={access.session_of('look')}".encode()) is None, "another token ends its sessions"
    assert Access(Tokens(change)).right_of("") is None
    assert Access(Tokens("", look)).right(b"", b"") == "change", "without a full token everybody may do all"


@pytest.mark.parametrize(
    "authorization",
    ["", TOKEN, f"Basic {TOKEN}", f"Bearer{TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}0", "Bearer ", "Bearer"],
)
def test_nearly_the_token_is_not_the_token(authorization: str) -> None:
    assert Access(TOKEN).right(authorization.encode(), b"") is None


def test_the_session_does_not_tell_the_token_and_ends_with_it() -> None:
    access = Access(TOKEN)
    assert TOKEN not in access.session
    assert access.session == Access(TOKEN).session, "a restart of the daemon logs nobody out"
    assert access.session != Access(TOKEN + "x").session
    assert access.right(b"", f"{COOKIE}={TOKEN}".encode()) is None
    assert access.right(f"Bearer {access.session}".encode(), b"") is None


def test_without_a_token_all_may() -> None:
    access = Access()
    assert access.right(b"", b"") == "change"
    assert access.right_of("") is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_nobody_else_reaches_a_loopback_address(host: str) -> None:
    assert is_loopback(host)
    check_exposure(host, "")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "camera.example", "localhost.example", "", "0"])
def test_other_addresses_need_a_token_that_cannot_be_guessed(host: str) -> None:
    with pytest.raises(UsageError, match=r"set daemon\.token, or listen at 127\.0\.0\.1"):
        check_exposure(host, "")
    with pytest.raises(UsageError, match="has 5 characters") as caught:
        check_exposure(host, "guess")
    assert "guess;" not in str(caught.value)
    check_exposure(host, TOKEN)
    with pytest.raises(UsageError, match="the read_token has 4 characters"):
        check_exposure(host, TOKEN, "look")
    with pytest.raises(UsageError, match=r"daemon\.read_token: it is the same as daemon\.token"):
        check_exposure("localhost", "a", "a")


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8080", "127.0.0.1:80", "[::1]:8080", "192.0.2.1", "box:1"])
def test_addresses_and_own_names_are_served(host: str) -> None:
    assert Access(hosts=["0.0.0.0", "Box"]).serves(host)


@pytest.mark.parametrize(
    "host", ["", "rebound.example", "rebound.example:8080", "127.0.0.1.example", "localhost:x", "a@localhost", "x/y"]
)
def test_a_name_that_dns_may_have_been_rebound_to_is_not_served(host: str) -> None:
    assert not Access(hosts=["box"]).serves(host)


def test_with_a_token_any_name_is_served_since_no_foreign_page_has_it() -> None:
    assert Access(TOKEN).serves("streams.example")
    assert not Access(TOKEN).serves("streams.example:port")


@given(st.text(max_size=30))
@example("%A")
@example("[fe80::1%Eth0]:80")
def test_any_host_header_has_an_answer(host: str) -> None:
    name = host_name(host)
    assert name is None or (name and name == name.lower())
    Access(hosts=["box"]).serves(host)
    is_own_origin(host, "localhost:8080")


@pytest.mark.parametrize("origin", ["http://localhost:8080", "https://localhost:8080", "http://LOCALHOST:8080"])
def test_the_own_page_is_its_own_origin(origin: str) -> None:
    assert is_own_origin(origin, "localhost:8080")


@pytest.mark.parametrize(
    "origin", ["null", "", "http://localhost:8081", "http://other", "http://localhost:8080.x", "[::"]
)
def test_others_are_not(origin: str) -> None:
    assert not is_own_origin(origin, "localhost:8080")
