"""The options of a stream and of its outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal, get_args

from ....live.policy import LivePolicy, OnDamaged, OnLost
from ....media.privacy.zones import Mode, Privacy, Zone, checked_points
from ..recordings.retention import Limits
from .options import as_table, option, options_of, read_table, texts
from .problems import Problem, Problems, shown
from .values import (
    Address,
    Boolean,
    Boxes,
    Bytes,
    FilledText,
    Options,
    Retention,
    Seconds,
    StreamName,
    Text,
    Zones,
    age_s,
    choice,
    points_of,
    size_bytes,
)

#: What carries RTP, in libav's words.
Transport = Literal["tcp", "udp", "udp_multicast", "http"]

_LIVE = LivePolicy()  # whose defaults are a stream's

_CODING = "Encoding"
_CAMERA = "Camera's connection"
_LOSSES = "Latency and lost pictures"
_RECORDINGS = "Recordings"
_PRIVACY = "Privacy"
_SIGHT = "What the camera sees"

#: Key of a stream in the file: the names of its options that came over HTTP.
FROM_HTTP = "over_http"

#: Options that say nothing of how a stream runs: a change restarts nothing.
BESIDE = ("retention",)
#: Options that a stream adopts while it runs.
ADOPTED = ("zones", "zone_mode")


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """One output. References to secrets stand in it as they were written, see `secrets`.

    foreign: True if it came over HTTP and not from the operator's file.
    """

    url: Annotated[
        Address,
        option("URL", "URL, or a file's absolute path, also a pattern such as /rec/%Y-%m-%d/yard_%H%M%S.mp4."),
    ]
    format: Annotated[
        FilledText | None,
        option("Format", "The muxer. Leave empty for that of the scheme or of the name's ending."),
    ] = None
    options: Annotated[Options, option("Options", "Options of the muxer and its protocol.")] = field(
        default_factory=dict
    )
    video_codec: Annotated[FilledText | None, option("Video encoder", "Leave empty for the stream's own.")] = None
    video_options: Annotated[Options, option("Encoder options", "Added to the stream's.")] = field(default_factory=dict)
    audio_codec: Annotated[FilledText | None, option("Audio encoder", "Leave empty for the stream's own.")] = None
    overwrite: Annotated[
        Boolean,
        option("Overwrite", "Yes: replace an earlier recording. No: start a new file beside it."),
    ] = False
    foreign: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """One stream. References to secrets stand in it as they were written, see `secrets`.

    A new option is one new field here: `options` reads, shows and documents it. Where its value can name a file, an
    address or a secret, `checking` has to check it too.

    foreign: names of the options that came over HTTP and not from the operator's file: they may do less (see `urls`).
    Tables are listed by entry, as in input_options.timeout.
    """

    name: Annotated[
        StreamName, option("Name", "Small letters, digits, - and _.", needed="Give it a name.", examples=["yard"])
    ]
    input: Annotated[
        Address,
        option(
            "Camera",
            "For instance rtsp://user:password@10.0.0.5/stream, a device, or a file's absolute path. The password is "
            "never shown again.",
            needed="Say where the pictures come from.",
            examples=["rtsp://..."],
        ),
    ]
    outputs: Annotated[
        tuple[OutputConfig, ...],
        option(
            "Outputs",
            "One per line: rtsp://, rtmp://, srt://, udp://, or a path that the daemon may write to.",
            needed="Say where they go.",
            examples=[["rtsp://..."]],
            min_length=1,
        ),
    ]
    filters: Annotated[
        Text,
        option("Filters", "A filter chain, as for -vf.", empty="pictures pass through", examples=["denoise"]),
    ] = ""
    zones: Annotated[
        Zones,
        option(
            "Covered zones",
            "What nobody may see: name=corners, one per line. Corners are x y, from 0 to 1 of the picture.",
            empty="nothing is covered",
            group=_PRIVACY,
            examples=[{"door": "0.1 0.2, 0.4 0.2, 0.4 0.6"}],
        ),
    ] = field(default_factory=dict)
    zone_mode: Annotated[
        Mode,
        choice(*get_args(Mode)),
        option(
            "Covered by",
            "Mosaic shows mean colours, eight cells across a zone at most. Blur joins them.",
            group=_PRIVACY,
            choices={"solid": "Black", "mosaic": "A mosaic", "blur": "A blur"},
        ),
    ] = "solid"
    overlays: Annotated[
        Boxes,
        option(
            "Written in the picture",
            "Where the camera writes its clock and the like: name=left top right bottom, from 0 to 1, one per line. "
            "Filters leave it as it is. The one named clock tells a frozen picture from a quiet one.",
            empty="it writes nothing",
            group=_SIGHT,
            examples=[{"clock": "0.02 0.02 0.4 0.08"}],
        ),
    ] = field(default_factory=dict)
    health: Annotated[
        Boolean,
        option(
            "Watch its sight",
            "Tell when it is covered, moved, out of focus, dirty or frozen. Choose No for a camera that turns.",
            group=_SIGHT,
        ),
    ] = True
    enabled: Annotated[Boolean, option("Start by itself", "Choose No to keep it stopped until you start it.")] = True
    input_format: Annotated[
        FilledText | None,
        option(
            "Demuxer", "How the camera's stream is read.", empty="it is detected", group=_CAMERA, examples=["mpegts"]
        ),
    ] = None
    input_options: Annotated[
        Options,
        option(
            "Camera options",
            "For the demuxer and its protocol: name=value, one per line.",
            empty="none",
            group=_CAMERA,
            examples=[{"user_agent": "..."}],
        ),
    ] = field(default_factory=dict)
    transport: Annotated[
        Transport | None,
        choice(*get_args(Transport)),
        option(
            "Transport",
            "How an RTSP camera sends: TCP loses nothing, UDP is for cameras that have no TCP.",
            empty="TCP, or UDP where the camera has no TCP",
            choices={"tcp": "TCP", "udp": "UDP", "udp_multicast": "UDP multicast", "http": "Through HTTP"},
        ),
    ] = None
    audio: Annotated[Boolean, option("Sound", "Choose No to leave the camera's sound out.")] = True
    audio_codec: Annotated[
        FilledText,
        option(
            "Audio encoder",
            "copy passes the sound on as it is; aac suits MP4, RTMP and browsers, where many cameras' G.711 does not.",
            suggestions=("copy", "aac", "libopus"),
        ),
    ] = "copy"
    video_codec: Annotated[
        FilledText | None,
        option("Video encoder", "For all outputs.", empty="the usual one of each", group=_CODING, examples=["libx265"]),
    ] = None
    video_options: Annotated[
        Options,
        option(
            "Encoder options",
            "name=value, one per line.",
            empty="the encoder's own",
            group=_CODING,
            examples=[{"crf": "23"}],
        ),
    ] = field(default_factory=dict)
    max_latency_s: Annotated[
        Seconds,
        option(
            "Latency allowed",
            "From a picture's arrival to its output. Filters step down to lighter ones to keep within it.",
            group=_LOSSES,
            examples=["200ms"],
        ),
    ] = _LIVE.max_latency_s
    on_lost: Annotated[
        OnLost,
        choice(*get_args(OnLost)),
        option(
            "While the camera is away",
            "What the outputs get in the meantime.",
            group=_LOSSES,
            choices={
                "wait": "Send nothing",
                "hold": "Hold the last picture",
                "slate": "Show a slate",
                "end": "End the output",
            },
        ),
    ] = _LIVE.on_lost
    on_damaged: Annotated[
        OnDamaged,
        choice(*get_args(OnDamaged)),
        option(
            "When a picture is damaged",
            "What the outputs get in its place.",
            group=_LOSSES,
            choices={"pass": "Show it as it is", "hold": "Hold the last good picture"},
        ),
    ] = _LIVE.on_damaged
    lost_after_s: Annotated[
        Seconds,
        option(
            "Lost after",
            "The camera counts as away after this long without a picture.",
            group=_LOSSES,
            examples=["20s"],
        ),
    ] = _LIVE.lost_after_s
    open_timeout_s: Annotated[
        Seconds,
        option(
            "Time to connect",
            "How long the camera may take to answer.",
            group=_CAMERA,
            examples=["20s"],
        ),
    ] = _LIVE.open_timeout_s
    ladder: Annotated[
        tuple[Text, ...] | None,
        option(
            "Steps under load",
            "Filter chains to step down to when the machine is too slow: heaviest first, one per line.",
            empty="the steps that the filters offer",
            group=_LOSSES,
            examples=[["smooth"]],
        ),
    ] = _LIVE.ladder
    queue_s: Annotated[
        Seconds,
        option(
            "Recordings wait",
            "How long pictures may wait in memory for a recording whose disk has stopped, or after a burst of the "
            "camera's. What comes then is left out, counted and told.",
            group=_LOSSES,
            examples=["10s"],
        ),
    ] = _LIVE.queue_s
    queue_bytes: Annotated[
        Bytes,
        option(
            "Memory for that",
            "How much of it there may be: in front of the filters, of a recording's encoder, and of its disk.",
            group=_LOSSES,
            examples=["256MiB"],
        ),
    ] = _LIVE.queue_bytes
    retention: Annotated[
        Retention,
        option(
            "Keep recordings",
            "The oldest are deleted: max_age=14d, max_size=500GB, or both, one per line.",
            empty="all are kept for ever",
            group=_RECORDINGS,
            examples=[{"max_age": "14d"}],
        ),
    ] = field(default_factory=dict)
    foreign: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def foreign_parts(self) -> list[str]:
        """Names of all that came over HTTP, outputs too, as `foreign.marked_foreign` reads them."""
        outputs = [f"outputs[{i}]" for i, output in enumerate(self.outputs) if output.foreign]
        return [*sorted(name for name in self.foreign if name != "outputs"), *outputs]

    @property
    def limits(self) -> Limits:
        """How long its recordings are kept."""
        age, size = self.retention.get("max_age"), self.retention.get("max_size")
        return Limits(None if age is None else age_s(age), None if size is None else size_bytes(size))

    def runs_like(self, other: StreamConfig) -> bool:
        """True if a stream that runs as `other` need not restart for this configuration.

        Zones of a file come from the chain, which is read when the stream starts; with those a change restarts it.
        """
        adopted = () if self.filters.lstrip().startswith("privacy") else ADOPTED
        return replace(self, **{name: getattr(other, name) for name in (*BESIDE, *adopted)}) == other

    @property
    def privacy(self) -> Privacy | None:
        """What is burnt into its pictures; None for nothing."""
        zones = (Zone(checked_points(points_of(text)), name, self.zone_mode) for name, text in self.zones.items())
        return Privacy(tuple(zones)) if self.zones else None

    @property
    def policy(self) -> LivePolicy:
        """How the live stream is run."""
        own = {one.name for one in options_of(StreamConfig).values()}
        given = {f.name: getattr(self, f.name) for f in fields(LivePolicy) if f.name in own}
        return LivePolicy(**given, unattended=True)

    def texts(self) -> Iterator[str]:
        """Every text that may refer to a secret."""
        return texts(self)

    def as_mapping(self, *, redacted: bool = False) -> dict[str, Any]:
        """The stream as a configuration has it: `stream_from` of it is the stream again.

        redacted: hide credentials in URLs and options; such a mapping is for showing only.
        """
        return as_table(self, redacted=redacted)


def with_zones_of(other: StreamConfig, stream: StreamConfig) -> StreamConfig:
    """The stream with another one's zones, and with their rights."""
    rest = {name for name in stream.foreign if not _is_of_zones(name)}
    marks = rest | {name for name in other.foreign if _is_of_zones(name)}
    return replace(stream, zones=other.zones, zone_mode=other.zone_mode, foreign=frozenset(marks))


def _is_of_zones(name: str) -> bool:
    return name.partition(".")[0] in ADOPTED


def read_stream(given: Any, defaults: Mapping[str, Any]) -> tuple[StreamConfig, dict[str, Any], list[Problem]]:
    """Read a stream. Returns the stream without what is wrong, the options that it sets itself, and the problems.

    given: as in [[streams]]. defaults: as in [defaults], known to be right.
    """
    problems, options = Problems(), options_of(StreamConfig)
    own = read_table(StreamConfig, (), given, problems)
    found = read_table(StreamConfig, (), defaults, Problems(), without=("name",))
    merged = {one.name for one in options.values() if one.merged}
    for name, value in own.items():
        found[name] = {**found.get(name, {}), **value} if name in merged else value
    needed = {key: one for key, one in options.items() if one.needed and one.name not in found}
    for key, one in needed.items():
        if isinstance(given, Mapping) and given.get(key) is None:
            (example,) = one.info.examples or ("...",)
            problems.missing((), f"the stream has no {key}; give {key} = {shown(example)}")
    return StreamConfig(**{"name": "", "input": "", "outputs": (), **found}), own, problems.found
