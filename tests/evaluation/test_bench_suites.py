"""The bench over all suites: an earlier result's peers stay what they were, whatever our weights become."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.bench import bench_suites
from tests.bench.bench_suites import at_edge, beside_means, each, summary
from tests.bench.tables import section
from tests.evaluation.material import texture


def scenes(gain: float = 0.0) -> dict[str, dict[str, dict[str, Any]]]:
    """Two scenes with one peer; ours is `gain` dB above what it was."""

    def row(what: str, y: float, uv: float, flicker: float, warp: float) -> dict[str, Any]:
        return {"what": what, "psnr_y": y, "psnr_uv": uv, "flicker": flicker, "warp_error": warp}

    return {
        "street": {
            "denoise": row("filter", 34.0 + gain, 41.0 + gain, 1.0, 1.2),
            "nlmeans": row("classical", 32.0, 41.5, 2.0, 2.2),
            "input": row("input", 30.0, 40.0, 4.0, 3.0),
        },
        "yard": {
            "denoise": row("filter", 36.0 + gain, 43.0 + gain, 1.4, 1.2),
            "nlmeans": row("classical", 33.0, 40.0, 3.0, 2.0),
            "input": row("input", 35.0, 40.5, 6.0, 3.0),
        },
    }


@pytest.mark.parametrize("gain", [0.0, 0.5, -1.0])
def test_what_is_gained_over_peers_is_what_was_gained_and_what_came_since(gain: float) -> None:
    before = summary(scenes())
    assert before["over the best peer (Y)"] == "+2.50"
    assert before["over what came in (Y)"] == "+2.50, +1.00 (yard)"
    assert before["flicker of what came in"] == "5.00"
    now = beside_means(before, scenes(gain))
    for planes in ("Y", "UV"):
        over = f"over the best peer ({planes})"
        assert float(now[over]) == pytest.approx(float(before[over]) + gain)
        assert now[f"before ({planes})"] == before[over]
    assert now["flicker, lowest peer's"] == before["flicker, lowest peer's"] == "1.20, 2.50"
    assert now["warping error, lowest peer's"] == before["warping error, lowest peer's"] == "1.20, 2.10"


def test_a_suite_of_what_is_to_stay_has_no_peers_and_says_how_far_it_strayed() -> None:
    rows = scenes()
    for scene in rows.values():
        del scene["nlmeans"]
        scene["input"] |= {"psnr_y": 108.1, "psnr_uv": 108.1}
    found = summary(rows)
    assert found["least like what came in (Y)"] == "34.00 (street)"
    assert not any("peer" in column or "over what came in" in column for column in found)
    assert (found["flicker"], found["flicker of what came in"]) == ("1.20", "5.00")


def test_stills_have_no_steadiness() -> None:
    rows = scenes()
    for scene in rows.values():
        for row in scene.values():
            row |= {"flicker": None, "warp_error": None}
    found = summary(rows)
    assert found["over the best peer (Y)"] == "+2.50"
    assert not any("flicker" in column or "warping" in column for column in found)


def test_everyones_means_and_the_edges_are_told() -> None:
    rows = scenes()
    rows["yard"]["nlmeans"]["at_edge"] = ["s"]
    rows["yard"]["truth"] = rows["street"]["truth"] = {"what": "truth", "psnr_y": 108.1}
    assert each(rows) == {"denoise": "35.00", "nlmeans": "32.50", "input": "32.50"}
    assert at_edge(rows) == ["nlmeans in yard"]


def bench(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_suites", *map(str, words)])
    bench_suites.main()


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    folder = tmp_path / "Set1"
    folder.mkdir()
    bgr = np.stack([np.rint(texture(70, 90, seed)) for seed in range(3)], -1).astype(np.uint8)
    assert cv2.imwrite(str(folder / "baby.png"), bgr)
    return folder


def test_peers_alone_on_stills_become_a_table(stills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "dnn_superres", raising=False)
    words = ["--filter", "none", "--suites", "sr-x2", "--scenes", "none", "--stills", stills]
    words += [
        "--peers",
        f"bicubic,fsrcnn={tmp_path}/net.pb",
        "--cache",
        tmp_path / "cache",
        "--json",
        tmp_path / "sr.json",
    ]
    bench(monkeypatch, tmp_path, *words)
    found = json.loads((tmp_path / "sr.json").read_text("utf-8"))
    row = found["PSNR-Y of each, dB"]["sr-x2 Set1"]
    assert row["input"] == row["bicubic"] and "suites" not in found
    assert found["note"].startswith("without fsrcnn: OpenCV")
    assert str(tmp_path) not in json.dumps(found)  # no path of the machine that measured
    text = section("sr", found)
    assert f"| sr-x2 Set1 | {row['input']} | {row['bicubic']} |" in text and "without fsrcnn" in text


def test_a_filter_on_stills_stands_beside_its_peers(
    stills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaler = "scale=w=2*iw:h=2*ih:flags=neighbor"
    words = ["--filter", scaler, "--suites", "sr-x2", "--scenes", "none", "--stills", stills, "--peers", "bicubic"]
    bench(monkeypatch, tmp_path, *words, "--cache", tmp_path / "cache", "--json", tmp_path / "sr.json")
    found = json.loads((tmp_path / "sr.json").read_text("utf-8"))
    row = found["suites"]["sr-x2 Set1"]
    assert float(row["over the best peer (Y)"]) < -1
    assert row["over the best peer (Y)"] == row["over what came in (Y)"].split(",")[0]
    assert set(found["PSNR-Y of each, dB"]["sr-x2 Set1"]) == {"input", "bicubic", scaler}
    # The same again, beside the peers of before: the gain is the same, and nothing of the peers was run.
    again = ["--peers-of", tmp_path / "sr.json", "--json", tmp_path / "new.json", "--cache", tmp_path / "other"]
    bench(monkeypatch, tmp_path, *words, *again)
    now = json.loads((tmp_path / "new.json").read_text("utf-8"))["suites"]["sr-x2 Set1"]
    assert now["over the best peer (Y)"] == row["over the best peer (Y)"]
    assert list((tmp_path / "other").iterdir()) == []


def test_peers_of_a_suite_that_was_not_measured_are_refused(
    stills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "before.json").write_text('{"suites": {"codec": {}}}', "utf-8")
    words = ["--scenes", "none", "--stills", stills, "--suites", "sr-x2", "--peers-of", tmp_path / "before.json"]
    with pytest.raises(SystemExit):
        bench(monkeypatch, tmp_path, *words, "--json", tmp_path / "new.json", "--cache", tmp_path / "cache")
    assert "has no suite sr-x2 Set1; it has: codec" in capsys.readouterr().err
