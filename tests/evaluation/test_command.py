"""`streamfix eval` as a whole: a folder of clips in, a report out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamfix.errors import InputError, StreamfixError, UnknownName, UsageError
from streamfix.evaluation import command, peers
from streamfix.evaluation.report import cell, table
from streamfix.evaluation.scenes import choose, read_scenes
from streamfix.evaluation.statistics import read_gates
from streamfix.evaluation.stills import Still, read_stills
from tests.evaluation.material import Blur, texture
from tests.evaluation.test_scenes import write_clip

GATES = """
[[gate]]
suites = ["gaussian-20"]
figure = "psnr_y"
mean = {mean}

[[gate]]
suites = ["clean"]
figure = "psnr_y"
against = "truth"
filters = ["smooth"]
worst = 40.0

[[gate]]
suites = ["codec"]
figure = "psnr_y"
"""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "road" / "a.mkv")
    write_clip(folder / "yard" / "b.mkv", 16)
    return folder


def evaluate(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def _blur(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is always installed."""

    def make(name: str, *, threads: int, vs_python: str | None) -> Blur:
        return Blur(name)

    monkeypatch.setattr(peers, "make", make)
    monkeypatch.setattr(peers, "classical", lambda vs_python: (peers.CLASSICAL, ""))


def results(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results.json").read_text("utf-8"))
    return found


@pytest.mark.usefixtures("_blur")
def test_a_report_holds_everything(clips: Path, tmp_path: Path) -> None:
    gates = tmp_path / "gates.toml"
    gates.write_text(GATES.format(mean=-50), "utf-8")
    out = tmp_path / "out"
    words: list[str | Path] = [
        "--scenes",
        clips,
        "--suites",
        "gaussian-20,clean",
        "--cache",
        tmp_path / "cache",
        "--out",
        out,
    ]
    words += ["--filter", "smooth", "--filter", "smooth=sigma={sigma}", "--peer", "classical", "--gates", gates]
    assert evaluate(*words) == 0
    found = results(out)
    assert set(found["scenes"]) == {"a", "b"}
    assert all(len(scene["sha256"]) == 64 for scene in found["scenes"].values())
    suite = found["suites"]["gaussian-20"]
    own = ("smooth", "smooth=sigma={sigma}")
    assert set(suite["mean"]) == {"truth", "input", "hqdn3d", "atadenoise", "nlmeans", "degrain3", "nlmeans-vs", *own}
    scenes = suite["scenes"]
    assert suite["mean"]["smooth"]["psnr_y"] == pytest.approx(
        sum(scene["rows"]["smooth"]["psnr_y"] for scene in scenes.values()) / 2, abs=1e-3
    )
    gained = suite["gains"]["smooth"]["classical"]["psnr_y"]
    assert gained["low"] <= gained["mean"] <= gained["high"]
    assert gained["by_scene"]["a"][0] == pytest.approx(
        scenes["a"]["rows"]["smooth"]["psnr_y"] - scenes["a"]["rows"]["hqdn3d"]["psnr_y"]
    )
    assert [(g["filter"], g["passed"]) for g in found["gates"]] == [(own[0], True), (own[1], True), ("smooth", True)]
    report = (out / "report.md").read_text("utf-8")
    assert "## gaussian-20: means of 2 scenes" in report and "## Gates" in report and "| 1.0000 |" in report
    for name in ("gaussian-20", "clean"):
        assert cv2.imread(str(out / f"{name}.png")) is not None


@pytest.fixture(scope="module")
def set2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of two pictures."""
    folder = tmp_path_factory.mktemp("stills") / "Set2"
    folder.mkdir()
    for name, seed in (("baby", 0), ("bird", 5)):
        fine = np.random.default_rng(seed).normal(0, 6, (70, 90))  # what no scaler brings back
        bgr = np.stack([np.rint(texture(70, 90, seed + i) + fine) for i in range(3)], -1).astype(np.uint8)
        assert cv2.imwrite(str(folder / f"{name}.png"), bgr)
    return folder


def test_sets_of_stills_have_means_of_their_own_beside_clips(clips: Path, set2: Path, tmp_path: Path) -> None:
    gates = tmp_path / "gates.toml"
    gates.write_text('[[gate]]\nsuites = ["sr-x2 Set2"]\nfigure = "psnr_y"\nagainst = "input"\nworst = -0.5\n', "utf-8")
    words: list[str | Path] = ["--scenes", clips, "--only", "a", "--frames", "8", "--stills", set2, "--suites", "sr-x2"]
    words += ["--filter", "scale=w=2*iw:h=2*ih:flags=bicubic", "--peer", "bicubic", "--gates", gates]
    out = tmp_path / "out"
    assert evaluate(*words, "--cache", tmp_path / "cache", "--out", out) == 0
    found = results(out)
    assert list(found["suites"]) == ["sr-x2", "sr-x2 Set2"] and "BT.601" in found["stills"]
    assert set(found["scenes"]) == {"a", "Set2/baby", "Set2/bird"}
    suite = found["suites"]["sr-x2 Set2"]
    assert set(suite["scenes"]) == {"baby", "bird"}
    for (name, rgb), rows in zip(read_stills(set2), suite["scenes"].values(), strict=True):
        # A result of 8 bits costs its rounding, and no more.
        still = Still.of(rgb, 2, name)
        assert rows["rows"]["bicubic"]["psnr_y"] == pytest.approx(still.psnr_y(still.bicubic_y()), abs=0.1)
        assert rows["rows"]["input"]["psnr_y"] == rows["rows"]["bicubic"]["psnr_y"]
    report = (out / "report.md").read_text("utf-8")
    assert "## sr-x2 Set2: means of 2 scenes" in report and "enlarged by bicubic" in report
    for sheet in ("sr-x2.png", "sr-x2-Set2.png"):
        assert cv2.imread(str(out / sheet)) is not None


def test_stills_alone_do(set2: Path, tmp_path: Path) -> None:
    words = ("--suites", "sr-x4", "--peer", "bicubic", "--cache", tmp_path / "cache", "--out", tmp_path / "out")
    assert evaluate("--stills", set2, *words) == 0
    assert set(results(tmp_path / "out")["suites"]) == {"sr-x4 Set2"}


def test_a_peer_that_is_not_installed_is_left_out_and_told(
    set2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(cv2, "dnn_superres", raising=False)
    words = (
        "--suites",
        "sr-x2",
        "--peer",
        "bicubic,fsrcnn=net.pb",
        "--cache",
        tmp_path / "c",
        "--out",
        tmp_path / "out",
    )
    assert evaluate("--stills", set2, *words) == 0
    assert set(results(tmp_path / "out")["peers"]) == {"bicubic"}
    assert "without peer fsrcnn=net.pb: OpenCV" in caplog.text


def test_a_peer_without_use_is_left_out_of_that_suite_and_told(
    clips: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words: list[str | Path] = ["--scenes", clips, "--only", "a", "--frames", "8", "--suites", "sr-x2,gaussian-10"]
    assert evaluate(*words, "--peer", "bicubic", "--cache", tmp_path / "c", "--out", tmp_path / "out") == 0
    found = results(tmp_path / "out")["suites"]
    assert "bicubic" in found["sr-x2"]["mean"] and "bicubic" not in found["gaussian-10"]["mean"]
    assert "gaussian-10 a: left out: peer bicubic enlarges" in caplog.text


@pytest.mark.usefixtures("_blur")
def test_a_gate_that_is_not_passed_is_the_exit_code(clips: Path, tmp_path: Path) -> None:
    gates = tmp_path / "gates.toml"
    gates.write_text(GATES.format(mean=50), "utf-8")
    words: list[str | Path] = [
        "--scenes",
        clips,
        "--only",
        "a",
        "--frames",
        "8",
        "--suites",
        "gaussian-20",
        "--filter",
        "smooth",
    ]
    words += ["--peer", "hqdn3d", "--cache", str(tmp_path / "c"), "--out", str(tmp_path / "out"), "--gates", str(gates)]
    assert evaluate(*words) == 1
    found = results(tmp_path / "out")
    assert found["scenes"]["a"]["frames"] == 8
    (verdict,) = found["gates"]
    assert not verdict["passed"] and verdict["failed"][0].endswith("wanted +50.00")


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["--suites", "fog"], UnknownName, "no suite 'fog'"),
        (["--filter", "smoth"], UnknownName, "Did you mean 'smooth'"),
        (["--only", "c"], UnknownName, "no scene c; there are: a, b"),
        (["--peer", "bm3d"], UnknownName, "no peer 'bm3d'"),
        (["--stills", "a/Set5", "--stills", "b/Set5.tar"], InputError, "a/Set5: .*give a folder of pictures"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_runs(
    clips: Path, tmp_path: Path, words: Sequence[str], error: type[StreamfixError], says: str
) -> None:
    with pytest.raises(error, match=says):
        evaluate("--scenes", clips, "--out", tmp_path / "out", "--cache", tmp_path / "cache", *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("gate", "error", "says"),
    [
        ('suites = ["gausian-20"]\nfigure = "psnr_y"', UnknownName, "no suite 'gausian-20'"),
        ('suites = ["codec"]\nfigure = "psnr_y"', UsageError, "no gate is for a suite and a filter"),
        (
            'suites = ["clean"]\nfigure = "psnr_y"\nfilters = ["smoth"]',
            UsageError,
            "no gate is for a suite and a filter",
        ),
    ],
)
def test_gates_that_would_be_passed_by_nothing_are_refused(
    clips: Path, tmp_path: Path, gate: str, error: type[StreamfixError], says: str
) -> None:
    (tmp_path / "gates.toml").write_text(f"[[gate]]\n{gate}\n", "utf-8")
    words = ("--suites", "clean", "--filter", "smooth", "--gates", tmp_path / "gates.toml")
    with pytest.raises(error, match=says):
        evaluate("--scenes", clips, "--out", tmp_path / "out", "--cache", tmp_path / "cache", *words)


def test_nothing_to_measure_on_and_two_sets_of_one_name_are_refused(set2: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to measure on; name clips with --scenes or pictures with --stills"):
        evaluate("--out", tmp_path / "out")
    with pytest.raises(UsageError, match="two sets of stills have one name"):
        evaluate("--stills", set2, "--stills", set2, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_peers_of_one_name_are_refused(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "make", lambda *_, **__: Blur())
    with pytest.raises(UsageError, match="two peers are called blur"):
        evaluate("--scenes", clips, "--out", tmp_path, "--cache", tmp_path, "--peer", "hqdn3d,nlmeans")


def test_the_list_that_is_shipped_is_one() -> None:
    folder = Path(__file__).parents[1] / "bench"
    scenes = choose(read_scenes(folder / "scenes.toml"), [])
    assert len(scenes) >= 12
    assert {"driving", "surveillance"} <= {scene.kind for scene in scenes}
    assert read_gates(folder / "gates.toml")


def test_a_table_is_markdown() -> None:
    assert table(["", "a"], [["x|y", cell(31.456, ".2f")]]) == ["|  | a |", "|---|---|", "| x\\|y | 31.46 |"]
    assert (cell(None, ".2f"), cell(108.1, ".2f"), cell(0.5, ".4f")) == ("", "same", "0.5000")
