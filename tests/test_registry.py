"""Names, options and how text becomes a value."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from streamfix.errors import BadOption, UnknownName, UsageError
from streamfix.registry import OneOf, Registry, choices, parse_value


class Median:
    """Takes one of each kind."""

    def __init__(
        self,
        radius: int = 1,
        strength: float = 0.5,
        fast: bool = False,
        edge: Literal["mirror", "repeat"] = "mirror",
        limit: float | None = None,
    ) -> None:
        self.options = (radius, strength, fast, edge, limit)


class Model:
    def __init__(self, path: str, tile: int | Literal["auto"] = "auto") -> None:
        self.options = (path, tile)


@pytest.fixture
def registry() -> Registry[Any]:
    made: Registry[Any] = Registry("filter")
    made.register("median")(Median)
    made.register("model")(Model)
    return made


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({}, (1, 0.5, False, "mirror", None)),
        ({"radius": "3", "fast": "1"}, (3, 0.5, True, "mirror", None)),
        ({"0": "3", "1": "0.25"}, (3, 0.25, False, "mirror", None)),
        ({"edge": "repeat", "limit": "2"}, (1, 0.5, False, "repeat", 2.0)),
        ({"limit": "none"}, (1, 0.5, False, "mirror", None)),
        ({"radius": 3, "limit": 1.5}, (3, 0.5, False, "mirror", 1.5)),
    ],
)
def test_text_becomes_values(registry: Registry[Any], options: dict[str, Any], want: tuple[Any, ...]) -> None:
    assert registry.create("median", options).options == want


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("median", {"raduis": "1"}, "median has no option 'raduis' (did you mean 'radius'?); it has: radius, strength"),
        ("median", {"radius": "x"}, "median=radius: 'x' is not a whole number"),
        ("median", {"radius": "1.5"}, "is not a whole number"),
        ("median", {"strength": "nan"}, "is not a number"),
        ("median", {"fast": "maybe"}, "is not 0 or 1"),
        ("median", {"edge": "wrap"}, "is not mirror or repeat"),
        ("median", {"limit": "x"}, "is not a number or none"),
        ("median", {"0": "1", "radius": "2"}, "'radius' is given twice"),
        ("median", {"7": "1"}, "median has no option '7'"),
        ("model", {}, "model needs path, as in model=path=VALUE"),
        ("model", {"path": "a", "tile": "x"}, "is not a whole number or auto"),
    ],
)
def test_a_wrong_option_teaches(registry: Registry[Any], name: str, options: dict[str, str], says: str) -> None:
    with pytest.raises(BadOption) as raised:
        registry.create(name, options)
    assert says in str(raised.value)


def test_an_unknown_name_lists_what_there_is(registry: Registry[Any]) -> None:
    with pytest.raises(UnknownName) as raised:
        registry.create("medain")
    assert str(raised.value) == "no filter 'medain' (did you mean 'median'?); there are: median, model"
    assert isinstance(raised.value, LookupError)


def test_a_name_is_taken_once(registry: Registry[Any]) -> None:
    registry.register("median")(Median)  # the same class again is harmless: a module imported twice
    with pytest.raises(ValueError, match=r"already .*Median"):
        registry.register("median")(Model)


def test_options_are_described(registry: Registry[Any]) -> None:
    assert {k: o.takes for k, o in registry.options("model").items()} == {
        "path": "text",
        "tile": "a whole number or auto",
    }


def test_a_word_comes_before_text() -> None:
    kind = int | Literal["auto"] | str
    assert [parse_value("x", text, kind) for text in ("auto", "5", "five")] == ["auto", 5, "five"]


@pytest.fixture
def announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[Any]:
    """A registry that finds what an installed package announces."""
    (tmp_path / "stranger.py").write_text("class Blur:\n    def __init__(self, radius: int = 1) -> None: ...\n")
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[test.filters]\nblur = stranger:Blur\nlost = nowhere_at_all:X\nbare = stranger:Y\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "stranger", raising=False)
    return Registry("filter", group="test.filters")


def test_a_package_is_imported_only_when_its_name_is_used(announced: Registry[Any]) -> None:
    assert list(announced) == ["bare", "blur", "lost"]
    assert "blur" in announced
    assert "stranger" not in sys.modules
    announced.create("blur", {"radius": "2"})
    assert "stranger" in sys.modules
    del sys.modules["stranger"]


@pytest.mark.parametrize("name", ["lost", "bare"])
def test_a_package_that_does_not_load_is_named(announced: Registry[Any], name: str) -> None:
    with pytest.raises(UsageError, match=f"filter '{name}' is announced as .* but does not load"):
        announced.get(name)
    sys.modules.pop("stranger", None)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("1 / 0", "does not load: it raised ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "does not load: it raised SystemExit: 3"),
        ("class Y(", "does not load: it raised SyntaxError"),
        ("Y = 3", "what is announced is no class, it is 3"),
        ("class Y:\n    def __init__(self, n: 'Gone' = 1): ...", "its options cannot be read: it raised NameError"),
        (
            "class Y:\n    def __init__(self): raise KeyError('net.pth')",
            "cannot be made: it raised KeyError: 'net.pth'",
        ),
    ],
)
def test_whatever_is_wrong_with_a_package_is_said_with_its_name(
    tmp_path: Path, announced: Registry[Any], body: str, said: str
) -> None:
    (tmp_path / "stranger.py").write_text(body)
    with pytest.raises(UsageError, match=f"^filter 'bare'.*{re.escape(said)}"):
        announced.create("bare")
    sys.modules.pop("stranger", None)


def test_what_a_class_says_itself_stays_as_it_is() -> None:
    registry = Registry[Any]("filter")

    @registry.register("picky")
    class Picky:
        def __init__(self, n: int = 1) -> None:
            raise BadOption("n has to be odd") if n == 1 else ValueError("of its own")

    with pytest.raises(BadOption, match=r"^n has to be odd$"):
        registry.create("picky")
    with pytest.raises(UsageError, match=r"^filter 'picky' cannot be made with n=2: it raised ValueError: of its own"):
        registry.create("picky", {"n": "2"})


def test_words_to_which_packages_add() -> None:
    words = ["auto"]
    kind = Annotated[str, OneOf(lambda: words)]
    with pytest.raises(BadOption, match="'fast' is not auto"):
        parse_value("model=backend", "fast", kind)
    words.append("fast")
    assert parse_value("model=backend", "fast", kind) == "fast"
    assert parse_value("model=backend", "fast", kind | None) == "fast"
    assert choices(kind | None) == {"auto", "fast"}
    assert choices(float | Literal["auto"]) == {"auto"}
    assert choices(str) == set()


def test_two_names_of_one_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The class's own name is the main one; what it says of a wrong value names what the user wrote."""
    (tmp_path / "named_twice.py").write_text(
        "from streamfix.errors import BadOption\n"
        "class Sharpen:\n"
        "    def __init__(self, by: float = 1.0) -> None:\n"
        "        if by < 0:\n"
        "            raise BadOption(f'sharpen=by: {by} is below 0')\n"
    )
    info = tmp_path / "named_twice-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: named-twice\nVersion: 1.0\n")
    lines = "crisp = named_twice:Sharpen\nsharpen = named_twice:Sharpen\nalone = named_twice:Other\n"
    (info / "entry_points.txt").write_text(f"[streamfix.test_two_names]\n{lines}")
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry[Any] = Registry("filter", group="streamfix.test_two_names")
    assert [registry.main_name(name) for name in ("crisp", "sharpen", "alone", "none")] == [
        *("sharpen", "sharpen", "alone", "none")
    ]
    assert registry.get("crisp") is registry.get("sharpen")
    for name in ("crisp", "sharpen"):
        with pytest.raises(BadOption, match=f"^{name}=by: -1.0 is below 0$"):
            registry.create(name, {"by": "-1"})
        with pytest.raises(BadOption, match=f"^{name} has no option 'bye'"):
            registry.create(name, {"bye": "1"})
