"""Fake writers for outputs, which a test controls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from streamfix.conformance.fakes import clip
from streamfix.counts import FrameCounts
from streamfix.frame import Frame, VideoInfo
from streamfix.media.output.frame_ledger import FrameLedger
from streamfix.media.specs import InputSpec, OutputSpec
from streamfix.media.streams import MappedStream
from tests.fakes.waiting import LONG_S

_PICTURE = clip(1, 8, 8)[0].picture


class NoSource:
    """A source without streams, for writers that ask for none."""

    inputs: tuple[InputSpec, ...] = ()
    streams: tuple[MappedStream, ...] = ()
    info = VideoInfo(8, 8, "yuv420p", Fraction(1, 25), Fraction(25))
    metadata: dict[str, str] = {}  # noqa: RUF012 - a property of the protocol
    chapters: list[Any] = []  # noqa: RUF012 - the same
    begin_s = Fraction(0)
    failure = None
    stopped = False
    stopped_early = False

    def stream_of(self, packet: Any) -> None:
        return None


class FakeWriter:
    """Collects items in a list, and fails, waits or has enough when a test says so."""

    video_codec = "none"
    left_out: tuple[str, ...] = ()

    def __init__(
        self,
        spec: OutputSpec,
        delivery: FrameLedger | None,
        on_item: Callable[[Any], object] = lambda item: None,
        limit: int | None = None,
    ) -> None:
        self.spec, self.items = spec, list[Any]()
        self.flushed = self.closed = self.aborted = 0
        self.limit = limit
        self._delivery, self._on_item = delivery, on_item

    @property
    def frames(self) -> list[Frame]:
        return [item for item in self.items if isinstance(item, Frame)]

    @property
    def pts(self) -> list[int]:
        return [frame.pts for frame in self.frames]

    @property
    def enough(self) -> bool:
        return self.limit is not None and len(self.items) >= self.limit

    @property
    def settled(self) -> bool:
        return bool(self.frames)

    @property
    def counts(self) -> FrameCounts:
        return FrameCounts(written=len(self.frames))

    @property
    def bytes_written(self) -> int:
        return 10 * len(self.frames)

    @property
    def position_s(self) -> float:
        return len(self.frames) / 25

    def push(self, item: Any) -> tuple[()]:
        frame = item if isinstance(item, Frame) else None
        if frame is not None and self._delivery is not None:
            self._delivery.accept(frame)
        self._on_item(item)
        self.items.append(item)
        if frame is not None and self._delivery is not None:
            self._delivery.encoding(frame, frame.pts)
            self._delivery.muxed(frame.pts)
        return ()

    def flush(self) -> tuple[()]:
        self.flushed += 1
        return ()

    def close(self) -> None:
        self.closed += 1
        if self._delivery is not None:
            self._delivery.give_up("output")

    def abort(self) -> None:
        self.aborted += 1


class Made:
    """Makes fake writers, and keeps them by their url in the order they were made.

    behave: what a url's n-th writer does with each item. limits: how many items a url's writers want.
    """

    def __init__(
        self, behave: Callable[[str, int, Any], object] | None = None, limits: Mapping[str, int] | None = None
    ) -> None:
        self.writers: dict[str, list[FakeWriter]] = {}
        self._behave, self._limits = behave, limits or {}
        self.changed = threading.Condition()

    def __call__(self, spec: OutputSpec, delivery: FrameLedger | None) -> FakeWriter:
        known = self.writers.setdefault(spec.url, [])
        number = len(known)

        def on_item(item: Any) -> None:
            if self._behave is not None:
                self._behave(spec.url, number, item)
            with self.changed:
                self.changed.notify_all()

        writer = FakeWriter(spec, delivery, on_item, self._limits.get(spec.url))
        known.append(writer)
        return writer

    def items(self, url: str) -> list[Any]:
        """All items that a URL's writers have taken."""
        return [item for writer in self.writers[url] for item in writer.items]

    def pts(self, url: str) -> list[int]:
        """The pts of all frames that a URL's writers have taken."""
        return [pts for writer in self.writers[url] for pts in writer.pts]

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is checked after each item."""
        with self.changed:
            assert self.changed.wait_for(condition, LONG_S)


def frames(count: int, at_s: float = 100.0) -> list[Frame]:
    """Frames that a camera has sent, one each 40 ms from a moment of the monotonic clock on; all show the same."""
    return [Frame(_PICTURE, 40 * i, Fraction(1, 1000), 40, received_s=at_s + i / 25) for i in range(count)]
