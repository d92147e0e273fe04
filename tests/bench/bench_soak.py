"""A daemon's life in short: four odd cameras, reloads, a disk that fills; is every picture accounted for, is it stable?

    python -m tests.bench.bench_soak --hours N [--filters smooth] [--samples FILE] [--work FOLDER]

A daemon of its own process records four RTSP cameras (`live/habits.py`) in segments, on a small disk with retention,
while its page, its pictures and its recordings are looked at each ten seconds. N/6 hours, at most one, lie between
reloads; each changes one stream. Halfway between two of them the disk is filled to its last byte for twenty seconds.

Every picture has its place: received = written + dropped + in flight, by /metrics while it runs, and with nothing in
flight once the streams have stopped; and the segments, read one by one before retention deletes them, hold what each
output says that it has written. One picture may be missing there for each error of the disk: libav's Matroska muxer
lets go of a picture when the next comes.

Memory, handles and threads are taken each ten seconds, and lines are fitted to them after a warm-up of a fifth of the
time. Exit code 1: a picture is unaccounted for, or a line rises more steeply than its bound, by two standard errors.

Results go to tests/bench/results/soak.json. The small disk is a tmpfs in a mount namespace (`unshare`), so it goes
when the benchmark does; without the right to make one it says so and exits with 1.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from .bench_live import RESULTS, machine, process
from .live.habits import CAMERAS

EVERY_S = 10.0
WARM_UP = 0.2  # share of the time
DISK_MIB, KEPT_MIB = 96, 3  # the disk, and what retention leaves of each stream
SEGMENT_S = 10
FULL_S = 20.0
AT_REST_S = 15.0  # a segment that has not changed for so long is counted
# What a line may rise by in an hour, and over the whole of a run that is too short to tell. Handles and threads come
# and go by several as streams restart and pages are looked at.
BOUNDS = {"rss_mib": (12.0, 10.0), "handles": (1.0, 3.0), "threads": (1.0, 5.0)}


def config(disk: Path, port: int, urls: Mapping[str, str], filters: str, quality: Mapping[str, int]) -> str:
    """The daemon's TOML. quality: of each stream's encoder; a reload changes it."""
    lines = [
        "[daemon]",
        f"port = {port}",
        f'allow_folders = ["{disk}"]',
        "max_load = 1.0",
        "[defaults]",
        f'filters = "{filters}"',
        'max_latency = "1s"',
    ]
    for name, url in urls.items():
        lines += [
            "[[streams]]",
            f'name = "{name}"',
            f'input = "{url}"',
            'transport = "tcp"',
            f'on_lost = "{"hold" if name == "lossy" else "wait"}"',
            f'video_options = {{preset = "superfast", crf = "{quality[name]}", g = "20"}}',
            f'outputs = [{{url = "{disk}/{name}_%Y%m%d-%H%M%S.mkv", format = "segment", '
            f'options = {{segment_time = "{SEGMENT_S}", reset_timestamps = "1", strftime = "1"}}}}]',
            f'retention = {{max_size = "{KEPT_MIB}MiB"}}',
        ]
    return "\n".join(lines) + "\n"


# -- what is counted


@dataclass
class Segments:
    """Counts the pictures of segments that are at rest, each once, also of those that are deleted later."""

    disk: Path
    _counted: dict[int, tuple[str, int, int]] = field(default_factory=dict)  # inode -> name, time of change, pictures

    def look(self, at_rest_s: float = AT_REST_S) -> None:
        """Count what has changed since and is at rest."""
        for path in self.disk.glob("*.mkv*"):
            with contextlib.suppress(FileNotFoundError):
                state = path.stat()
                known = self._counted.get(state.st_ino)
                if time.time() - state.st_mtime >= at_rest_s and (known is None or known[1] != state.st_mtime_ns):
                    self._counted[state.st_ino] = path.name, state.st_mtime_ns, pictures_in(path)

    def of(self, stream: str) -> int:
        return sum(n for name, _, n in self._counted.values() if name.startswith(f"{stream}_"))

    def __len__(self) -> int:
        return len(self._counted)


def pictures_in(path: Path) -> int:
    """How many pictures a file holds; 0 where it is none that can be opened."""
    try:
        with av.open(str(path)) as file:
            return sum(packet.size > 0 for packet in file.demux(video=0))
    except (av.FFmpegError, IndexError) as error:
        print(f"{path.name}, {path.stat().st_size} bytes: {error}", file=sys.stderr)
        return 0


def counters(metrics: str) -> dict[str, Counter[str]]:
    """Of each stream, its counters; those of its only output begin with `output_`, dropped ones end with a reason."""
    found: dict[str, Counter[str]] = {name: Counter() for name in CAMERAS}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            stream = sample.labels.get("stream", "")
            if stream in found and sample.name.startswith(("streamfix_frames", "streamfix_output_frames")):
                name = sample.name.removeprefix("streamfix_").removesuffix("_total")
                name = name.removeprefix("frames_").replace("output_frames", "output").replace("frames", "written")
                name = "output_written" if name == "output" else name
                found[stream]["/".join((name, *filter(None, [sample.labels.get("reason")])))] += int(sample.value)
            elif stream in found and sample.name in _OTHERS:
                found[stream][_OTHERS[sample.name]] += int(sample.value)
    return found


_OTHERS = {
    "streamfix_queue_depth": "in_flight",
    "streamfix_reconnects_total": "reconnects",
    "streamfix_stream_failures_total": "failures",
}


def dropped(own: Mapping[str, int], prefix: str = "") -> dict[str, int]:
    """By reason, without the reasons that there were none of."""
    begin = f"{prefix}dropped/"
    return {name.removeprefix(begin): count for name, count in own.items() if name.startswith(begin) and count}


# -- the daemon


@dataclass
class Daemon:
    """The daemon, as a client and as /proc see it. asked, refused: HTTP requests made, and those that failed."""

    pid: int
    port: int
    asked: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def ask(self, path: str, *, post: bool = False, most: int = -1, headers: Mapping[str, str] | None = None) -> bytes:
        """An answer's body, or its first `most` bytes. Raises OSError."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        url = f"http://127.0.0.1:{self.port}{path}"
        asked = urllib.request.Request(url, method="POST" if post else "GET", headers=sent)
        self.asked += 1
        with urllib.request.urlopen(asked, timeout=60) as answer:
            body = answer.read(most)
            assert isinstance(body, bytes)
            return body

    def metrics(self) -> dict[str, Counter[str]]:
        return counters(self.ask("/metrics").decode())

    def look_at_the_page(self) -> None:
        """What a browser with the page open asks for. A picture that is not there (404, 409, 503) is no failure."""
        paths: list[tuple[str, int]] = [("/", -1), ("/api/system", -1), ("/api/live.mjpg?fps=5", 30_000)]
        for name in CAMERAS:
            paths += [(f"/api/streams/{name}{of}", -1) for of in ("", "/history", "/events", "/snapshot.jpg")]
            paths += [(f"/api/streams/{name}/live.mjpg", 10_000)] if name == "night" else []
        for path, most in paths:
            self._try(path, most)
        with contextlib.suppress(OSError):
            files = json.loads(self.ask("/api/streams/clock/recordings"))["files"]
            if len(files) > 1:
                self._try(f"/api/streams/clock/recordings/{files[1]['name']}", -1, {"Range": "bytes=0-4095"})

    def _try(self, path: str, most: int, headers: Mapping[str, str] | None = None) -> None:
        try:
            self.ask(path, most=most, headers=headers)
        except urllib.error.HTTPError as error:
            if error.code not in (404, 409, 503):
                self.refused[f"{error.code} {path}"] += 1
        except OSError as error:
            self.refused[f"{error} {path}"] += 1

    def sample(self) -> dict[str, float]:
        proc = Path(f"/proc/{self.pid}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line)
        return {
            "rss_mib": int(status["VmRSS"].split()[0]) / 1024,
            "handles": len(os.listdir(proc / "fd")),
            "threads": int(status["Threads"]),
        }

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(what: str, holds: Callable[[], bool], limit_s: float) -> None:
    """Raises SystemExit where it does not hold in time; OSError counts as not."""
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        with contextlib.suppress(OSError):
            if holds():
                return
        time.sleep(0.5)
    raise SystemExit(f"after {limit_s:.0f} s still not: {what}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert isinstance(port, int)
        return port


# -- the disk


@contextlib.contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    at.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "soak", str(at)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{at}: {done.stderr.strip()}; run it as root, or where `unshare -rm` is allowed")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=False)


def fill(disk: Path) -> None:
    """Take every byte that is left."""
    with (disk / "filler").open("wb", buffering=0) as filler:
        for size in (1 << 20, 4096):
            try:
                while True:
                    filler.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


# -- slopes


def slope(hours: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """The rise in an hour of the line through these values (least squares), and its standard error."""
    x, y = np.array(hours), np.array(values)
    deviations = x - x.mean()
    spread = float((deviations**2).sum())
    rise = float((deviations * y).sum()) / spread
    rest = y - y.mean() - rise * deviations
    return rise, float(np.sqrt((rest**2).sum() / max(len(x) - 2, 1) / spread))


def lines(samples: Sequence[Mapping[str, float]], hours: float) -> dict[str, dict[str, Any]]:
    """A line for each of `BOUNDS`, from the samples after the warm-up."""
    warm = [s for s in samples if s["hours"] >= WARM_UP * hours]
    found = {}
    for name, (an_hour, a_run) in BOUNDS.items():
        bound = max(an_hour, a_run / hours)
        values = [s[name] for s in warm]
        rise, error = slope([s["hours"] for s in warm], values)
        found[name] = {
            "first": round(values[0], 1),
            "last": round(values[-1], 1),
            "least": round(min(values), 1),
            "most": round(max(values), 1),
            "rise_per_hour": round(rise, 2),
            "standard_error": round(error, 2),
            "bound_per_hour": round(bound, 1),
            "kept": rise - 2 * error <= bound,
        }
    return found


# -- the whole


def soak(a: argparse.Namespace, work: Path, disk: Path) -> tuple[dict[str, Any], list[dict[str, float]]]:
    toml, log, sent = work / "streams.toml", work / "daemon.log", work / "sent.json"
    quality, port = dict.fromkeys(CAMERAS, 30), free_port()
    cameras_words = [sys.executable, "-m", "tests.bench.live.habits", str(sent)]
    with contextlib.ExitStack() as running:
        cameras = subprocess.Popen(cameras_words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.callback(cameras.wait)
        running.callback(cameras.terminate)
        assert cameras.stdout is not None
        urls = json.loads(cameras.stdout.readline())
        toml.write_text(config(disk, port, urls, a.filters, quality))
        words = [sys.executable, "-m", "streamfix", "daemon", "-c", str(toml)]
        output = running.enter_context(log.open("wb"))
        daemon = Daemon(running.enter_context(process(words, output)).pid, port)
        wait_for(
            f"all cameras received, see {log}",
            lambda: all(own["received"] for own in daemon.metrics().values()),
            300,
        )

        def reload() -> None:
            toml.write_text(config(disk, port, urls, a.filters, change(quality)))
            os.kill(daemon.pid, signal.SIGHUP)

        measured = run_for(a.hours, daemon, disk, reload)
        counts, segments = stop_all(daemon, measured.segments)
        came = json.loads(sent.read_text())
    lines_of_log = log.read_text().splitlines()
    result = {
        "machine": machine() | {"cores used": round(measured.cores, 2), "load beside it": round(os.getloadavg()[2], 1)},
        "hours": round(measured.hours, 3),
        "streams": {
            name: row(counts[name], came[name], segments.of(name), disk_errors(name, lines_of_log)) for name in CAMERAS
        },
        "process": lines(measured.samples, measured.hours),
        "reloads": measured.reloads,
        "times_the_disk_was_full": measured.fills,
        "segments_counted": len(segments),
        "segments_there_at_the_end": len(list(disk.glob("*.mkv*"))),
        "most_in_flight_by_the_sums": measured.most_between,
        "http_requests": daemon.asked,
        "http_requests_that_failed": sum(daemon.refused.values()),
        "lines_of_log": len(lines_of_log),
    }
    for what, times in daemon.refused.items():
        print(f"{times} times: {what}", file=sys.stderr)
    return result, measured.samples


def change(quality: dict[str, int]) -> dict[str, int]:
    """Change one stream's quality: the first that has the most, so all have their turn."""
    name = min(quality, key=lambda name: quality[name])
    quality[name] += 1
    return quality


@dataclass
class Measured:
    segments: Segments
    samples: list[dict[str, float]] = field(default_factory=list)
    reloads: int = 0
    fills: int = 0
    hours: float = 0.0
    cores: float = 0.0
    most_between: int = 0  # received - written - dropped of a stream, the most that a look at the metrics has shown


def run_for(hours: float, daemon: Daemon, disk: Path, reload: Callable[[], None]) -> Measured:
    """Let it run, with all that happens meanwhile."""
    found = Measured(Segments(disk))
    between_s = min(3600.0, hours * 3600 / 6)
    begin_s, begin_cpu_s = time.monotonic(), daemon.cpu_s()
    reload_s, fill_s, free_s = between_s, between_s / 2, float("inf")
    next_s, full_s = 0.0, min(FULL_S, between_s / 4)
    while (now_s := time.monotonic() - begin_s) < hours * 3600:
        if now_s >= free_s:
            (disk / "filler").unlink()
            free_s = float("inf")
        if now_s >= fill_s and now_s + full_s < hours * 3600:
            fill(disk)
            found.fills += 1
            fill_s, free_s = fill_s + between_s, now_s + full_s
        if now_s >= reload_s:
            reload()
            found.reloads += 1
            reload_s += between_s
        if now_s >= next_s:
            next_s += EVERY_S
            found.samples.append({"hours": now_s / 3600, **daemon.sample()})
            for own in daemon.metrics().values():
                between = own["received"] - own["written"] - sum(dropped(own).values())
                found.most_between = max(found.most_between, between)
            daemon.look_at_the_page()
            found.segments.look()
        time.sleep(0.5)
    (disk / "filler").unlink(missing_ok=True)
    took_s = time.monotonic() - begin_s
    found.hours, found.cores = took_s / 3600, (daemon.cpu_s() - begin_cpu_s) / took_s
    return found


def stop_all(daemon: Daemon, segments: Segments) -> tuple[dict[str, Counter[str]], Segments]:
    """Stop the streams, and count once more what they have received and written."""
    for name in CAMERAS:
        daemon.ask(f"/api/streams/{name}/stop", post=True)

    def stopped() -> bool:
        streams = json.loads(daemon.ask("/api/streams"))
        return all(stream["state"] == "stopped" for stream in streams)

    wait_for("all streams stopped", stopped, 60)
    counts = daemon.metrics()
    segments.look(at_rest_s=0)
    return counts, segments


def disk_errors(stream: str, log: Sequence[str]) -> int:
    """How often the stream's output has failed for the full disk."""
    return sum(f" live: {stream}: " in line and "warning" in line and os.strerror(errno.ENOSPC) in line for line in log)


def row(own: Counter[str], came: Mapping[str, int], in_segments: int, disk_errors: int) -> dict[str, Any]:
    """A camera's row: what became of its pictures."""
    reasons = dropped(own)
    return {
        "odd_moments": came["times"],
        "sent": came["sent"],
        "received": own["received"],
        "damaged": own["damaged"],
        "written": own["written"],
        **{f"dropped_{reason}": count for reason, count in reasons.items()},
        "in_flight": own["in_flight"],
        "unaccounted": own["received"] - own["written"] - sum(reasons.values()),
        "stood_in": own["standing_in"],
        "in_segments": in_segments,
        "disk_errors": disk_errors,
        "missing_in_segments": max(own["output_written"] - in_segments, 0),
        "too_many_in_segments": max(in_segments - own["output_written"] - own["standing_in"], 0),
        "reconnects": own["reconnects"],
        "failures": own["failures"],
    }


def faults(result: Mapping[str, Any]) -> list[str]:
    """What speaks against it, in words."""
    found = []
    for name, own in result["streams"].items():
        for what, most in (
            ("unaccounted", 0),
            ("missing_in_segments", own["disk_errors"]),
            ("too_many_in_segments", 0),
        ):
            if own[what] > most:
                found.append(f"{name}: {own[what]} pictures {what.replace('_', ' ')}, {most} may be")
    for name, line in result["process"].items():
        if not line["kept"]:
            found.append(f"{name} rises by {line['rise_per_hour']} an hour, more than {line['bound_per_hour']}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("--filters", default="smooth")
    parser.add_argument("--samples", type=Path, help="a CSV file for what was sampled each ten seconds")
    parser.add_argument("--work", type=Path, help="an empty folder, kept: the configuration, the daemon's log")
    parser.add_argument("--out", type=Path, default=RESULTS / "soak.json", help="where the results go")
    a = parser.parse_args()
    if _ALONE not in os.environ:
        return alone()
    work = a.work or Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        work.mkdir(parents=True, exist_ok=True)
        with small_disk(work / "disk") as disk:
            result, samples = soak(a, work, disk)
    finally:
        if a.work is None:
            shutil.rmtree(work, ignore_errors=True)
    if a.samples is not None:
        with a.samples.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(samples[0]))
            writer.writeheader()
            writer.writerows(samples)
    print(json.dumps(result, indent=1))
    about = {
        "title": "A soak: four odd cameras, reloads, a disk that fills",
        "command": f"python -m tests.bench.bench_soak --hours {a.hours:g}",
    }
    a.out.write_text(json.dumps(about | result, indent=1) + "\n")
    for fault in (against := faults(result)):
        print(fault, file=sys.stderr)
    return int(bool(against))


_ALONE = "STREAMFIX_SOAK_ALONE"


def alone() -> int:
    """Run this command again where it may mount what nobody else sees. Returns its exit code."""
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    words = ["unshare", "--mount", *root, sys.executable, "-m", "tests.bench.bench_soak", *sys.argv[1:]]
    return subprocess.run(words, env=os.environ | {_ALONE: "1"}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
