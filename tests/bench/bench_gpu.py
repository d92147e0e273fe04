"""The whole check of a GPU, in under eight minutes: is it right, how fast, how much memory, and where the time goes.

    python -m tests.bench.bench_gpu [--device cuda] [--json FILE]

Four parts, each of which gives up what its time does not allow, and names it:
right: filters on the device beside the same on the CPU's tensors, and several streams in a batch beside each alone;
fps: by size and number of streams that share the filter, pictures uploaded and downloaded, without and with H.264;
memory: the most that was held, beside each figure;
profile: one 1080p stream, by operation.
Without a CUDA GPU it says so and exits with 2; --device cpu tries everything but the figures. Exits with 1 if it is not
right.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from streamfix import FilterPool, Frame
from streamfix.chainspec import parse_chain
from streamfix.devices import Device
from streamfix.evaluation.results import machine
from streamfix.filters import FILTERS
from streamfix.jobs import build_job
from streamfix.jobs.chain import restore_stage
from streamfix.jobs.job import Hosting, JobSpec
from streamfix.media.picture.planes import frame_from_av
from streamfix.media.specs import InputSpec, OutputSpec
from tests.bench.bench_fronts import SAMPLES, noisy, pictures

NONE = "bench_gpu: PyTorch sees no CUDA GPU here, so nothing was measured; --device cpu tries it on the CPU"
LIMIT_S = 450.0
_LONGEST_S = 60.0  # of one run of streams
LEAST_DB = 50.0  # the device's picture to the CPU's: last bits may decide otherwise what moves in a few places
FILTERS_TRIED = ("smooth", "denoise=lookahead=0", "denoise", "deblock", "upscale")


class Left:
    """The time that is left."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.skipped: list[str] = []

    def allows(self, what: str, share: float = 0.0) -> bool:
        """Whether there is time for it, so many seconds at least; else it is noted as left out."""
        if time.monotonic() + share < self._end:
            return True
        self.skipped.append(what)
        return False


def _made(chain: str, device: str, exact: bool) -> Any:
    (spec,) = parse_chain(chain)
    options = dict(spec.options)
    if exact and spec.name != "smooth":
        options |= {"backend": "torch", "precision": "fp32"}
    filter = FILTERS.create(spec.name, options)
    filter.to(torch.device(device) if device != "cpu" else Device("cpu"))
    return filter


def _run(filter: Any, clips: Sequence[Tensor], device: str) -> Tensor:
    """What the filter makes of clips (T, 6, H, W) in one batch: (B, T, 6, H, W), on the CPU."""
    states, results = [filter.init_state() for _ in clips], []
    with torch.inference_mode():
        for t in range(len(clips[0])):
            at = [min(t + i, len(clips[0]) - 1) for i in range(1 + filter.future)]
            results.append(filter(torch.stack([clip[at] for clip in clips]).to(device), states).cpu())
    return torch.cat(results, 1)


def psnr(a: Tensor, b: Tensor) -> float:
    return -10 * math.log10(max(float((a - b).double().square().mean()), 1e-15))


def right(device: str, frames: int, side: int) -> list[dict[str, Any]]:
    """dB between the device and the CPU, in float32 and as it usually runs, and between a batch and streams alone."""
    clips = [
        torch.from_numpy(noisy(pictures(SAMPLES / name, frames), 10.0)[..., :side, : side * 3 // 2].copy())
        for name in ("campus.avi", "bunny.mp4")
    ]
    rows = []
    for chain in FILTERS_TRIED:
        here, there, usual = _made(chain, "cpu", True), _made(chain, device, True), _made(chain, device, False)
        wanted, found = _run(here, clips[:1], "cpu"), _run(there, clips[:1], device)
        batch = _run(there, clips, device)
        row: dict[str, Any] = {"filter": chain, "to CPU": psnr(found, wanted)}
        row["as it runs"] = psnr(_run(usual, clips[:1], device), wanted)
        row["batch to alone"] = min(psnr(batch[:1], found), psnr(batch[1:], _run(there, clips[1:], device)))
        row["right"] = min(row["to CPU"], row["batch to alone"]) >= LEAST_DB
        rows.append({k: round(v, 1) if isinstance(v, float) else v for k, v in row.items()})
        for filter in (here, there, usual):
            filter.close()
    return rows


def footage(width: int, height: int, frames: int) -> list[Frame]:
    """A sample at that size, with noise."""
    rng, found = np.random.default_rng(0), []
    with av.open(str(SAMPLES / "bunny.mp4")) as container:
        for number, picture in zip(range(frames), container.decode(video=0), strict=False):
            planes = picture.reformat(width, height, "yuv420p").to_ndarray().astype(np.float32)
            planes += rng.standard_normal(planes.shape, np.float32) * 8
            coded = av.VideoFrame.from_ndarray(np.clip(planes, 0, 255).astype(np.uint8), "yuv420p")
            coded.pts, coded.time_base = number, Fraction(1, 25)
            found.append(frame_from_av(coded, Fraction(1, 25)))
    return found


def _each(streams: int, work: Callable[[int], int]) -> tuple[int, float]:
    """How many frames streams have made in threads of their own, and in how many seconds. Raises what one raises."""
    counts, errors = [0] * streams, []

    def called(number: int) -> None:
        try:
            counts[number] = work(number)
        except Exception as error:  # noqa: BLE001  # raised below, in the caller's thread
            errors.append(error)

    threads = [threading.Thread(target=called, args=(n,), daemon=True) for n in range(streams)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * _LONGEST_S)
    if errors:
        raise errors[0]
    return sum(counts), time.perf_counter() - begun


def restored(pool: FilterPool, chain: str, frames: Sequence[Frame], seconds: float) -> int:
    """How many pictures a stream has got back as planes, until so many seconds are over."""
    stage = restore_stage(parse_chain(chain), str(pool.device), pool)
    assert stage is not None
    count, end, number = 0, time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end and number < 100_000:
            turn, at = divmod(number, len(frames))
            frame = frames[at if turn % 2 == 0 else len(frames) - 1 - at]  # to and fro, so that nothing jumps
            for out in stage.push(replace(frame, pts=number, cut=number == 0)):
                out.picture.planes(out.color)
                count += 1
            number += 1
    finally:
        stage.close()
    return count


def coded(pool: FilterPool, chain: str, clip: Path, out: Path) -> int:
    """How many frames a whole job has written: decoded, restored, coded."""
    spec = JobSpec(
        inputs=(InputSpec(str(clip)),),
        outputs=(OutputSpec(str(out), video_codec="libx264", video_options={"preset": "veryfast"}, overwrite=True),),
        filters=tuple(parse_chain(chain)),
        device=str(pool.device),
    )
    job = build_job(spec, Hosting(pool=pool))
    job.run()
    return int(job.progress.frames)


def _memory_mb(device: str) -> float:
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return torch.cuda.max_memory_allocated() / 2**20


def speeds(
    device: str, sizes: Sequence[tuple[int, int]], streams: Sequence[int], frames: int, seconds: float, left: Left
) -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for width, height in sizes:
            clip, given = Path(folder) / f"{height}.mkv", footage(width, height, frames)
            _write(clip, given)
            for chain, count in product(("smooth", "denoise=lookahead=0", "denoise"), streams):
                what = {"filter": chain, "size": f"{width}x{height}", "streams": count}
                if left.allows(f"{chain} {width}x{height}, {count} streams", 3 * seconds):
                    rows.append(what | speed(device, chain, count, given, clip, seconds))
                    print(json.dumps(rows[-1]), flush=True)
    return rows


def speed(
    device: str, chain: str, streams: int, frames: Sequence[Frame], clip: Path, seconds: float
) -> dict[str, float]:
    """Frames a second of all streams together, without and with coding, and the most memory that was held."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    pool = FilterPool(device, max_batch=streams)
    held = pool.lease(parse_chain(chain)[0])  # else the last stream to end would close the filter
    try:
        # graphs are recorded for each size of a batch before anything is timed
        _each(streams, lambda _: restored(pool, chain, frames, min(seconds, 3.0)))
        made, took = _each(streams, lambda _: restored(pool, chain, frames, seconds))
        coded_made, coded_took = _each(streams, lambda n: coded(pool, chain, clip, clip.with_suffix(f".{n}.mkv")))
    finally:
        held.close()
    figures = {"fps": made / took, "fps, H.264 in and out": coded_made / coded_took, "MB": _memory_mb(device)}
    return {name: round(value, 1) for name, value in figures.items()}


def _write(path: Path, frames: Sequence[Frame]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(frame.origin))
        container.mux(stream.encode())


def profile(device: str, size: tuple[int, int], frames: int) -> list[dict[str, Any]]:
    """The operations in which `denoise` spends most of its time, ms a frame; as plain calls, not as a CUDA graph."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device != "cpu" else [])
    given = footage(*size, 4)
    os.environ["STREAMFIX_CUDA_GRAPHS"] = "0"
    try:
        pool = FilterPool(device)
        restored(pool, "denoise=lookahead=0", given, 1.0)
        with profile(activities=activities) as found:
            begun = time.perf_counter()
            count = restored(pool, "denoise=lookahead=0", given, 0.2 * frames)
            took = time.perf_counter() - begun
    finally:
        del os.environ["STREAMFIX_CUDA_GRAPHS"]
    own = "self_device_time_total" if device != "cpu" else "self_cpu_time_total"
    events = sorted(found.key_averages(), key=lambda event: -getattr(event, own))[:20]
    rows = [{"operation": "all", "ms a frame": round(1e3 * took / max(count, 1), 3), "calls a frame": 1.0}]
    for event in events:
        ms = getattr(event, own) / 1e3 / max(count, 1)
        rows.append({"operation": event.key[:60], "ms a frame": round(ms, 3),
                     "calls a frame": round(event.count / max(count, 1), 1)})  # fmt: skip
    return rows


def _sizes(text: str) -> list[tuple[int, int]]:
    pairs = [one.split("x") for one in text.split(",")]
    return [(int(width), int(height)) for width, height in pairs]


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", type=_sizes, default="640x360,1280x720,1920x1080")
    parser.add_argument("--streams", type=lambda text: [int(n) for n in text.split(",")], default="1,4,16")
    parser.add_argument("--frames", type=int, default=50, help="of the footage")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each figure")
    parser.add_argument("--side", type=int, default=96, help="half the height of the pictures that are compared")
    parser.add_argument("--json", type=Path, default=Path("bench_gpu.json"))
    given = parser.parse_args(words)
    if given.device != "cpu" and not torch.cuda.is_available():
        print(NONE)
        return 2
    os.environ["STREAMFIX_FRONT"] = "torch"
    begun, left = time.monotonic(), Left(LIMIT_S)
    found: dict[str, Any] = {"machine": machine(), "device": given.device}
    try:
        found["right"] = right(given.device, min(given.frames, 8), given.side)
        for row in found["right"]:
            print(json.dumps(row), flush=True)
        if left.allows("profile"):
            found["profile"] = profile(given.device, given.sizes[-1], min(given.frames, 30))
        found["speed"] = speeds(given.device, given.sizes, given.streams, given.frames, given.seconds, left)
    finally:
        del os.environ["STREAMFIX_FRONT"]
    found |= {"left out": left.skipped, "seconds": round(time.monotonic() - begun, 1)}
    given.json.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{given.json}: {found['seconds']} s" + (f"; no time for {', '.join(left.skipped)}" if left.skipped else ""))
    return int(not all(row["right"] for row in found["right"]))


if __name__ == "__main__":
    sys.exit(main())
