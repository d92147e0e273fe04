"""What the soak counts and how it judges: a picture that is nowhere, a line that rises."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from streamfix.apps.daemon.http.metrics import _counters
from streamfix.counts import FrameCounts
from tests.bench.bench_soak import Segments, counters, faults, lines, row, slope
from tests.media.make import clip

CAME = {"sent": 100, "times": 2}


def test_slope_is_the_lines_and_knows_how_sure_it_is() -> None:
    hours = np.linspace(0, 2, 200)
    rise, error = slope(hours.tolist(), (7 + 3 * hours).tolist())
    assert rise == pytest.approx(3) and error == pytest.approx(0, abs=1e-9)
    noise = np.random.default_rng(1).normal(0, 1, 200)
    rise, error = slope(hours.tolist(), (7 + 3 * hours + noise).tolist())
    assert abs(rise - 3) < 3 * error < 1


@pytest.mark.parametrize(("rise", "kept"), [(0.0, True), (11.0, True), (30.0, False)])
def test_a_line_that_rises_is_a_fault(rise: float, kept: bool) -> None:
    hours = np.linspace(0, 3, 300)
    samples = [{"hours": h, "rss_mib": 200 + rise * h, "handles": 12.0, "threads": 50.0} for h in hours]
    found = lines(samples, 3.0)
    assert found["rss_mib"]["kept"] is kept
    assert [fault.partition(" ")[0] for fault in faults({"streams": {}, "process": found})] == ["rss_mib"] * (not kept)


class _Stream:
    """As much of a stream as the metrics read for the counters."""

    def __init__(self, name: str, counts: FrameCounts) -> None:
        self.name, self.record = name, self
        self.totals = self
        self.counts, self.outputs, self.reconnects, self.restarts = counts, (counts,), 3, 0


def _rows(**counted: Any) -> dict[str, Any]:
    registry = CollectorRegistry()

    class Some:
        def collect(self) -> Any:
            return _counters([_Stream("night", FrameCounts(**counted))])  # type: ignore[list-item]

    registry.register(Some())
    own = counters(generate_latest(registry).decode())["night"]
    return row(own, CAME, in_segments=counted["written"] - 1, disk_errors=1)


def test_pictures_are_accounted_for_by_the_metrics() -> None:
    found = _rows(received=100, written=80, dropped={"output": 15, "overload": 5})
    assert (found["unaccounted"], found["dropped_output"], found["dropped_overload"]) == (0, 15, 5)
    assert (found["reconnects"], found["missing_in_segments"]) == (3, 1)
    assert faults({"streams": {"night": found}, "process": {}}) == []
    found = _rows(received=100, written=80, dropped={"output": 15})
    assert faults({"streams": {"night": found}, "process": {}}) == ["night: 5 pictures unaccounted, 0 may be"]


def test_segments_count_once_also_when_they_are_deleted(tmp_path: Path) -> None:
    segments = Segments(tmp_path)
    whole = clip(tmp_path / "night_1.mkv", frames=12)
    segments.look()
    assert segments.of("night") == 0, "it was written just now"
    os.utime(whole, (1, 1))
    segments.look()
    segments.look()
    assert segments.of("night") == 12
    shutil.copy(whole, tmp_path / "night_2.mkv")
    whole.unlink()
    segments.look(at_rest_s=0)
    assert (segments.of("night"), segments.of("clock"), len(segments)) == (24, 0, 2)
