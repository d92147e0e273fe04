"""Python packages: their versions, and who provides cv2."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module, metadata
from pathlib import Path

from .finding import Finding

#: What provides the module cv2. They all write into one folder: the one installed last is there, and removing any of
#: them breaks the others.
PROVIDERS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_LIBRARIES = "libgl1 libglib2.0-0 libxcb1 libsm6 libxext6"

_VERSION = re.compile(r"(>=|<=|==|<|>|~=)\s*([0-9][0-9.]*)")


def own() -> list[Finding]:
    """Which streamfix this is, and in which Python."""
    import streamfix

    python = ".".join(map(str, sys.version_info[:3]))
    return [
        Finding("ok", f"streamfix {streamfix.__version__} in {Path(streamfix.__file__).parent}"),
        Finding("ok", f"Python {python}, {sys.executable}"),
    ]


def required() -> list[Finding]:
    """Each package that streamfix needs: there, and of a version that it takes."""
    try:
        wanted = metadata.requires("streamfix") or []
    except metadata.PackageNotFoundError:
        return [Finding("note", "streamfix is not installed, but run from its source")]
    return list(_required(line for line in wanted if "extra ==" not in line))


def _required(lines: Iterator[str]) -> Iterator[Finding]:
    for line in lines:
        name = re.split(r"[\s\[><=~!;(]", line, maxsplit=1)[0]
        limits = line[len(name) :].partition(";")[0]
        there = _installed(name)
        if there is None and name in PROVIDERS:
            continue  # `opencv` tells of it: another one may stand in
        if there is None:
            yield Finding("wrong", f"{name} is missing", _pip(f"install '{name}{limits}'"))
        elif not fits(there, limits):
            text = f"{name} {there} is installed, streamfix takes {limits.strip()}"
            yield Finding("wrong", text, _pip(f"install '{name}{limits}'"))
        else:
            yield Finding("ok", f"{name} {there}")


def opencv() -> list[Finding]:
    """Who provides cv2, and whether it can be imported."""
    there = {name: version for name in PROVIDERS if (version := _installed(name)) is not None}
    if not there:
        return [Finding("wrong", "nothing provides cv2", _pip("install opencv-python-headless"))]
    found = [Finding("ok" if len(there) == 1 else "note", f"cv2 by {name} {v}") for name, v in there.items()]
    if len(there) > 1:
        found.append(_several(there))
    found.append(_imported(there))
    return found


def _several(there: dict[str, str]) -> Finding:
    """More than one provider: which to keep."""
    kept = keep(list(there))
    others = " ".join(name for name in there if name != kept)
    why = "which can show windows" if "headless" not in kept else "which needs no display"
    return Finding(
        "wrong",
        f"{' and '.join(there)} lie over each other in one folder, and are not whole; keep {kept}, {why}",
        _pip(f"uninstall -y {others}") + " && " + _pip(f"install --force-reinstall --no-deps {kept}=={there[kept]}"),
    )


def keep(names: Sequence[str]) -> str:
    """The provider that can do all that the others can: windows before none, contrib before none."""
    return max(names, key=lambda name: ("headless" not in name, "contrib" in name))


def _imported(there: dict[str, str]) -> Finding:
    try:
        cv2 = import_module("cv2")
    except ImportError as error:
        said = str(error).splitlines()[0] if str(error) else "no reason given"
        library = re.search(r"(lib[\w+.-]+\.so[\w.]*)", said)
        if library and len(there) == 1 and "headless" not in next(iter(there)):
            name = next(iter(there))
            headless = name.replace("python", "python-headless")
            return Finding(
                "wrong",
                f"cv2 cannot be imported: {name} needs {library[1]}, which this system lacks",
                f"apt-get install -y {_LIBRARIES}, or without windows: "
                + _pip(f"uninstall -y {name}")
                + " && "
                + _pip(f"install {headless}"),
            )
        return Finding(
            "wrong",
            f"cv2 cannot be imported: {said}",
            _pip(f"install --force-reinstall --no-deps {keep(list(there))}"),
        )
    version = getattr(cv2, "__version__", None)
    if version is None:  # an empty folder that an uninstalled package has left counts as a package
        name = keep(list(there))
        return Finding(
            "wrong",
            "cv2 is an empty shell: another package that provides it was removed, and took its files along",
            _pip(f"install --force-reinstall --no-deps {name}=={there[name]}"),
        )
    windows = not getattr(getattr(cv2, "version", None), "headless", "headless" in " ".join(there))
    return Finding("ok", f"cv2 {version} can be imported, {'with' if windows else 'without'} windows")


def fits(version: str, limits: str) -> bool:
    """Whether a version is within limits such as ">=2,<3"; what is not understood counts as within."""
    have = _numbers(version)
    for sign, text in _VERSION.findall(limits):
        want = _numbers(text)
        length = max(len(have), len(want))
        a, b = (x + (0,) * (length - len(x)) for x in (have, want))
        ok = {">=": a >= b, "<=": a <= b, "<": a < b, ">": a > b, "==": a == b}.get(sign, True)
        if not ok:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.match(r"[0-9.]*", version)[0].strip(".").split(".") if part)  # type: ignore[index]


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _pip(words: str) -> str:
    return f"{sys.executable} -m pip {words}"
