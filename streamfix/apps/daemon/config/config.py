"""The daemon's configuration: a TOML file, and single streams of the same form that come over HTTP."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from ....errors import InputError, UsageError
from ....media.redact import redact
from ..access.auth import is_loopback
from ..access.secrets import masked
from ..access.urls import NETWORK_SCHEMES, SCHEMES, Allowed
from ..notices.mqtt import check_mqtt
from ..notices.webhook import check_webhook
from .checking import check_stream
from .cluster import LEAST_S, ClusterConfig
from .foreign import foreign_parts, marked_foreign
from .health import HealthConfig
from .options import option, read_table
from .origin import Origin, in_file
from .problems import ConfigError, Problem, Problems, shown
from .spec import FROM_HTTP, OutputConfig, StreamConfig, read_stream
from .values import FilledText, Folder, Networks, Port, Reference, Seconds, Secret, choice, number

_TABLES = ("daemon", "cluster", "defaults", "health", "streams")

__all__ = ["ConfigError", "DaemonConfig", "OutputConfig", "Problem", "StreamConfig", "load", "stream_from"]


@dataclass(frozen=True, slots=True)
class DaemonConfig:
    """The whole file. The tokens stand here as they were written; `Secrets.resolve` them to use them.

    cluster: where streams run if not on this machine. health: of [health].
    defaults: options of streams that do not set them, as written. origin: the file it was read from.
    """

    host: Annotated[FilledText, option("Host", "Where the API listens.")] = "127.0.0.1"
    port: Annotated[Port, option("Port", "Where the API listens; 0 takes any that is free.")] = 8080
    hosts: Annotated[
        tuple[FilledText, ...],
        option("Names", "Further names that the API is called by, beside addresses and localhost."),
    ] = ()
    token: Annotated[
        Secret, option("Token", "What clients must send; empty for none. A reference to a secret, mostly.")
    ] = ""
    read_token: Annotated[
        Secret, option("Read token", "What clients must send that may look and change nothing; empty for none.")
    ] = ""
    log: Annotated[Literal["human", "json"], choice("human", "json"), option("Log", "The log's form.")] = "human"
    max_load: Annotated[
        float, number(0.05, 8), option("Load", "Share of the processors that streams may take together.")
    ] = 0.9
    device: Annotated[FilledText, option("Device", '"auto", "cpu", "cuda" or "cuda:N": where filters run.')] = "auto"
    drain_s: Annotated[Seconds, option("Drain", "Time that outputs get to finish when the daemon ends.")] = 10.0
    webhook: Annotated[
        Secret, option("Webhook", "Where to post what befalls a camera, as JSON; empty for nowhere.")
    ] = ""
    mqtt: Annotated[
        Secret, option("MQTT", "The broker that is told the same, as in mqtt://broker/streamfix; empty for none.")
    ] = ""
    notify_after_s: Annotated[
        Seconds, option("Notify after", "A camera is lost, or well again, for so long before that is told.")
    ] = 10.0
    allow_schemes: Annotated[
        tuple[Annotated[str, choice(*NETWORK_SCHEMES, "v4l2")], ...],
        option("Schemes", "What streams may read from and write to; v4l2 is a camera at this machine."),
    ] = SCHEMES
    allow_folders: Annotated[tuple[Folder, ...], option("Folders", "Files are read and written below these only.")] = ()
    allow_private: Annotated[
        Networks, option("Private networks", "What streams given over HTTP may reach beside the public internet.")
    ] = False
    allow_secrets: Annotated[
        tuple[Reference, ...], option("Secrets", "References that streams given over HTTP may make.")
    ] = ()
    cluster: ClusterConfig | None = None
    health: HealthConfig = field(default_factory=HealthConfig)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    streams: tuple[StreamConfig, ...] = ()
    origin: Origin | None = field(default=None, compare=False, repr=False)

    @property
    def allowed(self) -> Allowed:
        """What streams may read and write."""
        return Allowed(
            frozenset(self.allow_schemes), self.allow_folders, self.allow_private, frozenset(self.allow_secrets)
        )


def stream_from(given: Mapping[str, Any], config: DaemonConfig, known: StreamConfig | None = None) -> StreamConfig:
    """Read a stream that came over HTTP. Host names are looked up, which takes seconds where no server answers.

    given: as in [[streams]]; null leaves an option to [defaults].
    known: the stream that it replaces; an option that reads the same in both keeps its rights.
    Raises ConfigError with everything that is wrong.
    """
    stream, own, problems = read_stream(given, config.defaults)
    stream = replace(stream, **foreign_parts(stream, own, known))
    problems += _form_problems(stream, config.allowed)
    if problems:
        raise ConfigError(problems)
    return stream


#: Says what is wrong with a stream whose form is right; None stands for what is the daemon's own.
Trial = Callable[["DaemonConfig", StreamConfig | None], Sequence[Problem]]


def load(path: Path, trial: Trial | None = None) -> DaemonConfig:
    """Read the file. Raises InputError if it cannot be read; ConfigError with a line for each mistake.

    trial: looks further into all that is right by its form.
    """
    try:
        text = path.read_bytes().decode()
        found = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give the daemon's configuration, a TOML file") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: it is not UTF-8 text: {error.reason} at byte {error.start}; save it as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        at = re.search(r" \(at line (\d+), column (\d+)\)$", str(error))
        place = f":{at[1]}:{at[2]}" if at else ""
        raise UsageError(f"{path}{place}: {str(error)[: at.start()] if at else error}") from error
    except RecursionError as error:
        raise UsageError(f"{path}: it is nested too deeply") from error
    except ValueError as error:  # an integer of thousands of digits
        raise UsageError(f"{path}: {error}") from error
    origin = Origin(str(path), text, found)
    problems, config = _read(found, trial)
    if problems:
        raise origin.error(problems)
    return replace(config, origin=origin)


def _read(found: Mapping[str, Any], trial: Trial | None) -> tuple[list[Problem], DaemonConfig]:
    problems = Problems()
    for key, value in found.items():
        if key not in _TABLES:
            problems.unknown((key,), value, _TABLES)
    own = read_table(DaemonConfig, ("daemon",), found.get("daemon", {}), problems)
    before = len(problems.found)
    defaults = found.get("defaults", {})
    read_table(StreamConfig, ("defaults",), defaults, problems, without=("name",))
    cluster = None
    if "cluster" in found:
        cluster = ClusterConfig(**read_table(ClusterConfig, ("cluster",), found["cluster"], problems))
        if cluster.lost_after_s < LEAST_S:
            text = f"a busy node may not answer for some seconds; give {LEAST_S:g}s or more"
            problems.wrong(("cluster", "lost_after"), cluster.lost_after_s, text)
    health = HealthConfig(**read_table(HealthConfig, ("health",), found.get("health", {}), problems))
    known = defaults if len(problems.found) == before else {}
    config = DaemonConfig(**own, cluster=cluster, health=health, defaults=known)
    if not is_loopback(config.host) and not config.token:
        text = "anyone who reaches this address could control the daemon; set token, or listen at 127.0.0.1"
        problems.wrong(("daemon", "host"), config.host, text)
    if config.read_token and not config.token:
        text = "without token everybody may change everything, so it keeps nobody out; set token too"
        problems.missing(("daemon", "read_token"), text)
    for key, check in (("webhook", check_webhook), ("mqtt", check_mqtt)):
        written = getattr(config, key)
        if written and (form := masked(written)) is not None:
            try:
                check(form)
            except UsageError as error:
                problems.wrong(("daemon", key), redact(written), str(error))
    problems.found += [] if trial is None else trial(config, None)
    streams = _streams(found, config, problems, trial)
    config = replace(config, streams=streams)
    _check_unique(problems, config.streams)
    return list(dict.fromkeys(problems.found)), config


def _streams(
    found: Mapping[str, Any],
    config: DaemonConfig,
    problems: Problems,
    trial: Trial | None,
) -> tuple[StreamConfig, ...]:
    """The streams, none if there is anything wrong with one of them.

    trial: also asked of those whose form is wrong, so that all is told at once.
    """
    given = found.get("streams", [])
    if not isinstance(given, list):
        problems.wrong(("streams",), given, "it takes a list of tables, each headed [[streams]]")
        return ()
    streams, before = [], len(problems.found)
    for i, one in enumerate(given):
        given_here, marks = _marked(one)
        stream, _, wrong = read_stream(given_here, config.defaults)
        try:
            stream = stream if marks is None else marked_foreign(stream, marks)
        except ValueError as error:
            wrong.append(Problem((FROM_HTTP,), shown(marks), str(error)))
        wrong += _form_problems(stream, config.allowed)
        wrong += [] if trial is None else trial(config, stream)
        problems.found += (replace(problem, place=in_file(found, i, problem.place)) for problem in wrong)
        streams.append(stream)
    return tuple(streams) if len(problems.found) == before else ()


def _marked(given: Any) -> tuple[Any, Any]:
    """A stream as written, without its marks of what came over HTTP; and these, None if there are none."""
    if not isinstance(given, Mapping) or FROM_HTTP not in given:
        return given, None
    return {key: value for key, value in given.items() if key != FROM_HTTP}, given[FROM_HTTP]


def _form_problems(stream: StreamConfig, allowed: Allowed) -> Sequence[Problem]:
    try:
        check_stream(stream, allowed)
    except ConfigError as error:
        return error.problems
    return ()


def _check_unique(problems: Problems, streams: Sequence[StreamConfig]) -> None:
    """Note streams that share a name, or write to the same place."""
    names: dict[str, int] = {}
    for i, stream in enumerate(streams):
        if names.setdefault(stream.name, i) != i:
            text = f"streams[{names[stream.name]}] has that name already; choose another"
            problems.wrong(("streams", i, "name"), stream.name, text)
    for place, text in clashes(streams):
        i, k = place
        problems.wrong(("streams", i, "outputs", k), streams[i].outputs[k].url, text)


def clashes(streams: Sequence[StreamConfig]) -> list[tuple[tuple[int, int], str]]:
    """Outputs that go where an earlier one goes: the indices of stream and output, and what to say of it."""
    urls: dict[str, str] = {}
    return [
        ((i, k), f"stream {urls[output.url]!r} writes there already; write to another place")
        for i, stream in enumerate(streams)
        for k, output in enumerate(stream.outputs)
        if urls.setdefault(output.url, stream.name) != stream.name or output in stream.outputs[:k]
    ]
