"""Scripted cameras: what they give and when is written down, and only they move the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np

from streamfix.conformance.fakes import FORMATS
from streamfix.errors import InputError
from streamfix.frame import Frame, Planes, VideoInfo
from streamfix.live.camera.accounts import Accounts
from streamfix.live.camera.source import LiveSource
from streamfix.live.health import Health
from streamfix.live.policy import LivePolicy
from streamfix.media.input.reader import LiveInput, Reader
from streamfix.media.interruption import Interruption
from streamfix.media.source_info import detach
from streamfix.media.specs import InputSpec
from streamfix.media.streams import MappedStream, describe
from tests.fakes.waiting import LONG_S

BASE = Fraction(1, 90000)
TICKS = 3600  # of a frame at 25 a second


@dataclass
class Script:
    """One connection. items: (seconds after it is open, frame or packet); error: what ends it, None for a plain end."""

    items: Sequence[tuple[float, Any]] = ()
    opens_after_s: float = 0.0
    refused: BaseException | None = None
    error: Any = None
    hangs: bool = False  # neither ends nor gives anything after its items
    size: tuple[int, int] = (32, 16)
    time_base: Fraction = BASE
    audio: str | None = "aac"


def picture(size: tuple[int, int] = (32, 16), code: int = 90) -> Planes:
    """One flat grey picture."""
    format = FORMATS["yuv420p"]
    data = [np.full(shape, code, np.uint8) for shape in format.plane_shapes(*size)]
    return Planes(format, *size, tuple(data))


def frames(
    count: int, first_pts: int = 0, *, at_s: float = 0.0, ticks: int = TICKS, base: Fraction = BASE
) -> list[tuple[float, Any]]:
    """So many frames in order, the first one a cut."""
    return [
        (at_s + float(i * ticks * base), Frame(picture(), first_pts + i * ticks, base, duration=ticks, cut=i == 0))
        for i in range(count)
    ]


def packet(stream: Any, dts: int, base: Fraction = Fraction(1, 48000)) -> av.Packet[Any]:
    """A copied packet."""
    made: av.Packet[Any] = av.Packet(b"sound")
    made.stream, made.time_base, made.pts, made.dts, made.duration = stream, base, dts, dts, 1024
    return made


def streams_of(audio: str | None) -> list[MappedStream]:
    """A video to restore, and a sound."""
    home = av.open("fake", "w", format="null")
    video = home.add_stream("mpeg4", rate=25)
    video.time_base = BASE
    found = [replace(describe(0, video, restored=True), time_base=BASE)]
    if audio is not None:
        sound = home.add_stream(audio, rate=48000)
        sound.time_base = Fraction(1, 48000)
        found.append(describe(0, sound))
    return found


class ScriptedReader:
    """Gives a script's items as a `Reader` would in real time, without waiting."""

    begin_s = Fraction(0)

    def __init__(self, script: Script, live: LiveInput) -> None:
        if script.refused is not None:
            raise script.refused
        self.script, self.live = script, live
        self.streams = streams_of(script.audio)
        width, height = script.size if live.shape is None else live.shape[:2]
        self.info = VideoInfo(width, height, "yuv420p", script.time_base, Fraction(25))
        self.metadata: dict[str, str] = {}
        self.chapters: list[Any] = []
        self.failure = None
        self.errors = 0
        self.wall_start_s: float | None = None
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        for _, item in self.script.items:
            if self.live.stopped.is_set():
                return
            yield self.own(item)
        if self.script.hangs:
            assert self.live.stopped.wait(LONG_S)
        self.failure = self.script.error

    def own(self, item: Any) -> Any:
        """The item as of this connection: packets are made again for its stream."""
        if isinstance(item, int):
            return packet(self.streams[1].stream, item)
        return item

    def close(self) -> None:
        self.closed += 1


@dataclass
class World:
    """A clock, and what the camera will do at each attempt to connect; one more stops the source."""

    scripts: list[Script]
    now_s: float = 100.0
    readers: list[ScriptedReader] = field(default_factory=list)
    attempts: list[float] = field(default_factory=list)
    health: Health = field(default_factory=Health)
    accounts: Accounts = field(default_factory=Accounts)
    made: LiveSource = field(init=False)

    def clock(self) -> float:
        return self.now_s

    def pause(self, seconds: float) -> None:
        self.now_s += seconds

    def open(self, inputs: Sequence[InputSpec], maps: Sequence[str], *, live: LiveInput, **_: bool) -> Any:
        self.attempts.append(self.now_s)
        if not self.scripts:
            self.made.stop()
            raise InputError("nobody there")
        script = self.scripts.pop(0)
        self.readers.append(ScriptedReader(script, live))
        return self.readers[-1]

    def connect(self, open: Callable[[Interruption], Reader]) -> Any:
        return FakeConnection(self, open)

    def source(self, policy: LivePolicy | None = None, url: str = "rtsp://cam/1", **fields: Any) -> LiveSource:
        self.made = LiveSource(
            InputSpec(url, **fields),
            policy or LivePolicy(),
            self.health,
            name="yard",
            open=self.open,
            connect=self.connect,
            clock=self.clock,
            walltime=lambda: 1.6e9 + self.now_s,
            pause=self.pause,
            random=lambda: 0.5,
            accounts=self.accounts,
        )
        return self.made


class FakeConnection:
    """A connection without a thread: it moves the world's clock to when the next item comes."""

    def __init__(self, world: World, open: Callable[[Interruption], Reader]) -> None:
        self._world = world
        self._stopped = Interruption()
        self.reader: Any = None
        self.error: BaseException | None = None
        self.wall_start_s: float | None = None
        self.over = self.alive = False
        self.has_room = False
        self._opened: ScriptedReader | None = None
        self._due: list[tuple[float, Any]] = []
        try:
            self._opened = open(self._stopped)  # type: ignore[assignment]
        except Exception as error:  # noqa: BLE001 - as a connection does
            self.error, self.over = error, True
            return
        script = self._opened.script  # type: ignore[union-attr]
        self.streams = detach(self._opened.streams)  # type: ignore[union-attr]
        begin_s = world.now_s + script.opens_after_s
        self._due = [(begin_s, None), *((begin_s + s, item) for s, item in script.items)]

    def take(self, timeout_s: float) -> Any:
        world, due = self._world, self._due
        if due and due[0][0] <= world.now_s + timeout_s:
            at_s, item = due.pop(0)
            world.now_s = max(world.now_s, at_s)
            assert self._opened is not None
            self.reader = self._opened
            return self._opened.own(item) if item is not None else None
        if not due and self._opened is not None and not self._opened.script.hangs:
            self.over, self.error = True, self._opened.script.error
            return None
        world.now_s += timeout_s
        return None

    def abandon(self) -> None:
        self._stopped.set()
        self._due = []
        if self._opened is not None:
            self._opened.close()

    def join(self, timeout_s: float) -> None:
        pass
