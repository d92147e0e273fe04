"""Who may use the API: tokens, sessions, hosts and origins."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamfix.apps.daemon.access.auth import COOKIE, Access, check_exposure, host_name, is_loopback, is_own_origin
from streamfix.errors import UsageError

TOKEN = "0123456789abcdef"


@given(st.binary(max_size=40), st.binary(max_size=80))
def test_nothing_but_the_token_and_its_session_opens(authorization: bytes, cookies: bytes) -> None:
    access = Access(TOKEN)
    assert not access.permits(authorization, cookies)
    assert access.permits(f"Bearer {TOKEN}".encode(), cookies)
    assert access.permits(authorization, cookies.replace(b";", b"") + f"; {COOKIE}={access.session}".encode())


@pytest.mark.parametrize(
    "authorization",
    ["", TOKEN, f"Basic {TOKEN}", f"Bearer{TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}0", "Bearer ", "Bearer"],
)
def test_nearly_the_token_is_not_the_token(authorization: str) -> None:
    assert not Access(TOKEN).permits(authorization.encode(), b"")


def test_the_session_does_not_tell_the_token_and_ends_with_it() -> None:
    access = Access(TOKEN)
    assert TOKEN not in access.session
    assert access.session == Access(TOKEN).session, "a restart of the daemon logs nobody out"
    assert access.session != Access(TOKEN + "x").session
    assert not access.permits(b"", f"{COOKIE}={TOKEN}".encode())
    assert not access.permits(f"Bearer {access.session}".encode(), b"")


def test_without_a_token_all_may() -> None:
    access = Access()
    assert access.permits(b"", b"")
    assert not access.knows("")


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
