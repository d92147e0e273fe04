"""`denoise` with its defaults against the best classical peer of each scene, for each kind of noise.

    python -m tests.bench.bench_suites FOLDER [--suites codec,sensor-night] [--vs-python PYTHON]
    python -m tests.bench.bench_suites FOLDER --filter denoise=tier=xs --json tests/bench/results/suites_xs.json

    python -m tests.bench.bench_suites FOLDER --filter deblock --suites ARTIFACTS --peers ffmpeg-deblock,pp,hqdn3d \
        --json tests/bench/results/artifacts.json

    python -m tests.bench.bench_suites FOLDER --peers-of tests/bench/results/suites.json --json NEW.json

`streamfix eval` on the scenes of scenes.toml; FOLDER holds their clips. Peers use the parameters that are best for each
scene, which takes a night the first time and is cached. PSNR is compared with the best peer in each scene, flicker and
warping error with the lowest of any peer there. The peers' results do not depend on our weights: with --peers-of only
the filter runs, and its means are compared with the peers' means from an earlier result.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import fmean

from streamfix.evaluation import peers
from streamfix.evaluation.cache import ResultStore, Row, default_folder
from streamfix.evaluation.measure import INPUT, Bench
from streamfix.evaluation.results import machine
from streamfix.evaluation.scenes import load, read_scenes

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "suites.json"
SUITES = ("gaussian-10", "gaussian-20", "gaussian-30", "sensor-day", "sensor-night", "codec")
ARTIFACTS = ("x264-28", "x264-32", "x264-36", "x264-40", "x265-28", "x265-34", "transcoded")


def beside_peers(rows: Mapping[str, Row], figure: str, best: Callable[[Iterable[float]], float]) -> tuple[float, float]:
    """Our figure for a scene, and the best that any peer reaches there."""
    (ours,) = (row for row in rows.values() if row["what"] == "filter")
    return ours[figure], best(row[figure] for row in rows.values() if row["what"] == "classical")


def summary(scenes: Mapping[str, Mapping[str, Row]]) -> dict[str, str]:
    """A suite's row on the page: means over the scenes, and the worst scene."""
    found: dict[str, str] = {}
    for planes, figure in (("Y", "psnr_y"), ("UV", "psnr_uv")):
        pairs = {scene: beside_peers(rows, figure, max) for scene, rows in scenes.items()}
        gains = {scene: ours - theirs for scene, (ours, theirs) in pairs.items()}
        worst = min(gains, key=gains.__getitem__)
        found[f"PSNR-{planes}, dB"] = f"{fmean(ours for ours, _ in pairs.values()):.2f}"
        over = {scene: pairs[scene][0] - rows[INPUT][figure] for scene, rows in scenes.items()}
        least = min(over, key=over.__getitem__)
        found[f"over what came in ({planes})"] = f"{fmean(over.values()):+.2f}, {over[least]:+.2f} ({least})"
        found[f"over the best peer ({planes})"] = f"{fmean(gains.values()):+.2f}"
        found[f"worst scene ({planes})"] = f"{gains[worst]:+.2f} ({worst})"
    for name, figure in (("flicker", "flicker"), ("warping error", "warp_error")):
        both = [beside_peers(rows, figure, min) for rows in scenes.values()]
        found[f"{name}, lowest peer's"] = f"{fmean(o for o, _ in both):.2f}, {fmean(t for _, t in both):.2f}"
        found[f"{name} of what came in"] = f"{fmean(rows[INPUT][figure] for rows in scenes.values()):.2f}"
        found[f"scenes with less {name}"] = f"{sum(ours < theirs for ours, theirs in both)} of {len(both)}"
    return found


def beside_means(before: Mapping[str, str], scenes: Mapping[str, Mapping[str, Row]]) -> dict[str, str]:
    """The same row as `summary`, as far as the peers' means from an earlier result allow."""
    ours = [row for rows in scenes.values() for row in rows.values() if row["what"] == "filter"]
    found: dict[str, str] = {}
    for planes, figure in (("Y", "psnr_y"), ("UV", "psnr_uv")):
        key, over = f"PSNR-{planes}, dB", f"over the best peer ({planes})"
        mean = fmean(row[figure] for row in ours)
        found[key] = f"{mean:.2f}"
        found[over] = f"{mean - (float(before[key]) - float(before[over])):+.2f}"
        found[f"before ({planes})"] = before[over]
    for name, figure in (("flicker", "flicker"), ("warping error", "warp_error")):
        key = f"{name}, lowest peer's"
        found[key] = f"{fmean(row[figure] for row in ours):.2f}, {before[key].split(', ')[1]}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="FOLDER", help="folder with the clips of scenes.toml")
    parser.add_argument("--filter", default="denoise", help="the filter to measure (default: %(default)s)")
    parser.add_argument(
        "--suites", default=",".join(SUITES), help="or ARTIFACTS, what codecs do (default: %(default)s)"
    )
    parser.add_argument("--peers", default=",".join(peers.CLASSICAL), help="(default: %(default)s)")
    parser.add_argument("--vs-python", help=f"a Python with VapourSynth (default: {peers.VS_PYTHON}, or this one)")
    parser.add_argument("--cache", type=Path, default=default_folder(), help="folder that caches the peers' results")
    parser.add_argument(
        "--peers-of",
        type=Path,
        metavar="FILE",
        help="reuse the peers of an earlier result",
    )
    parser.add_argument("--json", type=Path, default=RESULTS, help="file to write")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    before = json.loads(args.peers_of.read_text(encoding="utf-8")) if args.peers_of else None
    if before and args.json == RESULTS:
        parser.error("--peers-of yields means only: name another file with --json")
    names = [] if before else peers.CLASSICAL
    others = [peers.make(name, threads=2, vs_python=args.vs_python) for name in names]
    bench = Bench(others, [args.filter], ResultStore(args.cache))
    clips = {scene.name: load(args.data, scene) for scene in read_scenes(FOLDER / "scenes.toml")}
    suites: dict[str, dict[str, str]] = {}
    for suite in ARTIFACTS if args.suites == "ARTIFACTS" else args.suites.split(","):
        rows = {name: bench.measure(suite, name, clip).rows for name, clip in clips.items()}
        suites[suite] = beside_means(before["suites"][suite], rows) if before else summary(rows)
    what = "what a codec did" if args.suites == "ARTIFACTS" else "the kind of noise"
    title = f"`{args.filter}` over the best classical peer of each scene, by {what}"
    how = f"--peers-of {args.peers_of}" if before else "--vs-python PYTHON"
    tested = "; ".join(dict.fromkeys(peer.version for peer in others))
    found = {
        "title": f"{title}: the weights of now, means" if before else title,
        "command": f"python -m tests.bench.bench_suites FOLDER --filter {args.filter} --suites {args.suites} "
        f"--peers {args.peers} {how}",
        "machine": machine() | {"peers": f"as in {args.peers_of.name}" if before else tested},
        "suites": suites,
    }
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
