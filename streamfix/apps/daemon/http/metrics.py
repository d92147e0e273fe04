"""All figures for Prometheus, in base units, prefix `streamfix_`. Counters never fall while the daemon runs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Sequence
from math import inf
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from .... import __version__
from ....live.health import STATES
from ..engine.stream import Stream
from ..engine.tally import Histogram, Totals
from ..load.admission import Admission


class Streams(Protocol):
    """Where the figures come from."""

    @property
    def streams(self) -> Sequence[Stream]: ...

    @property
    def admission(self) -> Admission: ...


class Metrics(Collector):
    """Reads the streams each time it is asked. Its registry is its own, without what the default one has."""

    def __init__(self, source: Streams) -> None:
        self._source = source
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        streams = self._source.streams
        yield from _counters(streams)
        yield from _gauges(streams)
        yield from _histograms(streams)
        yield from self._machine()

    def _machine(self) -> Iterable[Metric]:
        info = GaugeMetricFamily("streamfix_build_info", "What runs; always 1.", labels=["version", "python"])
        info.add_metric([__version__, platform.python_version()], 1)
        yield info
        taken, there = self._source.admission.taken, self._source.admission.capacity
        yield GaugeMetricFamily("streamfix_load_cores", "Cores' worth of work that admission counts.", taken.cores)
        yield GaugeMetricFamily("streamfix_load_limit_cores", "Cores' worth of work they may take.", there.cores)
        yield from _gpus()


def _counters(streams: Sequence[Stream]) -> Iterable[Metric]:
    totals = [(s.name, s.record.totals) for s in streams]
    for name, help, field in (
        ("streamfix_frames", "Frames written to the first output.", "written"),
        ("streamfix_frames_received", "Frames that came from the camera.", "received"),
        ("streamfix_frames_damaged", "Received frames that the decoder could not put together.", "damaged"),
        ("streamfix_frames_standing_in", "Frames made up while there was no camera.", "standing_in"),
        ("streamfix_frames_late", "Frames written after the latency budget.", "late"),
        ("streamfix_reconnects", "How often a lost camera came back.", "reconnects"),
        ("streamfix_stream_failures", "How often a run has ended in an error.", "restarts"),
    ):
        family = CounterMetricFamily(name, help, labels=["stream"])
        for stream, total in totals:
            family.add_metric([stream], getattr(total, field))
        yield family
    dropped = CounterMetricFamily("streamfix_frames_dropped", "Frames not written.", labels=["stream", "reason"])
    for stream, total in totals:
        # A series that begins at 0 lets the first drop show in a rate.
        for reason, count in {"overload": 0, **total.dropped}.items():
            dropped.add_metric([stream, reason], count)
    yield dropped
    yield from _outputs(totals)


def _outputs(totals: Sequence[tuple[str, Totals]]) -> Iterable[Metric]:
    """Of each output; they are numbered from 1, as the page does."""
    labels = ["stream", "output"]
    written = CounterMetricFamily("streamfix_output_frames", "Camera frames written to an output.", labels=labels)
    late = CounterMetricFamily("streamfix_output_frames_late", "Of those, after the latency budget.", labels=labels)
    dropped = CounterMetricFamily(
        "streamfix_output_frames_dropped", "Frames that an output left out.", labels=[*labels, "reason"]
    )
    for stream, total in totals:
        for number, own in enumerate(total.outputs, 1):
            where = [stream, f"{number}"]
            written.add_metric(where, own.written)
            late.add_metric(where, own.late)
            for reason, count in {"output": 0, **own.dropped}.items():
                dropped.add_metric([*where, reason], count)
    yield from (written, late, dropped)


def _gauges(streams: Sequence[Stream]) -> Iterable[Metric]:
    up = GaugeMetricFamily("streamfix_stream_up", "1 while pictures come and go.", labels=["stream"])
    output_up = GaugeMetricFamily("streamfix_output_up", "1 while an output is written.", labels=["stream", "output"])
    state = GaugeMetricFamily("streamfix_stream_state", "1 for the state it is in.", labels=["stream", "state"])
    rung = GaugeMetricFamily("streamfix_ladder_rung", "0 is the whole filter chain.", labels=["stream"])
    depth = GaugeMetricFamily("streamfix_queue_depth", "Frames on their way through.", labels=["stream"])
    noise = GaugeMetricFamily(
        "streamfix_noise_codes", "The camera's noise as filters measure it, 8-bit codes.", labels=["stream", "plane"]
    )
    for stream in streams:
        report, now = stream.report, stream.state
        outputs = [] if report is None else report.outputs
        here, nowhere = now in ("running", "degraded"), bool(outputs) and all(own.trouble for own in outputs)
        stalled = report is not None and report.stalled
        up.add_metric([stream.name], here and not nowhere and not stalled)
        for number, own in enumerate(outputs, 1):
            output_up.add_metric([stream.name, f"{number}"], here and not own.trouble)
        for each in STATES:
            state.add_metric([stream.name, each], each == now)
        if report is not None:
            rung.add_metric([stream.name], report.rung)
            depth.add_metric([stream.name], report.in_flight)
            for plane in ("luma", "chroma"):
                if (value := report.figures.get(f"noise_{plane}")) is not None:
                    noise.add_metric([stream.name, plane], value)
    yield from (up, output_up, state, rung, depth, noise)


def _histograms(streams: Sequence[Stream]) -> Iterable[Metric]:
    latency = HistogramMetricFamily(
        "streamfix_latency_seconds", "From a frame's arrival to its delivery.", labels=["stream"]
    )
    stages = HistogramMetricFamily(
        "streamfix_stage_seconds", "What a thread works for one frame.", labels=["stream", "stage"]
    )
    for stream in streams:
        _add(latency, [stream.name], stream.record.latencies)
        for stage, histogram in stream.record.stages.items():
            _add(stages, [stream.name, stage], histogram)
    yield from (latency, stages)


def _add(family: HistogramMetricFamily, labels: Sequence[str], histogram: Histogram) -> None:
    pairs, total = histogram.read()
    family.add_metric(labels, [("+Inf" if bound == inf else repr(bound), count) for bound, count in pairs], total)


def _gpus() -> Iterable[Metric]:
    """Only where a filter has made use of a GPU: asking for it would load what runs there."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return
    family = GaugeMetricFamily("streamfix_gpu_memory_bytes", "GPU memory that PyTorch holds.", labels=["device"])
    for i in range(torch.cuda.device_count()):
        family.add_metric([f"cuda:{i}"], torch.cuda.memory_reserved(i))
    yield family
