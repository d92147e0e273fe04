"""Quality, stability over time and speed of our denoisers against the classical peers, on noisy real clips.

    python -m tests.bench.bench_denoise FOLDER [--scenes canersu,forest] [--vs-python PYTHON]

`streamfix eval` on the suites gaussian-20 and clean; FOLDER holds the clips of scenes.toml. Each peer uses the
parameters that are best for each scene; ours use their defaults (sigma=auto), and `denoise` also runs with sigma told.
Degrain3 and NLMeans look a few frames ahead, atadenoise as many as it averages, `denoise` eight; `smooth` and hqdn3d
use past frames only.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from streamfix.evaluation import peers
from streamfix.evaluation.cache import ResultStore, Row, default_folder
from streamfix.evaluation.measure import INPUT, TRUTH, Bench
from streamfix.evaluation.results import machine, mean_rows
from streamfix.evaluation.scenes import choose, load, read_scenes

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "denoise.json"
SUITE = "gaussian-20"
TOLD = "denoise=sigma={sigma}"
OURS = ("smooth", "denoise")
_NAMES = {TRUTH: "clean", INPUT: "noisy", TOLD: "denoise sigma told"}
_SHOWN = ("psnr_y", "psnr_uv", "moving_y", "flicker", "warp_error", "fps", "parameters", "at_edge")


def named(rows: Mapping[str, Row]) -> dict[str, Row]:
    """The figures that fit on the benchmarks page, under the names it uses."""
    return {_NAMES.get(name, name): {k: row[k] for k in _SHOWN if k in row} for name, row in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="FOLDER", help="folder with the clips of scenes.toml")
    parser.add_argument("--scenes", default="", help="comma-separated (default: all)")
    parser.add_argument("--vs-python", help=f"a Python with VapourSynth (default: {peers.VS_PYTHON}, or this one)")
    parser.add_argument("--cache", type=Path, default=default_folder(), help="folder that caches the peers' results")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file to write")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    wanted = [name for name in args.scenes.split(",") if name]
    others = [peers.make(name, threads=2, vs_python=args.vs_python) for name in peers.CLASSICAL]
    bench = Bench(others, [*OURS, TOLD], ResultStore(args.cache))
    rows: dict[str, dict[str, Row]] = {}
    scenes: dict[str, Row] = {}
    for scene in choose(read_scenes(FOLDER / "scenes.toml"), wanted):
        clip = load(args.data, scene)
        rows[scene.name] = bench.measure(SUITE, scene.name, clip).rows
        on_clean = bench.measure("clean", scene.name, clip).rows  # PSNR to their input
        rows[scene.name] |= {f"{name} on clean": on_clean[name] for name in OURS}
        about = {"kind": scene.kind, "size": "{}x{}".format(*clip.size), "frames": len(clip)}
        scenes[scene.name] = {**about, "rows": named(rows[scene.name])}
    chosen = f" --scenes {args.scenes}" if args.scenes else ""
    found = {
        "title": "Denoisers on noisy real clips, Gaussian sigma 20, each peer at its best strength",
        "command": f"python -m tests.bench.bench_denoise FOLDER{chosen} --vs-python PYTHON",
        "machine": machine() | {"peers": "; ".join(dict.fromkeys(peer.version for peer in others))},
        "scenes": scenes,
        "mean": named(mean_rows(rows)),
    }
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
