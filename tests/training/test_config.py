"""Configurations: what is read, and how what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamfix import InputError, UsageError
from streamfix.training import RECIPES
from streamfix.training import config as configuration
from streamfix.training.config import Config, CurriculumStage, Schedule

TEXT = "[schedule]\nsteps = 10\n[[stages]]\nuntil = 1.0\n[stages.mix]\ngaussian = 1.0\n"


def test_a_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT, encoding="utf-8")
    assert configuration.load(path) == Config(Schedule(10), (CurriculumStage(1.0, {"gaussian": 1.0}),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("steps = 10", "stepz = 10"), r"\[schedule\] has no 'stepz' \(did you mean 'steps'\?\)"),
        (("steps = 10", "steps = 1.5"), r"schedule.steps = 1.5: it takes int"),
        (("steps = 10", 'steps = 10\nprecision = "fp8"'), r"schedule.precision = 'fp8': it takes fp32 or bf16"),
        (("until = 1.0", "until = 0.5"), r"stages: until=\[0.5\] must rise to 1"),
        (("[schedule]", "[schedul]"), r"the file has no 'schedul'"),
        (("steps = 10", "batch = 3"), r"\[schedule\]: .*steps"),
        (("steps = 10", "steps = 0"), r"schedule.steps = 0: it takes more than 0"),
        (("steps = 10", "steps = true"), r"schedule.steps = True: it takes int"),
        (("steps = 10", "steps = 10\nrate = inf"), r"schedule.rate = inf: it takes more than 0"),
        (("steps = 10", "steps = 10\nseed = -1"), r"schedule.seed = -1: it takes 0 or more"),
        (("[[stages]]", "[pool]\nreuse = -1\n[[stages]]"), r"pool.reuse = -1: it takes 0 or more"),
        (("[[stages]]", "[log]\nvalidate_every = 0\n[[stages]]"), r"log.validate_every = 0: it takes more than 0"),
        (("gaussian = 1.0", 'gaussian = "often"'), r"stages\[0\].mix = .*a table of names and how often each"),
        (("[[stages]]", "[stages]"), r"headed \[\[stages\]\]"),
        (("[schedule]", "pool = 3\n[schedule]"), r"pool = 3: it is a table"),
        (("[schedule]", "recipe = 3\n[schedule]"), r"recipe = 3: it is a table"),
        (("[schedule]", "schedule"), r"c.toml: "),
    ],
)
def test_a_wrong_configuration_is_named_with_its_place(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT.replace(*change), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        configuration.load(path)
    with pytest.raises(InputError, match="give a training configuration"):
        configuration.load(tmp_path / "none.toml")


@pytest.mark.parametrize(("progress", "stage"), [(0.0, 0), (0.29, 0), (0.3, 1), (0.99, 1), (1.0, 1)])
def test_a_stage_holds_up_to_its_end(progress: float, stage: int) -> None:
    stages = (CurriculumStage(0.3, {"a": 1.0}), CurriculumStage(1.0, {"b": 1.0}))
    assert Config(Schedule(10), stages).stage_at(progress) == stage


CONFIGURATIONS = sorted((Path(__file__).parents[2] / "plugins").glob("*/recipes/*.toml"))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda p: f"{p.parents[1].name}-{p.stem}")
def test_shipped_configurations_are_sound(path: Path) -> None:
    found = configuration.load(path)
    task = path.parents[1].name.removeprefix("streamfix_")
    if path.stem == "levels":
        recipe = RECIPES.create(f"{task}-levels", dict(found.recipe))
    else:
        recipe = RECIPES.create(task, dict(found.recipe))
        said = found.recipe  # what the file is named after: a tier, a scale and a tier, or a network
        names = {said.get("tier"), f"x{said.get('scale')}-{said.get('tier')}", said.get("network")}
        assert names & {path.stem.removesuffix("-clean"), path.stem.split("_")[0]}  # -clean: for clean pictures
    for stage in found.stages:
        recipe.check(stage.mix)
