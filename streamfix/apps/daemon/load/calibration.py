"""Measures what a frame of a job costs here: a few made-up pictures are restored, encoded and decoded."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av
import av.error
import numpy as np
from av.video.codeccontext import VideoCodecContext

from ....frame import Frame, VideoInfo
from ....jobs import JobSpec, restore_stage
from ....media.picture.convert import reformat
from ....media.picture.planes import color_of, frame_from_av, to_av
from ....media.specs import OutputSpec
from ....pipeline import Stage
from .costs import FrameCost

if TYPE_CHECKING:
    from ....jobs.pool import FilterPool

log = logging.getLogger("streamfix.daemon")

_FRAMES = 8  # beside the first, which makes what is made once
_MOST_S = 0.3  # of filters: other streams want the processors, and slow ones are known after two frames
_BASE = Fraction(1, 25)


class Calibration:
    """Call it with a job and what is known of its input.

    pool: lends the filters, so that those in use are not loaded again.
    """

    def __init__(self, pool: Callable[[], FilterPool | None] = lambda: None) -> None:
        self._pool = pool

    def __call__(self, spec: JobSpec, info: VideoInfo) -> FrameCost:
        """What one frame costs. Raises what filters raise when they are made."""
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
        coding_s = sum([self._code(output, restored) for output in spec.outputs], 0.0)
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
        """Frames that come out, and what each one took: seconds of processors, and of time."""
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
        work_s, wall_s = min(found)  # whatever disturbs one of the two only adds
        return out, work_s, wall_s

    def _code(self, output: OutputSpec, frames: list[Frame]) -> float:
        """Seconds of processors that encoding a frame and decoding its like takes; 0 if the encoder does not work."""
        try:
            encoder, decoder = codecs(output, frames[0])
            meter = Meter()
            for frame in [*map(to_av, frames), None]:
                if frame is not None:
                    pix_fmt, width, height = encoder.pix_fmt or frame.format.name, encoder.width, encoder.height
                    frame = reformat(frame, pix_fmt, width, height, color=color_of(frame))
                for packet in encoder.encode(frame):
                    decoder.decode(packet)
        except (av.error.FFmpegError, ValueError) as error:
            log.debug("%s: not measured: %s", output.video_codec, error)  # the output itself will say what is wrong
            return 0.0
        return meter.work_s / len(frames)


class Meter:
    """Work done for this thread since it was made.

    Other streams work meanwhile, in threads of Python that the kernel counts apart. What is left of the process is this
    thread and native ones, of operators and codecs, which are taken for its own.
    """

    def __init__(self) -> None:
        self._others = _other_threads_s()
        self._begun = time.perf_counter(), time.process_time(), time.thread_time()

    @property
    def wall_s(self) -> float:
        """Seconds that have passed."""
        return time.perf_counter() - self._begun[0]

    @property
    def work_s(self) -> float:
        """Seconds of processors."""
        process_s, thread_s = time.process_time() - self._begun[1], time.thread_time() - self._begun[2]
        others_s = sum(s - self._others.get(thread, 0.0) for thread, s in _other_threads_s().items())
        return max(thread_s, process_s - others_s)


def _other_threads_s() -> dict[int, float]:
    """Seconds of processors that each of Python's other threads has had, by the kernel's number of the thread."""
    found = {}
    for thread in threading.enumerate():
        if thread.native_id is not None and thread.native_id != threading.get_native_id():
            with suppress(OSError):  # it has just ended, or this kernel does not count
                text = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text(encoding="ascii")
                found[thread.native_id] = int(text.split()[0]) / 1e9
    return found


def pictures(info: VideoInfo, count: int) -> Iterator[Frame]:
    """A moving pattern with noise, in the input's size and format: neither the cheapest nor the dearest to encode."""
    width, height = info.width + info.width % 2, info.height + info.height % 2
    rng = np.random.default_rng(0)
    across, down = np.arange(width), np.arange(height * 3 // 2)[:, None]
    for i in range(count):
        wave = 40 * np.sin((across + 3 * i) / 17) * np.sin((down - i) / 11) + 110
        codes = (wave + rng.normal(0, 4, wave.shape)).clip(16, 235).astype(np.uint8)
        codes[height:] = 128  # chroma
        made = av.VideoFrame.from_ndarray(codes, "yuv420p")
        made.pts, made.time_base, made.duration = i, _BASE, 1
        yield frame_from_av(reformat(made, info.pix_fmt, info.width, info.height, color=info.color), _BASE)


def codecs(output: OutputSpec, frame: Frame) -> tuple[VideoCodecContext, VideoCodecContext]:
    """An encoder as live output has it, and the decoder of what it gives. Raises av's errors, ValueError."""
    name = output.video_codec or "libx264"
    encoder = _context(name, "w")
    encoder.width, encoder.height = frame.width // 2 * 2, frame.height // 2 * 2  # which every encoder takes
    formats = [f.name for f in encoder.codec.video_formats or ()]
    encoder.pix_fmt = output.pix_fmt or _first(formats, frame.picture.format.name)
    encoder.time_base, encoder.framerate = _BASE, 1 / _BASE
    usual = {"preset": "veryfast", "tune": "zerolatency"} if name in ("libx264", "libx265") else {}
    encoder.options = {**usual, **output.video_options}
    return encoder, _context(encoder.codec.canonical_name, "r")


def _context(name: str, mode: Literal["r", "w"]) -> VideoCodecContext:
    context = av.CodecContext.create(name, mode)
    if not isinstance(context, VideoCodecContext):
        raise ValueError(f"{name} is no codec of video")
    context.thread_count = 1
    return context


def _first(formats: list[str], wanted: str) -> str:
    return wanted if wanted in formats or not formats else formats[0]


def _computed(frame: Frame) -> Frame:
    """The frame once its picture is there, also if a GPU was still at it."""
    frame.picture.planes(frame.color)
    return frame
