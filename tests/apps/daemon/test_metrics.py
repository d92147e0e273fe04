"""Prometheus' text: well-formed, the names that are documented, counters that never fall."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamfix import __version__
from streamfix.apps.daemon.config.config import DaemonConfig
from streamfix.apps.daemon.engine import shared
from streamfix.apps.daemon.engine.supervisor import Supervisor
from streamfix.apps.daemon.load.costs import FrameCost
from streamfix.conformance.fakes import clip
from streamfix.errors import InputError
from tests.apps.daemon.engine import Builder, spec_of, stream_config, untried
from tests.fakes.waiting import LONG_S

Sample = tuple[str, tuple[tuple[str, str], ...]]


@pytest.fixture
def supervisor(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(shared, "job_spec", lambda config, *_: spec_of(config))
    config = DaemonConfig(streams=(stream_config("yard"), stream_config("gate", enabled=False)))
    made = Supervisor(
        config, build=builder, trial=untried, measure=lambda *_: FrameCost(0.01), capacity=2.0, backoff_s=(0.0,)
    )
    made.open()
    yield made
    made.drain(LONG_S)


@pytest.fixture
def builder() -> Builder:
    return Builder()


def samples(supervisor: Supervisor) -> dict[Sample, float]:
    families = text_string_to_metric_families(supervisor.metrics().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def of(supervisor: Supervisor, name: str, **labels: str) -> float:
    return samples(supervisor)[name, tuple(sorted(labels.items()))]


def test_the_documented_names_are_there(supervisor: Supervisor, builder: Builder) -> None:
    job = builder.job("yard")
    job.frames(1)
    job.hosting.worked("restore", clip(1)[0], 0.01)
    job.health.figure("noise_luma", 3.5)
    names = {name for name, _ in samples(supervisor)}
    assert names >= {
        *("streamfix_frames_total", "streamfix_frames_received_total", "streamfix_frames_dropped_total"),
        *("streamfix_frames_damaged_total", "streamfix_frames_late_total", "streamfix_frames_standing_in_total"),
        *("streamfix_stage_seconds_bucket", "streamfix_stage_seconds_count", "streamfix_stage_seconds_sum"),
        *("streamfix_latency_seconds_bucket", "streamfix_queue_depth", "streamfix_reconnects_total"),
        *("streamfix_stream_up", "streamfix_stream_state", "streamfix_stream_failures_total", "streamfix_ladder_rung"),
        *("streamfix_noise_codes", "streamfix_build_info", "streamfix_load_cores", "streamfix_load_limit_cores"),
        *("process_resident_memory_bytes", "process_open_fds"),
    }
    assert {n for n in names if not n.startswith(("streamfix_", "process_"))} == set()
    assert next(labels for name, labels in samples(supervisor) if name == "streamfix_build_info")[1] == (
        "version",
        __version__,
    )


def test_figures_are_the_streams_own(supervisor: Supervisor, builder: Builder) -> None:
    job = builder.job("yard")
    job.frames(3, latency_s=0.05)
    job.health.received()
    job.health.dropped("overload", 2)
    job.health.received()
    job.health.received()
    assert of(supervisor, "streamfix_frames_total", stream="yard") == 3
    assert of(supervisor, "streamfix_frames_total", stream="gate") == 0
    assert of(supervisor, "streamfix_frames_dropped_total", stream="yard", reason="overload") == 2
    assert of(supervisor, "streamfix_frames_dropped_total", stream="gate", reason="overload") == 0
    assert of(supervisor, "streamfix_queue_depth", stream="yard") == 1
    assert of(supervisor, "streamfix_latency_seconds_bucket", stream="yard", le="0.04") == 0
    assert of(supervisor, "streamfix_latency_seconds_bucket", stream="yard", le="0.06") == 3
    assert of(supervisor, "streamfix_latency_seconds_bucket", stream="yard", le="+Inf") == 3
    assert of(supervisor, "streamfix_latency_seconds_sum", stream="yard") == pytest.approx(0.15)
    assert of(supervisor, "streamfix_load_cores") == pytest.approx(0.25)
    assert of(supervisor, "streamfix_load_limit_cores") == pytest.approx(1.8)


def test_a_stream_is_in_one_state(supervisor: Supervisor, builder: Builder) -> None:
    job = builder.job("yard")

    def state(name: str) -> list[str]:
        return [
            dict(labels)["state"]
            for (metric, labels), value in samples(supervisor).items()
            if metric == "streamfix_stream_state" and dict(labels)["stream"] == name and value
        ]

    changes: list[tuple[Callable[[], Any], str, int]] = [
        (lambda: None, "running", 1),
        (lambda: job.health.output(0, "rtsp://m/yard", "broken pipe"), "degraded", 0),
        (lambda: job.health.output(1, "yard.mkv", ""), "degraded", 1),
        (lambda: job.health.lost("no picture"), "reconnecting", 0),
    ]
    for change, want, up in changes:
        change()
        assert state("yard") == [want]
        assert of(supervisor, "streamfix_stream_up", stream="yard") == up
    assert state("gate") == ["stopped"]
    assert of(supervisor, "streamfix_stream_up", stream="gate") == 0


def test_each_output_has_figures(supervisor: Supervisor, builder: Builder) -> None:
    for run in (1, 2):
        health = builder.job("yard", run).health
        for index in (0, 1):
            health.output(index, "rtsp://m/yard", "")
        health.output_wrote(1, late=True)
        health.output_wrote(1, late=False)
        health.output_left_out(1, "output")
        health.output(1, "rtsp://m/yard", "broken pipe")
        if run == 1:
            supervisor.change(stream_config("yard", filters="smooth"))
    where = {"stream": "yard", "output": "2"}
    assert of(supervisor, "streamfix_output_frames_total", **where) == 4
    assert of(supervisor, "streamfix_output_frames_late_total", **where) == 2
    assert of(supervisor, "streamfix_output_frames_dropped_total", reason="output", **where) == 2
    assert of(supervisor, "streamfix_output_up", **where) == 0
    assert of(supervisor, "streamfix_output_up", stream="yard", output="1") == 1
    assert of(supervisor, "streamfix_output_frames_total", stream="yard", output="1") == 0


def test_counters_never_fall(supervisor: Supervisor, builder: Builder) -> None:
    seen: dict[Sample, float] = {}
    for run in range(1, 4):
        job = builder.job("yard", run)
        job.frames(run)
        job.health.lost("no picture")
        job.health.connected()
        job.health.dropped("overload")
        now = samples(supervisor)
        growing = {k: v for k, v in now.items() if k[0].endswith(("_total", "_bucket", "_count", "_sum"))}
        for key, value in seen.items():
            assert growing[key] >= value, key
        seen = growing
        if run == 2:
            supervisor.change(stream_config("yard", filters="smooth"))
        else:
            job.end(InputError("gone"))
    builder.job("yard", 4)
    assert of(supervisor, "streamfix_frames_total", stream="yard") == 6
    assert of(supervisor, "streamfix_reconnects_total", stream="yard") == 3
    assert of(supervisor, "streamfix_frames_dropped_total", stream="yard", reason="overload") == 3
    assert of(supervisor, "streamfix_stream_failures_total", stream="yard") == 2


def test_a_removed_stream_has_no_figures(supervisor: Supervisor) -> None:
    supervisor.remove("yard")
    assert not [key for key in samples(supervisor) if ("stream", "yard") in key[1]]
