"""streamfix inside somebody else's loop: frames are pushed in, restored frames come out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import prod

from .chainspec import parse_chain
from .errors import UsageError
from .frame import Frame, VideoInfo
from .jobs import restore_stage
from .latency import latency_frames


class Stream:
    """One video stream's filter chain, driven by your loop.

        with streamfix.Stream("denoise", live=True) as stream:
            for number, array in enumerate(camera):  # (H, W, 3) uint8 R'G'B'
                r, g, b = torch.from_numpy(array).permute(2, 0, 1).contiguous()
                gbrp = streamfix.PixelFormat("gbrp", "rgb", 8)
                picture = streamfix.Planes(gbrp, array.shape[1], array.shape[0], (g, b, r))
                frame = streamfix.Frame(picture, pts=number, time_base=Fraction(1, 25))
                for restored in stream.push(frame):
                    show(restored.rgb())  # (H * scale, W * scale, 3) uint8
            for restored in stream.flush():
                show(restored.rgb())

    Frames of 4:2:0 video are better pushed as they are, with `PixelFormat("yuv420p", "yuv", 8, 1, 1)` and three planes:
    nothing is converted then. Every frame of `streamfix.open(path, coding=True)`, pushed through a Stream, gives what
    `streamfix.open(path).filter(chain)` gives, bit for bit. (Without `coding`, a filter that looks at how frames were
    coded goes by the pictures alone; `wants_coding` tells.)

    chain: filters as after -vf, libavfilter's among them; "" or "null" hands every frame through untouched.
    device: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".
    live: the filters take the options they set for live streams, such as no look-ahead, and finish each frame before
    the next. Otherwise some work on two frames at once, which is faster, and two frames later.
    info: what is known of the frames to come. Needed by `latency_frames` alone, where it is asked for before the first
    frame.

    The frames of one stream belong together: a filter remembers the ones before. Tell it of a seek, a reconnection or a
    scene change by `cut=True` in the first frame behind it; filters with a memory find scene changes by themselves too.
    A frame may have another size or format than the one before.

    Threads: one at a time calls a Stream, whichever it is; two at once get a UsageError. Several Streams may run in
    several threads.

    Raises UsageError (UnknownName, BadOption) for a wrong chain, DeviceError for a device that is not there, or what a
    filter raises when it loads its model, such as ModelError.
    """

    def __init__(self, chain: str, info: VideoInfo | None = None, *, device: str = "auto", live: bool = False) -> None:
        self.chain = chain
        self._info = info
        self._restoration = restore_stage(parse_chain(chain) if chain else (), device, live=live)
        self._latency_frames: int | None = None
        self._calling = threading.Lock()
        self._closed = False

    def push(self, frame: Frame) -> list[Frame]:
        """Take the next frame; give those that became ready: none, one or several, in order.

        Each has the pts, time base and tags of the frame it was made from, and its pixel format; its size is `scale`
        times as large. (libavfilter's filters may change all of that, and the number of frames.) What comes out is
        yours to keep. A `damaged` frame is restored by itself and enters no filter's memory.

        Raises FilterError (DeviceError) if a filter fails: `reset` then begins anew. Raises TypeError for anything but
        a Frame.
        """
        if not isinstance(frame, Frame):
            raise TypeError(f"Stream.push takes a streamfix.Frame, got {type(frame).__name__}; help(streamfix.Stream)")
        with self._call():
            self._info = self._info or _info_of(frame)
            return [frame] if self._restoration is None else list(self._restoration.push(frame))

    def flush(self) -> list[Frame]:
        """Give the frames that are still held, at the end of the stream; what is pushed next begins a new one."""
        with self._call():
            if self._restoration is None:
                return []
            held = list(self._restoration.flush())
            self._restoration.reset()
            return held

    def reset(self) -> None:
        """Begin a new stream: what is held and remembered is thrown away, what is loaded stays.

        As a new Stream would do, only at once: no model is read again.
        """
        with self._call():
            if self._restoration is not None:
                self._restoration.reset()

    @property
    def latency_frames(self) -> int:
        """How many frames the chain looks ahead: a frame comes out once so many more were pushed; with 0, at once.

        No more are ever held, so `flush` gives as many at most. That is exact for sound frames; a filter that waits for
        frames to come does not count damaged ones. What libavfilter's filters hold is found the first time by a trial
        with blank frames, for which such a chain needs `info`, or a frame pushed before.

        Raises UsageError where that is missing, or where no number can be told (`reverse` holds everything).
        """
        if self._latency_frames is None:
            self._latency_frames = 0 if self._restoration is None else latency_frames(self._restoration, self._info)
        return self._latency_frames

    @property
    def wants_coding(self) -> bool:
        """True if a filter of the chain looks at `Frame.coding`: it does better where frames have it."""
        return self._restoration is not None and self._restoration.wants_coding

    @property
    def scale(self) -> int | Fraction:
        """How many times larger the result is in width and height, if libavfilter's filters leave its size alone."""
        return 1 if self._restoration is None else prod(f.scale for f in self._restoration.filters)

    def close(self) -> None:
        """Release the filters, once a call in another thread has ended. A second time does nothing."""
        with self._calling:
            closing, self._closed = not self._closed, True
            if closing and self._restoration is not None:
                self._restoration.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Stream {self.chain!r}{' closed' if self._closed else ''}>"

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


def _info_of(frame: Frame) -> VideoInfo:
    return VideoInfo(
        frame.width,
        frame.height,
        frame.picture.format.name,
        frame.time_base,
        rate=1 / (frame.duration * frame.time_base) if frame.duration else None,
        color=frame.color,
        sample_aspect_ratio=frame.sample_aspect_ratio,
    )
