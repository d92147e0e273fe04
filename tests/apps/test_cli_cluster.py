"""`streamfix cluster restore` on the command line: its words, and what is said where Ray is missing."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from streamfix.apps.cli import main
from streamfix.apps.cli.clustering.command import read
from streamfix.apps.cli.clustering.progress import words
from streamfix.ray.restoring import Progress
from tests.fakes.waiting import LONG_S


def test_options_stand_before_or_behind_the_inputs_that_they_are_for() -> None:
    line = "-ss 5 in/*.mp4 more -vf denoise -crf 20 -out x -segments 1:00 -memory 2G -y -ending mkv"
    found = read(line.split())
    assert found.inputs == ["in/*.mp4", "more"]
    assert found.before == ["-ss", "5"]
    assert found.behind == ["-vf", "denoise", "-crf", "20", "-y"]
    assert found.own == {"out": "x", "segments": Fraction(60), "memory": 2_000_000_000, "ending": ".mkv"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-out x", "no input: name files, a folder or a pattern"),
        ("in.mp4 -vf null", "no -out: name the folder for the outputs"),
        ("in.mp4 -out", "Missing argument for option 'out'."),
        ("in.mp4 -out x -segments soon", "-segments soon: a time is"),
        ("in.mp4 -out x -segments 0", "-segments 0: it takes seconds of video, more than 0"),
        ("in.mp4 -out x -cores 0", "-cores 0: expected a whole number of at least 1"),
        ("-i in.mp4 -out x", "-i: inputs are given without it"),
        ("in.mp4 -out x -crff 3", "Unrecognized option 'crff'. Did you mean 'crf'?"),
        ("in.mp4 -out x -progress -", "-progress: it is for jobs of one machine"),
        ("in.mp4 -out x -vf smoth", "no filter 'smoth'. Did you mean 'smooth'?"),
        (
            "in.mp4 -out x -t 4",
            "-t of an output cannot be combined with it; put -ss, -t or -to before the inputs",
        ),
        ("away.mp4 -out x", "away.mp4: there is no such file or folder"),
    ],
)
def test_mistakes_are_told_in_one_line(
    line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.mp4").write_bytes(b"x")
    assert main(["cluster", "restore", *line.split()]) == 1
    (told,) = capsys.readouterr().err.splitlines()
    assert message in told
    assert not (tmp_path / "x").exists()


def test_there_is_only_restore(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cluster", "restart"]) == 1
    assert "cluster restart: there is `streamfix cluster restore`" in capsys.readouterr().err


def test_without_ray_it_says_how_to_install_it(tmp_path: Path) -> None:
    """Ray is loaded by nothing but what needs it."""
    (tmp_path / "in.mp4").write_bytes(b"x")
    code = (
        "import sys; sys.modules['ray'] = None\nimport streamfix.ray, streamfix.ray.restoring\n"
        "from streamfix.apps.cli import main\n"
        f"sys.exit(main('cluster restore {tmp_path}/in.mp4 -vf null -out {tmp_path}/out'.split()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 1
    assert 'Ray is not installed here (ray); pip install "streamfix[ray]"' in done.stderr


def test_progress_in_a_line() -> None:
    told = words(Progress(files=4, done=1, failed=1, frames=500, elapsed_s=10.0, part=0.5, workers=2, lost=1))
    assert told == "1/4 files  500 frames  50.0 fps  1 failed  2 workers  1 lost  00:00:10 left"
