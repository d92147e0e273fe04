"""All figures for Prometheus, in base units, prefix `streamfix_`. Counters never fall while the daemon runs."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from .... import __version__
from ....counts import FrameCounts, Scope, published
from ....health import FAULTS
from ....lazy import if_loaded
from ....live.health import STATES
from ..engine.stream import ManagedStream
from ..engine.tally import Histogram
from ..load.admission import Admission


class Streams(Protocol):
    """Where the figures come from."""

    @property
    def streams(self) -> Sequence[ManagedStream]: ...

    @property
    def admission(self) -> Admission: ...

    def nodes(self) -> Sequence[Mapping[str, object]]: ...


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
        yield from _nodes(self._source.nodes())


def _counters(streams: Sequence[ManagedStream]) -> Iterable[Metric]:
    totals = [(stream.name, stream.record.totals) for stream in streams]
    yield from _frames("stream", ["stream"], [((name,), total.counts) for name, total in totals])
    for name, help, values in (
        ("streamfix_reconnects", "How often a lost camera came back.", {n: t.reconnects for n, t in totals}),
        ("streamfix_stream_failures", "How often a run has ended in an error.", {n: t.restarts for n, t in totals}),
    ):
        family = CounterMetricFamily(name, help, labels=["stream"])
        for stream, value in values.items():
            family.add_metric([stream], value)
        yield family
    # Outputs are numbered from 1, as the page does.
    outputs = [((name, f"{number}"), own) for name, total in totals for number, own in enumerate(total.outputs, 1)]
    yield from _frames("output", ["stream", "output"], outputs)


# scope -> prefix of its names, description of `dropped`, and the reason whose series begins at 0, so that a rate shows
# the first drop
_FRAMES: dict[Scope, tuple[str, str, str]] = {
    "stream": ("streamfix_frames", "Frames not written.", "overload"),
    "output": ("streamfix_output_frames", "Frames that an output left out.", "output"),
}


def _frames(
    scope: Scope, labels: Sequence[str], counts: Sequence[tuple[Sequence[str], FrameCounts]]
) -> Iterable[Metric]:
    """Each counter that the scope publishes, and `dropped` by reason. counts: with the labels' values."""
    prefix, dropped_help, usual = _FRAMES[scope]
    for name, help in published(scope).items():
        family = CounterMetricFamily(prefix if name == "written" else f"{prefix}_{name}", help, labels=labels)
        for where, own in counts:
            family.add_metric(where, own.numbers(scope)[name])
        yield family
    dropped = CounterMetricFamily(f"{prefix}_dropped", dropped_help, labels=[*labels, "reason"])
    for where, own in counts:
        for reason, count in {usual: 0, **own.dropped}.items():
            dropped.add_metric([*where, reason], count)
    yield dropped


def _gauges(streams: Sequence[ManagedStream]) -> Iterable[Metric]:
    up = GaugeMetricFamily("streamfix_stream_up", "1 while pictures come and go.", labels=["stream"])
    output_up = GaugeMetricFamily("streamfix_output_up", "1 while an output is written.", labels=["stream", "output"])
    state = GaugeMetricFamily("streamfix_stream_state", "1 for the state it is in.", labels=["stream", "state"])
    step = GaugeMetricFamily("streamfix_ladder_rung", "0 is the whole filter chain.", labels=["stream"])
    depth = GaugeMetricFamily("streamfix_queue_depth", "Frames on their way through.", labels=["stream"])
    noise = GaugeMetricFamily(
        "streamfix_noise_codes", "The camera's noise as filters measure it, 8-bit codes.", labels=["stream", "plane"]
    )
    health = GaugeMetricFamily(
        "streamfix_health",
        "1 for what is wrong with what a camera sees; of unjudged: that cannot be told.",
        labels=["stream", "kind"],
    )
    for stream in streams:
        if (verdict := stream.sight.verdict) is not None:
            lasting = {fault.kind for fault in verdict.faults}
            for kind in FAULTS:
                health.add_metric([stream.name, kind], kind in lasting)
            health.add_metric([stream.name, "unjudged"], bool(verdict.unjudged))
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
            step.add_metric([stream.name], report.step)
            depth.add_metric([stream.name], report.counts.in_flight)
            for plane in ("luma", "chroma"):
                if (value := report.figures.get(f"noise_{plane}")) is not None:
                    noise.add_metric([stream.name, plane], value)
    yield from (up, output_up, state, step, depth, noise, health)


def _histograms(streams: Sequence[ManagedStream]) -> Iterable[Metric]:
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


def _nodes(nodes: Sequence[Mapping[str, Any]]) -> Iterable[Metric]:
    """Only where there is a cluster."""
    if not nodes:
        return
    up, drained, streams, load = (
        GaugeMetricFamily(f"streamfix_node_{name}", help, labels=["node"])
        for name, help in (
            ("up", "1 while a node of the cluster answers."),
            ("drained", "1 while a node takes no streams."),
            ("streams", "Streams that run on a node."),
            ("load_cores", "Cores' worth of work that streams take on a node."),
        )
    )
    for node in nodes:
        label = [node["name"]]
        up.add_metric(label, node["up"])
        drained.add_metric(label, node["drained"])
        streams.add_metric(label, node["streams"])
        load.add_metric(label, node["load"]["used"])
    yield from (up, drained, streams, load)


def _gpus() -> Iterable[Metric]:
    """Only where a filter has made use of a GPU: asking for it would load what runs there."""
    torch = if_loaded("torch")
    if torch is None or not torch.cuda.is_initialized():
        return
    family = GaugeMetricFamily("streamfix_gpu_memory_bytes", "GPU memory that PyTorch holds.", labels=["device"])
    for i in range(torch.cuda.device_count()):
        family.add_metric([f"cuda:{i}"], torch.cuda.memory_reserved(i))
    yield family
