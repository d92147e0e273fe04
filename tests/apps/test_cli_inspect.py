"""`streamfix inspect` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamfix.apps.cli import main
from streamfix.apps.cli.inspection import inspection
from streamfix.chainspec import parse_chain
from streamfix.jobs import check_chain
from tests.analysis.material import moving, noisy, write_clip


@pytest.fixture(autouse=True)
def without_networks(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Filters with networks take seconds to load; `smooth` is as good to see that advice is tried."""
    if "networks" not in request.fixturenames:
        monkeypatch.setattr(inspection, "FILTERS", ["smooth"])


@pytest.fixture
def networks() -> None:
    """Mark a test that needs the filters as they are installed."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clean.mkv and noisy.mkv, 352x288, FFV1."""
    path = tmp_path_factory.mktemp("clips")
    clean = list(moving(14))
    write_clip(path / "clean.mkv", clean)
    write_clip(path / "noisy.mkv", [noisy(picture, 12, seed) for seed, picture in enumerate(clean)])
    return path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["inspect", *words, "-json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_one_input_is_one_object(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, str(folder / "noisy.mkv"))
    assert set(found) == {"input", "file", "measured", "recommended", "after"}
    assert found["file"]["codec"] == "ffv1"
    assert (found["file"]["width"], found["file"]["height"], found["file"]["fps"]) == (352, 288, 25)
    assert found["measured"]["frames"] == 14
    assert found["measured"]["noise_luma"] == pytest.approx(12, rel=0.3)
    assert found["after"]["noise_luma"] < 6


def test_what_is_recommended_can_be_given_to_vf(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, chain in (("noisy.mkv", "smooth"), ("clean.mkv", "null")):
        found = told(capsys, str(folder / name))
        assert found["recommended"]["vf"] == chain
        check_chain(parse_chain(chain))
        assert (found["after"] is None) is (chain == "null")


def test_several_inputs_are_a_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, str(folder / "clean.mkv"), str(folder / "noisy.mkv"))
    assert [Path(one["input"]).name for one in found] == ["clean.mkv", "noisy.mkv"]


def test_the_table_says_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder / "noisy.mkv")]) == 0
    shown = capsys.readouterr().out
    for words in ("ffv1", "352x288", "25 fps", "noise", "block edges", "blur", "-vf smooth", "fields"):
        assert words in shown


def test_part_of_a_file_can_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = str(folder / "clean.mkv")
    assert told(capsys, clip, "-frames", "3")["measured"]["frames"] == 3
    assert told(capsys, clip, "-ss", "0.2", "-t", "0.16")["measured"]["frames"] == 4


def test_a_sheet_is_written_once(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.png"
    words = ["inspect", str(folder / "noisy.mkv"), "-sheet", str(sheet)]
    assert main(words) == 0
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape[0] > 3 * 200 and picture.shape[1] > 900
    assert float(np.std(picture)) > 10
    before = sheet.read_bytes()
    assert main(words) == 1
    assert "-y overwrites it" in capsys.readouterr().err
    assert sheet.read_bytes() == before
    assert main([*words, "-y"]) == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-frames", "0"], "-frames 0: it takes 1 or more"),
        (["-t", "soon"], "-t soon: a time is"),
        (["-sheet", "sheet.jpg"], "-sheet sheet.jpg: a sheet is a PNG"),
        (["-sheet", "nowhere/sheet.png"], "there is no folder nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert main(["inspect", str(folder / "clean.mkv"), *more]) == 1
    said = capsys.readouterr()
    assert message in said.err and not said.out


def test_a_file_that_is_none_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder / "no.mkv")]) == 1
    assert "no.mkv" in capsys.readouterr().err


def test_the_others_are_told_when_one_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["inspect", str(folder / "no.mkv"), str(folder / "clean.mkv"), "-json"]
    assert main(words) == 1
    said = capsys.readouterr()
    missing, found = json.loads(said.out)
    assert "no.mkv" in missing["error"] and "no.mkv" in said.err
    assert found["recommended"]["vf"] == "null"


@pytest.mark.slow
@pytest.mark.usefixtures("networks")
def test_deblock_tells_how_strong_artifacts_are(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, str(folder / "noisy.mkv"))["measured"]["artifacts"] > 3
