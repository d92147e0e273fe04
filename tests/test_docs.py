"""What the README and the pages say is so: their links, commands, Python, tables and pictures."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import streamfix
from streamfix import FILTERS
from streamfix.apps.cli import subcommands
from streamfix.apps.cli.clustering import command as clustering
from streamfix.apps.cli.grammar import parse
from streamfix.apps.cli.jobs import job_spec
from streamfix.apps.daemon import service
from streamfix.chainspec import parse_chain
from streamfix.conformance.laws import LAWS
from streamfix.jobs import check_chain
from streamfix.training import config as training_config
from tests.apps.material import write_clip
from tests.bench import cluster_simulation, pictures, tables

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(streamfix.__file__).parent
PAGES = sorted((PACKAGE / "docs").glob("*.md"))
README = ROOT / "README.md"
TEXTS = [README, *PAGES]
LINKING = [*TEXTS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "plugins").glob("*/README.md"))]
CHANGES = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
KIBIBYTE = 1 << 10


def page(name: str) -> Path:
    """The page of that name."""
    return PACKAGE / "docs" / f"{name}.md"


@cache
def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def fenced(path: Path, language: str) -> list[str]:
    """A text's code blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```", source(path), re.MULTILINE | re.DOTALL)


def prose(path: Path) -> str:
    """A text without its code blocks."""
    return re.sub(r"^```.*?^```", "", source(path), flags=re.MULTILINE | re.DOTALL)


def of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# -- commands


def command_lines(path: Path) -> Iterator[list[str]]:
    """Every streamfix command of a text's code blocks, in words."""
    for line in "".join(fenced(path, "sh")).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words:
            end = next((i for i, w in enumerate(words) if w == "|" or w.endswith(";")), len(words))
            one, words = [w.rstrip(";") for w in words[: end + 1] if w != "|"], words[end + 1 :]
            if one and one[0] == "streamfix":
                yield one[1:]


def named_commands(path: Path) -> Iterator[list[str]]:
    """The commands that stand in a text's sentences; a subcommand's name alone is not one."""
    for code in re.findall(r"`(streamfix [^`]+)`", prose(path)):
        words = shlex.split(code)[1:]
        if len(words) > 1:
            yield words


COMMANDS = [(of(path), words) for path in TEXTS for words in (*command_lines(path), *named_commands(path))]


@pytest.mark.parametrize(("where", "words"), COMMANDS, ids=lambda v: v if isinstance(v, str) else " ".join(v))
def test_each_command_is_understood(
    where: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zones = next(block for block in fenced(page("filters"), "toml") if "[[zone]]" in block)
    (tmp_path / "zones.toml").write_text(zones, encoding="utf-8")  # which commands name, and which is read with them
    osd = next(block for block in fenced(page("filters"), "toml") if "[[osd]]" in block)
    (tmp_path / "osd.toml").write_text(osd, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    if words[0] == "cluster":
        if len(words) > 2 and words[2] != "-h":
            assert clustering.read(words[2:]).inputs
        return
    if words[0] in subcommands.NAMES:
        assert subcommands.read(words)
        return
    if words[0] == "doctor":
        assert set(words[1:]) <= {"-json"}
        return
    if words[0] == "daemon":
        assert service.read(words[1:]).config
        return
    line = parse(words)
    assert not line.warnings
    if not {"h", "filters"} & set(line.options):
        spec = job_spec(line, overwrite=False)
        assert spec.inputs
        check_chain(spec.filters)
        for each in spec.filters:
            if each.name in FILTERS:
                FILTERS.values(each.name, each.options)


def test_the_commands_are_found() -> None:
    assert len(COMMANDS) >= 40
    assert {where for where, _ in COMMANDS} >= {
        of(page(name)) for name in ("cli", "live", "daemon", "filters", "train")
    }


def test_the_quoting_table_is_right() -> None:
    rows = re.findall(r"^\| a path with .*?`(.*?)` \| (.*?) \| `-vf (.*?)` \|$", source(page("cli")), re.MULTILINE)
    assert len(rows) == 3
    for path, chains, shell in rows:
        for chain in [*re.findall(r"`(.*?)`", chains), *shlex.split(shell)]:
            assert parse_chain(chain)[0].options == {"0": path}


# -- Python and TOML


@pytest.mark.parametrize("path", LINKING, ids=of)
def test_python_compiles(path: Path) -> None:
    for block in fenced(path, "python"):
        compile(block, str(path), "exec")


def run(block: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What an example prints that finds a clip of five frames, in.mp4, in its folder.

    It is the library that is tried: `smooth` is as good for that, and needs no network to be compiled.
    """
    block = block.replace('"denoise"', '"smooth"')
    write_clip(folder / "in.mp4", 5)
    monkeypatch.chdir(folder)
    exec(compile(block, "example", "exec"), {})
    return capsys.readouterr().out.splitlines()


def test_the_library_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    block = next(block for block in fenced(page("python"), "python") if "streamfix.restore" in block)
    said = run(block, tmp_path, monkeypatch, capsys)
    assert said[0].startswith("5 frames in ")
    assert said[1] == "48 32 25"
    assert said[-1] == "0.16 4/25"


def test_the_readmes_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = fenced(README, "python")
    said = run(block, tmp_path, monkeypatch, capsys)
    assert [line.split()[0] for line in said] == ["0.0", "0.04", "0.08", "0.12", "0.16"]
    assert (tmp_path / "out.mp4").is_file()


def test_the_loop_of_ones_own_runs() -> None:
    block = next(block for block in fenced(page("python"), "python") if "streamfix.Stream(" in block)
    camera = list(np.random.default_rng(0).integers(0, 256, (5, 36, 48, 3), np.uint8))
    shown: list[Any] = []
    exec(compile(block.replace('"denoise"', '"smooth"'), "python.md", "exec"), {"camera": camera, "show": shown.append})
    assert [picture.shape for picture in shown] == [(36, 48, 3)] * 5


@pytest.mark.parametrize("law", sorted(LAWS))
def test_the_example_filter_keeps_the_laws(law: str) -> None:
    block = next(block for block in fenced(page("write-a-filter"), "python") if "class Vignette" in block)
    names: dict[str, Any] = {}
    exec(compile(block, "write-a-filter.md", "exec"), names)
    LAWS[law](partial(names["Vignette"], strength=0.3))


@pytest.mark.slow
def test_the_daemons_configuration_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, usual, zones, health = fenced(page("daemon"), "toml")
    monkeypatch.setenv("YARD_PASSWORD", "x")
    for text in (first, usual, f"{usual}\n{zones}", f"{usual}\n{health}"):
        for folder in ("/srv/rec", "/var/lib/streamfix"):
            text = text.replace(folder, str(tmp_path))
        (tmp_path / "streams.toml").write_text(text, encoding="utf-8")
        assert service.run(["-c", str(tmp_path / "streams.toml"), "--check"]) == 0, text
        assert "1 stream, nothing wrong" in capsys.readouterr().out


def test_the_training_configuration_is_right(tmp_path: Path) -> None:
    (block,) = fenced(page("train"), "toml")
    (tmp_path / "s.toml").write_text(block, encoding="utf-8")
    assert training_config.load(tmp_path / "s.toml").recipe == {"tier": "s", "crop": 128}


# -- links and pictures


def anchors(path: Path) -> set[str]:
    """The places in a text that a link may lead to, named as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", LINKING, ids=of)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{of(path)}: {target} leads nowhere"
        assert ROOT in there.parents
        if path in PAGES:
            assert PACKAGE in there.parents, f"{of(path)}: {target} is not in the wheel"
        if anchor:
            assert anchor in anchors(there), f"{of(path)}: {target}: there is {sorted(anchors(there))}"


def test_every_page_is_linked() -> None:
    linked = set(re.findall(r"\]\(streamfix/docs/([\w-]+\.md)\)", source(README)))
    assert linked == {path.name for path in PAGES}


def test_pictures_are_small_and_used() -> None:
    files = sorted(pictures.PICTURES.iterdir())
    assert {Path(name).stem for name in map(str, files)} == set(pictures.MAKERS)
    assert all(file.stat().st_size < 150 * KIBIBYTE for file in files)
    pages = "".join(source(page) for page in PAGES)
    for file in files:
        assert f"streamfix/docs/pictures/{file.name})" in source(README) or f"](pictures/{file.name})" in pages


def test_the_chart_shows_the_results() -> None:
    mean = json.loads(pictures.RESULTS.read_text(encoding="utf-8"))["mean"]
    assert (pictures.PICTURES / "speed.svg").read_text(encoding="utf-8") == pictures.speed_svg(mean), (
        "python -m tests.bench.pictures speed"
    )


def test_the_clusters_chart_shows_the_simulation() -> None:
    times = json.loads(cluster_simulation.TIMES.read_text(encoding="utf-8"))
    drawn = pictures.cluster_svg(cluster_simulation.table(times))
    assert (pictures.PICTURES / "cluster.svg").read_text(encoding="utf-8") == drawn, (
        "python -m tests.bench.pictures cluster"
    )


def test_the_chart_leaves_out_what_has_no_speed() -> None:
    chart = pictures.speed_svg({"a<b": {"fps": 100.0, "psnr_y": 30.0}, "noisy": {"psnr_y": 22.0}})
    assert "a&lt;b" in chart
    assert "noisy" not in chart


# -- what is complete


def test_the_readme_is_short_and_names_the_test_command() -> None:
    assert len(source(README).splitlines()) <= 150
    assert "make test" in "".join(fenced(README, "sh"))


@pytest.mark.parametrize("name", [name for name in FILTERS if name == FILTERS.main_name(name)])
def test_every_filter_has_its_section(name: str) -> None:
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", source(page("filters")), re.MULTILINE | re.DOTALL)
    assert found is not None
    assert f"-vf {name}" in found[1]
    assert "Restored" in found[1] or "Reconstructed" in found[1]
    missing = [option for option in FILTERS.options(name) if f"| `{option}` |" not in found[1]]
    assert missing == []
    others = [other for other in FILTERS if FILTERS.main_name(other) == name != other]
    assert [other for other in others if f"`{other}`" not in found[1]] == []


def test_every_room_has_its_row() -> None:
    rows = set(re.findall(r"^\| `streamfix/(\w+)/` \|", source(page("architecture")), re.MULTILINE))
    assert {init.parent.name for init in PACKAGE.glob("*/__init__.py")} <= rows
    for inner in ("media", "live", "apps/daemon"):
        for room in (init.parent.name for init in (PACKAGE / inner).glob("*/__init__.py")):
            assert f"`{room}/`" in source(page("architecture"))


def test_files_that_are_named_are_there() -> None:
    named = set(re.findall(r"`([\w/]+/\w+\.py)`", source(page("architecture"))))
    assert len(named) >= 25
    missing = [name for name in named if not (PACKAGE / name).is_file() and not (ROOT / name).is_file()]
    assert missing == []


def test_the_changelog_keeps_its_form() -> None:
    text = source(ROOT / "CHANGELOG.md")
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version) for version in versions[1:])
    assert any(version.startswith(f"[{streamfix.__version__}]") for version in versions)
    for section in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]:
        groups = re.findall(r"^### (.+)$", section, re.MULTILINE)
        assert groups == [kind for kind in CHANGES if kind in groups]  # in this order, each of them once
        for body in re.split(r"^### .+$", section, flags=re.MULTILINE)[1:]:
            assert re.fullmatch(r"\n(?:- .+\n(?:  \S.*\n)*)+\n?", body), f"not one list without gaps: {body!r}"


# -- tables


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


def test_the_page_of_benchmarks_is_up_to_date() -> None:
    assert tables.rewritten(source(tables.PAGE), tables.RESULTS) == source(tables.PAGE), "python tests/bench/tables.py"


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bench:begin"):
        tables.rewritten("nothing here", tmp_path)
