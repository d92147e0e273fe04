"""The rooms of the house: imports go downward only, plugins see only what is public."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import streamfix

ROOT = Path(streamfix.__file__).parent
PLUGINS = ROOT.parent / "plugins"

# room -> the rooms it may import; a file of the package root is a room by itself
CORE = {
    "cores",
    "threads",
    "counts",
    "lazy",
    "errors",
    "boundary",
    "channel",
    "chainspec",
    "coding",
    "registry",
    "color",
    "color_cpu",
    "arrays",
    "rgb8",
    "tensor_pictures",
    "frame",
    "provenance",
    "forking",
    "layout",
    "yuv420",
    "transfer",
    "temporal",
    "motion",
    "pipeline",
}
MAY = {
    "errors": set[str](),
    "cores": set[str](),
    "threads": {"cores", "lazy"},
    "counts": set[str](),
    "lazy": set[str](),
    "folders": set[str](),
    "boundary": set[str](),
    "channel": set[str](),
    "chainspec": {"errors"},
    "coding": set[str](),
    "registry": {"errors"},
    "color": {"color_cpu", "frame"},
    "color_cpu": set[str](),
    "provenance": set[str](),
    "frame": {
        "coding",
        "provenance",
        "errors",
        "layout",
        "arrays",
        "rgb8",
        "tensor_pictures",
        "media",
    },  # Frame.tensor, array and av use these when they are called
    "arrays": {"errors", "frame", "layout", "rgb8", "yuv420"},
    "rgb8": {"color_cpu", "frame", "layout", "yuv420"},  # the layout for tensors alone
    "tensor_pictures": {"arrays", "errors", "frame", "layout"},
    "pushed": CORE | {"media"},
    "forking": {"errors"},
    "layout": {"color", "color_cpu", "forking", "frame", "rgb8", "threads", "transfer", "yuv420"},
    "transfer": {"frame", "yuv420"},
    "yuv420": {"color_cpu", "frame"},
    "temporal": {"frame"},
    "motion": {"frame", "layout"},
    "pipeline": {"channel", "errors"},
    "fusion": CORE,
    "analysis": CORE | {"fusion"},
    "health": CORE,
    "networks": set[str](),
    "devices": CORE,
    "backends": CORE | {"devices", "folders"},
    "models": CORE | {"devices", "networks", "fusion", "backends"},
    "media": CORE | {"devices"},
    "filters": CORE | {"devices", "backends"},
    "conformance": CORE | {"devices", "backends", "filters"},
    "live": CORE | {"devices", "media", "filters", "live_video"},  # which it is called for as a function
    "jobs": CORE | {"devices", "backends", "media", "filters", "live"},
    "training": CORE | {"devices", "backends", "media", "fusion", "networks"},
    "adaptation": CORE | {"devices", "backends", "media", "filters", "fusion", "analysis", "models", "training"},
    # of training only its degradations
    "evaluation": CORE | {"folders", "devices", "backends", "media", "filters", "jobs", "fusion", "training"},
    "stack": CORE | {"media", "filters"},  # of filters only where a scene ends
    "latency": CORE | {"media", "filters", "jobs"},
    "stream": CORE | {"jobs", "latency", "live", "media", "pushed"},
    "live_video": CORE | {"media", "live", "jobs"},
    "library": CORE | {"media", "live", "jobs", "stream", "live_video"},
    "opencv": CORE | {"filters", "jobs", "media", "live", "live_video", "stream"},
    "gstreamer": CORE | {"filters", "jobs", "live", "stream"},
    "vapoursynth": CORE | {"filters", "jobs", "stream"},
    "ray": CORE | {"folders", "devices", "filters", "media", "live", "jobs", "library", "stream"},
    "apps": CORE
    | {
        "folders",
        "ray",
        "gstreamer",
        "backends",
        "media",
        "analysis",
        "fusion",
        "filters",
        "health",
        "live",
        "jobs",
        "library",
        "training",
        "adaptation",
        "evaluation",
        "stack",
    },
    "__main__": {"apps"},
}
NAMES = {"", "__version__"}  # what any room may take from the package itself


def rooms() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts != ("__init__",):
            yield parts[0], path


def imports(path: Path, package: list[str]) -> Iterator[tuple[int, str]]:
    """(line, module or name in dotted full form) of each import of a file of `package`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def upward(room: str, path: Path) -> list[str]:
    package = ["streamfix", *path.relative_to(ROOT).parts[:-1]]
    found = []
    for line, name in imports(path, package):
        parts = name.split(".")
        if parts[0] != "streamfix":
            continue
        target = parts[1] if len(parts) > 1 else ""
        if target not in MAY[room] | {room} | NAMES:
            found.append(f"{path.relative_to(ROOT.parent)}:{line}: {room} may not import {name}")
    return found


@pytest.mark.parametrize(("room", "path"), list(rooms()), ids=lambda v: str(v).removeprefix(str(ROOT) + "/"))
def test_imports_go_downward(room: str, path: Path) -> None:
    assert room in MAY, f"{path}: a new room; say in tests/test_rooms.py what it may import"
    assert upward(room, path) == []


def test_no_app_imports_another() -> None:
    apps = ROOT / "apps"
    found = []
    for path in sorted(apps.rglob("*.py")):
        parts = path.relative_to(apps).with_suffix("").parts
        for line, name in imports(path, ["streamfix", "apps", *parts[:-1]]):
            target = name.split(".")[2:3] if name.startswith("streamfix.apps.") else []
            if target and target[0] != parts[0]:
                found.append(f"apps/{path.relative_to(apps)}:{line}: imports {name}")
    assert found == []


# sub-room -> those of the same room that it may import besides itself; "" is the room's own files
MEDIA_ROOMS = {
    "": set[str](),  # specs, streams, timestamps, source_info, libav_errors, redact, interruption
    "picture": {""},
    "transport": {""},
    "privacy": {"", "picture"},
    "input": {"", "picture", "transport", "privacy"},
    "output": {"", "picture", "transport"},
}
LIVE_ROOMS = {"": set[str](), "camera": {""}, "ladder": {""}, "outputs": {""}}


def sideways(folder: Path, table: dict[str, set[str]]) -> list[str]:
    """What breaks the table: imports from one sub-room of `folder` into another one, and sub-rooms it does not have."""
    room = ["streamfix", *folder.relative_to(ROOT).parts]
    subs = {path.name for path in folder.iterdir() if (path / "__init__.py").exists()}
    found = [f"{folder.name}/{name}: a new sub-room; say what it may import" for name in sorted(subs - set(table))]
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        own = parts[0] if len(parts) > 1 else ""
        for line, name in imports(path, [*room, *parts[:-1]]):
            names = name.split(".")
            if names[: len(room)] == room and len(names) > len(room):
                target = names[len(room)] if names[len(room)] in subs else ""
                if target not in table.get(own, set()) | {own}:
                    found.append(f"{path.relative_to(ROOT.parent)}:{line}: {own or 'its root'} may not import {name}")
    return found


@pytest.mark.parametrize(("folder", "table"), [("media", MEDIA_ROOMS), ("live", LIVE_ROOMS)])
def test_sub_rooms_keep_to_their_arrows(folder: str, table: dict[str, set[str]]) -> None:
    assert sideways(ROOT / folder, table) == []


def test_the_table_of_sub_rooms_finds_a_break() -> None:
    assert sideways(ROOT / "media", MEDIA_ROOMS | {"input": {"", "picture"}})
    assert sideways(ROOT / "live", LIVE_ROOMS | {"camera": set()})


def public_packages() -> dict[str, set[str]]:
    """Packages of the public interface by name, and the names that each exports."""
    found = {name: getattr(streamfix, name) for name in streamfix.__all__}
    return {name: set(value.__all__) for name, value in found.items() if isinstance(value, ModuleType)}


def not_public(path: Path, package: list[str]) -> list[str]:
    """Imports of a plugin's file, of `package`, that are not of public names.

    Public is `from streamfix import X` and `from streamfix.PACKAGE import X`, X in the `__all__` of either.
    """
    packages, found = public_packages(), []
    for line, name in imports(path, package):
        first, *rest = name.split(".")
        if first.startswith("streamfix_") and first != package[0]:
            found.append(f"{path.name}:{line}: one plugin imports another: {name}")
        public = len(rest) < 2 and set(rest) <= set(streamfix.__all__)
        public |= len(rest) == 2 and rest[1] in packages.get(rest[0], ())
        if first == "streamfix" and not public:
            found.append(f"{path.name}:{line}: {name} is not public")
    return found


@pytest.mark.parametrize("path", sorted(PLUGINS.rglob("*.py")), ids=lambda p: str(p.relative_to(PLUGINS)))
def test_plugins_import_only_public_names(path: Path) -> None:
    assert not_public(path, list(path.relative_to(PLUGINS).parts[:-1])) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "from streamfix.fusion.planes import box",
        "from streamfix.fusion import tent",
        "from streamfix.backends import BACKENDS",
        "from streamfix import registry",
        "import streamfix.media.input",
        "import streamfix.fusion.planes",
        "from streamfix_smooth import Smooth",
    ],
)
def test_the_rule_for_plugins_finds_a_break(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "filter.py"
    path.write_text(f"import streamfix\nfrom streamfix.fusion import Noise, box\n{wrong}\n", encoding="utf-8")
    (found,) = not_public(path, ["streamfix_bad"])
    assert found.startswith("filter.py:3: ")


@pytest.mark.parametrize("name", streamfix.__all__)
def test_public_names_exist(name: str) -> None:
    value = getattr(streamfix, name)
    assert value is not None
    if isinstance(value, ModuleType):
        assert [inner for inner in getattr(value, "__all__", ()) if not hasattr(value, inner)] == []


def test_public_names_are_the_ones_type_checkers_see() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(n for n in tree.body if isinstance(n, ast.If))
    seen = {a.asname or a.name for n in guarded.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert seen == set(streamfix.__all__) - {"__version__"}


def test_the_table_finds_a_break(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("from ..media.input.reader import Reader\nimport streamfix.jobs\n", encoding="utf-8")
    assert [name for _, name in imports(bad, ["streamfix", "filters"])] == [
        "streamfix.media.input.reader.Reader",
        "streamfix.jobs",
    ]


def test_unknown_names_teach() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Fliter'; it has: "):
        importlib.import_module("streamfix").Fliter  # noqa: B018  # the access is the test
