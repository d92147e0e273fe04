"""Turns what clients send into streams: strict JSON, with the credentials put back that the API had hidden."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ....media.redact import HIDDEN
from ..config.config import DaemonConfig, StreamConfig, stream_from
from ..config.options import options_of
from ..config.problems import ConfigError, Problem
from ..config.spec import read_stream
from .answers import Denied


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body (RFC 8259); an empty body is an empty object.

    Raises Denied for invalid JSON, a name given twice, NaN, or half a surrogate pair, which UTF-8 cannot encode.
    """
    try:
        value = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_no_number) if body else {}
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise Denied(422, "the body is nested too deeply; a stream has only a few levels") from None
    except ValueError as error:  # UnicodeError and JSONDecodeError among them
        raise Denied(422, f"the body is not JSON in UTF-8: {error}") from None
    if not isinstance(value, dict):
        raise Denied(422, f"the body is {_kind(value)}; send an object, as in the OpenAPI document")
    return value


def shown(config: StreamConfig) -> dict[str, Any]:
    """The stream as the API shows it: credentials hidden."""
    return config.as_mapping(redacted=True)


def without_own(config: DaemonConfig) -> dict[str, Any]:
    """What every option is of a stream that sets none, credentials hidden; those that must be set are left out."""
    bare, *_ = read_stream({}, config.defaults)
    options = options_of(StreamConfig)
    return {name: value for name, value in shown(bare).items() if not options[name].needed}


def new_stream(body: Mapping[str, Any], config: DaemonConfig) -> StreamConfig:
    """Read a new stream. Raises ConfigError with everything that is wrong."""
    return _read(body, config, None)


def changed_stream(
    body: Mapping[str, Any], current: StreamConfig, config: DaemonConfig, *, whole: bool
) -> StreamConfig:
    """Read a changed stream. whole: the body is the whole stream; else it has only the options that change.

    Raises ConfigError with everything that is wrong.
    """
    if body.get("name", current.name) != current.name:
        text = f"a stream is not renamed; leave out the name, which is {current.name!r}, or add another stream"
        raise ConfigError([Problem(("name",), repr(body["name"]), text)])
    seen = shown(current)
    fields = {**({} if whole else seen), **body, "name": current.name}
    given = revealed(fields, seen, current.as_mapping())
    # Options may hold credentials for the input they were set for; for another input they are checked again.
    known = current if given.get("input") == current.input else replace(current, input_options={})
    return _read(given, config, known)


def _read(fields: Mapping[str, Any], config: DaemonConfig, known: StreamConfig | None) -> StreamConfig:
    secret = {key for key, option in options_of(StreamConfig).items() if option.refers or option.tables}
    hidden = still_hidden({name: value for name, value in fields.items() if name in secret})
    if hidden:
        text = "it holds *** in place of credentials that belong to another address; give them again"
        raise ConfigError([Problem((place,), "", text) for place in hidden])
    return stream_from(fields, config, known)


def revealed(body: Mapping[str, Any], shown: Mapping[str, Any], real: Mapping[str, Any]) -> dict[str, Any]:
    """The body with hidden credentials put back; null removes an option, which then has its default.

    shown, real: the stream as the API shows it, and as it is. Where the body repeats what was shown, the real value
    takes its place; outputs are matched by URL, options by name. Outputs that look the same with their keys hidden are
    taken in their order, and only if there are as many as before: else nobody knows which is meant. Credentials among
    an input's options belong to that input: they are put back for no other input or output. `still_hidden` finds what
    then stays hidden.
    """
    given = {name: value for name, value in body.items() if value is not None}
    if given.get("input") != shown.get("input"):
        shown = {name: value for name, value in shown.items() if name != "input_options"}
    return {name: _reveal(value, shown.get(name), real.get(name)) for name, value in given.items()}


def still_hidden(value: Any, where: str = "") -> list[str]:
    """The places of texts that are still hidden."""
    if isinstance(value, str):
        return [where] if HIDDEN in value else []
    if isinstance(value, Mapping):
        return [p for name, item in value.items() for p in still_hidden(item, f"{where}.{name}" if where else name)]
    if isinstance(value, Sequence):
        return [place for i, item in enumerate(value) for place in still_hidden(item, f"{where}[{i}]")]
    return []


def _reveal(value: Any, shown: Any, real: Any) -> Any:
    if value == shown and type(value) is type(shown):
        return real
    if isinstance(value, Mapping) and isinstance(shown, Mapping):
        return _reveal_fields(value, shown, real)
    if isinstance(value, list) and isinstance(shown, list):
        return _reveal_items(value, shown, real)
    return value


def _reveal_fields(value: Mapping[str, Any], shown: Mapping[str, Any], real: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _reveal(item, shown.get(name), real.get(name)) for name, item in value.items()}


def _reveal_items(items: Sequence[Any], shown: Sequence[Any], real: Sequence[Any]) -> list[Any]:
    """Outputs, wherever in the list they were."""
    known: dict[object, list[tuple[Any, Any]]] = {}  # by what is shown of the URL
    for old, truth in zip(shown, real, strict=True):
        if isinstance(old, Mapping):
            known.setdefault(old["url"], []).append((old, truth))
    urls = [_url_of(item) for item in items]
    found = []
    for item, url in zip(items, urls, strict=True):
        twins = known.get(url, [])
        if not twins or len(twins) not in (1, urls.count(url)):
            found.append(item)
            continue
        old, truth = twins[0] if len(twins) == 1 else twins.pop(0)
        found.append(_reveal_fields(item, old, truth) if isinstance(item, Mapping) else truth["url"])
    return found


def _url_of(item: Any) -> str | None:
    url = item.get("url") if isinstance(item, Mapping) else item
    return url if isinstance(url, str) else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = sorted({name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1})
        raise ValueError(f"{', '.join(map(repr, twice))} given twice in one object")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _kind(value: Any) -> str:
    kinds = {list: "an array", str: "a text", type(None): "null", bool: "a truth value"}
    return kinds.get(type(value), "a number")
