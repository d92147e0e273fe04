"""The wheel holds the library, every plugin and every plugin's data; what it declares can be loaded."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hatchling", reason="hatchling builds the wheel here; install the extra: pip install -e '.[dev]'")

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists())
DATA_NAMES = ("weights/net.safetensors", "weights/net.int8", "config.json", "MODEL_CARD.md", "net.onnx")


@pytest.fixture(scope="module")
def source_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the wheel is made of, with a data file of every kind in every plugin."""
    tree = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, tree)
    for name in ("streamfix", "plugins"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for plugin in PLUGINS:
        for name in DATA_NAMES:
            path = tree / "plugins" / plugin / "data_of_the_test" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"\0data")
    return tree


@pytest.fixture(scope="module")
def wheel(source_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without isolation and therefore without a download."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    built = subprocess.run(command, cwd=source_tree, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = target.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel, which is all that installing one without scripts does."""
    target = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def test_every_file_of_library_and_plugins_is_in_the_wheel(source_tree: Path, installed: Path) -> None:
    for base in (source_tree / "streamfix", *(source_tree / "plugins" / name for name in PLUGINS)):
        wanted = {path.relative_to(base.parent) for path in base.rglob("*") if path.is_file()}
        held = {path.relative_to(installed) for path in (installed / base.name).rglob("*") if path.is_file()}
        assert wanted == held


def test_plugins_keep_their_data_files(installed: Path) -> None:
    for plugin in PLUGINS:
        for name in DATA_NAMES:
            assert (installed / plugin / "data_of_the_test" / name).read_bytes() == b"\0data"


def test_the_pages_and_their_pictures_are_in_the_wheel(installed: Path) -> None:
    docs = installed / "streamfix" / "docs"
    pages = {path.stem for path in docs.glob("*.md")}
    assert (
        pages == {path.stem for path in (ROOT / "streamfix" / "docs").glob("*.md")} >= {"cli", "live", "architecture"}
    )
    pictures = [path for path in docs.glob("pictures/*") if path.stat().st_size]
    assert len(pictures) >= 3
    assert sum(path.stat().st_size for path in pictures) < 600 * 1024


def test_nothing_else_is_in_the_wheel(installed: Path) -> None:
    tops = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert tops == {"streamfix", *PLUGINS}


def test_library_is_typed(installed: Path) -> None:
    for package in ("streamfix", *PLUGINS):
        assert (installed / package / "py.typed").is_file(), f"{package} has no py.typed"


def test_every_plugin_is_declared() -> None:
    entries: dict[str, str] = PROJECT["project"]["entry-points"]["streamfix.filters"]
    assert {target.partition(":")[0] for target in entries.values()} == set(PLUGINS)
    packages: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) == {"streamfix", *(f"plugins/{name}" for name in PLUGINS)}


@pytest.mark.slow
def test_what_the_wheel_declares_can_be_loaded(installed: Path, tmp_path: Path) -> None:
    """In a process of its own that sees the unpacked wheel before anything else."""
    script = """
import importlib.metadata as metadata, inspect, json, sys
(found,) = metadata.distributions(name="streamfix", path=[sys.argv[1]])
loaded = [[e.group, e.name, inspect.getfile(e.load())] for e in found.entry_points]
print(json.dumps({"version": found.version, "loaded": loaded, "package": __import__("streamfix").__version__}))
"""
    command = [sys.executable, "-c", script, str(installed)]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    declared = {(group, name) for group, names in PROJECT["project"]["entry-points"].items() for name in names}
    assert {(group, name) for group, name, _ in report["loaded"]} == declared | {("console_scripts", "streamfix")}
    assert all(Path(file).is_relative_to(installed) for _, _, file in report["loaded"])
    assert report["version"] == report["package"]


def test_base_dependencies_are_installed_here() -> None:
    """A dependency that is declared but missing would only show up on a user's machine."""
    for requirement in PROJECT["project"]["dependencies"]:
        importlib.metadata.version(requirement.partition(">=")[0])
