"""A filter with its defaults, beside the best classical peer of each scene, for each way that clips were made worse.

    python -m tests.bench.bench_suites FOLDER [--suites codec,sensor-night] [--vs-python PYTHON]
    python -m tests.bench.bench_suites FOLDER --filter denoise=tier=xs --json tests/bench/results/suites_xs.json

    python -m tests.bench.bench_suites FOLDER --filter deblock --suites artifacts --peers ffmpeg-deblock,pp,hqdn3d \
        --json tests/bench/results/artifacts.json

    python -m tests.bench.bench_suites FOLDER --filter upscale=scale=2 --suites sr-x2,sr-coded \
        --stills Set5.tar,Set14.tar --peers bicubic,lanczos,ncnn=spanx2_ch48.param --json tests/bench/results/sr.json

    python -m tests.bench.bench_suites FOLDER --peers-of tests/bench/results/suites.json --json NEW.json

`streamfix eval` on the scenes of scenes.toml; FOLDER holds their clips. Peers use the parameters that are best for each
scene, which takes a night the first time and is cached. PSNR is compared with the best peer in each scene, flicker and
warping error with the lowest of any peer there. The peers' results do not depend on our weights: with --peers-of only
the filter runs, and its means are compared with the peers' means from an earlier result. --filter none measures the
peers alone. The file is written after each suite, so that a run that is stopped leaves what it found.
"""

from __future__ import annotations

import argparse
import json
import logging
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from streamfix.evaluation import peers
from streamfix.evaluation.cache import ResultStore, Row, default_folder
from streamfix.evaluation.measure import INPUT, TRUTH, Bench
from streamfix.evaluation.results import machine
from streamfix.evaluation.scenes import choose, load, read_scenes
from streamfix.evaluation.stills import read_stills
from streamfix.evaluation.suites import GROUPS, expand

Rows = Mapping[str, Mapping[str, Row]]  # by scene, then by who made the clip

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "suites.json"
SUITES = ("gaussian-10", "gaussian-20", "gaussian-30", "sensor-day", "sensor-night", "codec")
_SAME_DB = 90.0  # what came in is the truth itself


def pairs_of(scenes: Rows, figure: str, best: Callable[[Iterable[float]], float]) -> dict[str, tuple[float, float]]:
    """For each scene that has the figure: ours, and the best that any classical peer reaches there."""
    found = {}
    for scene, rows in scenes.items():
        (ours,) = (row for row in rows.values() if row["what"] == "filter")
        theirs = [row[figure] for row in rows.values() if row["what"] == "classical" and row[figure] is not None]
        if ours[figure] is not None and theirs:
            found[scene] = (ours[figure], best(theirs))
    return found


def mean_of(scenes: Rows, name: str, figure: str) -> float | None:
    """Over the scenes that have the figure."""
    values = [rows[name][figure] for rows in scenes.values() if rows[name][figure] is not None]
    return fmean(values) if values else None


def summary(scenes: Rows) -> dict[str, str]:
    """A suite's row on the page: means over the scenes, and the worst one. There is no column without figures."""
    found: dict[str, str] = {}
    (ours,) = (name for name, row in next(iter(scenes.values())).items() if row["what"] == "filter")
    for planes, figure in (("Y", "psnr_y"), ("UV", "psnr_uv")):
        mean = mean_of(scenes, ours, figure)
        assert mean is not None
        found[f"PSNR-{planes}, dB"] = f"{mean:.2f}"
        if all(rows[INPUT][figure] < _SAME_DB for rows in scenes.values()):
            over = {scene: rows[ours][figure] - rows[INPUT][figure] for scene, rows in scenes.items()}
            least = min(over, key=over.__getitem__)
            found[f"over what came in ({planes})"] = f"{fmean(over.values()):+.2f}, {over[least]:+.2f} ({least})"
        else:
            nearest = {scene: rows[ours][figure] for scene, rows in scenes.items()}
            least = min(nearest, key=nearest.__getitem__)
            found[f"least like what came in ({planes})"] = f"{nearest[least]:.2f} ({least})"
        if pairs := pairs_of(scenes, figure, max):
            gains = {scene: ours - theirs for scene, (ours, theirs) in pairs.items()}
            worst = min(gains, key=gains.__getitem__)
            found[f"over the best peer ({planes})"] = f"{fmean(gains.values()):+.2f}"
            found[f"worst scene ({planes})"] = f"{gains[worst]:+.2f} ({worst})"
    for title, figure in (("flicker", "flicker"), ("warping error", "warp_error")):
        came, mean = (mean_of(scenes, name, figure) for name in (INPUT, ours))
        if came is None or mean is None:
            continue
        if both := list(pairs_of(scenes, figure, min).values()):
            found[f"{title}, lowest peer's"] = f"{fmean(o for o, _ in both):.2f}, {fmean(t for _, t in both):.2f}"
            found[f"scenes with less {title}"] = f"{sum(o < t for o, t in both)} of {len(both)}"
        else:
            found[title] = f"{mean:.2f}"
        found[f"{title} of what came in"] = f"{came:.2f}"
    return found


def each(scenes: Rows) -> dict[str, str]:
    """Everyone's mean PSNR-Y, dB."""
    names = [name for name in next(iter(scenes.values())) if name != TRUTH]
    means = {name: mean_of(scenes, name, "psnr_y") for name in names}
    return {name: f"{mean:.2f}" for name, mean in means.items() if mean is not None}


def at_edge(scenes: Rows) -> list[str]:
    """Peers whose best parameter may lie beyond its grid, and where."""
    return [f"{name} in {scene}" for scene, rows in scenes.items() for name, row in rows.items() if row.get("at_edge")]


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
        if key in before:
            found[key] = f"{fmean(row[figure] for row in ours):.2f}, {before[key].split(', ')[1]}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="FOLDER", help="folder with the clips of scenes.toml")
    parser.add_argument("--filter", default="denoise", help="the filter to measure, or none (default: %(default)s)")
    parser.add_argument(
        "--suites",
        default=",".join(SUITES),
        help=f"or several at once: {', '.join(GROUPS)} (default: %(default)s)",
    )
    parser.add_argument("--peers", default=",".join(peers.CLASSICAL), help="(default: %(default)s)")
    parser.add_argument(
        "--stills", default="", metavar="SET,...", help="folders or .tar files of pictures, such as Set5"
    )
    parser.add_argument("--scenes", default="", metavar="SCENE,...", help="of the list, or none (default: all)")
    parser.add_argument("--frames", type=int, help="largest number of frames of each scene")
    parser.add_argument("--vs-python", help=f"a Python with VapourSynth (default: {peers.VS_PYTHON}, or this one)")
    parser.add_argument("--cache", type=Path, default=default_folder(), help="folder that caches the peers' results")
    parser.add_argument(
        "--peers-of",
        type=Path,
        metavar="FILE",
        help="reuse the peers of an earlier result",
    )
    parser.add_argument("--title", help="title of the table")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file to write")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    before = json.loads(args.peers_of.read_text(encoding="utf-8")) if args.peers_of else None
    ours = args.filter != "none"
    if before and args.json == RESULTS:
        parser.error("--peers-of yields means only: name another file with --json")
    if before and not ours:
        parser.error("--peers-of measures the filter alone: name one with --filter")
    if before and (unknown := [s for s in labels(args) if s not in before["suites"]]):
        parser.error(f"{args.peers_of} has no suite {', '.join(unknown)}; it has: {', '.join(before['suites'])}")
    others, left_out = made([] if before else words(args.peers), args.vs_python)
    bench = Bench(others, [args.filter] if ours else [], ResultStore(args.cache))
    found = described(args, others, left_out)
    for label, rows in measured(args, bench):
        if before is not None:
            found["suites"][label] = beside_means(before["suites"][label], rows)
        else:
            if ours:
                found["suites"][label] = summary(rows)
            if edges := at_edge(rows):
                found["note"] = "; ".join(filter(None, [found["note"], f"at the edge of a grid: {', '.join(edges)}"]))
        found["PSNR-Y of each, dB"][label] = each(rows)
        write(args.json, found)


def made(names: Iterable[str], vs_python: str | None) -> tuple[list[peers.Peer], list[str]]:
    """The peers of these names, and why some are left out."""
    found, left_out = [], []
    for name in names:
        try:
            found.append(peers.make(name, threads=2, vs_python=vs_python))
        except peers.PeerMissing as missing:
            left_out.append(f"without {name.partition('=')[0]}: {missing}")
    return found, left_out


def labels(args: argparse.Namespace) -> list[str]:
    """What `measured` calls its suites."""
    sets = [*([] if args.scenes == "none" else [""]), *(Path(where).stem for where in words(args.stills))]
    return [f"{s} {n}".strip() for s in expand(map(str.lower, words(args.suites))) for n in sets]


def measured(args: argparse.Namespace, bench: Bench) -> Iterable[tuple[str, Rows]]:
    """Each suite's results on the scenes, and on each set of stills, under the name that the table has."""
    suites = expand(map(str.lower, words(args.suites)))
    chosen = [] if args.scenes == "none" else choose(read_scenes(FOLDER / "scenes.toml"), words(args.scenes))
    clips = {scene.name: load(args.data, scene, args.frames) for scene in chosen}
    sets = {where.stem: list(read_stills(where)) for where in map(Path, words(args.stills))}
    for suite in suites:
        if clips:
            yield suite, {name: bench.measure(suite, name, clip).rows for name, clip in clips.items()}
        for name, pictures in sets.items():
            yield f"{suite} {name}", {who: bench.measure_still(suite, who, rgb).rows for who, rgb in pictures}


def described(args: argparse.Namespace, others: Iterable[peers.Peer], left_out: Iterable[str]) -> dict[str, Any]:
    """The result before anything was measured. Paths are left out but for their last part."""
    tested = "; ".join(dict.fromkeys(peer.version for peer in others))
    title = args.title or (
        "Peers alone, by how clips were made worse"
        if args.filter == "none"
        else f"`{args.filter}` over the best classical peer of each scene, by how clips were made worse"
    )
    told = {"filter": args.filter, "suites": args.suites, "frames": args.frames}
    told |= {"scenes": args.scenes, "stills": ",".join(Path(where).name for where in words(args.stills))}
    named = [name.partition("=") for name in words(args.peers)]
    told |= {"peers": ",".join(f"{name}{equals}{Path(path).name}" for name, equals, path in named)}
    told |= {"vs-python": "PYTHON" if args.vs_python else ""}
    if args.peers_of:
        told |= {"peers": "", "peers-of": args.peers_of.name}
    command = ["python", "-m", "tests.bench.bench_suites", "FOLDER"]
    for option, value in told.items():
        command += [f"--{option}", str(value)] if value else []
    return {
        "title": f"{title}: the weights of now, means" if args.peers_of else title,
        "command": shlex.join(command),
        "machine": machine() | {"peers": f"as in {args.peers_of.name}" if args.peers_of else tested},
        "suites": {},
        "PSNR-Y of each, dB": {},
        "note": "; ".join(left_out),
    }


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def write(path: Path, found: Mapping[str, Any]) -> None:
    """Without what is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {key: value for key, value in found.items() if value}
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
