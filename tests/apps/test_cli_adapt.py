"""`streamfix train adapt` on the command line: from a recording to weights that the filter uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamfix.apps.cli import main
from streamfix.fusion import Floats
from streamfix.models import read_given
from tests.analysis.material import write_clip


def clip(path: Path, frames: int, sigma: float = 10.0, coarse: float = 0.8) -> Path:
    """A still picture in coarse noise, new in each frame; lossless."""
    rng = np.random.default_rng(2)
    clean = cv2.resize(rng.random((20, 30)).astype(np.float32) * 0.5 + 0.25, (160, 96), interpolation=cv2.INTER_CUBIC)
    pictures: list[Floats] = []
    for _ in range(frames):
        noise = cv2.GaussianBlur(rng.standard_normal((96, 160)).astype(np.float32), (0, 0), coarse)
        pictures.append(np.asarray(np.clip(clean + noise / noise.std() * sigma / 255, 0, 1), np.float32))
    write_clip(path, pictures)
    return path


def words(*more: object) -> Sequence[str]:
    return ["train", "adapt", *(str(word) for word in more)]


@pytest.mark.slow
def test_a_camera_teaches_and_its_weights_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = clip(tmp_path / "cam.mkv", 52), tmp_path / "cam.safetensors"
    assert main(words("--input", source, "--out", out, "--frames", 52, "--base", "denoise:xs")) == 0
    assert "luma +" in capsys.readouterr().err
    given = read_given(out)
    assert given.facts["base"] == "denoise:xs"
    assert float(given.facts["gain_y_db"]) >= 0.1
    restored = tmp_path / "out.mkv"
    assert main(["-loglevel", "error", "-i", str(source), "-vf", f"denoise=weights={out}", str(restored)]) == 0
    assert restored.stat().st_size > 0
    assert main(["-i", str(source), "-vf", f"denoise=weights={out}:tier=s", str(tmp_path / "no.mkv")]) == 1


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--input", "none.mkv", "--out", "a.safetensors"), "none.mkv"),
        (("--input", "none.mkv", "--out", "a.pt"), "is to end in .safetensors"),
        (("--out", "a.safetensors"), "--input is missing"),
        (("--input", "none.mkv", "--out", "no/a.safetensors"), "there is no folder"),
        (("--input", "none.mkv", "--out", "a.safetensors", "--frames", "10"), "--frames 10: it takes 49 or more"),
        (("--input", "none.mkv", "--out", "a.safetensors", "--base", "deblock:s"), "cannot be adapted"),
        (("--input", "none.mkv", "--out", "a.safetensors", "-ss", "soon"), "-ss soon"),
        (("--out", "a.safetensors", "--back"), "a.safetensors: No such file"),
    ],
)
def test_wrong_requests_are_named(
    more: Sequence[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words(*more)) == 1
    err = capsys.readouterr().err
    assert reason in err
    assert "Error" not in err


def test_a_clip_that_is_too_short_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = clip(tmp_path / "cam.mkv", 30)
    assert main(words("--input", source, "--out", tmp_path / "a.safetensors")) == 1
    assert "only 30 good frames of one shot follow each other, and 49 are needed" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.safetensors"))
