"""Measures what one frame of a job costs on this machine: a few made-up pictures are restored, encoded and decoded."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error
import numpy as np

from ....errors import StreamfixError
from ....frame import Frame, VideoInfo
from ....jobs import JobSpec, restore_stage
from ....media.picture.convert import reformat
from ....media.picture.planes import frame_from_av
from ....media.specs import OutputSpec
from ....pipeline import Stage
from .costs import USUAL_RATE, FrameCost
from .sample_encoder import SampleEncoder

if TYPE_CHECKING:
    from ....jobs.pool import FilterPool

log = logging.getLogger("streamfix.daemon")

_FRAMES = 8  # measured; one more comes first and pays for what is made once
_MOST_S = 0.3  # spent in filters: other streams need the processors, and a slow filter is known after two frames


class CostCalibration:
    """Measures the cost of a frame; call it with a job and what is known of the job's input.

    pool: lends the filters, so that filters already in use are not loaded again.
    """

    def __init__(self, pool: Callable[[], FilterPool | None] = lambda: None) -> None:
        self._pool = pool

    def __call__(self, spec: JobSpec, info: VideoInfo) -> FrameCost:
        """The cost of one frame. Raises whatever a filter raises when it is made."""
        frames = list(pictures(info, 1 + _FRAMES))
        pool = self._pool() if any(f.name != "null" for f in spec.filters) else None  # it loads PyTorch
        stage = restore_stage(spec.filters, spec.device, pool, live=True)
        restored, restoring_s, gpu_s = frames, 0.0, 0.0
        if stage is not None:
            try:
                restored, restoring_s, took_s = self._restore(stage, frames)
            finally:
                stage.close()
            if pool is not None and pool.device.type == "cuda":
                gpu_s = took_s
        coding_s = sum([self._code(output, info, restored) for output in spec.outputs], 0.0)
        cost = FrameCost(restoring_s, coding_s, gpu_s)
        log.info(
            "a frame of %dx%d costs %.1f ms in filters, %.1f ms in codecs%s",
            info.width,
            info.height,
            restoring_s * 1e3,
            coding_s * 1e3,
            f", {gpu_s * 1e3:.1f} ms of the GPU" if gpu_s else "",
        )
        return cost

    def _restore(self, stage: Stage, frames: list[Frame]) -> tuple[list[Frame], float, float]:
        """Returns the restored frames, and for one frame the seconds of processor time and of wall time."""
        out = [_computed(frame) for frame in stage.push(frames[0])]
        half, found = len(frames) // 2, list[tuple[float, float]]()
        for part in (frames[1 : 1 + half], frames[1 + half :]):
            meter, count = Meter(), 0
            for frame in part:
                out += [_computed(restored) for restored in stage.push(frame)]
                count += 1
                if meter.wall_s > _MOST_S / 2:
                    break
            found.append((meter.work_s / count, meter.wall_s / count))
        out += [_computed(frame) for frame in stage.flush()]
        work_s, wall_s = min(found)  # a disturbance only ever adds
        return out, work_s, wall_s

    def _code(self, output: OutputSpec, info: VideoInfo, frames: list[Frame]) -> float:
        """Seconds of processor time to encode one frame and decode it again; 0 if the encoder does not work."""
        try:
            with SampleEncoder(output, info, frames[0]) as encoder:
                decoder = encoder.decoder()
                first, *others = frames
                for packet in encoder.encode(first):
                    decoder.decode(packet)
                meter = Meter()
                for frame in others:
                    for packet in encoder.encode(frame):
                        decoder.decode(packet)
                for packet in encoder.flush():
                    decoder.decode(packet)
                return meter.work_s / max(1, len(others))
        except (av.error.FFmpegError, ValueError, StreamfixError) as error:
            log.debug("%s: coding was not measured: %s", output.shown, error)  # the output itself will report it
            return 0.0


class Meter:
    """Measures the work done on behalf of this thread since the meter was made.

    Other streams work at the same time in Python threads, whose time the kernel counts separately. What remains of the
    process is this thread and the native threads of operators and codecs, all of which count as this thread's work.
    """

    def __init__(self) -> None:
        self._others = _other_threads_s()
        self._begun = time.perf_counter(), time.process_time(), time.thread_time()

    @property
    def wall_s(self) -> float:
        """Seconds of wall time."""
        return time.perf_counter() - self._begun[0]

    @property
    def work_s(self) -> float:
        """Seconds of processor time."""
        process_s, thread_s = time.process_time() - self._begun[1], time.thread_time() - self._begun[2]
        others_s = sum(s - self._others.get(thread, 0.0) for thread, s in _other_threads_s().items())
        return max(thread_s, process_s - others_s)


def _other_threads_s() -> dict[int, float]:
    """Seconds of processor time of every other Python thread, by its native id."""
    found = {}
    for thread in threading.enumerate():
        if thread.native_id is not None and thread.native_id != threading.get_native_id():
            with suppress(OSError):  # the thread has just ended, or this kernel does not count
                text = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text(encoding="ascii")
                found[thread.native_id] = int(text.split()[0]) / 1e9
    return found


def pictures(info: VideoInfo, count: int) -> Iterator[Frame]:
    """A moving pattern with noise, of the input's size, format and rate: neither cheap nor dear to encode."""
    width, height = info.width + info.width % 2, info.height + info.height % 2
    duration = max(1, round(1 / ((info.rate or USUAL_RATE) * info.time_base)))
    rng = np.random.default_rng(0)
    across, down = np.arange(width), np.arange(height * 3 // 2)[:, None]
    for i in range(count):
        wave = 40 * np.sin((across + 3 * i) / 17) * np.sin((down - i) / 11) + 110
        codes = (wave + rng.normal(0, 4, wave.shape)).clip(16, 235).astype(np.uint8)
        codes[height:] = 128  # chroma
        made = av.VideoFrame.from_ndarray(codes, "yuv420p")
        made.pts, made.time_base = i * duration, info.time_base
        shaped = reformat(made, info.pix_fmt, info.width, info.height, color=info.color)
        yield replace(frame_from_av(shaped, info.time_base), duration=duration)


def _computed(frame: Frame) -> Frame:
    """The frame once its picture is computed, also if a GPU was still working on it."""
    frame.picture.planes(frame.color)
    return frame
