"""From what a client sends to a stream's configuration, and back to what it may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..config.config import DaemonConfig, StreamConfig, stream_from
from ..config.problems import ConfigError, Problem
from .bodies import revealed, still_hidden

_SECRET_FIELDS = ("input", "input_options", "outputs", "video_options")


def shown(config: StreamConfig) -> dict[str, Any]:
    """The stream as the API gives it: credentials hidden."""
    return config.as_mapping(redacted=True)


def new_stream(body: Mapping[str, Any], config: DaemonConfig) -> StreamConfig:
    """A stream that nobody knows yet. Raises ConfigError with all that is wrong."""
    return _read(body, config, None)


def changed_stream(
    body: Mapping[str, Any], current: StreamConfig, config: DaemonConfig, *, whole: bool
) -> StreamConfig:
    """A stream changed as the body says. whole: the body has all of it; else it has the fields that change.

    Raises ConfigError with all that is wrong.
    """
    if body.get("name", current.name) != current.name:
        text = f"a stream is not renamed; its name is {current.name!r}: leave it out, or add another stream"
        raise ConfigError([Problem(("name",), repr(body["name"]), text)])
    seen = shown(current)
    fields = {**({} if whole else seen), **body, "name": current.name}
    given = revealed(fields, seen, current.as_mapping())
    # Options may hold credentials for the input that they were set for; with another one they are checked anew.
    known = current if given.get("input") == current.input else replace(current, input_options={})
    return _read(given, config, known)


def _read(fields: Mapping[str, Any], config: DaemonConfig, known: StreamConfig | None) -> StreamConfig:
    hidden = still_hidden({name: value for name, value in fields.items() if name in _SECRET_FIELDS})
    if hidden:
        text = "it holds *** where credentials were hidden, which belong to another address; give them anew"
        raise ConfigError([Problem((place,), "", text) for place in hidden])
    return stream_from(fields, config, known)
