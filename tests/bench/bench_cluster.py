"""`streamfix cluster restore` on nodes of one core each on this machine, and a node that dies.

    python -m tests.bench.bench_cluster FOLDER [--filter smooth] [--segments 4] [--rounds 2]

FOLDER: clips. Each node is bound to one core, so that a machine of two cores is a cluster of two nodes. Runs on one
node and on two take turns, the best of each counts. On a machine that others use as well, wall times say little; beside
them stand the share of time that workers were at work between their first task and the end, and the processors' time
that all work took, which say what the cluster itself costs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from streamfix.chainspec import parse_chain
from streamfix.jobs import JobSpec
from streamfix.media.specs import InputSpec, OutputSpec
from streamfix.ray import work
from streamfix.ray.report import Report
from streamfix.ray.restoring import Progress, Run
from streamfix.ray.work import Options
from tests.bench.cluster_simulation import TIMES, table
from tests.bench.processor import processor
from tests.ray.conftest import MEMORY, Nodes

RESULTS = Path(__file__).parent / "results" / "cluster.json"
WARM_UP = 32  # frames
NOTE = (
    "wall_s: from the first task to the end. busy: share of it that workers were at a task. cpu_s: of all tasks. "
    "efficiency: by wall, and by work, which is cpu_s of one node over that of two, times busy. killed: one of two "
    "nodes dies when 0.4 is done; lost_s: of its task; extra_frames: restored beyond those of an undisturbed run "
    "(fewer: what the lost worker had kept is not counted)."
)


def bound(node: Any, core: int) -> None:
    """Bind a node's processes, and those that it will start, to one core."""
    for thread in Path(f"/proc/{node.all_processes['raylet'][0].process.pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


class OneCoreNodes(Nodes):
    """Nodes of one core each."""

    def __init__(self, count: int) -> None:
        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "object_store_memory": MEMORY, "include_dashboard": False},
        )
        self.address = self._cluster.address
        self.cores = sorted(os.sched_getaffinity(0))
        self.nodes = [self.one(i) for i in range(count)]

    def one(self, number: int) -> Any:
        node = self.add()
        bound(node, self.cores[number % len(self.cores)])
        return node


def run(
    arguments: argparse.Namespace, nodes: OneCoreNodes, out: Path, every_s: float | None, kill: bool = False
) -> Report:
    """Restore the folder once."""
    shutil.rmtree(out, ignore_errors=True)
    chain = tuple(parse_chain(arguments.filter))

    def spec_of(input: str, output: str) -> JobSpec:
        spec = OutputSpec(output, video_options={"preset": "veryfast", "crf": "20"})
        return JobSpec((InputSpec(input),), (spec,), chain, device="cpu")

    def tell(progress: Progress) -> None:
        if kill and progress.part > 0.4 and len(nodes.nodes) > 1:
            nodes.kill(nodes.nodes.pop())

    items = work.items_of([str(arguments.folder)], str(out), spec_of, ".mkv")
    options = Options(nodes.address, None if every_s is None else Fraction(every_s), keep_s=Fraction(2), cores=1)
    report = Run(items, str(out), options, tell).run()
    ray.shutdown()
    for file in report.failed:
        print(f"{file.input}: {file.reason}")
    return report


def figures(report: Report, workers: int) -> dict[str, float]:
    """What a run says of itself."""
    tasks = [task for file in report.files for task in file.tasks]
    made = [task for task in tasks if task["what"] != "join"]
    begun_s = min(task["begun_s"] for task in made)
    ended_s = max(task["begun_s"] + task["around_s"] + task["took_s"] for task in tasks)
    inside_s = sum(task["took_s"] for task in made)
    return {
        "wall_s": round(ended_s - begun_s, 2),
        "busy": round(inside_s / (workers * (ended_s - begun_s)), 3),
        "cpu_s": round(sum(task["cpu_s"] for task in tasks), 2),
        "frames": sum(task["frames"] for task in tasks),
        "join_s": round(sum(file.join_s for file in report.files), 2),
    }


def times(report: Report, seconds: float) -> dict[str, Any]:
    """What the simulation wants to know. seconds: of video in all."""
    tasks = [task for file in report.files for task in file.tasks]
    whole = [task for task in tasks if task["what"] not in ("plan", "join") and task["frames"]]
    # The processor's time: other work on the machine does not count.
    per_frame = [task["cpu_s"] / task["frames"] for task in whole]
    mean = sum(task["cpu_s"] for task in whole) / sum(task["frames"] for task in whole)
    rate = sum(task["frames"] for task in whole) / seconds
    return {
        "a_second": mean * rate,
        "spread": [round(each / mean, 3) for each in per_frame],
        "plan": statistics.median(task["cpu_s"] for task in tasks if task["what"] == "plan"),
        "joining_a_second": sum(task["cpu_s"] for task in tasks if task["what"] == "join") / seconds,
        "around": statistics.median(task["around_s"] for task in tasks if task["what"] != "join"),
        "start": min(task["begun_s"] for task in tasks),
        "warm_up": WARM_UP / rate,
    }


def seconds_of(folder: Path) -> float:
    """Of video in all files of a folder."""
    import av

    total = 0.0
    for path in sorted(folder.iterdir()):
        with av.open(str(path)) as file:
            total += float(file.duration or 0) / 1e6
    return total


def main() -> None:
    """Run it all, print it, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--filter", default="smooth")
    parser.add_argument("--segments", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    found: dict[str, Any] = {
        "title": "`streamfix cluster restore`: one node of one core against two, and one that dies",
        "command": f"python -m tests.bench.bench_cluster FOLDER --filter {arguments.filter} "
        f"--segments {arguments.segments:g} --rounds {arguments.rounds}",
        "machine": f"{processor()}, two cores",
        "note": NOTE,
        "load": round(os.getloadavg()[0], 1),
        "clips": len(list(arguments.folder.iterdir())),
        "seconds": round(seconds_of(arguments.folder), 1),
    }
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out"
        best: dict[str, dict[str, float]] = {}
        last: Report | None = None
        for _ in range(arguments.rounds):
            for count in (1, 2):
                for way, every_s in (("whole", None), ("segments", arguments.segments)):
                    nodes = OneCoreNodes(count)
                    report = run(arguments, nodes, out, every_s)
                    nodes.close()
                    key, own = f"{count} {way}", figures(report, count)
                    print(f"{key:12s} {own}", flush=True)
                    if key not in best or own["wall_s"] < best[key]["wall_s"]:
                        best[key] = own
                    if way == "segments" and count == 2:
                        last = report
        found["runs"] = best
        found["efficiency"] = {
            way: {
                "wall": round(best[f"1 {way}"]["wall_s"] / (2 * best[f"2 {way}"]["wall_s"]), 3),
                "work": round(best[f"1 {way}"]["cpu_s"] / best[f"2 {way}"]["cpu_s"] * best[f"2 {way}"]["busy"], 3),
            }
            for way in ("whole", "segments")
        }
        assert last is not None
        TIMES.write_text(json.dumps(times(last, found["seconds"]), indent=1) + "\n", encoding="utf-8")
        found["killed"] = {}
        for way, every_s in (("whole", None), ("segments", arguments.segments)):
            nodes = OneCoreNodes(2)
            begun_s = time.monotonic()
            report = run(arguments, nodes, out, every_s, kill=True)
            nodes.close()
            own = figures(report, 2)
            found["killed"][way] = {
                **own,
                "took_s": round(time.monotonic() - begun_s, 2),
                "lost_s": sum(lost["lost_s"] for lost in report.lost),
                "done": report.done,
                "extra_frames": own["frames"] - best[f"2 {way}"]["frames"],
            }
            print(f"killed {way:9s} {found['killed'][way]}", flush=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, row in table(json.loads(TIMES.read_text(encoding="utf-8"))).items():
        print(f"{name}: " + "  ".join(f"{n}: {value:.3f}" for n, value in row.items()))


if __name__ == "__main__":
    main()
