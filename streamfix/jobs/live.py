"""From a live job's description to its pipeline, in which nothing waits and every frame is counted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from math import inf
from typing import Any

from ..errors import UsageError
from ..frame import Frame
from ..live.camera.input import outputs_end_s
from ..live.camera.source import LiveSource
from ..live.health import Health
from ..live.ladder.restoration import LiveRestoration
from ..live.outputs.fanout import Fanout, is_recording, room_of
from ..live.policy import LivePolicy
from ..live.room import Room
from ..media.output.muxer import guess_format
from ..pipeline import Closable, Pipeline, Stage, close_all
from .job import Hosting, Job, JobSpec
from .ladder import live_restoration

_DEPTH = 2  # restored frames that wait for the outputs, which take them at once
_PATIENCE = 0.1  # share of the budget that a frame may wait before one is dropped: cameras send in bursts
_SWITCH_INTERVAL_S = 0.0005  # that a thread of Python waits for another one; usually 0.005
_TOLD_S = 10.0  # without a picture that was dropped, until the next is told again
_SPARE = 128  # packets of other streams that wait behind a frame that is being restored


def live_job(spec: JobSpec, policy: LivePolicy, hosting: Hosting) -> Job:
    """Make the filters, wait for the camera, prepare the outputs. Raises as `build_job`; Cancelled if stopped."""
    if len(spec.inputs) != 1:
        raise UsageError(f"a live job has one input, got {len(spec.inputs)}; -nolive reads several to their ends")
    health = hosting.health or Health()
    recording = any(is_recording(output, guess_format(output.url, output.format)) for output in spec.outputs)
    room = room_of(policy) if recording else None
    overload = Overload(health, room)
    opened: list[Closable] = []
    try:
        restoration = live_restoration(
            spec.filters, policy, health, device=spec.device, dropped=lambda: overload.count, pool=hosting.pool
        )
        opened.append(restoration)
        source = LiveSource(
            *(spec.inputs[0], policy, health, spec.maps),
            audio=spec.audio,
            subtitles=spec.subtitles,
            data=spec.data,
            coding=restoration.wants_coding,
            privacy=spec.privacy,
            name=health.name,
            wanted_s=outputs_end_s(spec.outputs),
            room=room,
            seen=hosting.seen,
        )
        opened.append(source)
        hosting.opening(source)
        source.open()
        hosting.admit(source.info)
        writer = Fanout(
            *(spec.outputs, source),
            policy=policy,
            health=health,
            worked=_encoding(hosting.worked),
            dropped=lambda: overload.count,
        )
        opened.append(writer)
        if source.goes_on and not recording:
            if (first := source.first) is not None:
                restoration.make_ready(first)
            source.begin_now()
    except BaseException:
        close_all(opened)
        raise
    pipeline = live_pipeline(
        *(source, restoration, writer, policy, overload),
        _but_encoding(hosting.worked),
        recording=recording,
    )
    return Job(spec, source, restoration, writer, pipeline, health)


def live_pipeline(
    source: LiveSource,
    restoration: LiveRestoration,
    last: Stage,
    policy: LivePolicy,
    overload: Overload,
    worked: Callable[[str, object, float], None] | None = None,
    *,
    recording: bool = False,
) -> Pipeline:
    """The pipeline of a live stream, whose first channel leaves frames out rather than letting the camera wait.

    last: takes every frame at once. overload: is told of what is left out. recording: nothing is, while the source has
    room for more to wait.
    """
    return Pipeline(
        *(source, restoration, last),
        depth=_DEPTH,
        droppable=lambda item: _is_droppable(item) and not (recording and source.has_room),
        first_depth=1,
        first_spare=_SPARE,
        first_patience_s=policy.max_latency_s * _PATIENCE,
        on_drop=overload,
        worked=worked,
    )


def share_interpreter() -> None:
    """Let a thread of Python wait for another one half a millisecond at most, not five.

    Every call into a codec, OpenCV or NumPy ends with a wait for the interpreter. With eight streams in a process a
    frame that took 3 ms of a processor spent 40 to 60 ms in such waits. It holds for the whole process, so programs
    call it, and the library does not.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


class Overload:
    """Counts the frames that were dropped because the filters had no time for them."""

    def __init__(self, health: Health, room: Room | None = None) -> None:
        self.count = 0
        self._health, self._room = health, room
        self._told_s = -inf

    def __call__(self, frame: Frame) -> None:
        if frame.standing_in:
            return
        self.count += 1
        self._health.dropped("overload")
        now_s = time.monotonic()
        if self._room is not None and now_s - self._told_s > _TOLD_S:
            self._health.note(
                "filter", f"the filters are too slow: {self._room} of pictures wait already, some are left out"
            )
        self._told_s = now_s


def _is_droppable(item: Any) -> bool:
    return isinstance(item, Frame) and not item.cut


def _encoding(worked: Callable[[str, object, float], None]) -> Callable[[Frame, float], None]:
    """Called by the first output, which works in a thread of its own, with what a frame took."""
    return lambda frame, seconds: worked(Fanout.name, frame, seconds)


def _but_encoding(worked: Callable[[str, object, float], None]) -> Callable[[str, object, float], None]:
    def tell(stage: str, item: object, seconds: float) -> None:
        if stage != Fanout.name:
            worked(stage, item, seconds)

    return tell
