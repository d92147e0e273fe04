"""`denoise` as it comes beside the best classical peer of each scene, over the kinds of noise.

    python -m tests.bench.bench_suites FOLDER [--suites codec,sensor-night] [--vs-python PYTHON]
    python -m tests.bench.bench_suites FOLDER --filter denoise=tier=xs --json tests/bench/results/suites_xs.json

`streamfix eval` on the scenes of scenes.toml; FOLDER holds their clips. Peers run at the parameters that are best for
each scene, which takes a night the first time and is kept; PSNR is held against the best of them in each scene, flicker
and warping error against the lowest that any of them has there.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import fmean

from streamfix.evaluation import peers
from streamfix.evaluation.cache import Cache, Row, default_folder
from streamfix.evaluation.measure import Bench
from streamfix.evaluation.results import machine
from streamfix.evaluation.scenes import load, read_scenes

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "suites.json"
SUITES = ("gaussian-10", "gaussian-20", "gaussian-30", "sensor-day", "sensor-night", "codec")


def beside_peers(rows: Mapping[str, Row], figure: str, best: Callable[[Iterable[float]], float]) -> tuple[float, float]:
    """Our figure of a scene, and the best that any peer has there."""
    (ours,) = (row for row in rows.values() if row["what"] == "filter")
    return ours[figure], best(row[figure] for row in rows.values() if row["what"] == "classical")


def summary(scenes: Mapping[str, Mapping[str, Row]]) -> dict[str, str]:
    """The README's row of a suite: means over the scenes, and the worst of them."""
    found: dict[str, str] = {}
    for planes, figure in (("Y", "psnr_y"), ("UV", "psnr_uv")):
        pairs = {scene: beside_peers(rows, figure, max) for scene, rows in scenes.items()}
        gains = {scene: ours - theirs for scene, (ours, theirs) in pairs.items()}
        worst = min(gains, key=gains.__getitem__)
        found[f"PSNR-{planes}, dB"] = f"{fmean(ours for ours, _ in pairs.values()):.2f}"
        found[f"over the best peer ({planes})"] = f"{fmean(gains.values()):+.2f}"
        found[f"worst scene ({planes})"] = f"{gains[worst]:+.2f} ({worst})"
    for name, figure in (("flicker", "flicker"), ("warping error", "warp_error")):
        both = [beside_peers(rows, figure, min) for rows in scenes.values()]
        found[f"{name}, lowest peer's"] = f"{fmean(o for o, _ in both):.2f}, {fmean(t for _, t in both):.2f}"
        found[f"scenes with less {name}"] = f"{sum(ours < theirs for ours, theirs in both)} of {len(both)}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="FOLDER", help="what the paths in scenes.toml are below")
    parser.add_argument("--filter", default="denoise", help="what is measured (default: %(default)s)")
    parser.add_argument("--suites", default=",".join(SUITES), help=f"(default: {','.join(SUITES)})")
    parser.add_argument("--vs-python", help=f"an interpreter with VapourSynth; else {peers.VS_PYTHON}, or this one")
    parser.add_argument("--cache", type=Path, default=default_folder(), help="folder that keeps the peers' results")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the figures go")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    others = [peers.make(name, threads=2, vs_python=args.vs_python) for name in peers.CLASSICAL]
    bench = Bench(others, [args.filter], Cache(args.cache))
    clips = {scene.name: load(args.data, scene) for scene in read_scenes(FOLDER / "scenes.toml")}
    suites = {
        suite: summary({name: bench.measure(suite, name, clip).rows for name, clip in clips.items()})
        for suite in args.suites.split(",")
    }
    found = {
        "title": f"`{args.filter}` over the best classical peer of each scene, by the kind of noise",
        "command": f"python -m tests.bench.bench_suites FOLDER --filter {args.filter} --vs-python PYTHON",
        "machine": machine() | {"peers": "; ".join(dict.fromkeys(peer.version for peer in others))},
        "suites": suites,
    }
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
