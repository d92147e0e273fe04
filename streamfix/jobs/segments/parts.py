"""The parts of a job in segments, for whoever has them made in any order, on several machines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...boundary import Boundary
from ...media import durable
from ...media.output.packet_file import PacketFile
from ...media.output.segment_writer import SegmentWriter
from ...pipeline import Kept, Pipeline, Stage
from ..job import Hosting, JobSpec, open_reader
from .joining import joining
from .once import Once
from .opening import asked, planned, set_up
from .plan import Plan, Segment
from .source import StretchSource


class Parts:
    """A job whose segments are made one by one, each with a warm-up in front, into files that the caller names.

    spec: `spec.resume` counts, and that its segments are apart is understood. hosting: `pool` holds the filters.
    settled: what the filters have settled by themselves, one by one, in this process.
    Raises a StreamfixError; nothing stays open then.
    """

    def __init__(self, spec: JobSpec, hosting: Hosting) -> None:
        assert spec.resume is not None
        self.spec, self._resume, self._once = spec, spec.resume, Once()
        self._running: Pipeline | None = None
        self._writer: SegmentWriter | None = None
        with self._once.active():
            request, format = asked(spec)
            self._ready = set_up(spec, hosting, spec.filters, request, format)
        self.settled = self._ready.settled

    def plan(self) -> Plan:
        """Where the input is cut. Raises InputError."""
        with self._once.active():
            return planned(self.spec, self._ready.reader, self._resume)

    @property
    def frames(self) -> int:
        """Written of the segment that is being made. From any thread."""
        return 0 if self._writer is None else self._writer.frames_written

    def make(self, segment: Segment, path: Path) -> dict[str, Any]:
        """Restore and encode a segment into a file; its facts, `frames` and `bytes` among them."""
        found: dict[str, Any] = {}

        def finished(index: int, file: PacketFile, facts: dict[str, Any], boundary: Boundary | None) -> None:
            found.update({**facts, "bytes": file.bytes})
            file.finish(found)

        restoration = self._ready.restoration
        source = StretchSource(
            lambda: open_reader(self.spec, restoration), [segment], warm_up=segment.begin_s is not None
        )
        writer = SegmentWriter(
            self._ready.encoded.encoder,
            lambda _index: path,
            segment.index,
            finished,
            lambda: source.complete,
            begin_s=segment.begin_s,
            end_s=segment.end_s,
        )
        stages: list[Stage] = [writer] if restoration is None else [Kept(restoration), writer]
        pipeline = Pipeline(source, *stages, depth=self.spec.queue_depth)
        self._running, self._writer = pipeline, writer
        try:
            with self._once.active():
                pipeline.run()
        finally:
            self._running = None
            if restoration is not None:
                restoration.reset()
        return found

    def join(self, segments: Sequence[Path]) -> float:
        """Make the output of its segments' files, all of them; the seconds that it took."""
        begun_s = time.monotonic()
        with self._once.active():
            pipeline, writer = joining(self.spec, self._ready.encoded, segments, lambda _path: None)
            pipeline.run()
        durable.sync_file(Path(writer.path))
        return time.monotonic() - begun_s

    def cancel(self) -> None:
        """End the segment that is being made, whose `make` raises Cancelled. From any thread."""
        if self._running is not None:
            self._running.cancel()

    def close(self) -> None:
        """Release the input and the filters."""
        self._ready.close()
