"""`streamfix train` and `streamfix eval` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamfix.apps.cli import main

CONFIG = "[schedule]\nsteps = 1\n[[stages]]\nuntil = 1.0\n[stages.mix]\nclean = 1.0\n"


@pytest.mark.parametrize(
    "words",
    [
        ["train", "-h"],
        ["train", "data", "-h"],
        ["train", "quantise", "-h"],
        ["eval", "-h"],
        ["bench", "-h"],
        ["stack", "-h"],
        ["cluster", "restore", "-h"],
        ["help", "-h"],
    ],
)
def test_each_has_its_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f"usage: streamfix {' '.join(words[:-1])}")


def test_wrong_usage_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "denoise"]) == 1
    assert "--config" in capsys.readouterr().err


def test_a_missing_configuration_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "denoise", "--config", str(tmp_path / "no.toml"), "--data", "set.tar", "--out", str(tmp_path)]
    assert main(words) == 1
    assert "no.toml" in capsys.readouterr().err


def test_nothing_to_resume_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.toml").write_text(CONFIG, encoding="utf-8")
    words = ["train", "denoise", "--config", str(tmp_path / "c.toml"), "--data", "set.tar", "--out", str(tmp_path)]
    assert main([*words, "--resume"]) == 1
    assert "leave --resume out" in capsys.readouterr().err


def test_a_run_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "checkpoint.pt").write_bytes(b"a run")
    words = ["train", "denoise", "--config", str(tmp_path / "c.toml"), "--data", "set.tar", "--out", str(tmp_path)]
    assert main(words) == 1
    assert "holds a run already" in capsys.readouterr().err
    assert (tmp_path / "checkpoint.pt").read_bytes() == b"a run"


def words(tmp_path: Path, *more: str, config: str = CONFIG) -> list[str]:
    (tmp_path / "c.toml").write_text(config, encoding="utf-8")
    out = ["--data", str(tmp_path / "no.tar"), "--out", str(tmp_path / "run"), "--device", "cpu"]
    return ["train", "denoise", "--config", str(tmp_path / "c.toml"), *out, *more]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (CONFIG.replace("steps", "stepz"), "[schedule] has no 'stepz' (did you mean 'steps'?)"),
        (CONFIG + '[recipe]\ntier = "xl"\n', "denoise=tier: 'xl' is not xs or s or m"),
        (CONFIG + "[recipe]\ncorp = 64\n", "no option 'corp' (did you mean 'crop'?)"),
        (
            CONFIG.replace("clean", "claen"),
            "stages[0].mix: denoise recipe: no kind of degradation 'claen' (did you mean",
        ),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], config: str, message: str
) -> None:
    assert main(words(tmp_path, config=config)) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in last
    assert not (tmp_path / "run").exists()


def test_missing_data_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(tmp_path)) == 1
    error = capsys.readouterr().err
    assert "no.t" in error and "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made_is_told_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").touch()
    assert main(words(tmp_path)) == 1
    assert "nothing can be written into" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--threads", "--steps"])
def test_counts_are_one_or_more(tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str) -> None:
    assert main(words(tmp_path, option, "0")) == 1
    assert f"{option} 0: it takes 1 or more" in capsys.readouterr().err


def test_a_task_that_there_is_not_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "denoize", "--config", "c", "--data", "d", "--out", "o"]) == 1
    assert "invalid choice: 'denoize'" in capsys.readouterr().err
