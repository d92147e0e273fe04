"""The GPU's benchmarks run on a machine without one, as far as they can, and say what they cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.bench import bench_fronts, bench_gpu, frame_cost


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_gpu.main([]) == 2
    assert capsys.readouterr().out == bench_gpu.NONE + "\n"


def test_what_there_is_no_time_for_is_named() -> None:
    left = bench_gpu.Left(100)
    assert left.allows("short", 1) and not left.allows("long", 1000)
    assert left.skipped == ["long"]


def test_an_estimate_follows_from_bytes_and_operations() -> None:
    part = {"megabytes": 1000.0, "gflop": 10.0}
    assert frame_cost.fps([part], 300, 300) == pytest.approx(200)  # memory is the slower
    assert frame_cost.fps([part, part], 300, 300) == pytest.approx(100)
    assert frame_cost.fps([part], 300, 3) == pytest.approx(100)  # arithmetic is


@pytest.mark.slow
def test_larger_frames_cost_in_proportion() -> None:
    small, large = (frame_cost.costs(width, width // 2, 2, "xs") for width in (512, 1024))
    for name, part in small.items():
        assert large[name]["megabytes"] == pytest.approx(4 * part["megabytes"], rel=0.1)
        assert large[name]["calls"] <= 1.4 * part["calls"]  # one more size for the flow
    assert small["network xs, fp16"]["gflop"] > 0


@pytest.mark.slow
def test_the_whole_check_runs_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STREAMFIX_FRONT", raising=False)
    tiny = ("--sizes", "64x48", "--streams", "1,2", "--frames", "3", "--seconds", "0.1", "--side", "32")
    assert bench_gpu.main(["--device", "cpu", *tiny, "--json", str(tmp_path / "gpu.json")]) == 0
    found = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert [row["filter"] for row in found["right"]] == list(bench_gpu.FILTERS_TRIED)
    assert all(row["right"] for row in found["right"])
    assert len(found["speed"]) == 6 and all(row["fps"] > 0 and row["MB"] > 0 for row in found["speed"])
    assert all(row["fps, H.264 in and out"] > 0 for row in found["speed"])
    assert found["left out"] == [] and len(found["profile"]) > 5


@pytest.mark.slow
def test_pictures_on_tensors_are_as_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the samples; with clips as arguments it is measured on others."""
    monkeypatch.setenv("STREAMFIX_FRONT", "auto")
    out = tmp_path / "fronts.json"
    assert bench_fronts.main(["--frames", "6", "--json", str(out)]) == 0
    assert len(json.loads(out.read_text(encoding="utf-8"))["rows"]) == 6
