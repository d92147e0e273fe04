"""From a description of a job to its running pipeline. The one file that knows all rooms.

Three threads a job: `decode` (Reader), `restore` (all filters), `encode`
(Writer). torch is imported only if a filter of ours is asked for.
"""

from __future__ import annotations

import difflib
import inspect
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .chainspec import FilterSpec
from .errors import BadOption, DeviceError, UnknownName, UsageError
from .filters import FILTERS
from .media.reader import Reader
from .media.specs import InputSpec, OutputSpec
from .media.writer import Writer
from .pipeline import Chain, Closable, Pipeline, Stage, close_all

if TYPE_CHECKING:
    import torch

    from .filters.base import Filter

_NEVER_LESS_S = 1e-3  # no rate is computed over a shorter time


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One restoration job: inputs, filters, one output.

    filters: the chain as `chainspec.parse_chain` reads it; empty passes pictures through untouched.
    maps: ffmpeg's -map, empty for the default choice; audio, subtitles, data: False leaves them out.
    device: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".
    queue_depth: items held between two threads.
    """

    inputs: Sequence[InputSpec]
    output: OutputSpec
    filters: Sequence[FilterSpec] = ()
    maps: Sequence[str] = ()
    audio: bool = True
    subtitles: bool = True
    data: bool = True
    device: str = "auto"
    queue_depth: int = 4


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    time_s: presentation time of the last picture written, None before the first.
    part: share of the work that is done, 0 to 1, None if the input does not say how long it is.
    busy_s: seconds each thread has worked, its waiting left out.
    """

    frames: int = 0
    bytes: int = 0
    time_s: float | None = None
    duplicated: int = 0
    dropped: int = 0
    errors: int = 0
    elapsed_s: float = 0.0
    part: float | None = None
    busy_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def fps(self) -> float:
        """Pictures written a second, over the whole run."""
        return self.frames / max(self.elapsed_s, _NEVER_LESS_S)

    @property
    def speed(self) -> float | None:
        """Seconds of video a second."""
        return None if self.time_s is None else self.time_s / max(self.elapsed_s, _NEVER_LESS_S)

    @property
    def bitrate_bps(self) -> float | None:
        """Bits a second of the result so far."""
        return None if self.time_s is None or self.time_s <= 0 or not self.bytes else self.bytes * 8 / self.time_s

    @property
    def left_s(self) -> float | None:
        """Seconds to go at the pace so far."""
        return None if not self.part else self.elapsed_s * (1 - self.part) / self.part


class Restoration(Chain):
    """All filters of one stream in one thread; releases the filters at the end.

    generative: names of the filters that may invent detail.
    """

    def __init__(self, stages: Sequence[Stage], filters: Mapping[str, Filter[Any]]) -> None:
        super().__init__(*stages, name="restore")
        self._filters = list(filters.values())
        self.generative = [name for name, f in filters.items() if f.generative]

    def close(self) -> None:
        close_all((*self.stages, *self._filters))


class Job:
    """A job ready to run, once. Made by `build`."""

    def __init__(self, spec: JobSpec, reader: Reader, restoration: Restoration | None, writer: Writer) -> None:
        self.spec, self.reader, self.restoration, self.writer = spec, reader, restoration, writer
        stages: list[Stage] = [restoration, writer] if restoration else [writer]
        self.pipeline = Pipeline(reader, *stages, depth=spec.queue_depth)
        self._begun_s: float | None = None
        self._ended_s: float | None = None

    def run(self) -> None:
        """Run to the end. Raises the first error of any part."""
        self._begun_s = time.monotonic()
        try:
            self.pipeline.run()
        finally:
            self._ended_s = time.monotonic()

    def stop(self) -> None:
        """End the input: what was read is still restored and written. From any thread."""
        self.pipeline.stop()

    def cancel(self) -> None:
        """End now: what is in flight is thrown away; `run` raises Cancelled. From any thread."""
        self.pipeline.cancel()

    @property
    def progress(self) -> Progress:
        """How far the job is now. From any thread."""
        w = self.writer
        now_s = self._ended_s or time.monotonic()
        return Progress(
            frames=w.frames_written,
            bytes=w.bytes_written,
            time_s=w.position_s if w.frames_written else None,
            duplicated=w.duplicated,
            dropped=w.dropped + self.pipeline.dropped,
            errors=self.reader.errors,
            elapsed_s=0.0 if self._begun_s is None else now_s - self._begun_s,
            part=self._part(),
            busy_s=self.pipeline.busy_s,
        )

    def _part(self) -> float | None:
        """By time, and by the number of pictures where only that is bounded."""
        spec, w = self.spec, self.writer
        if spec.output.max_frames:
            return min(1.0, w.frames_written / spec.output.max_frames)
        total_s = _length_s(spec, self.reader)
        if not total_s:
            return None
        return min(1.0, max(0.0, w.position_s / total_s)) if w.frames_written else 0.0


def _length_s(spec: JobSpec, reader: Reader) -> float | None:
    """Seconds that the result will last, None if nobody knows."""
    whole_s = reader.info.duration_s
    first = spec.inputs[0]
    if whole_s is not None and first.loops:
        whole_s = whole_s * (first.loops + 1) if first.loops > 0 else None
    for part in (first, spec.output):
        start = part.start_s or Fraction(0)
        limits = [float(x) for x in (part.duration_s, part.end_s and part.end_s - start) if x is not None]
        rest_s = [] if whole_s is None else [whole_s - float(start)]
        whole_s = min([*limits, *rest_s], default=None)
    return whole_s


def build(spec: JobSpec) -> Job:
    """Check the chain, load its filters, open the inputs and prepare the output, in this order.

    Raises a StreamfixError; nothing stays open then.
    """
    if not spec.inputs:
        raise UsageError("a job needs an input")
    opened: list[Closable] = []
    try:
        if restoration := restore_stage(spec.filters, spec.device):
            opened.append(restoration)
        reader = Reader(spec.inputs, spec.maps, audio=spec.audio, subtitles=spec.subtitles, data=spec.data)
        opened.append(reader)
        writer = Writer(spec.output, reader, on_enough=reader.stop)
    except BaseException:
        close_all(opened)
        raise
    return Job(spec, reader, restoration, writer)


def restore_stage(chain: Iterable[FilterSpec], device: str = "auto") -> Restoration | None:
    """The filters of a chain as one stage; None for an empty chain, of which `null` is no part.

    A name that a package has announced is ours; any other is libavfilter's, and
    neighbours among these share one graph. Raises UnknownName, BadOption,
    DeviceError, or what a filter raises when it loads its model.
    """
    wanted = [spec for spec in chain if not _is_null(spec)]
    for spec in wanted:
        _check(spec)
    stages: list[Stage] = []
    filters: dict[str, Filter[Any]] = {}
    graph: list[FilterSpec] = []
    cut_detected = False

    def end_graph() -> None:
        if graph:
            from .media.avfilter import GraphStage

            stages.append(GraphStage(tuple(graph)))
            graph.clear()

    try:
        for spec in wanted:
            if spec.name not in FILTERS:
                graph.append(spec)
                continue
            end_graph()
            from .filters.base import Restorer
            from .filters.cut import CutDetector

            on = choose_device(device)
            made = FILTERS.create(spec.name, spec.options)
            filters[_label(spec.name, filters)] = made
            made.to(on)
            if not cut_detected and _is_temporal(made):
                stages.append(CutDetector())
                cut_detected = True
            stages.append(Restorer(made, on, spec.name))
        end_graph()
    except BaseException:
        close_all((*stages, *filters.values()))
        raise
    return Restoration(stages, filters) if stages else None


def choose_device(name: str) -> torch.device:
    """The device of that name. Raises UsageError for a name that is none, DeviceError for one that is not there."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"no device {name!r}; there are auto, cpu, cuda and cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name}: PyTorch sees {torch.cuda.device_count()} CUDA GPUs here; use cpu or auto")
    return device


def _is_null(spec: FilterSpec) -> bool:
    if spec.name == "null" and spec.arguments:
        raise BadOption(f"null takes no options, got {spec.arguments!r}")
    return spec.name == "null"


def _check(spec: FilterSpec) -> None:
    """Raise UnknownName or BadOption before any model is loaded."""
    if spec.name in FILTERS:
        _ = spec.options
        return
    import av.filter

    from .media import avfilter

    if not avfilter.exists(spec.name):
        ours = list(FILTERS)
        near = difflib.get_close_matches(spec.name, ours, n=1)
        theirs = difflib.get_close_matches(spec.name, av.filter.filters_available, n=3)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownName(
            f"no filter {spec.name!r}.{hint} streamfix has: {', '.join(ours)}; "
            + (f"libavfilter's nearest: {', '.join(theirs)}" if theirs else "libavfilter has none like it")
        )
    avfilter.check(spec)


def _is_temporal(made: Filter[Any]) -> bool:
    """True if the filter sees more than one frame at a time, or remembers."""
    from .filters.base import Filter

    windowed = made.past or made.future or made.step > 1
    return bool(windowed) or inspect.unwrap(type(made).init_state) is not Filter.init_state


def _label(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with a number where the chain has it twice."""
    count = sum(label.partition("#")[0] == name for label in taken)
    return f"{name}#{count + 1}" if count else name
