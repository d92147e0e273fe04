"""How well a run of `streamfix cluster restore` keeps many nodes busy: its hand-out of tasks, with measured times.

    python -m tests.bench.cluster_simulation     prints the table, from tests/bench/cluster_times.json

The real run has a queue: a worker that is free takes the next task; a file is planned, then its segments are made by
whoever is free, then whoever is free next joins them. That is what is simulated,
event by event. Times are the processor's, of the real tasks that bench_cluster has measured, drawn again and again with
a fixed seed. Ideal is all work divided by the workers, with neither plans nor warm-ups nor joins nor the start of
workers.
"""

from __future__ import annotations

import heapq
import json
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMES = Path(__file__).parent / "cluster_times.json"
NODES = (1, 2, 3, 5, 8, 12, 20, 32, 50, 70, 100)
FILES, LENGTH_S = 500, (300.0, 3600.0)  # of the recordings that are simulated: five minutes to an hour


@dataclass(frozen=True, slots=True)
class Times:
    """Measured seconds. a_second: to restore a second of video. spread: of single tasks around that, as factors.

    plan: to open a file and find where it is cut. joining_a_second: to join a second of video. around: between a task's
    hand-out and its work, and back. start: of a worker, until its filters are made. warm_up: seconds of video in front
    of each segment.
    """

    a_second: float
    spread: Sequence[float]
    plan: float
    joining_a_second: float
    around: float
    start: float
    warm_up: float


def factors(count: int, times: Times, seed: int = 0) -> list[float]:
    """By how much each file is harder than the mean: drawn from the measured spread."""
    chance = random.Random(seed)
    return [chance.choice(times.spread) for _ in range(count)]


def simulated(lengths_s: Sequence[float], workers: int, times: Times, segment_s: float | None) -> float:
    """Seconds until all files are done. lengths_s: of the files. segment_s: None for whole files."""
    hard = factors(len(lengths_s), times)
    waiting: deque[tuple[str, int, float]] = deque(
        ("whole" if segment_s is None else "plan", i, length_s) for i, length_s in enumerate(lengths_s)
    )
    free = [times.start] * workers
    heapq.heapify(free)
    ended: list[tuple[float, int, str, int, float]] = []  # when, tie, what, file, seconds of video
    left = dict.fromkeys(range(len(lengths_s)), 0)
    last_s, tie = 0.0, 0
    while waiting or ended:
        if waiting and free and (not ended or free[0] <= ended[0][0]):
            what, file, video_s = waiting.popleft()
            begin_s = heapq.heappop(free)
            if what == "plan":
                took_s = times.plan
            elif what == "join":
                took_s = times.plan + video_s * times.joining_a_second
            else:
                warm_s = 0.0 if what in ("whole", "first") else times.warm_up
                took_s = (video_s + warm_s) * times.a_second * hard[file]
            heapq.heappush(ended, (begin_s + took_s + times.around, tie, what, file, video_s))
            tie += 1
            continue
        now_s, _, what, file, video_s = heapq.heappop(ended)
        heapq.heappush(free, now_s)
        # A worker that was free before waits for what this event gives.
        free = [max(at_s, now_s) for at_s in free]
        heapq.heapify(free)
        last_s = max(last_s, now_s)
        if what == "plan":
            assert segment_s is not None
            count = max(1, round(video_s / segment_s))
            left[file] = count
            waiting.extend(("segment" if k else "first", file, video_s / count) for k in range(count))
        elif what not in ("whole", "join"):
            left[file] -= 1
            if not left[file]:
                waiting.appendleft(("join", file, lengths_s[file]))
    return last_s


def efficiency(lengths_s: Sequence[float], workers: int, times: Times, segment_s: float | None) -> float:
    """The share of the workers' time that is work of one machine without any cut."""
    hard = factors(len(lengths_s), times)
    ideal_s = sum(s * factor for s, factor in zip(lengths_s, hard, strict=True)) * times.a_second / workers
    return ideal_s / simulated(lengths_s, workers, times, segment_s)


def times_of(measured: Mapping[str, Any]) -> Times:
    """The times of cluster_times.json."""
    mean = sum(measured["spread"]) / len(measured["spread"])
    spread = [each / mean for each in measured["spread"]]
    return Times(**{**{name: measured[name] for name in Times.__dataclass_fields__}, "spread": spread})


def recordings(count: int = FILES, seed: int = 1) -> list[float]:
    """Lengths of the recordings that are simulated."""
    chance = random.Random(seed)
    return [chance.uniform(*LENGTH_S) for _ in range(count)]


def table(measured: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    """Efficiency by way and number of nodes, each a worker."""
    times = times_of(measured)
    many, few = recordings(), recordings(20)
    ways = {
        "500 files, segments of 60 s": (many, 60.0),
        "500 files, whole": (many, None),
        "20 files, segments of 60 s": (few, 60.0),
        "20 files, whole": (few, None),
    }
    return {name: {n: efficiency(files, n, times, cut) for n in NODES} for name, (files, cut) in ways.items()}


def main() -> None:
    """Print the table."""
    found = table(json.loads(TIMES.read_text(encoding="utf-8")))
    print("| nodes | " + " | ".join(found) + " |")
    print("|---|" + "---|" * len(found))
    for n in NODES:
        print(f"| {n} | " + " | ".join(f"{row[n]:.3f}" for row in found.values()) + " |")


if __name__ == "__main__":
    main()
