"""Names of a package that are loaded on demand."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from streamfix.lazy import if_loaded

SOURCE = """
from streamfix.lazy import lazy_names

__all__ = ["number", "sub"]
__getattr__, __dir__ = lazy_names(__name__, {"number": "deep.numbers", "sub": "sub"})
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package `served` with `number` in served/deep/numbers.py, and a module `sub`."""
    (tmp_path / "served" / "deep").mkdir(parents=True)
    (tmp_path / "served" / "__init__.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "served" / "deep" / "__init__.py").touch()
    (tmp_path / "served" / "deep" / "numbers.py").write_text("number = [7]", encoding="utf-8")
    (tmp_path / "served" / "sub.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "served"]:
        monkeypatch.delitem(sys.modules, name)
    return "served"


def test_a_name_is_loaded_when_it_is_used(package: str) -> None:
    module = __import__(package)
    assert "served.deep" not in sys.modules and "number" not in vars(module)
    first = module.number
    assert first == [7] and vars(module)["number"] is first is module.number


def test_a_name_that_is_a_module_is_that_module(package: str) -> None:
    assert __import__(package).sub is sys.modules["served.sub"]


def test_an_unknown_name_lists_those_there_are(package: str) -> None:
    module = __import__(package)
    assert dir(module) == ["number", "sub"]
    with pytest.raises(AttributeError, match="module 'served' has no attribute 'nubmer'; it has: number, sub"):
        module.nubmer  # noqa: B018  # the access is the test


def test_a_module_is_loaded_once_its_import_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may be in the middle of it: a stream that did not need PyTorch failed so when another did."""
    begun, goes_on = threading.Event(), threading.Event()
    monkeypatch.setattr(sys, "served_events", (begun, goes_on), raising=False)
    source = "import sys\nbegun, goes_on = sys.served_events\nbegun.set()\nassert goes_on.wait(60)\nname = 1\n"
    (tmp_path / "served_slowly.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert if_loaded("served_slowly") is None
    importing = threading.Thread(target=__import__, args=("served_slowly",))
    importing.start()
    assert begun.wait(60)
    assert "served_slowly" in sys.modules and if_loaded("served_slowly") is None
    goes_on.set()
    importing.join()
    loaded = if_loaded("served_slowly")
    assert loaded is sys.modules.pop("served_slowly") and loaded.name == 1
