"""The daemon's log: one object a line where that is asked, and credentials never."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.apps.daemon import logs
from streamfix.apps.daemon.logs import HumanFormatter, JsonFormatter
from streamfix.errors import BadOption

SECRET = "rtsp://user:hush@10.0.0.5/yard"


pytestmark = pytest.mark.usefixtures("quiet")


def record(message: str, level: int = logging.WARNING, **extra: str) -> logging.LogRecord:
    made = logging.LogRecord("streamfix.live", level, __file__, 1, message, (), None)
    vars(made).update(extra)
    return made


@given(st.text(), st.sampled_from([logging.DEBUG, logging.INFO, logging.ERROR]))
def test_whatever_is_said_is_one_line_of_json(text: str, level: int) -> None:
    line = JsonFormatter().format(record(text, level))
    assert "\n" not in line
    entry = json.loads(line)
    assert list(entry) == ["time", "level", "logger", "thread", "message"]
    assert entry["level"] == logging.getLevelName(level).lower()


def test_a_json_entry_has_its_stream_and_a_time_in_utc() -> None:
    entry = json.loads(JsonFormatter().format(record("lost", stream="yard")))
    assert (entry["stream"], entry["logger"], entry["message"]) == ("yard", "streamfix.live", "lost")
    assert entry["time"].endswith("+00:00")


@pytest.mark.parametrize("formatter", [JsonFormatter(), HumanFormatter(), HumanFormatter(journal=True)])
def test_credentials_are_not_logged(formatter: logging.Formatter) -> None:
    made = record(f"{SECRET}: 401")
    try:
        raise OSError(f"cannot open {SECRET}")
    except OSError as error:
        made.exc_info = (OSError, error, error.__traceback__)
    text = formatter.format(made)
    assert "hush" not in text
    assert "10.0.0.5" in text
    assert "Traceback" in text


def test_the_journal_gets_a_priority_on_every_line() -> None:
    formatter = HumanFormatter(journal=True)
    assert formatter.format(record("one\ntwo")) == "<4>live: one\n<4>two"
    levels = {logging.CRITICAL: 2, logging.ERROR: 3, logging.INFO: 6, logging.DEBUG: 7}
    assert all(formatter.format(record("x", level)).startswith(f"<{p}>") for level, p in levels.items())


def test_people_get_a_time_and_a_level() -> None:
    date, clock, level, rest = HumanFormatter().format(record("lost")).split(" ", 3)
    assert (len(date), len(clock), level, rest) == (10, 8, "warning", "live: lost")


def test_set_up_sends_ours_and_the_servers_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json", logging.INFO, {})
    logging.getLogger("streamfix.live").info("hello")
    logging.getLogger("streamfix.live").debug("nothing")
    logging.getLogger("uvicorn.error").warning("port")
    said = capsys.readouterr()
    assert said.out == ""
    assert [json.loads(line)["message"] for line in said.err.splitlines()] == ["hello", "port"]


def test_only_the_journals_own_socket_is_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "err").open("w") as file:
        monkeypatch.setattr("sys.stderr", file)
        found = os.fstat(file.fileno())
        assert logs._goes_to_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        for other in ("", "1", "1:1", "a:b"):
            assert not logs._goes_to_journal({"JOURNAL_STREAM": other})


def test_levels_have_names() -> None:
    assert logs.parse_level("debug") == logging.DEBUG
    with pytest.raises(BadOption, match="--loglevel loud: unknown level; choose one of error, warning, info, debug"):
        logs.parse_level("loud")
