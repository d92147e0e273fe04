"""streamfix.live: the newest restored frame of a camera, whenever your program has time for one."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .chainspec import FilterSpec, parse_chain
from .errors import Cancelled, UsageError
from .frame import Frame, VideoInfo
from .jobs.ladder import live_restoration
from .jobs.live import Overload, live_pipeline
from .jobs.privacy import split_privacy
from .live.camera.input import ends_by_itself
from .live.camera.source import LiveSource
from .live.health import Health, Report
from .live.outputs.newest import Newest
from .live.policy import LivePolicy, OnLost
from .media.specs import InputSpec
from .pipeline import Closable, Pipeline, close_all

if TYPE_CHECKING:
    from .jobs.pool import FilterPool
    from .live.ladder.restoration import LiveRestoration


def live(
    url: str | os.PathLike[str] | InputSpec,
    chain: str = "",
    *,
    max_latency: float = 0.2,
    device: str = "auto",
    on_lost: OnLost = "wait",
    pool: FilterPool | None = None,
    **options: Any,
) -> LiveVideo:
    """The frames of a camera, restored, for a program that may be slower than it.

        with streamfix.live("rtsp://camera/stream", "denoise", max_latency=0.2) as video:
            for frame in video:  # the newest one each time; `async for` does as well
                detect(frame.array("bgr24"))
            print(video.report().counts)

    Reading and restoring go on in threads of their own: what your program does meanwhile delays nothing. A camera that
    goes away is connected again, and again; the first frame behind that has `cut`.

    url: a camera, as after -i, or an InputSpec. chain: filters as after -vf.
    max_latency: seconds from a picture's arrival to where you can have it. While the chain is too slow for that,
    lighter filters take its place; then pictures are left out, and counted.
    device: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".
    on_lost: what comes while there is no camera: nothing ("wait"), the last picture ("hold"), a grey one that says so
    ("slate"), or the end ("end").
    pool: a `streamfix.FilterPool` whose filters it shares with other streams.
    options: demuxer and decoder options by name (rtsp_transport, framerate ...).

    It comes back at once and connects meanwhile. Raises UsageError (UnknownName, BadOption) for a wrong request or for
    a recording, of which no frame may be left out, and what the filters raise when they load their models; what another
    attempt to connect would not cure is raised by the loop.
    """
    spec = url if isinstance(url, InputSpec) else InputSpec(os.fspath(url))
    if options:
        spec = replace(spec, options={**spec.options, **{name: str(value) for name, value in options.items()}})
    if ends_by_itself(spec) and not spec.realtime and os.path.isfile(spec.url):
        raise UsageError(f"{spec.shown} is a recording; streamfix.open(...) gives all its frames")
    if pool is not None:
        device = pool.device_for(device)
    policy = LivePolicy(max_latency_s=max_latency, on_lost=on_lost)
    return open_live(spec, parse_chain(chain) if chain else [], policy, device=device, pool=pool)


def open_live(
    spec: InputSpec,
    chain: Sequence[FilterSpec],
    policy: LivePolicy,
    *,
    device: str = "auto",
    pool: FilterPool | None = None,
    coding: bool = False,
) -> LiveVideo:
    """The same, of what was read already. coding: frames say how they were coded, also where no filter asks for it."""
    privacy, chain = split_privacy(chain)
    health = Health()
    overload = Overload(health)
    opened: list[Closable] = []
    try:
        restoration = live_restoration(
            *(chain, policy, health), device=device, dropped=lambda: overload.count, pool=pool
        )
        opened.append(restoration)
        coding = coding or restoration.wants_coding
        source = LiveSource(
            *(spec, policy, health), audio=False, subtitles=False, data=False, coding=coding, privacy=privacy
        )
        opened.append(source)
        return LiveVideo(source, restoration, policy, health, overload)
    except BaseException:
        close_all(opened)
        raise


class LiveVideo:
    """The newest frame of a camera, whenever it is asked for. Made by `live`; iterate over it, or `read`.

    Every frame comes once; what came and went while nobody asked is counted (`report().counts.dropped["missed"]`), and
    received = written + dropped + in flight. Its own time is in `frame.time_s`, `frame.received_s` is when it came
    (`time.monotonic()`). `close()`, and the `with` block, end it; so does its object's end.

    Several threads may take frames; each frame goes to one of them.
    """

    def __init__(
        self,
        source: LiveSource,
        restoration: LiveRestoration,
        policy: LivePolicy,
        health: Health,
        overload: Overload | None = None,
    ) -> None:
        self._source, self._health = source, health
        self._newest = Newest(health, policy.max_latency_s)
        self._pipeline = live_pipeline(source, restoration, self._newest, policy, overload or Overload(health))
        self._end = weakref.finalize(self, _abandon, self._pipeline, health)
        self._end.atexit = False
        _open.add(self)
        self._pipeline.start()

    @property
    def info(self) -> VideoInfo | None:
        """Size, pixel format, rate and colour of the camera's pictures; None until the first one has come."""
        return self._source.known_info

    @property
    def codec(self) -> str | None:
        """The name of the camera's codec; None until the first picture has come."""
        return next((stream.codec for stream in self._source.streams if stream.restored), None)

    def read(self, timeout: float | None = None) -> Frame | None:
        """The newest frame that was not taken yet; None at the end, or where none came within `timeout` seconds.

        Raises InputError (DecodeError), FilterError or UsageError if the stream ended by that.
        """
        frame = self._newest.take(timeout)
        if frame is None and self._newest.over:
            self._finish()
        return frame

    @property
    def ended(self) -> bool:
        """True once no frame will come any more."""
        return self._newest.over

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.read()) is not None:
            yield frame
            del frame  # it must not be kept alive while the next one is waited for

    async def __aiter__(self) -> AsyncIterator[Frame]:
        loop = asyncio.get_running_loop()
        while True:
            worth_a_try = asyncio.Event()
            frame = self._newest.take(0, lambda event=worth_a_try: _in_loop(loop, event))  # type: ignore[misc]
            if frame is not None:
                yield frame
                del frame
            elif self._newest.over:
                await asyncio.to_thread(self._finish)
                return
            else:
                await worth_a_try.wait()

    def report(self) -> Report:
        """The stream's state, counts, latency, reconnections and what the filters measure. From any thread.

        counts.dropped: "missed" came while nobody asked, "overload" while the filters were busy. late: of those taken,
        the ones that were older than max_latency by then.
        """
        return self._health.report()

    def close(self) -> None:
        """End it, from any thread; loops that wait for a frame end. A second time does nothing."""
        self._pipeline.cancel()
        with suppress(Exception):  # of a stream that is thrown away nobody wants to know how it would have ended
            self._finish()

    def __enter__(self) -> LiveVideo:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<LiveVideo {self._source.shown!r} {self._health.report().state}>"

    def _finish(self) -> None:
        """Wait for the threads. Raises what ended the stream before its time."""
        self._end.detach()
        _wait(self._pipeline, self._health)


_open: weakref.WeakSet[LiveVideo] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Threads that decode while the interpreter ends would abort the process."""
    for video in list(_open):
        video.close()


def _in_loop(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
        loop.call_soon_threadsafe(event.set)


def _abandon(pipeline: Pipeline, health: Health) -> None:
    """End a stream whose object is gone, in whichever thread that was noticed: perhaps one of its own."""
    pipeline.cancel()

    def finish() -> None:
        with suppress(Exception):
            _wait(pipeline, health)

    threading.Thread(target=finish, name="live-end", daemon=True).start()


def _wait(pipeline: Pipeline, health: Health) -> None:
    try:
        pipeline.wait()
    except Cancelled:
        health.ended()
    except BaseException as error:
        health.ended(error)
        raise
    else:
        health.ended()
