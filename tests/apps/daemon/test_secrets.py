"""References to secrets: resolved at use, never shown, and never able to change what stands around them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.access.location import split
from streamfix.apps.daemon.access.secrets import Secrets, masked, references
from streamfix.errors import UsageError

# One line of anything; half a surrogate pair is no text.
PASSWORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)


@settings(deadline=None)
@given(PASSWORDS, PASSWORDS)
def test_no_password_changes_where_a_url_leads(user: str, password: str) -> None:
    """Neither @ nor / nor # in it ends the part of the URL that it stands in; decoded, it is the password again."""
    secrets = Secrets({"U": user, "P": password})
    url = secrets.resolve("rtsp://${env:U}:${env:P}@10.0.0.5:554/live?pw=${env:P}")
    place = split(url)
    assert (place.host, place.port, place.path.partition("?")[0]) == ("10.0.0.5", 554, "/live")
    given_user, _, given_password = url.removeprefix("rtsp://").partition("@")[0].partition(":")
    assert (unquote(given_user), unquote(given_password)) == (user, password)
    assert unquote(url.partition("?pw=")[2]) == password


@settings(deadline=None)
@given(PASSWORDS)
def test_outside_of_urls_a_secret_is_what_it_is(password: str) -> None:
    secrets = Secrets({"P": password})
    assert secrets.resolve("${env:P}") == password
    assert secrets.resolve("Basic ${env:P}") == f"Basic {password}"


@settings(deadline=None)
@given(st.text())
def test_text_without_a_reference_stays(text: str) -> None:
    if "${" not in text:
        assert Secrets({}).resolve(text) == text and references(text) == [] and masked(text) == text


@settings(deadline=None)
@given(st.text().filter(lambda text: "${" not in text and not text.endswith("$")))
def test_a_doubled_dollar_is_literal(text: str) -> None:
    assert Secrets({}).resolve(f"{text}$${{env:X}}") == f"{text}${{env:X}}"


def test_a_secret_that_is_all_is_not_encoded() -> None:
    secrets = Secrets({"URL": "rtsp://u:p@cam/x?y=1"})
    assert secrets.resolve("${env:URL}") == "rtsp://u:p@cam/x?y=1"
    assert masked("${env:URL}") is None
    assert masked("rtsp://${env:U}:${env:P}@cam") == "rtsp://secret:secret@cam"


def test_a_name_ends_at_the_first_brace(tmp_path: Path) -> None:
    (tmp_path / "a${env:B").write_text("odd")
    assert Secrets({}).resolve(f"${{file:{tmp_path}/a${{env:B}}}}") == "odd}"


def test_a_secret_is_no_template() -> None:
    assert Secrets({"A": "${env:B}", "B": "b"}).resolve("${env:A}") == "${env:B}"


@pytest.mark.parametrize(("content", "want"), [("pw", "pw"), ("pw\n", "pw"), ("pw\r\n", "pw"), (" p w ", " p w ")])
def test_files_lose_the_line_end_alone(tmp_path: Path, content: str, want: str) -> None:
    (tmp_path / "cam").write_bytes(content.encode())
    assert Secrets({}).resolve(f"${{file:{tmp_path}/cam}}") == want
    assert Secrets({"CREDENTIALS_DIRECTORY": str(tmp_path)}).resolve("${credential:cam}") == want


def test_a_changed_file_counts_at_the_next_use(tmp_path: Path) -> None:
    path = tmp_path / "cam"
    path.write_text("one")
    secrets, text = Secrets({}), f"x${{file:{path}}}"
    before = secrets.digest(["a", text])
    assert secrets.digest(["a", text]) == before
    path.write_text("two")
    assert secrets.resolve(text) == "xtwo"
    assert secrets.digest(["a", text]) != before
    assert Secrets({}).digest(["a", text]) != secrets.digest(["a", text]), "it can be tried out by who knows it"


def test_digests_keep_texts_apart() -> None:
    secrets = Secrets({})
    assert secrets.digest(["ab", "c"]) != secrets.digest(["a", "bc"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${env:NONE}", r"\$\{env:NONE\}: the variable is not set; set it"),
        ("${env:EMPTY}", "is empty; give one line"),
        ("${env:LINES}", "has line breaks or control characters"),
        ("${file:/nowhere/cam}", r"\$\{file:/nowhere/cam\}: No such file"),
        ("${file:/}", "Is a directory"),
        ("${file:/dev/zero}", "larger than 65536 bytes"),
        ("${credential:cam}", "LoadCredential=cam:PATH"),
    ],
)
def test_what_is_not_there_is_named(text: str, message: str) -> None:
    secrets = Secrets({"EMPTY": "", "LINES": "top\nsecret"})
    with pytest.raises(UsageError, match=message) as caught:
        secrets.resolve(text)
    assert "top" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${env:}", "is no variable's name"),
        ("${env:A B}", "is no variable's name"),
        ("${file:cam}", "absolute path"),
        ("${credential:../shadow}", "is no credential's name"),
        ("${credential:..}", "is no credential's name"),
        ("${HOME}", "there is no such reference; write"),
        ("rtsp://${env:A", "not closed"),
    ],
)
def test_a_reference_is_written_as_it_should_be(text: str, message: str) -> None:
    for check in (references, masked, Secrets({}).resolve):
        with pytest.raises(UsageError, match=message):
            check(text)


def test_text_that_is_no_utf8_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "cam").write_bytes(b"\xff\xfesecret")
    with pytest.raises(UsageError, match="not text in UTF-8") as caught:
        Secrets({}).resolve(f"${{file:{tmp_path}/cam}}")
    assert caught.value.__cause__ is None, "the cause holds the bytes"
