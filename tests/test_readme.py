"""What the README says is so."""

from __future__ import annotations

import json
import re
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import streamfix
from streamfix.apps.cli import subcommands
from streamfix.apps.cli.grammar import parse
from streamfix.apps.cli.jobs import job_spec
from streamfix.apps.daemon import service
from streamfix.chainspec import parse_chain
from streamfix.conformance.laws import LAWS
from tests.apps.material import write_clip
from tests.bench import tables

README = (Path(streamfix.__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    """The README's code blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def command_lines() -> list[list[str]]:
    """Every streamfix command of the README, in words."""
    found = []
    for line in "".join(fenced("sh")).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words:
            end = next((i for i, w in enumerate(words) if w == "|" or w.endswith(";")), len(words))
            one, words = [w.rstrip(";") for w in words[: end + 1] if w != "|"], words[end + 1 :]
            if one and one[0] == "streamfix":
                found.append(one[1:])
    return found


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_each_command_is_understood(words: list[str]) -> None:
    if words[0] in subcommands.NAMES:
        assert subcommands.read(words)
        return
    if words[0] == "daemon":
        assert service.read(words[1:]).config
        return
    line = parse(words)
    assert not line.warnings
    if not {"h", "filters"} & set(line.options):
        assert job_spec(line, overwrite=False).inputs


def test_the_commands_are_found() -> None:
    assert len(command_lines()) >= 8


def test_the_quoting_table_is_right() -> None:
    rows = re.findall(r"^\| a path with .*?`(.*?)` \| (.*?) \| `-vf (.*?)` \|$", README, re.MULTILINE)
    assert len(rows) == 3
    for path, chains, shell in rows:
        for chain in [*re.findall(r"`(.*?)`", chains), *shlex.split(shell)]:
            assert parse_chain(chain)[0].options == {"0": path}


def test_the_library_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_clip(tmp_path / "in.mp4", 5)
    monkeypatch.chdir(tmp_path)
    exec(compile(next(block for block in fenced("python") if "streamfix.restore" in block), "README.md", "exec"), {})
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("5 frames in ")
    assert said[1] == "48 32 25"
    assert said[-1] == "0.16 4/25"


@pytest.mark.parametrize("law", sorted(LAWS))
def test_the_example_filter_keeps_the_laws(law: str) -> None:
    source = next(block for block in fenced("python") if "class Vignette" in block)
    names: dict[str, Any] = {}
    exec(compile(source, "README.md", "exec"), names)
    LAWS[law](partial(names["Vignette"], strength=0.3))


def test_the_tables_show_the_results(tmp_path: Path) -> None:
    (tmp_path / "speed.json").write_text(
        json.dumps(
            {
                "title": "Speed",
                "command": "python bench.py",
                "machine": {"cpu": "a|b", "cores": 2},
                "runs": [{"name": "ours", "fps": 61.234}, {"name": "ffmpeg", "fps": 60.0, "peak_rss": 12345.6}],
                "ratio": 1.0206,
                "ok": True,
            }
        )
    )
    text = tables.rewritten(f"above\n{tables.BEGIN}\nold\n{tables.END}\nbelow\n", tmp_path)
    assert text == (
        f"above\n{tables.BEGIN}\n### Speed\n`python bench.py`\n\ncpu a|b, cores 2\n\nruns:\n\n"
        "| name | fps | peak rss |\n|---|---|---|\n| ours | 61.2 |  |\n| ffmpeg | 60 | 12346 |\n\n"
        "| figure | value |\n|---|---|\n| ratio | 1.02 |\n| ok | yes |\n\n"
        f"{tables.END}\nbelow\n"
    )
    assert tables.rewritten(text, tmp_path) == text


def test_a_readme_without_markers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bench:begin"):
        tables.rewritten("nothing here", tmp_path)
