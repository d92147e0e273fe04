"""A job: its description, its pipeline, its progress, and what its host gives it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ..chainspec import FilterSpec
from ..counts import NO_FRAMES, FrameCounts
from ..errors import Cancelled, UsageError
from ..frame import Frame, VideoInfo
from ..live.health import Health, Report
from ..live.policy import LivePolicy
from ..media.input.reader import Reader
from ..media.output.writer import Writer
from ..media.privacy.zones import Privacy
from ..media.specs import InputSpec, OutputSpec
from ..pipeline import Pipeline, Source
from .chain import Restoration

if TYPE_CHECKING:
    from ..live.camera.source import LiveSource
    from ..live.ladder.restoration import LiveRestoration
    from ..live.outputs.fanout import Fanout
    from .evidence.credentials import Credentials
    from .pool import FilterPool

_NEVER_LESS_S = 1e-3  # the shortest time that a rate is computed over


@dataclass(frozen=True, slots=True)
class Resume:
    """A job keeps what is done in a folder beside its output, and one that was killed goes on there.

    every_s: so many seconds of video are one segment, or some more: to the next keyframe of the input.
    warm_up: pictures that filters which cannot save their state are shown in front of each segment.
    apart: all filters begin anew in front of each segment, by that warm-up, so that segments need not be made in order.
    """

    every_s: Fraction = Fraction(10)
    warm_up: int = 32
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """A job leaves evidence of what it did, see `jobs.evidence`.

    folder: a new one, for the record, the working copy and the maps. maps: which ones. key: a PEM file with an Ed25519
    private key that signs the record. credentials: certificate and key for C2PA, in the viewing copy.
    """

    folder: str
    maps: Sequence[str] = ("change", "noise", "confidence")
    key: str | None = None
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True)
class JobSpec:
    """The description of a job: inputs, filter chain, outputs.

    outputs: one or more. All get the same pictures, and progress is that of the first.
    filters: the chain as `chainspec.parse_chain` gives it; an empty one passes pictures through untouched.
    maps: ffmpeg's -map, empty for the default choice. audio, subtitles, data: False leaves these streams out.
    device: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".
    queue_depth: items held between two threads; a live job holds as few as it can.
    exit_on_error: a filter's result with NaN or infinity ends the job; else the frame passes as it was recorded.
    resume: how to go on with it once it was killed, see `jobs.segments`; None begins anew.
    live: how to treat a camera, which is then the only input; None reads to the end and waits for every picture.
    evidence: what is recorded of what was done; None for nothing.
    privacy: what is burnt into every picture as it is read; the chain may begin with `privacy` and add to it.
    Raises UsageError if it has no input or no output.
    """

    inputs: Sequence[InputSpec]
    outputs: Sequence[OutputSpec]
    filters: Sequence[FilterSpec] = ()
    maps: Sequence[str] = ()
    audio: bool = True
    subtitles: bool = True
    data: bool = True
    device: str = "auto"
    queue_depth: int = 4
    exit_on_error: bool = False
    live: LivePolicy | None = None
    resume: Resume | None = None
    privacy: Privacy | None = None
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        if not self.inputs:
            raise UsageError("a job needs an input")
        if not self.outputs:
            raise UsageError("a job needs an output")


def open_reader(spec: JobSpec, restoration: Restoration | None) -> Reader:
    """The job's inputs, opened. restoration: the filters that will see their frames, None for none."""
    return Reader(
        spec.inputs,
        spec.maps,
        audio=spec.audio,
        subtitles=spec.subtitles,
        data=spec.data,
        coding=restoration is not None and restoration.wants_coding,
        privacy=spec.privacy,
    )


def _nothing(*_: object) -> None:
    """Ignore what a job tells its host."""


@dataclass(frozen=True, slots=True)
class Hosting:
    """What a program that runs several jobs gives each of them. The defaults are for a job that runs alone.

    health: of a live job, so that the host can look at it before the job exists; None makes one.
    pool: the filters that the host's jobs share.
    opening: called with the source before it opens. An opening may wait for ever; the source's `stop` ends it.
    admit: called with the input's properties once it is open and before the outputs are; raises to refuse the job.
    seen: called with each frame as it was recorded, masks burnt in, and the monotonic time, of a live job. It must not
    wait. worked: called after each item that a thread has worked on: the stage's name, the item, the seconds it took.
    """

    health: Health | None = None
    pool: FilterPool | None = None
    opening: Callable[[Source], None] = _nothing
    admit: Callable[[VideoInfo], None] = _nothing
    worked: Callable[[str, object, float], None] = _nothing
    seen: Callable[[Frame, float], None] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    counts: frames written to the first output, repeated (-r) and standing-in ones among them, and frames dropped: by
    -r, or by a live job for any reason.
    bytes: of the first output. time_s: seconds of video in it, None before the first picture.
    errors: damaged packets of the restored video. elapsed_s: since the job began to run.
    part: share of the work that is done, 0 to 1; None if the input does not say how long it is.
    busy_s: seconds that each thread has worked, without waiting. health: of a live job.
    earlier: frames among them that earlier runs of a resumed job have written.
    """

    counts: FrameCounts = NO_FRAMES
    bytes: int = 0
    time_s: float | None = None
    errors: int = 0
    elapsed_s: float = 0.0
    part: float | None = None
    busy_s: Mapping[str, float] = field(default_factory=dict)
    health: Report | None = None
    earlier: int = 0

    @property
    def frames(self) -> int:
        """Pictures written."""
        return self.counts.written

    @property
    def fps(self) -> float:
        """Pictures written per second, over the whole run."""
        return (self.frames - self.earlier) / max(self.elapsed_s, _NEVER_LESS_S)

    @property
    def speed(self) -> float | None:
        """Seconds of video written per second."""
        now = 1 - self.earlier / max(self.frames, 1)
        return None if self.time_s is None else self.time_s * now / max(self.elapsed_s, _NEVER_LESS_S)

    @property
    def bitrate_bps(self) -> float | None:
        """Bits per second of video so far."""
        return None if self.time_s is None or self.time_s <= 0 or not self.bytes else self.bytes * 8 / self.time_s

    @property
    def left_s(self) -> float | None:
        """Seconds that are left at the speed so far; None if nobody knows."""
        if not self.part or self.frames == self.earlier:
            return None
        return self.elapsed_s * (1 - self.part) / (self.part * (1 - self.earlier / self.frames))


class Job:
    """A job with its pipeline, ready to run once. `build_job` makes it.

    health: of a live job, else None.
    """

    def __init__(
        self,
        spec: JobSpec,
        reader: Reader | LiveSource,
        restoration: Restoration | LiveRestoration | None,
        writer: Writer | Fanout,
        pipeline: Pipeline,
        health: Health | None = None,
    ) -> None:
        self.spec, self.reader, self.restoration, self.writer = spec, reader, restoration, writer
        self.pipeline, self.health = pipeline, health
        self._begun_s: float | None = None
        self._ended_s: float | None = None

    def run(self) -> None:
        """Run to the end. Raises the first error of any part."""
        self._begun_s = time.monotonic()
        error: BaseException | None = None
        try:
            self.pipeline.run()
        except BaseException as caught:
            error = caught
            raise
        finally:
            self._ended_s = time.monotonic()
            if self.health is not None:
                _settle(self.health, error)

    def stop(self) -> None:
        """End the input: what was read is still restored and written. From any thread."""
        self.pipeline.stop()

    def retry(self) -> None:
        """Of a live job: try to reach a camera that is away now instead of later. From any thread."""
        from ..live.camera.source import LiveSource

        if isinstance(self.reader, LiveSource):
            self.reader.retry()

    def cancel(self) -> None:
        """End at once: what is in flight is thrown away, and `run` raises Cancelled. From any thread."""
        self.pipeline.cancel()

    @property
    def progress(self) -> Progress:
        """How far the job is now. From any thread."""
        w = self.writer
        now_s = self._ended_s or time.monotonic()
        busy_s = dict(self.pipeline.busy_s)
        if not isinstance(w, Writer):
            busy_s["encode"] = w.busy_s
        report = None if self.health is None else self.health.report()
        counts = w.counts if report is None else replace(w.counts, dropped=report.counts.dropped)
        return Progress(
            counts=counts,
            bytes=w.bytes_written,
            time_s=w.position_s if counts.written else None,
            errors=self.reader.errors,
            elapsed_s=0.0 if self._begun_s is None else now_s - self._begun_s,
            part=self._part(),
            busy_s=busy_s,
            health=report,
        )

    def _part(self) -> float | None:
        """The share that is done: by the number of pictures if that is limited, else by time."""
        spec, w = self.spec, self.writer
        if spec.outputs[0].max_frames:
            return min(1.0, w.counts.written / spec.outputs[0].max_frames)
        total_s = _length_s(spec, self.reader)
        if not total_s:
            return None
        return min(1.0, max(0.0, self.reader.position_s / total_s)) if w.counts.written else 0.0


def _settle(health: Health, error: BaseException | None) -> None:
    """Tell a live job's health that its run is over; a cancel is no error."""
    health.ended(None if isinstance(error, Cancelled) else error)


def _length_s(spec: JobSpec, reader: Reader | LiveSource) -> float | None:
    """How many seconds of video the result will have, None if the input does not say."""
    whole_s = reader.info.duration_s
    first = spec.inputs[0]
    if whole_s is not None and first.loops:
        whole_s = whole_s * (first.loops + 1) if first.loops > 0 else None
    for part in (first, spec.outputs[0]):
        start = part.start_s or Fraction(0)
        limits = [float(x) for x in (part.duration_s, part.end_s and part.end_s - start) if x is not None]
        rest_s = [] if whole_s is None else [whole_s - float(start)]
        whole_s = min([*limits, *rest_s], default=None)
    return whole_s
