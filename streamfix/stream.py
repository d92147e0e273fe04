"""streamfix inside somebody else's loop: pictures are pushed in, restored frames come out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from .chainspec import FilterSpec, parse_chain
from .errors import UsageError
from .frame import ArrayFormat, Color, Frame, VideoInfo, check_array_format
from .jobs import Restoration, restore_stage, split_privacy
from .latency import latency_frames
from .live.health import Health, Report
from .live.policy import LivePolicy
from .media.privacy.burner import Burner
from .pushed import Times, info_of, like, seen, whole_number

if TYPE_CHECKING:
    from av import VideoFrame
    from numpy.typing import NDArray

    from .jobs.pool import FilterPool
    from .live.ladder.restoration import LiveRestoration

_USUAL_RATE = Fraction(25)


class Stream:
    """One video stream's filter chain, driven by your loop.

        with streamfix.Stream("denoise") as stream:
            ok, picture = camera.read()  # NumPy (H, W, 3) uint8 B'G'R', as OpenCV has it
            while ok:
                show(stream(picture))    # the same, restored
                ok, picture = camera.read()

        with streamfix.Stream("denoise", format="nv12", live=False) as stream:  # looks ahead: better, and later
            for picture in recording:
                for frame in stream.push(picture):
                    keep(frame.array("nv12"))
            for frame in stream.flush():
                keep(frame.array("nv12"))

    It takes NumPy arrays and PyTorch tensors of `format`, floating-point tensors (3, H, W) R'G'B' in [0, 1], whatever
    speaks DLPack (CUDA tensors stay on their GPU), PyAV's and aiortc's `av.VideoFrame`, and `Frame`. 4:2:0 is better
    pushed as it is ("nv12", "i420"): nothing is converted then. Values are copied, so a camera's buffer may be used
    again. Sizes may change on the way. Every frame of `streamfix.open(path, coding=True)`, pushed through a Stream with
    live=False, gives what `streamfix.open(path).filter(chain)` gives, bit for bit. (Without `coding`, a filter that
    looks at how frames were coded goes by the pictures alone; `wants_coding` tells.)

    chain: filters as after -vf, libavfilter's among them; "" or "null" hands every frame through untouched. With
    `privacy` at its beginning, a copy of each picture is covered before any filter has it.
    info: what is known of the frames to come: the rate of pictures that come without times, 25 if it does not say, and
    what `latency_frames` wants to know where it is asked for before the first frame.
    format: of arrays and tensors, see `Frame.array`.
    device: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".
    live: the filters take the options they set for live streams, such as no look-ahead, and finish each frame before
    the next. Without it they may look ahead, and some work on two frames at once: faster, and two frames later.
    color: of arrays and tensors; None: untagged, which is BT.709 from 720 lines on, else BT.601, of limited range.
    max_latency: seconds that a picture may take. While the chain is slower than the pictures come, lighter filters take
    its place, in the end none of ours; `report` says which (`step_name`).
    pool: a `streamfix.FilterPool` whose filters it shares: several streams, one set of weights.

    The frames of one stream belong together: a filter remembers the ones before. Tell it of a seek, a reconnection or a
    scene change by `cut=True` with the first frame behind it, or by `reset`; filters with a memory find scene changes
    by themselves too.

    Threads: one at a time calls a Stream, whichever it is; two at once get a UsageError. `report` may be called from
    any. Several Streams may run in several threads.

    Raises UsageError (UnknownName, BadOption) for a wrong request, DeviceError for a device that is not there, or what
    a filter raises when it loads its model, such as ModelError.
    """

    def __init__(
        self,
        chain: str,
        info: VideoInfo | None = None,
        *,
        format: ArrayFormat = "bgr24",
        device: str = "auto",
        live: bool = True,
        color: Color | None = None,
        max_latency: float | None = None,
        pool: FilterPool | None = None,
    ) -> None:
        if max_latency is not None and not live:
            raise UsageError(f"max_latency={max_latency}: only a live stream has a budget; leave out live=False")
        self.chain, self.format = chain, check_array_format(format)
        self._color, self._info = color, info
        self._health = Health()
        privacy, rest = split_privacy(parse_chain(chain) if chain else [])
        self._burner = None if privacy is None else Burner(privacy)
        self._restoration = _made(rest, device, live, max_latency, pool, self._health)
        self._health.began()
        self._times = Times(None if max_latency is not None else (info and info.rate) or _USUAL_RATE)
        self._shape: tuple[int, int, str] | None = None
        self._latency_frames: int | None = None
        self._calling = threading.Lock()
        self._closed = False

    @overload
    def __call__(self, picture: NDArray[Any], **about: Any) -> NDArray[np.uint8]: ...
    @overload
    def __call__(self, picture: Frame, **about: Any) -> Frame: ...
    @overload
    def __call__(self, picture: VideoFrame, **about: Any) -> VideoFrame: ...
    @overload
    def __call__(self, picture: Any, **about: Any) -> Any: ...
    def __call__(self, picture: Any, **about: Any) -> Any:
        """The restored picture, of the kind that was given: one in, one out.

        about: pts, time_base, cut, damaged, as for `push`. A tensor has its dtype and device again, what speaks DLPack
        comes back as a tensor, a VideoFrame has its pixel format again.
        Raises UsageError if the chain looks ahead or changes the number of frames, else as `push`.
        """
        frame = self._frame(picture, **about)
        self._info = self._info or info_of(frame)
        if self.latency_frames:
            raise UsageError(
                f"{self.chain!r} looks {self.latency_frames} frames ahead, so a call cannot give the picture it was "
                "given: use push() and flush(), or a Stream that is live"
            )
        found = self._push(frame)
        if len(found) != 1:
            raise UsageError(f"{self.chain!r} gave {len(found)} frames for one: use push() and flush()")
        return like(picture, found[0], self.format)

    def push(
        self,
        picture: Any,
        *,
        pts: int | None = None,
        time_base: Fraction | None = None,
        cut: bool = False,
        damaged: bool = False,
    ) -> list[Frame]:
        """Take the next picture; give the frames that became ready: none, one or several, in order.

        picture: as the class says. pts, time_base: its time, if it has none of its own; without them, pictures are
        counted (with `max_latency`, the clock tells). cut: it does not follow the one before. damaged: it is not what
        the camera sent; it is restored by itself and enters no filter's memory.

        Each frame has the pts, time base and tags of the one it was made from, and its pixel format; its size is
        `scale` times as large. (libavfilter's filters may change all of that, and the number of frames.) What comes out
        is yours to keep: `frame.array("bgr24")`, `frame.tensor("rgb")`, `frame.av()`.

        Raises BadOption for an array that is not of the format, TypeError for what is no picture, FilterError
        (DeviceError) if a filter fails: `reset` then begins anew.
        """
        return self._push(self._frame(picture, pts=pts, time_base=time_base, cut=cut, damaged=damaged))

    def flush(self) -> list[Frame]:
        """Give the frames that are still held, at the end of the stream; what is pushed next begins a new one."""
        with self._call():
            if self._restoration is None:
                return []
            held = self._counted(self._restoration.flush())
            self._restoration.reset()
            return held

    def reset(self) -> None:
        """Begin a new stream: what is held and remembered is thrown away, what is loaded stays.

        As a new Stream would do, only at once: no model is read again. For a seek, a reconnection, another camera.
        """
        with self._call():
            if self._restoration is not None:
                self._restoration.reset()
            self._health.dropped("reset", max(self._health.report().counts.in_flight, 0))
            self._shape = None
            self._times.reset()

    def report(self) -> Report:
        """What became of the frames, how long they took, and what the filters measured. From any thread.

        counts: received, written (given back), damaged, dropped (by `reset`). latency_s: p50, p99, max, in seconds.
        step, step_name: how far down and to which filters `max_latency` has led. figures: noise_luma and the like, in
        the units that the filters' documentation says.
        """
        if self._restoration is not None and self._calling.acquire(blocking=False):
            try:
                if not self._closed:
                    for name, value in self._restoration.report().items():
                        self._health.figure(name, value)
            finally:
                self._calling.release()
        return self._health.report()

    @property
    def latency_frames(self) -> int:
        """How many frames the chain looks ahead: a frame comes out once so many more were pushed; with 0, at once.

        No more are ever held, so `flush` gives as many at most. That is exact for sound frames; a filter that waits for
        frames to come does not count damaged ones. What libavfilter's filters hold is found the first time by a trial
        with blank frames, for which such a chain needs `info`, or a frame pushed before.

        Raises UsageError where that is missing, or where no number can be told (`reverse` holds everything).
        """
        if self._latency_frames is None:
            self._latency_frames = 0 if self._whole is None else latency_frames(self._whole, self._info)
        return self._latency_frames

    @property
    def wants_coding(self) -> bool:
        """True if a filter of the chain looks at `Frame.coding`: it does better where frames have it."""
        return self._restoration is not None and self._restoration.wants_coding

    @property
    def scale(self) -> int | Fraction:
        """How many times larger the result is in width and height, if libavfilter's filters leave its size alone."""
        return 1 if self._whole is None else prod(f.scale for f in self._whole.filters)

    def close(self) -> None:
        """Release the filters, once a call in another thread has ended. A second time does nothing."""
        with self._calling:
            closing, self._closed = not self._closed, True
            if closing:
                self._health.ended()
                if self._restoration is not None:
                    self._restoration.close()
                if self._burner is not None:
                    self._burner.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Stream {self.chain!r}{' closed' if self._closed else ''}>"

    @property
    def _whole(self) -> Restoration | None:
        """The whole chain, where `max_latency` may have put a lighter one in its place."""
        if self._restoration is None or isinstance(self._restoration, Restoration):
            return self._restoration
        heaviest = self._restoration.runner.all[0].stage
        return heaviest if isinstance(heaviest, Restoration) else None

    def _push(self, frame: Frame) -> list[Frame]:
        with self._call():
            if self._burner is not None:
                frame = self._burner.burn_frame(frame)
            self._info = self._info or info_of(frame)
            self._health.received(damaged=frame.damaged)
            if frame.received_s is None:
                frame = replace(frame, received_s=time.monotonic())
            if self._restoration is None:
                return self._counted([frame])
            shape = frame.width, frame.height, frame.picture.format.name
            changed, self._shape = self._shape not in (None, shape), shape
            if not changed or isinstance(self._restoration, Restoration):
                return self._counted(self._restoration.push(frame))
            # A ladder gives all pictures the first one's size: it begins anew.
            held = self._counted(self._restoration.flush())
            self._restoration.reset()
            return held + self._counted(self._restoration.push(replace(frame, cut=True)))

    def _counted(self, frames: Iterator[Frame] | Sequence[Frame]) -> list[Frame]:
        found = list(frames)
        now_s = time.monotonic()
        for frame in found:
            self._health.written(None if frame.received_s is None else now_s - frame.received_s)
        return found

    def _frame(
        self,
        picture: Any,
        *,
        pts: int | None = None,
        time_base: Fraction | None = None,
        cut: bool = False,
        damaged: bool = False,
    ) -> Frame:
        """A picture of any kind as a frame."""
        if isinstance(picture, Frame):
            return replace(picture, cut=picture.cut or cut, damaged=picture.damaged or damaged)
        if pts is not None and time_base is None:
            raise UsageError(f"pts={pts}: say its unit too, such as time_base=Fraction(1, 1000) for milliseconds")
        given = seen(picture, self.format, self._color)
        if pts is None:
            pts, time_base = given.time or self._times.next()
        assert time_base is not None
        return Frame(
            *(given.picture, whole_number(pts), time_base),
            color=given.color,
            cut=cut,
            damaged=damaged or given.damaged,
            origin=given.origin,
        )

    @contextmanager
    def _call(self) -> Iterator[None]:
        if not self._calling.acquire(blocking=False):
            raise UsageError(f"two threads call {self!r} at once; give each a Stream of its own, or take turns")
        try:
            if self._closed:
                raise UsageError(f"{self!r} takes no more frames; make a new Stream")
            yield
        finally:
            self._calling.release()


def _made(
    specs: Sequence[FilterSpec],
    device: str,
    live: bool,
    max_latency: float | None,
    pool: FilterPool | None,
    health: Health,
) -> Restoration | LiveRestoration | None:
    """The stage that restores; None for none."""
    if pool is not None:
        device = pool.device_for(device)
    if max_latency is None:
        return restore_stage(specs, device, pool, live=live)
    from .jobs.ladder import live_restoration

    return live_restoration(specs, LivePolicy(max_latency_s=max_latency), health, device=device, pool=pool)
