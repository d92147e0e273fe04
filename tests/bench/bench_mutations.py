"""Damaged files beside the ffmpeg command: how each ends, and where fewer pictures come out than there.

    python -m tests.bench.bench_mutations [-n 50] [--first 0] [--only mp4 ts] [--show]

A clip of each container is damaged -n times: bits changed, runs zeroed, cut off, blocks exchanged, runs doubled (see
tests/media/mutants.py), the same for the same seed. Each copy is restored without filters, in a process of its own that
may crash or hang, and decoded by `ffmpeg -i COPY -map 0:v:0 -fps_mode passthrough -f null -`. The table says, for each
container, how many ended well ("ok"), with a clean error, with an exception's name ("odd"), not in time ("hang") or
with a signal ("crash"), and in how many fewer pictures were written than ffmpeg decoded. An error counts there too, if
ffmpeg had pictures; what was written before it is not lost, but kept beside the output. --show lists these.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.media.make import clip
from tests.media.mutants import mutant
from tests.media.test_mutations import CONTAINERS

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("runs", "ok", "clean error", "odd", "hang", "crash", "fewer frames than ffmpeg")
LIMIT_S = 60
_SEEN = re.compile(r"^(\d+) (?:(\d+) pictures )?(ok|error|odd)(.*)$")


@dataclass(frozen=True, slots=True)
class Ended:
    """How one damaged copy ended. pictures: written, or kept beside the output after an error."""

    seed: int
    how: str
    pictures: int = 0
    said: str = ""


def ours(source: Path, folder: Path, first: int, number: int) -> Iterator[Ended]:
    """Each seed's end. A process that crashes or hangs is that seed's; another goes on behind it."""
    seed = first
    while seed < first + number:
        command = [sys.executable, "-m", "tests.media.mutants", str(source), str(folder), str(seed)]
        command.append(str(first + number - seed))
        limit_s = LIMIT_S + 2 * (first + number - seed)
        how = "crash"
        try:
            ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=limit_s)
            lines, how = ran.stdout.splitlines(), f"crash ({ran.returncode})"
        except subprocess.TimeoutExpired as late:
            lines, how = (late.stdout or b"").decode(errors="replace").splitlines(), "hang"
        for line in lines:
            if found := _SEEN.match(line):
                yield Ended(int(found[1]), found[3], int(found[2] or 0), found[4].lstrip(": "))
                seed = int(found[1]) + 1
        if seed < first + number:
            yield Ended(seed, how)
            seed += 1


def theirs(damaged: Path) -> int:
    """Pictures that the ffmpeg command decodes."""
    command = [
        *("ffmpeg", "-nostdin", "-v", "quiet", "-i", str(damaged), "-map", "0:v:0", "-fps_mode", "passthrough"),
        *("-progress", "-", "-f", "null", os.devnull),
    ]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return 0
    counts = re.findall(r"^frame=\s*(\d+)$", ran.stdout, re.MULTILINE)
    return int(counts[-1]) if counts else 0


def row(ending: str, first: int, number: int) -> tuple[list[int], list[str]]:
    """The row of a container, as in COLUMNS, and a line for each copy with fewer pictures or an odd end."""
    counts: Counter[str] = Counter()
    fewer, lines = 0, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video, audio = CONTAINERS[ending]
        source = clip(folder / f"in.{ending}", frames=20, codec=video, audio=audio)
        data = source.read_bytes()
        for ended in ours(source, folder, first, number):
            counts[ended.how.partition(" ")[0]] += 1
            damaged = folder / f"peer.{ending}"
            damaged.write_bytes(mutant(data, ended.seed))
            peer = theirs(damaged) if shutil.which("ffmpeg") else 0
            if ended.pictures < peer:
                fewer += 1
            if ended.pictures < peer or ended.how not in ("ok", "error"):
                lines.append(f"{ending} {ended.seed}: {ended.how}, {ended.pictures} of {peer}: {ended.said}")
    total = [sum(counts.values()), *(counts[how] for how in ("ok", "error", "odd", "hang", "crash")), fewer]
    return total, lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=50, help="damaged copies of each container")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", nargs="*", choices=list(CONTAINERS), default=list(CONTAINERS))
    parser.add_argument("--show", action="store_true", help="list copies with fewer pictures, or an odd end")
    args = parser.parse_args()
    version = "not installed: nothing to compare with"
    if shutil.which("ffmpeg"):
        shown = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout
        version = shown.split()[2]
    print(f"ffmpeg {version}; seeds {args.first} to {args.first + args.n - 1}\n")
    print(f"| container | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
    sums, lines = [0] * len(COLUMNS), list[str]()
    for ending in args.only:
        found, more = row(ending, args.first, args.n)
        sums, lines = [a + b for a, b in zip(sums, found, strict=True)], lines + more
        print(f"| {ending} | {' | '.join(map(str, found))} |", flush=True)
    print(f"| all | {' | '.join(map(str, sums))} |")
    if args.show:
        print("\n".join(["", *lines]))


if __name__ == "__main__":
    main()
