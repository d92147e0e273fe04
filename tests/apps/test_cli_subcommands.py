"""`streamfix train` and `streamfix eval` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamfix.apps.cli import main

CONFIG = "[schedule]\nsteps = 1\n[[stages]]\nuntil = 1.0\n[stages.mix]\nclean = 1.0\n"


@pytest.mark.parametrize("words", [["train", "-h"], ["train", "data", "-h"], ["eval", "-h"]])
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
