"""Intervals and gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamfix.errors import BadOption, InputError
from streamfix.evaluation.metrics import FIGURES
from streamfix.evaluation.statistics import QualityGate, bootstrap, gain, read_gates


def row(**figures: float | None) -> dict[str, Any]:
    return {**dict.fromkeys(FIGURES, 0.0), **figures}


SCENES = {
    "road": {"ours": row(psnr_y=33.0, flicker=1.0), "a": row(psnr_y=30.0, flicker=2.0), "b": row(psnr_y=31.0)},
    "yard": {"ours": row(psnr_y=33.0, flicker=3.0), "a": row(psnr_y=32.5, flicker=2.0), "b": row(psnr_y=31.0)},
}


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = sum(
        low <= 1.0 <= high for low, high in (bootstrap(rng.normal(1, 1, 30).tolist(), 500) for _ in range(200))
    )
    assert 0.88 <= covered / 200 <= 0.99


def test_the_interval_is_the_same_every_time_and_no_width_without_spread() -> None:
    assert bootstrap([1.0, 2.0, 4.0]) == bootstrap([1.0, 2.0, 4.0])
    assert bootstrap([2.5] * 5) == (2.5, 2.5)


def test_a_gain_is_over_the_best_of_each_scene() -> None:
    found = gain(SCENES, "ours", ["a", "b"], "psnr_y")
    assert found is not None
    assert found.by_scene == {"road": (2.0, "b"), "yard": (0.5, "a")}
    assert (found.mean, found.worst, found.worst_scene) == (1.25, 0.5, "yard")
    assert found.low <= found.mean <= found.high


def test_less_of_an_error_is_a_gain() -> None:
    found = gain(SCENES, "ours", ["a"], "flicker")
    assert found is not None
    assert found.by_scene == {"road": (1.0, "a"), "yard": (-1.0, "a")}


def test_a_scene_without_the_figure_is_left_out() -> None:
    scenes = {**SCENES, "night": {"ours": row(psnr_y=None), "a": row(), "b": row()}}
    found = gain(scenes, "ours", ["a", "b"], "psnr_y")
    assert found is not None and set(found.by_scene) == {"road", "yard"}
    assert gain({"night": scenes["night"]}, "ours", ["a"], "psnr_y") is None


def test_a_gate_says_what_failed() -> None:
    found = gain(SCENES, "ours", ["a", "b"], "psnr_y")
    assert found is not None
    assert QualityGate(("s",), "psnr_y", mean=1.0, worst=0.5).failures(found) == []
    assert QualityGate(("s",), "psnr_y", mean=2.0, worst=1.0).failures(found) == [
        "mean +1.25, wanted +2.00",
        "worst +0.50, wanted +1.00",
    ]


def test_gates_are_read(tmp_path: Path) -> None:
    path = tmp_path / "g.toml"
    path.write_text('[[gate]]\nsuites = ["codec"]\nfigure = "psnr_y"\nfilters = ["x"]\nworst = -0.3\n', "utf-8")
    assert read_gates(path) == [QualityGate(("codec",), "psnr_y", filters=("x",), worst=-0.3)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[gate]]\nsuites = ["codec"]\nfigure = "psnr"\n', "a figure, one of psnr_y"),
        ('[[gate]]\nfigure = "psnr_y"\n', "needs suites"),
        ('[[gate]]\nsuites = ["codec"]\nfigure = "psnr_y"\nleast = 1\n', "has no least; it has: against"),
        ("", "has no ..gate.."),
        ("[[", "g.toml"),
    ],
)
def test_bad_gates_are_explained(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "g.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadOption, match=says):
        read_gates(path)


def test_missing_gates_are_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml"):
        read_gates(tmp_path / "none.toml")
