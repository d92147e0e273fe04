"""Live pictures for browsers at a cost that does not grow with who looks: each frame is encoded once for all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ....frame import Frame
from ..engine.control import UnknownStream
from .jpeg import Side, encode

BOUNDARY = "streamfix-frame"
MEDIA_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
SNAPSHOT_QUALITY = 92
_NICE = 10  # looking must not cost the streams their time
_LOOK_S = 0.5  # so often a view that waits looks whether anybody still wants it

Pair = tuple[Frame, Frame]
Key = tuple[str, Side, int | None]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPicture:
    """An encoded frame. pts: the frame's own, equal for both its sides."""

    jpeg: bytes
    pts: int

    def part(self, stream: str = "") -> bytes:
        """As a part of multipart/x-mixed-replace. stream: whose picture it is, where there are several."""
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(self.jpeg)}\r\nX-Pts: {self.pts}\r\n"
        head += f"X-Stream: {stream}\r\n\r\n" if stream else "\r\n"
        return head.encode() + self.jpeg + b"\r\n"


@dataclass(slots=True, eq=False)
class _Shared:
    """Shared by all views of one kind. pair: the frames that `picture` shows. made_s: when they were taken."""

    users: int = 0
    pair: Pair | None = None
    picture: EncodedPicture | None = None
    made_s: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Previews:
    """The pictures of all streams. Call all but `close` and `release` from the event loop that serves them.

    latest: a stream's newest pair of frames, None before the first; raises for an unknown stream.
    most_views: live views that may be open at once. encode: makes the JPEG.
    """

    def __init__(
        self,
        latest: Callable[[str], Pair | None],
        *,
        most_views: int = 16,
        encode: Callable[..., bytes] = encode,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._latest, self.most_views, self._encode = latest, most_views, encode
        self._clock, self._sleep = clock, sleep
        self.views = 0
        self._shared: dict[Key, _Shared] = {}
        self._closing = threading.Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="preview", initializer=_yield_to_others)

    @property
    def full(self) -> bool:
        """True if no further live view may be opened."""
        return self.views >= self.most_views

    def close(self) -> None:
        """End all views soon. From any thread."""
        self._closing.set()

    def release(self) -> None:
        """End the worker thread; call this when no request is left."""
        self.close()
        self._worker.shutdown(wait=False)

    async def snapshot(self, name: str, side: Side, width: int | None = None) -> EncodedPicture | None:
        """The newest picture; None if there is none yet. Raises what `latest` raises."""
        with self._use((name, side, width)) as shared:
            return await self._newest((name, side, width), shared, 0.0)

    async def view(
        self, name: str, side: Side, fps: float, width: int | None, gone: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[EncodedPicture]:
        """Pictures as they come, at most `fps` a second; pictures that are not taken in time are skipped.

        gone: tells whether the viewer has left. Ends when it has, when the previews are closed, and at once when no
        further view may be opened. Raises what `latest` raises.
        """
        if self.full:
            return
        key = (name, side, width)
        with self._count(), self._use(key) as shared:
            shown: EncodedPicture | None = None
            while not self._closing.is_set() and not await gone():
                picture = await self._newest(key, shared, 0.5 / fps)
                if picture is not None and picture is not shown:
                    shown = picture
                    yield picture
                if not await self._wait(fps, gone):
                    return

    async def wall(
        self,
        names: Callable[[], Awaitable[Sequence[str]]],
        fps: float,
        width: int | None,
        gone: Callable[[], Awaitable[bool]],
    ) -> AsyncIterator[tuple[str, EncodedPicture]]:
        """The restored pictures of all streams, in one view: a browser opens few connections to one server.

        names: of the streams that there are now. Each picture comes once; see `view`.
        """
        if self.full:
            return
        used: dict[str, tuple[_Shared, contextlib.ExitStack]] = {}
        shown: dict[str, EncodedPicture] = {}
        with self._count(), contextlib.ExitStack() as all_used:
            while not self._closing.is_set() and not await gone():
                here = await names()
                for name in [name for name in used if name not in here]:
                    used.pop(name)[1].close()
                for name in here:
                    key: Key = (name, "after", width)
                    if name not in used:
                        stack = all_used.enter_context(contextlib.ExitStack())
                        used[name] = stack.enter_context(self._use(key)), stack
                    try:
                        picture = await self._newest(key, used[name][0], 0.5 / fps)
                    except UnknownStream:  # it was removed just now
                        continue
                    if picture is not None and picture is not shown.get(name):
                        shown[name] = picture
                        yield name, picture
                if not await self._wait(fps, gone):
                    return

    async def _wait(self, fps: float, gone: Callable[[], Awaitable[bool]]) -> bool:
        """Wait until the next picture is due; False if the viewer has left.

        All views of one rate look at the same instants, so that they share one picture.
        """
        due_s = (self._clock() * fps // 1 + 1) / fps
        while (left_s := due_s - self._clock()) > 0 and not self._closing.is_set():
            await self._sleep(min(left_s, _LOOK_S))
            if left_s > _LOOK_S and await gone():
                return False
        return True

    async def _newest(self, key: Key, shared: _Shared, fresh_s: float) -> EncodedPicture | None:
        """The newest picture; one made within the last `fresh_s` is new enough, for whichever view it was made."""
        async with shared.lock:
            if self._closing.is_set() or self._clock() - shared.made_s < fresh_s:
                return shared.picture
            await asyncio.get_running_loop().run_in_executor(self._worker, self._make, key, shared)
            return shared.picture

    def _make(self, key: Key, shared: _Shared) -> None:
        """Look for a newer pair and encode it. Runs in the worker, also if the viewer has left in the meantime."""
        name, side, width = key
        pair, looked_s = self._latest(name), self._clock()
        if pair is not shared.pair:
            shared.picture = None if pair is None else EncodedPicture(self._encode(pair, side, width), pair[0].pts)
            shared.pair, shared.made_s = pair, looked_s

    @contextlib.contextmanager
    def _use(self, key: Key) -> Iterator[_Shared]:
        """Keep the shared picture only while a view uses it, so that no frame is held without a viewer."""
        shared = self._shared.setdefault(key, _Shared())
        shared.users += 1
        try:
            yield shared
        finally:
            shared.users -= 1
            if not shared.users:
                del self._shared[key]

    @contextlib.contextmanager
    def _count(self) -> Iterator[None]:
        self.views += 1
        try:
            yield
        finally:
            self.views -= 1


def _yield_to_others() -> None:
    """Lower the priority of the calling thread: on Linux niceness is a thread's own."""
    with contextlib.suppress(OSError):  # without the permission, previews keep their normal priority
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
