"""Laws of evidence: what is recorded is so, and the same again on any number of cores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streamfix import cores
from streamfix.errors import Cancelled, InputError
from streamfix.jobs import Evidence, build_job
from streamfix.jobs.evidence.verifying import Finding, verify
from tests.fakes.waiting import LONG_S
from tests.jobs.evidence.material import FRAMES, HEIGHT, WIDTH, job, made, recording


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recording(tmp_path_factory.mktemp("evidence") / "in.mkv")


@pytest.fixture(scope="module")
def folder(clip: Path) -> Path:
    """Where evidence of it lies."""
    made(clip, clip.parent)
    return clip.parent / "e"


def differing(findings: Any) -> list[str]:
    return [one.text for one in findings if one.same is False]


def changed(folder: Path, to: Path, how: Any) -> Path:
    """A copy of the evidence with its record changed."""
    to.mkdir()
    for name in ("working-copy.mkv", "change.mkv", "noise.mkv", "confidence.mkv"):
        os.link(folder / name, to / name)
    record = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    how(record)
    (to / "evidence.json").write_text(json.dumps(record), encoding="utf-8")
    return to / "evidence.json"


# -- laws


def test_it_is_the_same_again(folder: Path) -> None:
    findings = list(verify(folder))
    assert not differing(findings)
    assert findings[-1] == Finding(
        True, f"all {FRAMES} frames were made again, each the same, and so is the working copy"
    )


def test_two_runs_give_the_same_bytes_whatever_the_cores_are_set_to(clip: Path, folder: Path, tmp_path: Path) -> None:
    before = cores.threads()
    cores.share(2)
    try:
        made(clip, tmp_path)
    finally:
        cores.share(None)
    assert cores.threads() == before
    names = sorted(each.name for each in folder.iterdir())
    assert names == ["change.mkv", "confidence.mkv", "evidence.json", "noise.mkv", "working-copy.mkv"]
    assert [(tmp_path / "e" / n).read_bytes() for n in names] == [(folder / n).read_bytes() for n in names]


def test_each_frame_has_its_row(folder: Path) -> None:
    record = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    rows = record["frames"]
    assert [row["number"] for row in rows] == list(range(FRAMES))
    assert [row["pts"] for row in rows] == [40 * i for i in range(FRAMES)] and rows[0]["time_base"] == "1/1000"
    assert len({row["input_sha256"] for row in rows} | {row["output_sha256"] for row in rows}) == 2 * FRAMES
    assert all(0 < row["mean_change"][0] < 20 and row["max_change"][0] < 60 for row in rows)
    assert all(row["measured"][0]["noise_luma"] > 0 for row in rows[1:])
    assert record["result"] == "Restored" and record["arithmetic"]["threads"] == 1


def test_nothing_decides_by_itself(folder: Path) -> None:
    text = (folder / "evidence.json").read_text(encoding="utf-8")
    assert '"auto"' not in text and "=auto" not in text
    (step,) = json.loads(text)["steps"]
    assert step["options"] == {"strength": 1.0, "sigma": "measured", "flicker": 0.0} and step["literature"]


def test_pictures_that_pass_are_hashed_as_they_are(clip: Path, tmp_path: Path) -> None:
    rows = made(clip, tmp_path, "null", evidence=Evidence(str(tmp_path / "e"), maps=()))["frames"]
    assert all(row["input_sha256"] == row["output_sha256"] and row["max_change"] == [0, 0, 0] for row in rows)


@pytest.mark.ffmpeg
def test_the_hashes_are_those_that_ffmpeg_tells(clip: Path, folder: Path) -> None:
    rows = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))["frames"]
    for path, name in ((clip, "input_sha256"), (folder / "working-copy.mkv", "output_sha256")):
        said = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v", "-f", "framehash", "-hash", "sha256", "-"],
            capture_output=True, check=True, text=True, timeout=LONG_S,
        ).stdout  # fmt: skip
        lines = [line for line in said.splitlines() if not line.startswith("#")]
        assert [line.split(",")[-1].strip() for line in lines] == [row[name] for row in rows]


def test_an_enlarged_picture_is_compared_with_the_recorded_one(clip: Path, tmp_path: Path) -> None:
    record = made(clip, tmp_path, f"scale={2 * WIDTH}:{2 * HEIGHT}:flags=bicubic")
    assert all(row["mean_change"][0] < 3 for row in record["frames"])
    assert not differing(verify(tmp_path / "e", [str(clip)]))


def test_what_was_measured_is_kept_behind_filters_of_libavfilter(clip: Path, tmp_path: Path) -> None:
    record = made(clip, tmp_path, "smooth,hflip")
    assert [row["measured"][0]["filter"] for row in record["frames"]] == ["smooth"] * FRAMES
    assert record["steps"][1]["by"] == "libavfilter"


# -- what differs is named


def test_the_first_frame_that_differs_is_named(folder: Path, tmp_path: Path, clip: Path) -> None:
    def other(record: dict[str, Any]) -> None:
        for number in (2, 3):
            record["frames"][number]["output_sha256"] = f"{number}" * 64

    (text,) = differing(verify(changed(folder, tmp_path / "e", other), [str(clip)]))
    assert text.startswith("frame 2, at 0.080 s, is the first that differs: the restored picture's sha256 is ")
    assert text.endswith(f"was {'2' * 64}; its luma is that of the working copy")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("pts", 41, "frame 1, at 0.040 s, is the first that differs: its time is 40, was 41"),
        ("input_sha256", "1", "the decoded picture's sha256 is "),
        ("max_change", [0, 0, 0], "max_change is ["),
        ("measured", [], "measured is [{'filter': 'smooth', "),
    ],
)
def test_in_what_it_differs_is_told(name: str, value: Any, says: str, folder: Path, tmp_path: Path, clip: Path) -> None:
    path = changed(folder, tmp_path / "e", lambda record: record["frames"][1].update({name: value}))
    (text,) = differing(verify(path, [str(clip)]))
    assert says in text


def test_a_frame_too_few_or_too_many_is_told(folder: Path, tmp_path: Path, clip: Path) -> None:
    path = changed(folder, tmp_path / "e", lambda record: record["frames"].pop())
    assert "the record has 4 frames, the recording more" in differing(verify(path, [str(clip)]))[-1]
    path = changed(folder, tmp_path / "f", lambda record: record["frames"].append(record["frames"][0]))
    assert "frame 5: it is missing, the record has 6 frames" in differing(verify(path, [str(clip)]))[-1]


def test_another_recording_is_told(folder: Path, tmp_path: Path) -> None:
    other = recording(tmp_path / "in.mkv", FRAMES - 1)
    found = differing(verify(folder, [str(other)]))
    assert found[0].startswith("the recording in.mkv has changed: sha256 is ")
    assert found[-1] == "frame 4: it is missing, the record has 5 frames"


def test_another_version_and_other_weights_are_told(folder: Path, tmp_path: Path, clip: Path) -> None:
    def older(record: dict[str, Any]) -> None:
        record["versions"]["numpy"] = "1.0"
        record["steps"][0]["weights"] = {"weights": "00"}

    findings = list(verify(changed(folder, tmp_path / "e", older), [str(clip)]))
    assert any(one.same is None and one.text.startswith("version of numpy: ") for one in findings)
    assert differing(findings)[0] == "smooth: its weights are None here, 00 then"
    assert findings[-1].same


def test_another_working_copy_is_told(folder: Path, tmp_path: Path, clip: Path) -> None:
    path = changed(folder, tmp_path / "e", lambda record: None)
    os.replace(recording(tmp_path / "other.mkv"), tmp_path / "e" / "working-copy.mkv")
    found = differing(verify(path, [str(clip)]))
    assert found[0].startswith("the working copy working-copy.mkv has changed")
    assert found[1] == "frame 0, at 0.000 s, is the first that differs: the working copy shows another picture"


def test_a_missing_recording_is_asked_for(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = changed(folder, tmp_path / "e", lambda record: None)
    with pytest.raises(InputError, match=r"the recording in.mkv is not beside it; say where it is with -i FILE"):
        list(verify(path))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"kind": "streamfix stack"}', '{"kind": "streamfix evidence", "format": 9}']
)
def test_what_is_no_record_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"no record|no JSON|format 9"):
        list(verify(tmp_path))


# -- what is not whole is no evidence


def test_a_recording_that_changes_meanwhile_leaves_no_record(tmp_path: Path) -> None:
    path = recording(tmp_path / "in.mkv")
    evidence = build_job(job(path, tmp_path))
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(InputError, match="the recording has changed while it was read"):
        evidence.run()
    assert not (tmp_path / "e" / "evidence.json").exists()


def test_a_run_that_was_stopped_leaves_no_record(clip: Path, tmp_path: Path) -> None:
    evidence = build_job(job(clip, tmp_path))
    evidence.stop()
    with pytest.raises((Cancelled, InputError)):
        evidence.run()
    assert not (tmp_path / "e" / "evidence.json").exists()
    assert cores.threads() == cores.count() or "OMP_NUM_THREADS" in os.environ


@pytest.mark.slow
@pytest.mark.parametrize("vf", ["denoise", "deblock", "upscale"])
def test_networks_give_the_same_on_one_core_and_on_all(vf: str, clip: Path, tmp_path: Path) -> None:
    words = [
        "-loglevel",
        "error",
        "-i",
        str(clip),
        "-evidence",
        str(tmp_path / "e"),
        "-vf",
        vf,
        str(tmp_path / "o.mkv"),
    ]
    for core in ([min(os.sched_getaffinity(0))], sorted(os.sched_getaffinity(0))):
        said = subprocess.run(
            [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {core}); from streamfix.apps.cli import main; "
             f"import sys; sys.exit(main({words!r}))"],
            capture_output=True, text=True, timeout=LONG_S, check=False,
        )  # fmt: skip
        assert said.returncode == 0, said.stderr
        words = ["verify", str(tmp_path / "e"), "-i", str(clip)]
        assert "DIFFERS" not in said.stdout
    assert f"all {FRAMES} frames were made again, each the same" in said.stdout
