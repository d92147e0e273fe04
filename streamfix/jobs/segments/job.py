"""A job that goes on where it was: each segment that is done is kept until the output is complete."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...boundary import Boundary
from ...counts import FrameCounts
from ...errors import Cancelled, StreamfixError
from ...media import durable
from ...media.input.reader import Reader
from ...media.output.packet_file import PacketFile
from ...media.output.segment_writer import EncodedOutput, SegmentWriter
from ...pipeline import Kept, Pipeline, Stage, close_all
from ..chain import Restoration
from ..job import Hosting, Job, JobSpec, Progress, open_reader
from .folder import WorkFolder
from .joining import joining
from .once import Once
from .plan import Plan, Segment
from .source import StretchSource

log = logging.getLogger("streamfix.jobs")


@dataclass(slots=True)
class _Done:
    """What is written, for progress. frames, bytes: of segments that earlier runs have finished."""

    video_codec: str
    frames: int = 0
    bytes: int = 0
    writer: SegmentWriter | None = None

    @property
    def counts(self) -> FrameCounts:
        """Frames written in this run and in those before it."""
        return FrameCounts(written=self.frames + (0 if self.writer is None else self.writer.frames_written))

    @property
    def bytes_written(self) -> int:
        return self.bytes + (0 if self.writer is None else self.writer.bytes_written)

    def settle(self) -> None:
        """Count what the writer has written as done: the next one begins at nothing."""
        if self.writer is not None:
            self.frames, self.bytes, self.writer = self.counts.written, self.bytes_written, None


class ResumableJob(Job):
    """A job with a work folder, ready to run once. `opening.resumable_job` makes it."""

    def __init__(
        self,
        spec: JobSpec,
        hosting: Hosting,
        folder: WorkFolder,
        plan: Plan,
        done: Sequence[Mapping[str, Any]],
        reader: Reader,
        restoration: Restoration | None,
        encoded: EncodedOutput,
        once: Once,
    ) -> None:
        self._done = _Done(encoded.request.codec, sum(f["frames"] for f in done), sum(f["bytes"] for f in done))
        # What the class above holds of a job: its pipeline is another one in each part of the work.
        self.spec, self.reader, self.restoration, self.health = spec, reader, restoration, None
        self.writer: Any = self._done
        self._begun_s = self._ended_s = None
        self._hosting, self._folder, self._plan, self._encoded, self._once = hosting, folder, plan, encoded, once
        self._next = len(done)  # the segment that comes next
        self._apart = spec.resume is not None and spec.resume.apart
        self._unused: Reader | None = reader
        self._filters = restoration
        self._stopped: Cancelled | None = None
        self._running: Pipeline | None = None
        self._busy_s: dict[str, float] = {}
        self._frames_before = self._done.frames

    def run(self) -> None:
        self._begun_s = time.monotonic()
        try:
            with self._once.active():
                self._restore()
                self._join()
            self._folder.remove()
        except StreamfixError as error:
            if error is not self._stopped:
                error.args = (f"{error}; {self._stays()}",)
            raise
        finally:
            self._ended_s = time.monotonic()
            parts = (self._unused, self._filters, self._folder)
            close_all([part for part in parts if part is not None])

    def stop(self) -> None:
        """End soon: the segment that is being made is lost, those before it are kept, and `run` raises Cancelled."""
        self.cancel()

    def cancel(self) -> None:
        self._stopped = Cancelled(f"{self.spec.outputs[0].shown}: stopped; {self._stays()}")
        if self._running is not None:
            self._running.cancel(self._stopped)

    @property
    def progress(self) -> Progress:
        now_s = self._ended_s or time.monotonic()
        elapsed_s = 0.0 if self._begun_s is None else now_s - self._begun_s
        counts, total = self._done.counts, self._plan.pictures
        rate = self._encoded.source.info.rate
        return Progress(
            counts=counts,
            bytes=self._done.bytes_written,
            time_s=float(counts.written / rate) if counts.written and rate else None,
            errors=self.reader.errors,
            elapsed_s=elapsed_s,
            part=min(1.0, counts.written / total) if total else None,
            busy_s=dict(self._busy_s if self._running is None else self._running.busy_s),
            earlier=self._frames_before,
        )

    def _stays(self) -> str:
        count = len(self._plan.segments)
        return (
            f"{self._next} of {count} segments are done and stay in {self._folder.path}: run the same command again to "
            "go on, or delete that folder"
        )

    def _restore(self) -> None:
        """Restore and encode all segments that are not done yet."""
        left = self._plan.segments[self._next :]
        if not left:
            return
        if self._filters is None or (self._filters.saves and not self._apart):
            self._run_stretch(left, warm_up=False)
            return
        for segment in left:
            self._run_stretch([segment], warm_up=True)
            self._filters.reset()

    def _run_stretch(self, segments: Sequence[Segment], *, warm_up: bool) -> None:
        """Run some segments through one pipeline; the first begins with a warm-up, or with the state that was kept."""
        first, last = segments[0], segments[-1]
        begins = first.begin_s is None
        tail: Sequence[str] = ()
        if not begins and not warm_up:
            saved = self._folder.saved(first.index)
            tail = saved["tail"]
            if self._filters is not None:
                self._filters.load_states(saved["stages"])
        source = StretchSource(self._reader, segments, warm_up=warm_up and not begins, tail=tail)
        writer = SegmentWriter(
            self._encoded.encoder,
            self._folder.segment,
            first.index,
            self._finished,
            lambda: source.complete,
            begin_s=first.begin_s,
            end_s=last.end_s,
        )
        self._done.writer = writer
        stages: list[Stage] = [writer] if self._filters is None else [Kept(self._filters), writer]
        self._run(Pipeline(source, *stages, depth=self.spec.queue_depth, worked=self._hosting.worked))
        self._done.settle()

    def _join(self) -> None:
        """Make the output of the segments, and of what lies beside the video in the input."""
        segments = [self._folder.segment(s.index) for s in self._plan.segments]
        pipeline, writer = joining(self.spec, self._encoded, segments, self._folder.joins_into)
        begun_s = time.monotonic()
        self._run(pipeline)
        count, took_s = len(segments), time.monotonic() - begun_s
        log.info("%s: %d segments were joined in %.2f s", self.spec.outputs[0].shown, count, took_s)
        durable.sync_file(Path(writer.path))

    def _run(self, pipeline: Pipeline) -> None:
        self._running = pipeline
        if self._stopped is not None:
            pipeline.cancel(self._stopped)
        try:
            pipeline.run()
        finally:
            self._running = None
            for name, busy_s in pipeline.busy_s.items():
                self._busy_s[name] = self._busy_s.get(name, 0.0) + busy_s
        if self._stopped is not None:
            raise self._stopped

    def _reader(self) -> Reader:
        """The reader that is open, or a new one."""
        reader, self._unused = self._unused, None
        return open_reader(self.spec, self._filters) if reader is None else reader

    def _finished(self, index: int, file: PacketFile, facts: dict[str, Any], boundary: Boundary | None) -> None:
        """Keep a segment that was encoded; called in the encoder's thread."""
        if boundary is not None:
            self._folder.save(boundary)
        file.finish({**facts, "bytes": file.bytes})
        self._folder.forget(index)
        self._next = index + 1
