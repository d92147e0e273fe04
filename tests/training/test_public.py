"""The names that `streamfix.training` gives to a recipe's author, and when they are loaded."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import streamfix.training as training


@pytest.mark.parametrize("name", training.__all__)
def test_public_names_exist_and_are_no_modules(name: str) -> None:
    assert not inspect.ismodule(getattr(training, name))


def test_public_names_are_the_ones_type_checkers_see() -> None:
    tree = ast.parse(Path(training.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(training.__all__) == set(dir(training))
    assert training.__all__ == sorted(training.__all__, key=lambda n: (n != n.upper(), n.lower() == n, n))


def test_no_public_name_hides_a_module() -> None:
    """(A module's name in its package is the module as soon as anybody imports it.)"""
    folder = Path(training.__file__).parent
    assert not {path.stem for path in folder.iterdir()} & set(training.__all__)


def test_a_module_is_loaded_without_the_others() -> None:
    code = "import sys, streamfix.training.losses; print(*(m for m in sys.modules if m.startswith('streamfix.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {
        "streamfix.lazy",
        "streamfix.errors",
        "streamfix.training",
        "streamfix.threads",
        "streamfix.training.losses",
    }
