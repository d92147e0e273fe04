"""One configured stream: what is read, what is done with it, where it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....chainspec import parse_chain
from ....jobs import JobSpec
from ....live.policy import LivePolicy, OnDamaged, OnLost
from ....media.redact import redact, redact_options
from ....media.specs import InputSpec, OutputSpec
from ..access.location import usual_demuxer, usual_format
from ..access.secrets import Secrets
from ..access.urls import Allowed
from .checking import check_stream
from .recording import beginning


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """One output. References to secrets stand in it as they were written, see `secrets`.

    url: URL, or the absolute path of a file, also a pattern such as /rec/yard_%Y%m%d-%H%M%S.mp4.
    format: muxer, None for the usual one of the scheme or of the name's ending.
    options: of the muxer and its protocol. video_codec, video_options, audio_codec: None and empty for the stream's.
    overwrite: what was recorded before may be replaced; else a new run leaves it alone, see `recording.beginning`.
    foreign: it came over HTTP, not from the operator's file.
    """

    url: str
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    video_codec: str | None = None
    video_options: Mapping[str, str] = field(default_factory=dict)
    audio_codec: str | None = None
    overwrite: bool = False
    foreign: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """One stream. References to secrets stand in it as they were written, see `secrets`.

    input: URL, device or absolute path; input_format: demuxer, None to probe; input_options: of demuxer and protocol.
    outputs: one or more. filters: a chain as -vf has it, empty to pass pictures through.
    audio: False leaves it out; audio_codec: "copy", or an encoder.
    video_codec: encoder, None for the format's usual one. enabled: False keeps it stopped until it is started.
    max_latency_s ... ladder: see `LivePolicy`.
    foreign: names of the fields that came over HTTP, not from the operator's file: they may do less (see `urls`);
    of options by their own, as input_options.timeout.
    """

    name: str
    input: str
    outputs: tuple[OutputConfig, ...]
    filters: str = ""
    enabled: bool = True
    input_format: str | None = None
    input_options: Mapping[str, str] = field(default_factory=dict)
    audio: bool = True
    audio_codec: str = "copy"
    video_codec: str | None = None
    video_options: Mapping[str, str] = field(default_factory=dict)
    max_latency_s: float = 0.2
    on_lost: OnLost = "wait"
    on_damaged: OnDamaged = "pass"
    lost_after_s: float = 20.0
    open_timeout_s: float = 20.0
    ladder: tuple[str, ...] | None = None
    foreign: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def policy(self) -> LivePolicy:
        """How the stream is run."""
        return LivePolicy(
            max_latency_s=self.max_latency_s,
            on_lost=self.on_lost,
            on_damaged=self.on_damaged,
            lost_after_s=self.lost_after_s,
            open_timeout_s=self.open_timeout_s,
            ladder=self.ladder,
            unattended=True,
        )

    def job_spec(self, secrets: Secrets, allowed: Allowed, device: str = "auto") -> JobSpec:
        """The job that runs it, secrets put in: never log or show it.

        What is read and written is checked once more, now that references are known and names may lead elsewhere.
        Raises UsageError for a secret that is not there, and for what is not allowed.
        """
        guards = check_stream(self, allowed, secrets)
        url = secrets.resolve(self.input)
        options = secrets.resolve_all(self.input_options)
        # The operator may set guards aside for an input of his own, such as a playlist of local files.
        options = {**options, **guards} if "input" in self.foreign else {**guards, **options}
        return JobSpec(
            inputs=(InputSpec(url, self.input_format or usual_demuxer(url), options),),
            outputs=tuple(self._output(output, secrets) for output in self.outputs),
            filters=tuple(parse_chain(self.filters)) if self.filters else (),
            audio=self.audio,
            subtitles=False,
            data=False,
            device=device,
            live=self.policy,
        )

    def _output(self, output: OutputConfig, secrets: Secrets) -> OutputSpec:
        url = secrets.resolve(output.url)
        return beginning(
            OutputSpec(
                url,
                format=output.format or usual_format(url),
                video_codec=output.video_codec or self.video_codec,
                audio_codec=output.audio_codec or self.audio_codec,
                video_options=secrets.resolve_all({**self.video_options, **output.video_options}),
                format_options=secrets.resolve_all(output.options),
                overwrite=output.overwrite,
            )
        )

    def texts(self) -> Iterator[str]:
        """Every text that may refer to a secret."""
        yield self.input
        yield from (*self.input_options.values(), *self.video_options.values())
        for output in self.outputs:
            yield from (output.url, *output.options.values(), *output.video_options.values())

    def as_mapping(self, *, redacted: bool = False) -> dict[str, Any]:
        """The stream as a configuration has it: `stream_from` of it is the stream again.

        redacted: credentials in URLs and options are hidden; such a mapping is for showing only.
        """
        show = redact if redacted else str
        show_options = redact_options if redacted else dict
        times = {name: f"{getattr(self, name + '_s')!r}s" for name in ("max_latency", "lost_after", "open_timeout")}
        outputs = [
            {
                "url": show(o.url),
                "format": o.format,
                "options": show_options(o.options),
                "video_codec": o.video_codec,
                "video_options": show_options(o.video_options),
                "audio_codec": o.audio_codec,
                "overwrite": o.overwrite,
            }
            for o in self.outputs
        ]
        return {
            "name": self.name,
            "enabled": self.enabled,
            "input": show(self.input),
            "input_format": self.input_format,
            "input_options": show_options(self.input_options),
            "filters": show(self.filters),
            "outputs": outputs,
            "audio": self.audio,
            "audio_codec": self.audio_codec,
            "video_codec": self.video_codec,
            "video_options": show_options(self.video_options),
            **times,
            "on_lost": self.on_lost,
            "on_damaged": self.on_damaged,
            "ladder": None if self.ladder is None else [show(chain) for chain in self.ladder],
        }
