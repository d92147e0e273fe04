"""The JSON that the API answers with. Durations are seconds, instants Unix seconds; null is unknown."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model

from ....counts import Scope, published
from ....live.health import State

YARD: dict[str, Any] = {
    "name": "yard",
    "input": "rtsp://${env:CAM_USER}:${env:CAM_PASSWORD}@192.0.2.5/stream",
    "filters": "denoise",
    "outputs": ["rtsp://media.example:8554/yard"],
    "max_latency": "200ms",
    "on_lost": "hold",
}
_STATUS: dict[str, Any] = {
    "name": "yard",
    "state": "degraded",
    "reason": "too slow for the whole chain: smooth",
    "since": 1764021600.0,
    "next_try": None,
    "input": "rtsp://***@192.0.2.5/stream",
    "unsaved": "changed",
    "filters": "denoise",
    "outputs": [
        {"url": "rtsp://media.example:8554/yard", "trouble": "", "written": 89999, "late": 5, "dropped": {"output": 1}}
    ],
    "enabled": True,
    "node": "",
    "fps": 25.0,
    "latency": {"p50": 0.031, "p99": 0.062},
    "max_latency": 0.2,
    "dropped": {"overload": 12},
    "received": 90012,
    "written": 89999,
    "damaged": 3,
    "standing_in": 0,
    "late": 5,
    "reconnects": 1,
    "rung": 1,
    "rung_name": "smooth",
    "noise": {"luma": 6.1, "chroma": 2.2},
    "size": [1280, 720],
    "last_frame_s": 1764025200.0,
    "health": {"faults": [], "sharpness": 0.97, "contrast": 1.02, "blocks": 121},
}


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


Known = Annotated[float | None, BeforeValidator(_finite)]


class Answer(BaseModel):
    """An answer of the API. Whatever else the engine knows is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


M = TypeVar("M", bound=Answer)


def _counting(scope: Scope) -> Callable[[type[M]], type[M]]:
    """Add a number to a model for each counter that the scope publishes, named as in `FrameCounts`."""

    def add(model: type[M]) -> type[M]:
        numbers: dict[str, Any] = dict.fromkeys(published(scope), (int, 0))
        return create_model(model.__name__, __base__=model, __doc__=model.__doc__, **numbers)

    return add


@_counting("output")
class Output(Answer):
    """One output of a stream. trouble: what keeps it from being written, empty if nothing does.

    Of the camera's frames: written, late (of those written, after the budget), dropped by reason.
    """

    url: str
    trouble: str = ""
    dropped: dict[str, int] = {}


class Latency(Answer):
    """From a frame's arrival to its delivery, over the last frames."""

    p50: Known = None
    p99: Known = None


class Noise(Answer):
    """Standard deviation of the camera's noise as the filters measure it, in 8-bit codes."""

    luma: Known = None
    chroma: Known = None


class SightFault(Answer):
    """What is wrong with what a camera sees. kind: as in streamfix_health. since: Unix seconds."""

    kind: str
    since: Known = None
    text: str


class Sight(Answer):
    """What is said of a camera's newest picture. unjudged: why that is little, empty if it is all.

    mode: there is a reference for each. sharpness: of its usual edges, 1 is all. contrast: over the usual one. shift:
    pixels to the right and down, of a picture 320 wide. blocks: of 144 that can be judged.
    """

    faults: list[SightFault] = []
    unjudged: str = ""
    mode: Literal["day", "infrared"] = "day"
    sharpness: Known = None
    contrast: Known = None
    shift: tuple[float, float] | None = None
    blocks: int = 0


@_counting("stream")
class StreamStatus(Answer):
    """A stream's status. Frames: received = written (to the first output) + the sum of dropped + what is in flight.

    unsaved: how the stream differs from the configuration file, a change made over HTTP; it ends with the daemon.
    next_try: the instant of the next attempt, to reach the camera or to run at all, null where none is waited for.
    node: of the cluster that it runs on, empty where there is no cluster or while it runs nowhere.
    health: what the camera sees, null if that is not watched.
    rung: 0 is the whole filter chain, more is a lighter one; rung_name is its text, empty for pictures passed through.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_STATUS]})

    name: str
    state: State
    reason: str = ""
    since: Known = None
    next_try: Known = None
    input: str = ""
    unsaved: Literal["", "added", "changed"] = ""
    filters: str = ""
    outputs: list[Output] = []
    enabled: bool = True
    node: str = ""
    fps: Known = None
    latency: Latency = Latency()
    max_latency: Known = None
    dropped: dict[str, int] = {}
    reconnects: int = 0
    rung: int = 0
    rung_name: str = ""
    noise: Noise = Noise()
    size: tuple[int, int] | None = None
    last_frame_s: Known = None
    health: Sight | None = None


class StreamDetail(StreamStatus):
    """A stream's status and its configuration, credentials hidden."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_STATUS, "config": {**YARD, "input": "***"}}]})

    config: dict[str, Any]


class History(Answer):
    """The last hour in steps, oldest first; lists of one length, null where nothing was measured.

    t: the end of each step. dropped: frames in that step. noise: of luma, in 8-bit codes.
    """

    step_s: float
    t: list[float] = []
    fps: list[Known] = []
    latency_p50: list[Known] = []
    latency_p99: list[Known] = []
    dropped: list[Known] = []
    noise: list[Known] = []


class Happening(Answer):
    """One event of a stream. kind: "state", "step", "reconnect", "lost", "output" and others."""

    at: float
    kind: str
    text: str


class RecordingFile(Answer):
    """One recording. name: its place below .../recordings/. begun: as its name says. changed: when it was last written.

    writing: it is still being written.
    """

    name: str
    begun: Known = None
    changed: float
    bytes: int
    writing: bool = False


class Recordings(Answer):
    """A stream's recordings, newest first. records: some output is a recording. count, bytes: of all of them.

    left: older ones that are not in this answer. retention: how long they are kept, as configured.
    """

    records: bool
    count: int = 0
    bytes: int = 0
    left: int = 0
    retention: dict[str, str] = {}
    files: list[RecordingFile] = []


class Load(Answer):
    """Processor cores' worth of work: used by the streams, and what they may use together."""

    used: Known = None
    capacity: Known = None


class Node(Answer):
    """A node of the cluster. up: it answers. drained: it takes no streams. reason: why it is not up.

    since: when it came up or went down. streams: that run on it. load: of its cores.
    """

    name: str
    up: bool
    drained: bool = False
    reason: str = ""
    since: Known = None
    streams: int = 0
    load: Load = Load()


class Unsaved(Answer):
    """Streams that were added, changed and removed over HTTP: that ends with the daemon, or once it is saved."""

    added: list[str] = []
    changed: list[str] = []
    removed: list[str] = []


class Saved(Unsaved):
    """What was written to the configuration file. backup: the file as it was before; empty if nothing was written."""

    file: str
    backup: str


class System(Answer):
    """The daemon and its machine. reload_error: why the last reload changed nothing, empty if it did.

    may_change: False for whoever has the token that may look only. nodes: of the cluster, none on a machine alone.
    """

    version: str
    uptime_s: Known = None
    ready: bool
    draining: bool
    device: str = ""
    cpus: int | None = None
    load: Load = Load()
    streams: int
    nodes: list[Node] = []
    reload_error: str = ""
    python: str
    torch: str
    may_change: bool
    unsaved: Unsaved = Unsaved()


class Reloaded(Answer):
    """What a reload has done, by stream name.

    needs_restart: keys of [daemon] that differ from those the daemon began with; they take effect when it is restarted.
    """

    added: list[str] = []
    removed: list[str] = []
    restarted: list[str] = []
    kept: list[str] = []
    needs_restart: list[str] = []


class Probe(Answer):
    """A probe's answer."""

    status: Literal["alive", "ready", "starting", "draining"]


class FieldError(Answer):
    """One mistake: its place, the value there, and what to give instead."""

    where: str
    value: str = ""
    detail: str


class ProblemDocument(Answer):
    """Problem details, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
