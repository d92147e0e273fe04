"""Quality, steadiness and speed of `smooth` beside hqdn3d, atadenoise and MVTools Degrain3, on noisy real clips.

    python -m tests.bench.bench_smooth FOLDER [--scenes canersu,forest] [--sigma 20] [--vs-python PYTHON] [--no-peers]

FOLDER holds the clips of `footage.SCENES`. Gaussian noise is added to all planes. Each peer runs at the parameters
that are best for each scene (found by coordinate search over its grid, judged by the truth, which favours the peer);
`smooth` runs as it comes (sigma=auto), and with sigma told. The first frames are left out, see `quality.SETTLE`.
Degrain3 looks three frames ahead; `smooth` and hqdn3d look at the past alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from streamfix_smooth import Smooth
from tests.bench import peers
from tests.bench.footage import SCENES, Clip, add_noise, load
from tests.bench.quality import Judge

RESULTS = Path(__file__).parent / "results" / "smooth.json"
Row = dict[str, Any]


def smooth(clip: Clip, **options: Any) -> peers.Result:
    """The filter alone, its frames one after the other: no decoding, no pipeline, no rounding in the time."""
    filter = Smooth(**options)
    state = filter.init_state()
    pictures, seconds = [], []
    with torch.inference_mode():
        for t in range(len(clip)):
            x = torch.from_numpy(clip.packed(t))[None, None]
            began = time.perf_counter()
            y = filter(x, [state])
            seconds.append(time.perf_counter() - began)
            pictures.append(y[0, 0].numpy())
    # The median: on a shared machine the mean tells of the neighbours.
    return peers.Result(Clip.from_packed(pictures), float(np.median(seconds)) * len(clip))


def row(judge: Judge, result: peers.Result, **more: Any) -> Row:
    return {**judge(result.clip).rounded(), "fps": round(len(result.clip) / result.seconds, 1), **more}


def tuned(name: str, peer: peers.Peer, noisy: Clip, judge: Judge) -> Row:
    """The peer's best row by PSNR-Y: one parameter after the other, until none gets better."""
    grid = peers.GRIDS[name]
    at = {parameter: len(values) // 2 for parameter, values in grid.items()}
    seen: dict[tuple[int, ...], Row] = {}

    def look(place: dict[str, int]) -> Row:
        key = tuple(place.values())
        if key not in seen:
            parameters = {p: grid[p][i] for p, i in place.items()}
            seen[key] = row(judge, peer(noisy, **parameters), parameters=parameters)
        return seen[key]

    best: Row = {}
    while best != look(at):
        best = look(at)
        for parameter, values in grid.items():
            at[parameter] = max(range(len(values)), key=lambda i: look({**at, parameter: i})["psnr_y"])
    best["at_edge"] = [
        p for p, i in at.items() if i in (0, len(grid[p]) - 1) and grid[p][i] not in peers.LIMITS.get((name, p), ())
    ]
    return best


def measure(scene: str, clean: Clip, sigma: float, runs: dict[str, peers.Peer]) -> dict[str, Row]:
    judge = Judge(clean)
    noisy = add_noise(clean, sigma, scene)
    rows = {"clean": row(judge, peers.Result(clean, 1)), "noisy": row(judge, peers.Result(noisy, 1))}
    for still in rows.values():
        del still["fps"]
    for name, peer in runs.items():
        rows[name] = tuned(name, peer, noisy, judge)
    rows["smooth"] = row(judge, smooth(noisy))
    rows["smooth sigma told"] = row(judge, smooth(noisy, sigma=sigma), parameters={"sigma": sigma})
    rows["smooth on clean"] = row(judge, smooth(clean))  # its PSNR is that to its input
    return rows


def machine() -> dict[str, str]:
    info = Path("/proc/cpuinfo")
    models = [li.split(":", 1)[1].strip() for li in info.read_text().splitlines() if li.startswith("model name")]
    try:
        ffmpeg = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    except FileNotFoundError:
        ffmpeg = "not installed"
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "ffmpeg": ffmpeg,
    }


def mean(rows: list[Row]) -> Row:
    keys = [k for k, v in rows[0].items() if isinstance(v, float)]
    return {k: round(float(np.nanmean([r[k] for r in rows])), 3) for k in keys}


def show(title: str, rows: dict[str, Row]) -> None:
    print(f"\n{title}\n{'':20}  PSNR-Y PSNR-UV  moving flicker    warp     fps")
    for name, r in rows.items():
        figures = [r[k] for k in ("psnr_y", "psnr_uv", "moving_y")]
        line = "".join(f"{'same' if f > 80 else format(f, '.2f'):>8}" for f in figures)
        line += f"{r['flicker']:8.2f}{r['warp_error']:8.2f}{r.get('fps', float('nan')):8.0f}"
        notes = " ".join(f"{k}={v:g}" for k, v in r.get("parameters", {}).items())
        edge = f" AT THE EDGE of its grid: {', '.join(r['at_edge'])}" if r.get("at_edge") else ""
        print(f"{name:20}{line}  {notes}{edge}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="FOLDER", help="the folder that holds video/")
    parser.add_argument("--scenes", default=",".join(s.name for s in SCENES), help="comma-separated (default: all)")
    parser.add_argument("--sigma", type=float, default=20.0, help="of the noise, 8-bit codes (default: 20)")
    parser.add_argument("--vs-python", help=f"an interpreter with VapourSynth; else this one, or {peers.VS_PYTHON}")
    parser.add_argument("--no-peers", action="store_true", help="only smooth")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the figures go")
    args = parser.parse_args()
    wanted = args.scenes.split(",")
    if unknown := set(wanted) - {s.name for s in SCENES}:
        parser.error(f"no scene {', '.join(sorted(unknown))}; there are: {', '.join(s.name for s in SCENES)}")
    runs = {} if args.no_peers else {name: peers.bind(name, args.vs_python) for name in peers.GRIDS}
    about = machine()
    print(" | ".join(f"{k} {v}" for k, v in about.items()))
    scenes: dict[str, Any] = {}
    for scene in SCENES:
        if scene.name not in wanted:
            continue
        clean = load(args.data, scene)
        rows = measure(scene.name, clean, args.sigma, runs)
        width, height = clean.size
        scenes[scene.name] = {"kind": scene.kind, "size": f"{width}x{height}", "frames": len(clean), "rows": rows}
        show(f"{scene.name} ({scene.kind}, {width}x{height}, {len(clean)} frames, sigma {args.sigma:g})", rows)
    means = {name: mean([s["rows"][name] for s in scenes.values()]) for name in next(iter(scenes.values()))["rows"]}
    show(f"mean of {len(scenes)} scenes", means)
    args.json.parent.mkdir(parents=True, exist_ok=True)
    chosen = "" if args.scenes == parser.get_default("scenes") else f" --scenes {args.scenes}"
    found = {
        "title": f"`smooth` on noisy real clips, Gaussian sigma {args.sigma:g}, each peer at its best strength",
        "command": f"python -m tests.bench.bench_smooth FOLDER{chosen} --vs-python PYTHON",
        "machine": about,
        "scenes": scenes,
        "mean": means,
    }
    args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
