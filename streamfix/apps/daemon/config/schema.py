"""The keys of the configuration: what each is called in its dataclass, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from ....live.policy import OnDamaged, OnLost
from ..access.urls import NETWORK_SCHEMES
from . import values
from .problems import Place, Problem
from .reading import WRONG, Read, Reading, items, mapping, plain
from .spec import OutputConfig, StreamConfig

_MERGED = ("input_options", "video_options")  # tables of [defaults] that a stream adds to, not replaces
_NEEDED = {"name": '"yard"', "input": '"rtsp://..."', "outputs": '["rtsp://..."]'}

_OUTPUT: Mapping[str, tuple[str, Read]] = {
    "url": ("url", plain(values.wanted_text)),
    "format": ("format", plain(values.wanted_text)),
    "options": ("options", mapping(values.option)),
    "video_codec": ("video_codec", plain(values.wanted_text)),
    "video_options": ("video_options", mapping(values.option)),
    "audio_codec": ("audio_codec", plain(values.wanted_text)),
    "overwrite": ("overwrite", plain(values.boolean)),
}


def _output(reading: Reading, place: Place, value: Any) -> OutputConfig:
    """An output: its URL, or a table. Without a URL where that is wrong, so that the rest can be looked at."""
    if isinstance(value, str):
        url = plain(values.wanted_text)(reading, place, value)
        return OutputConfig("" if url is WRONG else url)
    if not isinstance(value, Mapping):
        reading.wrong(place, value, 'it takes a URL, or a table, as in {url = "...", format = "hls"}')
        return OutputConfig("")
    found = reading.table(place, value, _OUTPUT)
    if value.get("url") is None:
        reading.missing(place, "the output has no url")
    return OutputConfig(**{"url": "", **found})


def _private(reading: Reading, place: Place, value: Any) -> Any:
    """true, false, or a list of networks."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, list):
        return reading.wrong(place, value, 'it takes true, false, or a list of networks, as in ["10.0.0.0/24"]')
    return items(plain(values.network))(reading, place, value)


STREAM: Mapping[str, tuple[str, Read]] = {
    "name": ("name", plain(values.stream_name)),
    "input": ("input", plain(values.wanted_text)),
    "input_format": ("input_format", plain(values.wanted_text)),
    "input_options": ("input_options", mapping(values.option)),
    "filters": ("filters", plain(values.text)),
    "outputs": ("outputs", items(_output, least=1)),
    "enabled": ("enabled", plain(values.boolean)),
    "audio": ("audio", plain(values.boolean)),
    "audio_codec": ("audio_codec", plain(values.wanted_text)),
    "video_codec": ("video_codec", plain(values.wanted_text)),
    "video_options": ("video_options", mapping(values.option)),
    "max_latency": ("max_latency_s", plain(values.seconds)),
    "on_lost": ("on_lost", plain(values.choice(*get_args(OnLost)))),
    "on_damaged": ("on_damaged", plain(values.choice(*get_args(OnDamaged)))),
    "lost_after": ("lost_after_s", plain(values.seconds)),
    "open_timeout": ("open_timeout_s", plain(values.seconds)),
    "ladder": ("ladder", items(plain(values.text))),
}
DEFAULTS = {key: field for key, field in STREAM.items() if key != "name"}
DAEMON: Mapping[str, tuple[str, Read]] = {
    "host": ("host", plain(values.wanted_text)),
    "port": ("port", plain(values.port)),
    "hosts": ("hosts", items(plain(values.wanted_text))),
    "token": ("token", plain(values.secret)),
    "log": ("log", plain(values.choice("human", "json"))),
    "max_load": ("max_load", plain(values.number(0.05, 8))),
    "device": ("device", plain(values.wanted_text)),
    "drain": ("drain_s", plain(values.seconds)),
    "allow_schemes": ("allow_schemes", items(plain(values.choice(*NETWORK_SCHEMES, "v4l2")))),
    "allow_folders": ("allow_folders", items(plain(values.folder))),
    "allow_private": ("allow_private", _private),
    "allow_secrets": ("allow_secrets", items(plain(values.reference))),
}


def read_stream(given: Any, defaults: Mapping[str, Any]) -> tuple[StreamConfig, dict[str, Any], list[Problem]]:
    """A stream, those of its fields that it gives itself, and what is wrong; then the stream lacks what is.

    given: as [[streams]] has it. defaults: as [defaults] has it, without problems.
    """
    reading = Reading()
    own = reading.table((), given, STREAM)
    found = Reading().table((), defaults, DEFAULTS)
    for name, value in own.items():
        found[name] = {**found.get(name, {}), **value} if name in _MERGED else value
    for name, example in _NEEDED.items():
        if isinstance(given, Mapping) and given.get(name) is None and name not in found:
            reading.missing((), f"the stream has no {name}; give {name} = {example}")
    return StreamConfig(**{"name": "", "input": "", "outputs": (), **found}), own, reading.problems


def foreign_parts(stream: StreamConfig, own: Mapping[str, Any], known: StreamConfig | None) -> dict[str, Any]:
    """What to replace in a stream that came over HTTP, so that it is marked: what it gives and the operator does not.

    known: the stream that it takes the place of.
    """
    trusted = [o for o in known.outputs if not o.foreign] if known else []
    outputs = (
        tuple(replace(o, foreign=o not in trusted) for o in stream.outputs) if "outputs" in own else stream.outputs
    )
    given = {name for name in own if name not in _MERGED} | {f"{t}.{k}" for t in _MERGED for k in own.get(t, {})}
    kept = known.foreign if known else frozenset()
    foreign = {name for name in given if known is None or name in kept or _at(known, name) != _at(stream, name)}
    return {"outputs": outputs, "foreign": frozenset(foreign)}


def _at(stream: StreamConfig, name: str) -> Any:
    """A field's value, or an option's, as in input_options.timeout."""
    field, dot, key = name.partition(".")
    return getattr(stream, field).get(key) if dot else getattr(stream, field)
