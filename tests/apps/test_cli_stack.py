"""`streamfix stack` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamfix.apps.cli import main
from tests.analysis.material import write_clip
from tests.fakes.waiting import LONG_S
from tests.stack.material import Bytes, fine_scene, moving, recorded

QUICK = ("-iterations", "2", "-motion", "translation")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames of 72x40, FFV1; the fourth of them of another scene."""
    pictures: list[Bytes] = moving(6, noise=2)
    pictures[3] = np.asarray(255 - recorded(fine_scene(9), (0, 0)), np.uint8)
    path = tmp_path_factory.mktemp("stack") / "in.mkv"
    write_clip(path, [np.asarray(picture / 255, np.float32) for picture in pictures])
    return path


def words(clip: Path, folder: Path, *more: str) -> list[str]:
    return ["stack", "-i", str(clip), *QUICK, *more, str(folder / "plate.png")]


def test_it_writes_all_that_is_asked_for(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = [word for name in ("strip.png", "map.png") for word in (f"-{name[:-4]}", str(tmp_path / name))]
    said = words(clip, tmp_path, "-roi", "4,2,60,36", "-scale", "3", *more, "-sidecar", str(tmp_path / "s.json"))
    assert main(said) == 0
    err = capsys.readouterr().err
    assert "5 of 6 frames stacked" in err
    assert "frame 3 at 0.120 s left out: cut: another scene" in err
    plate, sure, strip = (cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED) for name in
                          ("plate.png", "map.png", "strip.png"))  # fmt: skip
    assert plate is not None and plate.shape == (108, 180, 3)
    assert sure is not None and sure.shape == (108, 180)
    assert strip is not None and strip.shape[1] >= 5 * 180
    assert not list(tmp_path.glob("*unfinished*"))


def test_evidence_has_no_prior_and_is_made_again(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "s.json"
    assert main(words(clip, tmp_path, "-evidence", "-sidecar", str(record), "-roi", "4,2,60,36")) == 0
    assert json.loads(record.read_text(encoding="utf-8"))["parameters"]["smooth"] == 0
    assert main(["verify", str(record), "-i", str(clip)]) == 0
    assert "all 6 frames were registered again" in capsys.readouterr().out
    text = record.read_text(encoding="utf-8").replace('"pts":80', '"pts":81', 1)
    record.write_text(text, encoding="utf-8")
    assert main(["verify", str(record), "-i", str(clip)]) == 1
    assert "DIFFERS: frame 2 is the first that differs: its pts is 80, was 81" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ((), "add -sidecar FILE.json"),
        (("-sidecar", "HERE/s.json", "-y"), "evidence overwrites nothing"),
        (("-sidecar", "HERE/s.json", "-smooth", "1"), "-smooth 1 prefers flat pictures"),
    ],
)
def test_what_would_be_no_evidence_is_refused(
    more: tuple[str, ...], says: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(clip, tmp_path, "-evidence", *(word.replace("HERE", str(tmp_path)) for word in more))) == 1
    assert says in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_the_sidecar_has_all_that_is_needed_to_do_it_again(clip: Path, tmp_path: Path) -> None:
    kept: list[tuple[bytes, bytes]] = []
    threads = cv2.getNumThreads()
    try:
        for cores in (1, 2):
            cv2.setNumThreads(cores)
            folder = tmp_path / str(cores)
            folder.mkdir()
            assert main(words(clip, folder, "-sidecar", str(folder / "s.json"), "-ss", "0.04", "-t", "0.2")) == 0
            kept.append(((folder / "plate.png").read_bytes(), (folder / "s.json").read_bytes()))
    finally:
        cv2.setNumThreads(threads)
    assert kept[0] == kept[1]
    found: dict[str, Any] = json.loads(kept[0][1])
    assert json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n" == kept[0][1].decode()
    assert len(found["input"]["sha256"]) == len(found["result"]["rgb_sha256"]) == 64
    assert found["input"]["start_s"] == "1/25"
    assert found["parameters"]["scale"] == 4 and found["parameters"]["roi"] == [0, 0, 72, 40]
    assert [one["reason"] for one in found["frames"]] == [None, None, "cut", None, None]
    assert all(one["pts"] >= 0 and len(one["to_frame"]) == 3 for one in found["frames"] if one["kept"])
    assert set(found["versions"]) == {"streamfix", "python", "numpy", "opencv", "pyav", "ffmpeg"}


def test_the_recording_and_other_files_are_not_replaced(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plate.png").write_bytes(b"old")
    assert main(words(clip, tmp_path)) == 1
    assert "-y overwrites it" in capsys.readouterr().err
    assert main(words(clip, tmp_path, "-y", "-roi", "0,0,300,300")) == 1
    assert (tmp_path / "plate.png").read_bytes() == b"old"
    assert main(words(clip, tmp_path, "-y")) == 0
    assert (tmp_path / "plate.png").read_bytes() != b"old"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-roi", "1,2,x,4"], "-roi 1,2,x,4: numbers with commas between them"),
        (["-roi", "0,0,300,300"], "roi=0,0,300,300: it does not lie in the picture of 72x40"),
        (["-corners", "1,2"], "corners=1,2: it takes x1,y1,...,x4,y4"),
        (["-scale", "12"], "scale=12: it takes a whole number from 1 to 8"),
        (["-t", "soon"], "-t soon: a time is"),
        (["-frames", "2"], "there are more than 2 frames; take a shorter time span"),
        (["-strip", "strip.jpg"], "-strip strip.jpg: name it something.png"),
        (["-sidecar", "nowhere/s.json"], "there is no folder nowhere"),
        (["-reference", "3", "-t", "0.2"], "none of the 4 other frames fits the region of frame 3"),
    ],
)
def test_what_is_wrong_is_one_line(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert main(words(clip, tmp_path, *more)) == 1
    said = capsys.readouterr()
    assert message in said.err and not said.out
    assert len(said.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(tmp_path / "no.mkv", tmp_path)) == 1
    assert "no.mkv" in capsys.readouterr().err


@pytest.mark.slow
def test_one_core_and_two_give_the_same_bytes(clip: Path, tmp_path: Path) -> None:
    """In processes of their own, one of them bound to one core."""
    script = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
from streamfix.apps.cli import main
sys.exit(main(sys.argv[2:]))
"""
    kept = []
    for cores in (1, 2):
        folder = tmp_path / str(cores)
        folder.mkdir()
        said = ["stack", "-i", str(clip), "-sidecar", str(folder / "s.json"), str(folder / "plate.png")]
        ran = subprocess.run(
            [sys.executable, "-c", script, str(cores), *said], capture_output=True, text=True, timeout=LONG_S
        )
        assert ran.returncode == 0, ran.stderr
        kept.append([(folder / name).read_bytes() for name in ("plate.png", "s.json")])
    assert kept[0] == kept[1]
