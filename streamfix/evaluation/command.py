"""`streamfix eval`: filters beside those of others, on clips that none was trained on."""

from __future__ import annotations

import argparse
import json
import logging
import shlex
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..chainspec import parse_chain
from ..errors import OutputError, UsageError
from ..jobs import check_chain
from . import peers as peer_catalogue
from . import suites as suite_table
from .cache import ResultStore, Row, default_folder
from .measure import INPUT, TRUTH, Bench, Measured
from .peers import Peer, PeerMissing
from .report import Cell, busiest, contact_sheet, crop, markdown
from .results import KINDS, gains, machine, mean_rows, verdicts, versions
from .scenes import choose, load, read_scenes
from .statistics import QualityGate, read_gates
from .stills import PROTOCOL, read_stills
from .subjects import IDENTITY

_log = logging.getLogger(__name__)

DEFAULT_SUITES = "gaussian-10,gaussian-20,gaussian-30,sensor-day,sensor-night,codec,clean"
_BEST_SHOWN = 2  # peers on a contact sheet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `streamfix eval`."""
    parser.add_argument("--scenes", type=Path, help="TOML list of scenes, or a folder of clips")
    parser.add_argument(
        "--stills",
        type=Path,
        action="append",
        default=[],
        metavar="SET",
        help="folder or .tar of pictures, such as Set5 for sr-x2 and sr-x4; each set has means of its own; repeatable",
    )
    parser.add_argument("--data", type=Path, help="folder that the list's paths start from (default: the list's own)")
    parser.add_argument("--only", default="", metavar="SCENE,...", help="scenes to take of the list (default: all)")
    parser.add_argument("--frames", type=int, help="largest number of frames of each scene")
    parser.add_argument(
        "--suites",
        default=DEFAULT_SUITES,
        metavar="SUITE,...",
        help=f"suites to measure, of {', '.join(suite_table.SUITES)}; or several at once: "
        f"{', '.join(suite_table.GROUPS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="CHAIN",
        help="filter chain to measure, as after -vf; {sigma} and {sigma_uv} become the known noise; repeatable",
    )
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="PEER,...",
        help=f"of {', '.join(peer_catalogue.NAMES)}, or `classical` for all denoisers that need no weights; repeatable",
    )
    parser.add_argument("--gates", type=Path, help="TOML file of gates; the exit code is 1 if a filter misses one")
    parser.add_argument("--out", type=Path, required=True, help="folder for results.json, report.md and the sheets")
    parser.add_argument("--cache", type=Path, default=default_folder(), help="folder to keep the peers' results in")
    parser.add_argument(
        "--device", default="auto", help="device that filters run on: auto, cpu, cuda or cuda:N (default: auto)"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of each peer's program (default: %(default)s)")
    parser.add_argument(
        "--vs-python",
        help=f"an interpreter with VapourSynth (default: the one in {peer_catalogue.VS_PYTHON}, else this one)",
    )


def run(args: argparse.Namespace) -> int:
    """Measure and write the report; return 1 if a gate was missed. Raises a StreamfixError."""
    if args.scenes is None and not args.stills:
        raise UsageError("nothing to measure on; name clips with --scenes or pictures with --stills")
    suites = suite_table.expand(_words(args.suites))
    filters = [chain for chain in dict.fromkeys(args.filter) if chain != IDENTITY]  # the input is measured anyway
    for chain in filters:
        check_chain(parse_chain(chain.replace("{sigma_uv}", "1").replace("{sigma}", "1")))
    gates = read_gates(args.gates) if args.gates else []
    for gate in gates:
        for suite in gate.suites:
            suite_table.check(suite.partition(" ")[0])  # of a set of stills: "sr-x2 Set5"
    labels = {*(suites if args.scenes else ()), *(f"{suite} {where.stem}" for suite in suites for where in args.stills)}
    if gates and not any(set(gate.suites) & labels and any(map(gate.is_for, filters)) for gate in gates):
        raise UsageError(
            f"{args.gates}: no gate is for a suite and a filter that are measured; change --suites or --filter"
        )
    scenes = choose(read_scenes(args.scenes), _words(args.only)) if args.scenes else []
    stills = {where.stem: list(read_stills(where)) for where in args.stills}
    if len(stills) < len(args.stills):
        raise UsageError(f"two sets of stills have one name: {', '.join(map(str, args.stills))}; rename one")
    peers = _peers(args)
    bench = Bench(peers, filters, ResultStore(args.cache), args.device)
    report = _Report(args, peers, gates)
    for scene in scenes:
        clip = load(args.data or (args.scenes if args.scenes.is_dir() else args.scenes.parent), scene, args.frames)
        report.begin(scene.name, {"kind": scene.kind, "size": "{}x{}".format(*clip.size), "frames": len(clip)})
        report.about[scene.name]["sha256"] = clip.sha256()
        for suite in suites:
            report.add(suite, scene.name, bench.measure(suite, scene.name, clip))
        report.write()
    for name, pictures in stills.items():
        for picture, rgb in pictures:
            report.begin(f"{name}/{picture}", {"kind": "still", "size": f"{rgb.shape[1]}x{rgb.shape[0]}", "frames": 1})
            report.about[f"{name}/{picture}"]["sha256"] = sha256(rgb.tobytes()).hexdigest()
            for suite in suites:
                report.add(suite, picture, bench.measure_still(suite, picture, rgb), name)
        report.write()
    for verdict in report.verdicts:
        how = "passed" if verdict["passed"] else "; ".join(verdict["failed"])
        _log.info("gate %s: %s: %s", verdict["gate"], verdict["filter"], how)
    _log.info("written: %s", args.out / "report.md")
    return int(not all(verdict["passed"] for verdict in report.verdicts))


class _Report:
    """What was found so far, written after each scene: a long run that is stopped leaves what it knew."""

    def __init__(self, args: argparse.Namespace, peers: Sequence[Peer], gates: Sequence[QualityGate]) -> None:
        self._out: Path = args.out
        self._gates = gates
        self.about: dict[str, Row] = {}
        self.verdicts: list[dict[str, Any]] = []
        self._rows: dict[str, dict[str, dict[str, Row]]] = {}
        self._told: dict[str, dict[str, Row]] = {}
        self._cells: dict[str, dict[str, dict[str, Cell]]] = {}
        names = ("scenes", "data", "suites", "only", "frames", "gates", "device", "threads")
        named = {name: getattr(args, name) for name in names}
        words = ["streamfix", "eval", *(f"--{k}={v}" for k, v in named.items() if v)]
        words += [f"--stills={where}" for where in args.stills]
        words += [f"--filter={f}" for f in args.filter] + [f"--peer={p}" for p in args.peer]
        self._head = {
            "title": "Filters on clean pictures that were made worse",
            "command": shlex.join(words),
            "machine": machine(),
            "peers": versions(peers),
        }
        if args.stills:
            self._head["stills"] = PROTOCOL
        try:
            self._out.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise OutputError(f"{self._out}: {e.strerror}; name another folder with --out") from e

    def begin(self, scene: str, about: Row) -> None:
        self.about[scene] = about

    def add(self, suite: str, scene: str, found: Measured, stills: str = "") -> None:
        """stills: the set that the scene is a picture of; its results stand apart, as "SUITE SET"."""
        degraded = found.degraded
        suite = f"{suite} {stills}".strip()
        self._rows.setdefault(suite, {})[scene] = found.rows
        self._told.setdefault(suite, {})[scene] = {
            "sigma_y": degraded.sigma_y,
            "sigma_uv": degraded.sigma_uv,
            "noisy_sha256": degraded.noisy.sha256(),
        }
        at = busiest(degraded.truth)
        self._cells.setdefault(suite, {})[scene] = {
            name: Cell(crop(picture, at), f"{name} {found.rows[name]['psnr_y']:.1f}" if name != TRUTH else name)
            for name, picture in found.pictures.items()
        }

    def write(self) -> None:
        """results.json, report.md and one contact sheet for each suite."""
        self.verdicts = verdicts(self._gates, self._rows)
        found: dict[str, Any] = {}
        for suite, scenes in self._rows.items():
            means = mean_rows(scenes)
            found[suite] = {
                "mean": means,
                "gains": gains(scenes),
                "scenes": {scene: {**self._told[suite][scene], "rows": rows} for scene, rows in scenes.items()},
            }
            ranked = sorted((n for n, r in means.items() if r["what"] in KINDS), key=lambda n: -means[n]["psnr_y"])
            shown = [TRUTH, INPUT, *ranked[:_BEST_SHOWN], *(n for n, r in means.items() if r["what"] == "filter")]
            rows = {scene: [cells[name] for name in shown] for scene, cells in self._cells[suite].items()}
            (self._out / f"{suite.replace(' ', '-')}.png").write_bytes(contact_sheet(rows))
        result = {**self._head, "scenes": self.about, "suites": found, "gates": self.verdicts}
        (self._out / "results.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (self._out / "report.md").write_text(markdown(result) + "\n", encoding="utf-8")


def _peers(args: argparse.Namespace) -> list[Peer]:
    wanted: list[str] = []
    for text in args.peer:
        for name in _words(text):
            wanted += _classical(args.vs_python) if name == "classical" else [name]
    made = []
    for name in dict.fromkeys(wanted):
        try:
            made.append(peer_catalogue.make(name, threads=args.threads, vs_python=args.vs_python))
        except PeerMissing as missing:
            _log.warning("without peer %s: %s", name, missing)
    names = [peer.name for peer in made]
    if twice := {n for n in names if names.count(n) > 1}:
        raise UsageError(f"two peers are called {', '.join(sorted(twice))}; rename one of the weights files")
    return made


def _classical(vs_python: str | None) -> Sequence[str]:
    found, missing = peer_catalogue.classical(vs_python)
    if missing:
        _log.warning("without the filters of VapourSynth: %s", missing)
    return found


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
