"""`streamfix bench`: how fast filters are on this machine, and how many cameras they keep up with."""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np

from ..chainspec import parse_chain
from ..errors import StreamfixError, UsageError
from ..filters import FILTERS
from ..jobs import check_chain
from .clip import Bytes, Clip, to_codes
from .metrics import SETTLE
from .report import table
from .results import machine
from .scenes import Scene, load
from .subjects import run_chain

_log = logging.getLogger(__name__)

CAMERA_FPS = 25
_LEAST_FRAMES = SETTLE + 5
_NOISE = 5  # standard deviation of the synthetic clip's noise, 8-bit codes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `streamfix bench`."""
    parser.add_argument("clip", nargs="?", type=Path, help="clip to measure on (default: a synthetic one with noise)")
    parser.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="CHAIN",
        help="chain to measure, as after -vf; repeatable (default: every filter that needs no option, in each tier)",
    )
    parser.add_argument("--sizes", metavar="WxH,...", help="(default: the clip's own, 640x360 of the synthetic one)")
    parser.add_argument(
        "--backends", default="auto", metavar="NAME,...", help="for filters that have the option (default: %(default)s)"
    )
    parser.add_argument("--frames", type=int, default=50, help="frames of each run (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("-json", "--json", action="store_true", help="one JSON object on stdout in place of a table")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 1 if nothing could be measured. Raises a StreamfixError for what is asked wrongly."""
    if args.frames < _LEAST_FRAMES:
        raise UsageError(f"--frames {args.frames}: at least {_LEAST_FRAMES}; the first {SETTLE} are not timed")
    own = None
    if args.clip:
        own = load(args.clip.parent, Scene(args.clip.stem, "clip", args.clip.name, 0, args.frames, 1.0))
    sizes = read_sizes(args.sizes) if args.sizes else [own.size if own else (640, 360)]
    chains = list(args.filter or default_chains(args.backends.split(",")))
    for chain in chains:
        check_chain(parse_chain(chain))
    rows = []
    for size in sizes:
        clip = synthetic(args.frames, size) if own is None else resized(own, size)
        rows += [measured(chain, clip, args.device) for chain in chains]
    found = {"machine": machine(), "clip": args.clip.name if args.clip else "synthetic", "frames": args.frames}
    sys.stdout.write((json.dumps({**found, "rows": rows}) if args.json else "\n".join(shown(rows))) + "\n")
    return int(all("error" in row for row in rows))


def default_chains(backends: Sequence[str] = ("auto",)) -> Iterator[str]:
    """Each filter that needs no option: with each of its tiers, on each backend, as far as it has such options."""
    for name in FILTERS:
        options = FILTERS.options(name)
        if any(option.default is inspect.Parameter.empty for option in options.values()):
            continue
        tiers = [t for t in choices(options["tier"].kind) if t != "auto"] if "tier" in options else [""]
        for tier in tiers:
            for backend in backends if "backend" in options else [""]:
                told = [f"tier={tier}"] * bool(tier) + [f"backend={backend}"] * (backend not in ("", "auto"))
                yield f"{name}={':'.join(told)}" if told else name


def choices(kind: Any) -> list[str]:
    """The strings that an option of this annotation may be, of all its Literals."""
    found = [each for part in get_args(kind) for each in ([part] if isinstance(part, str) else choices(part))]
    return list(dict.fromkeys(found))


def measured(chain: str, clip: Clip, device: str) -> dict[str, Any]:
    """A row: frames a second by the median frame, and the cameras of 25 fps that this is enough for.

    The filters run as in a live stream, without look-ahead. `error` in the place of figures where a chain cannot run.
    """
    row: dict[str, Any] = {"filter": chain, "size": "{}x{}".format(*clip.size)}
    try:
        found = run_chain(parse_chain(chain), clip, device, SETTLE, scale=None, live=True)
    except StreamfixError as error:
        _log.warning("%s: left out: %s", chain, error)
        return {**row, "error": str(error)}
    row |= {"fps": round(found.fps, 1), "p50_ms": round(found.p50_ms, 2), "p95_ms": round(found.p95_ms, 2)}
    row["cameras"] = int(found.fps // CAMERA_FPS)
    _log.info("%s at %s: %.1f fps", chain, row["size"], found.fps)
    return row


def shown(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The rows that have figures as a Markdown table."""
    head = ["filter", "size", "fps", "p50 ms", "p95 ms", f"cameras of {CAMERA_FPS} fps"]
    keys = ("filter", "size", "fps", "p50_ms", "p95_ms", "cameras")
    return table(head, ([str(row[key]) for key in keys] for row in rows if "error" not in row))


def read_sizes(text: str) -> list[tuple[int, int]]:
    """The sizes of "640x360,1280x720". Raises UsageError."""
    found = []
    for word in text.split(","):
        numbers = re.fullmatch(r"(\d+)x(\d+)", word.strip())
        width, height = (int(n) for n in numbers.groups()) if numbers else (0, 0)
        if min(width, height) < 64 or width % 2 or height % 2:
            raise UsageError(f"--sizes {word.strip()}: it takes WIDTHxHEIGHT, even and at least 64, as in 1280x720")
        found.append((width, height))
    return found


def synthetic(frames: int, size: tuple[int, int]) -> Clip:
    """A fixed camera's view: detail that stands, a part that moves by two pixels a frame, noise of 5 codes."""
    width, height = size
    rng = np.random.default_rng(0)
    wide = cv2.GaussianBlur(rng.standard_normal((height, width + 2 * frames), dtype=np.float32), (0, 0), 1.5)
    detail = np.clip(126 + 40 * np.asarray(wide, np.float32) / wide.std(), 16, 235)
    top, bottom, left, right = height // 3, 2 * height // 3, width // 4, 3 * width // 4
    luma = []
    for t in range(frames):
        picture = detail[:, :width].copy()
        picture[top:bottom, left:right] = detail[top:bottom, left + 2 * t : right + 2 * t]
        luma.append(to_codes(picture + _NOISE * rng.standard_normal(picture.shape, dtype=np.float32)))
    chroma = 128 + _NOISE * rng.standard_normal((2, frames, height // 2, width // 2), dtype=np.float32)
    return Clip(np.stack(luma), *map(to_codes, chroma))


def resized(clip: Clip, size: tuple[int, int]) -> Clip:
    """The clip at another size, for its speed alone."""
    if size == clip.size:
        return clip

    def plane(codes: Bytes, width: int, height: int) -> Bytes:
        return np.stack(
            [np.asarray(cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA), np.uint8) for p in codes]
        )

    half = (size[0] // 2, size[1] // 2)
    return Clip(plane(clip.y, *size), plane(clip.u, *half), plane(clip.v, *half))
