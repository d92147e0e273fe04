"""The clean clips: which part of which file, from a TOML list or from any folder of clips."""

from __future__ import annotations

import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import Interpolation

from ..errors import BadOption, InputError, UnknownName, UsageError
from .clip import Bytes, Clip

FRAMES = 40
LEAST_FRAMES = 8  # fewer have no past and future to average over
_SUFFIXES = {".mp4", ".mkv", ".mov", ".avi", ".webm", ".mpg", ".ts", ".m4v", ".y4m", ".tar"}


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a clip is and how much of it is used.

    path: below the data folder; a .tar holds pictures in the order of their names.
    shrink: downscaling by area, which removes the codec's residue. crop: middle (width, height) after it.
    strict: False if fewer frames than `frames` will do.
    """

    name: str
    kind: str
    path: str
    first: int = 0
    frames: int = FRAMES
    shrink: float = 0.5
    crop: tuple[int, int] | None = None
    strict: bool = True


def read_scenes(where: Path) -> list[Scene]:
    """The scenes of a TOML file ([[scene]] tables with the fields of `Scene`), or one for each clip below a folder.

    Raises InputError when nothing is there, BadOption for a table that is no scene.
    """
    if where.is_dir():
        paths = sorted(p.relative_to(where) for p in where.rglob("*") if p.suffix.lower() in _SUFFIXES)
        if not paths:
            raise InputError(f"{where}: no clips below it; known endings: {', '.join(sorted(_SUFFIXES))}")
        return [Scene(p.stem, p.parent.name or where.name, str(p), strict=False) for p in paths]
    try:
        tables = tomllib.loads(where.read_text(encoding="utf-8")).get("scene", [])
    except OSError as e:
        raise InputError(f"{where}: {e.strerror}; give a TOML list of scenes or a folder of clips") from e
    except tomllib.TOMLDecodeError as e:
        raise BadOption(f"{where}: {e}") from e
    if not tables:
        raise BadOption(f"{where}: it has no [[scene]]; each one needs name, kind and path")
    return [_scene(where, table) for table in tables]


def _scene(where: Path, table: dict[str, object]) -> Scene:
    known = {f.name for f in fields(Scene)}
    if unknown := set(table) - known:
        raise BadOption(f"{where}: a scene has no {', '.join(sorted(unknown))}; it has: {', '.join(sorted(known))}")
    if missing := {"name", "kind", "path"} - set(table):
        raise BadOption(f"{where}: scene {table.get('name', table)} lacks {', '.join(sorted(missing))}")
    crop = table.get("crop")
    if crop is not None:
        if not (isinstance(crop, list) and len(crop) == 2 and all(isinstance(n, int) and n > 0 for n in crop)):
            raise BadOption(f"{where}: scene {table['name']}: crop is [width, height], got {crop!r}")
        table = {**table, "crop": (crop[0], crop[1])}
    return Scene(**table)  # type: ignore[arg-type]  # a value of the wrong type fails where it is used, with its name


def choose(scenes: list[Scene], names: list[str]) -> list[Scene]:
    """Those of the given names, all if there are none. Raises UnknownName, UsageError for two of one name."""
    have = [s.name for s in scenes]
    if twice := {n for n in have if have.count(n) > 1}:
        raise UsageError(f"more than one scene is called {', '.join(sorted(twice))}; give each its own name")
    if unknown := [n for n in names if n not in have]:
        raise UnknownName(f"no scene {', '.join(unknown)}; there are: {', '.join(have)}")
    return [s for s in scenes if not names or s.name in names]


def load(data: Path, scene: Scene, frames: int | None = None) -> Clip:
    """Decode, shrink and crop a scene below the folder `data`. frames: at most so many.

    Raises InputError when the file is missing, unreadable or too short.
    """
    wanted = min(scene.frames, frames or scene.frames)
    path = data / scene.path
    planes: list[tuple[Bytes, Bytes, Bytes]] = []
    try:
        for number, frame in enumerate(_pictures(path)):
            if len(planes) == wanted:
                break
            if number >= scene.first:
                planes.append(_shrunk(frame, scene.shrink))
    except (OSError, av.error.FFmpegError) as e:
        raise InputError(f"scene {scene.name}: {path}: {e}") from e
    if len(planes) < (wanted if scene.strict else LEAST_FRAMES):
        raise InputError(
            f"{path}: {len(planes)} frames from number {scene.first} on, scene {scene.name} needs {wanted}"
        )
    clip = Clip(*(np.stack([p[i] for p in planes]) for i in range(3)))
    return clip.part(0, len(clip), scene.crop)


def _pictures(path: Path) -> Iterator[av.VideoFrame]:
    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            for member in sorted(archive.getmembers(), key=lambda m: m.name):
                file = archive.extractfile(member) if member.isfile() else None
                if file is None or not member.name.lower().endswith((".jpg", ".png")):
                    continue
                bgr = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
                if bgr is None:
                    raise OSError(f"{member.name} is no picture")
                yield av.VideoFrame.from_ndarray(np.ascontiguousarray(bgr, np.uint8), format="bgr24")
        return
    with av.open(str(path)) as container:
        yield from container.decode(container.streams.video[0])


def _shrunk(frame: av.VideoFrame, shrink: float) -> tuple[Bytes, Bytes, Bytes]:
    w, h = int(frame.width * shrink) // 2 * 2, int(frame.height * shrink) // 2 * 2
    small = frame.reformat(w, h, format="yuv420p", interpolation=Interpolation.AREA)
    flat = small.to_ndarray().astype(np.uint8).reshape(-1)
    luma, chroma = w * h, w * h // 4
    return (
        flat[:luma].reshape(h, w),
        flat[luma : luma + chroma].reshape(h // 2, w // 2),
        flat[luma + chroma :].reshape(h // 2, w // 2),
    )
