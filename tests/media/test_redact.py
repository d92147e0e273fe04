"""No secret of a URL is ever shown; what is no secret stays as it is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.media import redact as module
from streamfix.media.redact import HIDDEN, has_secret, hide, redact, redact_options

# Unreserved characters, and those that people leave unescaped.
SECRET = st.text(st.sampled_from("abcXYZ0189%2F!$'()*+,;=:@~_-."), min_size=6, max_size=24).filter(
    lambda s: "@@" not in s and not s.startswith("@")
)
WORD = st.text(st.sampled_from("abcdefgxyz019_"), min_size=1, max_size=12)
SCHEME = st.sampled_from(["rtsp", "rtsps", "rtmp", "srt", "udp", "http", "https", "RTSP"])
QUERY_NAME = st.sampled_from(
    [
        "passphrase",
        "password",
        "token",
        "access_token",
        "key",
        "stream_key",
        "sig",
        "signature",
        "X-Amz-Signature",
        "pw",
    ]
)


@given(SCHEME, WORD, SECRET, WORD, WORD)
def test_a_password_is_never_shown(scheme: str, user: str, password: str, host: str, path: str) -> None:
    shown = redact(f"{scheme}://{user}:{password}@{host}.test:554/{path}?x=1: connection refused")
    assert shown == f"{scheme}://{HIDDEN}@{host}.test:554/{path}?x=1: connection refused"


@given(SCHEME, QUERY_NAME, st.text(st.sampled_from("abcXYZ0189%/!$()*+,=:@~_-."), min_size=6), WORD)
def test_a_secret_of_a_query_is_never_shown(scheme: str, name: str, secret: str, other: str) -> None:
    url = f"{scheme}://host.test/live?mode=caller&{name}={secret}&other={other}"
    assert redact(url) == f"{scheme}://host.test/live?mode=caller&{name}={HIDDEN}&other={other}"


@given(
    st.sampled_from(["rtmp", "rtmps", "rtmpt", "RTMP"]),
    st.lists(WORD, min_size=1, max_size=3),
    st.text(st.sampled_from("abcXYZ0189-_=+%!~"), min_size=1, max_size=40),
    st.sampled_from(["", ":", ".", ": 404 Not Found", ", and", "?x=1"]),
)
def test_an_rtmp_key_is_never_shown_whatever_its_length(scheme: str, path: list[str], key: str, rest: str) -> None:
    base = f"{scheme}://host.test:1935/{'/'.join(path)}/"
    assert redact(f"{base}{key}{rest}") == f"{base}{HIDDEN}{rest}"


@given(st.text())
def test_twice_is_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(st.lists(WORD, max_size=6), SCHEME, WORD)
def test_what_is_no_secret_stays(words: list[str], scheme: str, host: str) -> None:
    text = f"{scheme}://{host}.test:8554/{'/'.join(words)} {' '.join(words)}: 404 Not Found"
    if not scheme.startswith("rtmp"):
        assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://u:p/ss@cam/s", "rtsp://***@cam/s"),
        ("rtsp://u:it's@cam/s", "rtsp://***@cam/s"),
        ("rtsp://secrettoken@cam/s", "rtsp://***@cam/s"),
        ("rtsp://a:b@c/ and rtsp://d:e@f/", "rtsp://***@c/ and rtsp://***@f/"),
        ("http://host/p/@x", "http://host/p/@x"),
        ("http://host:8080/a@b", "http://host:8080/a@b"),
        ("srt://h:9?streamid=publish:yard:joe:pw&latency=20", "srt://h:9?streamid=publish:yard:***&latency=20"),
        ("srt://h:9?streamid=read:yard", "srt://h:9?streamid=read:yard"),
        ("rtmp://a.example/live2/abcd-1234-efgh-5678", "rtmp://a.example/live2/***"),
        ("rtmp://127.0.0.1/live/yard", "rtmp://127.0.0.1/live/***"),
        ("rtmps://a.example:443/app/x/", "rtmps://a.example:443/app/***"),
        ("rtmp://h/app/instance/k", "rtmp://h/app/instance/***"),
        ("rtmp://h/live/k?auth=abc", "rtmp://h/live/***?auth=***"),
        ("rtmp://h/live", "rtmp://h/live"),
        ("rtmp://h/live/", "rtmp://h/live/"),
        ("(see rtmp://h/live/k), rtmp://h/live/q: refused.", "(see rtmp://h/live/***), rtmp://h/live/***: refused."),
        ("rtmp_playpath=k rtmp_app=live", "rtmp_playpath=*** rtmp_app=live"),
        ("headers=Authorization: Bearer abc", "headers=Authorization: ***"),
        ("passphrase='two words' next", "passphrase=*** next"),
        ("key=value is wanted, as in title=Harbour", "key=value is wanted, as in title=Harbour"),
        ("keyint=50:pass=1 -movflags +frag_keyframe", "keyint=50:pass=1 -movflags +frag_keyframe"),
        ("mailto:someone@example.org", "mailto:someone@example.org"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert has_secret(text) == (text != shown)


def test_secrets_that_are_known_are_hidden_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a path, in a short stream key: by its form nobody would take it for one."""
    monkeypatch.setattr(module, "_secrets", ())
    for secret in ("pa th/7", "key9", "key9-longer", "abc", "rtsp://me:hush@cam/1"):
        hide(secret)
    assert redact("http://h/pa%20th%2F7/index.m3u8: refused") == "http://h/***/index.m3u8: refused"
    assert redact("http://h/pa%20th/7/x, pa th/7") == "http://h/***/x, ***"
    assert redact("rtmp://h/live/key9: Cannot open") == "rtmp://h/live/***: Cannot open"
    assert redact("rtmp://h/live/key9-longer") == "rtmp://h/live/***"
    assert redact("abcdef") == "abcdef", "three letters are found everywhere"
    assert redact("rtsp://me:hush@cam/1: no answer") == "rtsp://***@cam/1: no answer"


def test_options() -> None:
    given = {"passphrase": "s3cret", "latency": "20", "headers": "X: y", "proxy": "http://a:b@p/", "pass": "1"}
    assert redact_options(given) == {
        "passphrase": "***",
        "latency": "20",
        "headers": "***",
        "proxy": "http://***@p/",
        "pass": "1",
    }


@pytest.mark.parametrize(
    "piece", ["x", "x_", "x-", "rtmp", "rtmp://a/", "a://b:c", "@a://b:c/", "password = ", "?key='"]
)
def test_the_time_grows_with_the_length_alone(piece: str) -> None:
    """Clients of the daemon send what they like. 64 KiB took minutes where time grew with the square of the length."""
    begun_s = time.process_time()
    redact(piece * (65536 // len(piece)))
    assert time.process_time() - begun_s < 5.0
