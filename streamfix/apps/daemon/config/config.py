"""The daemon's configuration: a TOML file, and single streams of the same form from elsewhere."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal

from ....errors import InputError, UsageError
from ..access.auth import is_loopback
from ..access.urls import SCHEMES, Allowed
from .checking import check_stream
from .problems import ConfigError, Place, Problem
from .reading import WRONG, Read, Reading, items, plain
from .schema import DAEMON, DEFAULTS, foreign_parts, read_stream
from .spec import OutputConfig, StreamConfig
from .toml_lines import Lines

__all__ = ["ConfigError", "DaemonConfig", "OutputConfig", "Problem", "StreamConfig", "load", "stream_from"]


@dataclass(frozen=True, slots=True)
class DaemonConfig:
    """The whole file.

    host, port: where the API listens. hosts: further names it may be called by, beside addresses and localhost.
    token: what clients must send, empty for none; as written, a reference mostly: `Secrets.resolve` it at use.
    max_load: share of the processors that streams may take together. device: "auto", "cpu", "cuda" or "cuda:N".
    drain_s: seconds that outputs get to finish when the daemon ends.
    allow_*: see `Allowed`. defaults: fields of streams that do not say otherwise, as written.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    hosts: tuple[str, ...] = ()
    token: str = ""
    log: Literal["human", "json"] = "human"
    max_load: float = 0.9
    device: str = "auto"
    drain_s: float = 10.0
    allow_schemes: tuple[str, ...] = SCHEMES
    allow_folders: tuple[Path, ...] = ()
    allow_private: bool | tuple[IPv4Network | IPv6Network, ...] = False
    allow_secrets: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    streams: tuple[StreamConfig, ...] = ()

    @property
    def allowed(self) -> Allowed:
        """What streams may read and write."""
        return Allowed(
            frozenset(self.allow_schemes), self.allow_folders, self.allow_private, frozenset(self.allow_secrets)
        )


def stream_from(given: Mapping[str, Any], config: DaemonConfig, known: StreamConfig | None = None) -> StreamConfig:
    """Read a stream that came over HTTP. Names of hosts are looked up, which takes seconds where none answers.

    given: as [[streams]] has it; null is like leaving it out: then [defaults] holds.
    known: the stream that it takes the place of: what reads there as it does here keeps the rights that it has.
    Raises ConfigError with everything that is wrong with it.
    """
    stream, own, problems = read_stream(given, config.defaults)
    stream = replace(stream, **foreign_parts(stream, own, known))
    return _checked(stream, config.allowed, problems)


def load(path: Path) -> DaemonConfig:
    """Read the file. Raises InputError if it cannot be read; ConfigError with a line for each thing that is wrong."""
    try:
        text = path.read_bytes().decode()
        found = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give the daemon's configuration, a TOML file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: it is no text in UTF-8: {error.reason} at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        at = re.search(r" \(at line (\d+), column (\d+)\)$", str(error))
        place = f":{at[1]}:{at[2]}" if at else ""
        raise UsageError(f"{path}{place}: {str(error)[: at.start()] if at else error}") from error
    except RecursionError as error:
        raise UsageError(f"{path}: it is nested too deeply") from error
    except ValueError as error:  # an integer of thousands of digits
        raise UsageError(f"{path}: {error}") from error
    problems, config = _read(found)
    if problems:
        lines = Lines(text)
        raise ConfigError(sorted(problems, key=lambda p: lines.line_of(p.place)), str(path), lines.line_of)
    return config


def _read(found: Mapping[str, Any]) -> tuple[list[Problem], DaemonConfig]:
    reading = Reading()
    known = {"daemon": DAEMON, "defaults": DEFAULTS}
    raw = plain(lambda value: value)
    reading.table((), found, {name: (name, raw) for name in (*known, "streams")})
    tables = {name: reading.table((name,), found.get(name, {}), fields) for name, fields in known.items()}
    well = not any(p.place[0] == "defaults" for p in reading.problems)
    config = DaemonConfig(**tables["daemon"], defaults=found.get("defaults", {}) if well else {})
    if not is_loopback(config.host) and not config.token:
        text = "whoever reaches this address could control the daemon; set token, or listen at 127.0.0.1"
        reading.wrong(("daemon", "host"), config.host, text)
    streams = items(_stream_reader(config))(reading, ("streams",), found.get("streams", []))
    config = replace(config, streams=() if streams is WRONG else streams)
    _check_unique(reading, config.streams)
    return list(dict.fromkeys(reading.problems)), config


def _stream_reader(config: DaemonConfig) -> Read:
    def read(reading: Reading, place: Place, given: Any) -> Any:
        try:
            stream, _, problems = read_stream(given, config.defaults)
            return _checked(stream, config.allowed, problems)
        except ConfigError as error:
            for problem in error.problems:
                inherited = problem.place and problem.place[0] in config.defaults and problem.place[0] not in given
                reading.problems.append(
                    replace(problem, place=(*(("defaults",) if inherited else place), *problem.place))
                )
            return WRONG

    return read


def _checked(stream: StreamConfig, allowed: Allowed, problems: Sequence[Problem]) -> StreamConfig:
    """The stream, if nothing is wrong with it; else raise ConfigError with all that is. problems: known so far."""
    try:
        check_stream(stream, allowed)
    except ConfigError as error:
        problems = (*problems, *error.problems)
    if problems:
        raise ConfigError(problems)
    return stream


def _check_unique(reading: Reading, streams: Sequence[StreamConfig]) -> None:
    """No two streams of one name, and none that write to the same place."""
    names: dict[str, int] = {}
    for i, stream in enumerate(streams):
        if names.setdefault(stream.name, i) != i:
            text = f"streams[{names[stream.name]}] has that name already; give another"
            reading.wrong(("streams", i, "name"), stream.name, text)
    for place, text in clashes(streams):
        i, k = place
        reading.wrong(("streams", i, "outputs", k), streams[i].outputs[k].url, text)


def clashes(streams: Sequence[StreamConfig]) -> list[tuple[tuple[int, int], str]]:
    """Outputs that go where another one goes, by the numbers of stream and output, and what is to be said of each."""
    urls: dict[str, str] = {}
    return [
        ((i, k), f"stream {urls[output.url]!r} writes there already; give another")
        for i, stream in enumerate(streams)
        for k, output in enumerate(stream.outputs)
        if urls.setdefault(output.url, stream.name) != stream.name or output in stream.outputs[:k]
    ]
