"""`streamfix bench`: a row for each filter, tier, backend and size, or the reason why there is none."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamfix import FILTERS
from streamfix.errors import UnknownName, UsageError
from streamfix.evaluation import speed
from streamfix.evaluation.speed import choices, default_chains, read_sizes, resized, synthetic
from tests.evaluation.test_scenes import write_clip


def bench(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    speed.add_arguments(parser)
    return speed.run(parser.parse_args([*map(str, words), "--frames", "15"]))


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return found


def test_each_chain_at_each_size_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    chains = ("--filter", "smooth", "--filter", "scale=2*iw:2*ih")
    assert bench(*chains, "--sizes", "96x64,128x96", "--json") == 0
    found = rows(capsys)
    assert [(row["size"], row["filter"]) for row in found] == [
        (size, chain) for size in ("96x64", "128x96") for chain in ("smooth", "scale=2*iw:2*ih")
    ]
    for row in found:
        assert 0 < row["p50_ms"] <= row["p95_ms"]
        assert row["cameras"] == int(row["fps"] // 25) or abs(row["fps"] % 25) < 0.1  # fps is rounded


def test_a_clip_is_measured_at_its_own_size_as_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_clip(tmp_path / "a.mkv", 16)
    assert bench(tmp_path / "a.mkv", "--filter", "smooth") == 0
    head, _, row = capsys.readouterr().out.splitlines()
    assert head == "| filter | size | fps | p50 ms | p95 ms | cameras of 25 fps |"
    assert row.startswith("| smooth | ")


def test_what_cannot_run_is_told_and_the_rest_is_measured(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert bench("--filter", "null", "--filter", "smooth", "--sizes", "96x64", "--json") == 0
    nothing, smooth = rows(capsys)
    assert "does nothing" in nothing["error"] and "fps" in smooth
    assert "null: left out: " in caplog.text
    assert bench("--filter", "null", "--sizes", "96x64") == 1


def test_defaults_are_every_filter_in_each_tier_on_each_backend() -> None:
    chains = list(default_chains(("torch", "openvino")))
    assert "smooth" in chains and not any(chain.startswith("model") for chain in chains)  # model needs a file
    assert {f"denoise=tier={t}:backend={b}" for t in ("xs", "s", "m") for b in ("torch", "openvino")} <= set(chains)
    assert {chain.partition("=")[0] for chain in default_chains()} <= set(FILTERS)
    assert choices(FILTERS.options("denoise")["tier"].kind)[-1] == "auto"


@pytest.mark.parametrize("size", ["640", "640x", "32x32", "641x360", "640x-2"])
def test_wrong_sizes_are_told(size: str) -> None:
    with pytest.raises(UsageError, match="it takes WIDTHxHEIGHT, even and at least 64"):
        read_sizes(f"640x360,{size}")


def test_wrong_requests_are_refused_before_anything_runs() -> None:
    with pytest.raises(UnknownName, match="smoth"):
        bench("--filter", "smoth")
    parser = argparse.ArgumentParser()
    speed.add_arguments(parser)
    with pytest.raises(UsageError, match="--frames 3: at least 15"):
        speed.run(parser.parse_args(["--frames", "3"]))


def test_the_synthetic_clip_stands_moves_and_has_its_noise() -> None:
    clip = synthetic(4, (128, 96))
    assert (len(clip), clip.size) == (4, (128, 96))
    still = np.diff(clip.y[:, :24].astype(float), axis=0)
    assert float(still.std()) == pytest.approx(5 * 2**0.5, rel=0.1)
    moved = clip.y[1, 40:56, 40:80].astype(float) - clip.y[0, 40:56, 42:82]
    assert float(moved.std()) == pytest.approx(5 * 2**0.5, rel=0.15)
    assert resized(clip, (64, 64)).size == (64, 64) and resized(clip, clip.size) is clip
