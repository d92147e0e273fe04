"""A camera as the source of a pipeline: it may go away and come back, and the stream goes on."""

from __future__ import annotations

import random as stdlib_random
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import av

from ...errors import Cancelled, InputError
from ...frame import Frame, VideoInfo
from ...media.input.item_source import ItemSource
from ...media.input.reader import LiveInput, Reader
from ...media.privacy.zones import Masks, Privacy
from ...media.specs import InputSpec
from ...media.streams import MappedStream
from ..health import Health
from ..policy import LivePolicy
from ..room import Room
from .accounts import ACCOUNTS, Accounts
from .camera import Camera, Connect
from .camera_clock import TimeOfDay
from .connection import Connection
from .input import end_s, ends_by_itself, is_incurable, live_spec, waits_for_a_sender, warn_of_silent_loss
from .join import JoinedConnections
from .observer import Observer
from .piled_up import PiledUp
from .stand_in import StandIn

if TYPE_CHECKING:
    from ...media.input.item_source import Item

_POLL_S = 0.1  # how soon a stop, a silent camera or the end of a wait is noticed
_LATE_S = 1  # this long after the last picture that is wanted, it will not come any more
_CLOSE_S = 1.0  # that close waits for readers that hang


class LiveSource(ItemSource):
    """Frames of one camera, and the packets of the streams that go along. It has `Reader`'s interface.

    Each connection is read in a thread of its own; one that hangs is abandoned, and another connection is made.
    `LivePolicy` says what is done when. Frames say when their packet came (`received_s`), the first one after a gap has
    `cut`, and times only increase.

    maps, audio, subtitles, data, coding, privacy: as for `Reader`. name: written on the slate. wanted_s: seconds from
    the beginning after which no output wants more; a camera that is away then is not waited for. room: how much may
    wait for a recording, None if there is none. seen: called with each of the camera's frames before it is given, and
    the time; it says itself whether the picture stands still. open: makes readers, like `Reader`. clock: monotonic
    seconds. walltime: Unix time. pause: waits for so many seconds. random: in [0, 1). accounts: that this and other
    sources log in with.

    failure: why an input that ends by itself, a file or a pipe, ended before its end.
    streams, info, metadata, chapters: of the first connection, known after `open`. streams belong to no input; metadata
    say when a camera's first picture was taken (creation_time), by the camera's clock if it has sent that by then and
    this machine's agrees.
    frames_read, errors, position_s: over all connections.
    """

    name = "decode"

    def __init__(
        self,
        input: InputSpec,
        policy: LivePolicy,
        health: Health,
        maps: Sequence[str] = (),
        *,
        audio: bool = True,
        subtitles: bool = True,
        data: bool = True,
        coding: bool = False,
        privacy: Privacy | None = None,
        name: str = "",
        wanted_s: Fraction | None = None,
        room: Room | None = None,
        seen: Callable[[Frame, float], None] | None = None,
        open: Callable[..., Reader] = Reader,
        connect: Connect | None = None,
        clock: Callable[[], float] = time.monotonic,
        walltime: Callable[[], float] = time.time,
        pause: Callable[[float], object] | None = None,
        random: Callable[[], float] = stdlib_random.random,
        accounts: Accounts = ACCOUNTS,
    ) -> None:
        stopped = threading.Event()
        super().__init__(stopped)
        self.inputs = (input,)
        self.metadata: dict[str, str] = {}
        self.chapters: list[Any] = []
        self.begin_s = Fraction(0)
        self._spec, self._health, self._clock = input, health, clock
        self._shown, self._wanted_s = input.shown, wanted_s
        watched = not (input.copy_timestamps or ends_by_itself(input))
        joined = self._joined = JoinedConnections(
            policy.max_jump_s,
            keeps_first=input.copy_timestamps,
            tell=(lambda place, text: health.note("clock", f"the camera's {text} ({place})")) if watched else None,
        )
        self._standin = StandIn(policy.on_lost, name, walltime)
        reading = live_spec(input, policy)
        streams = {"audio": audio, "subtitles": subtitles, "data": data, "coding": coding}
        changing = self._masks = Masks(privacy)
        self._covered, self._holds = privacy, policy.on_lost == "hold"
        masks = {} if privacy is None else {"privacy": privacy}
        self._camera = Camera(
            lambda stopped: open([reading], maps, **streams, **masks, live=LiveInput(stopped, joined.shape, changing)),
            self._begin,
            policy,
            health,
            finite=ends_by_itself(input),
            passive=waits_for_a_sender(input),
            incurable=lambda error: is_incurable(error, input),
            account=accounts.of(input.url, policy.login_backoff_s, random),
            connect=connect or partial(Connection, room=room),
            clock=clock,
            pause=pause or stopped.wait,
            random=random,
        )
        self._errors = 0  # of earlier connections
        self._reader: Reader | None = None
        self._until_s: Fraction | None = None
        self._walltime = walltime
        self._time_of_day = TimeOfDay(partial(health.note, "clock"), walltime)
        taken_s = partial(_taken_s, self._camera, joined)
        self._seen = seen
        self._observer = Observer(health, taken_s, self._time_of_day, walltime, tells_stillness=seen is None)
        self._opened_s: float | None = None
        self._piled_up: PiledUp | None = None

    @property
    def streams(self) -> Sequence[MappedStream]:
        return self._joined.streams

    @property
    def info(self) -> VideoInfo:
        if self._joined.info is None:
            raise RuntimeError("the streams of a live source are known once it is open; call open() first")
        return self._joined.info

    @property
    def has_room(self) -> bool:
        """True while more frames may wait for a recording than those that are being restored."""
        return self._camera.has_room

    @property
    def known_info(self) -> VideoInfo | None:
        """The same; None before the first picture. From any thread."""
        return self._joined.info

    @property
    def shown(self) -> str:
        """The input's URL without its secrets."""
        return self._shown

    @property
    def stopped_early(self) -> bool:
        """False: a camera has no end of its own."""
        return False

    @property
    def frames_read(self) -> int:
        return self._observer.frames

    @property
    def position_s(self) -> float:
        return self._observer.position_s

    @property
    def errors(self) -> int:
        """Packets of the restored video that were damaged."""
        before, reader = self._errors, self._reader
        return before + (0 if reader is None else reader.errors)

    @property
    def late_packets(self) -> int:
        """Packets of other streams left out because their time had passed."""
        return self._joined.late_packets

    @property
    def readers_left(self) -> int:
        """Threads of earlier connections that have not returned yet."""
        return self._camera.left

    def stream_of(self, packet: av.Packet[Any]) -> MappedStream | None:
        """The stream among `streams` that a packet belongs to."""
        return self._joined.stream_of(packet)

    def wallclock_s(self, pts: int) -> float | None:
        """Unix time at which the camera took the picture with that pts, if its protocol says so (RTCP)."""
        return _taken_s(self._camera, self._joined, pts)

    def open(self) -> None:
        """Wait for the first picture, connecting as often as it takes.

        Raises InputError or UsageError for what another attempt would not cure, and if none came in all the time that
        is wanted (-t); Cancelled if `stop` came first.
        """
        if self._peek() is None:
            if not self._stopped.is_set() and self._is_late_for_all(self._clock()):
                reason = self._health.report().reason.removeprefix(f"{self._shown}: ")
                wanted_s = float(min(self._spans_s))
                raise InputError(f"{self._shown}: no picture came in the {wanted_s:g} s of -t: {reason}")
            raise Cancelled(f"{self._shown}: stopped before the first picture came")

    @property
    def goes_on(self) -> bool:
        """True for a camera, which takes pictures whether they are read or not; False for files and pipes."""
        return not ends_by_itself(self._spec)

    def begin_now(self) -> None:
        """Leave out what has come since the first picture and was not read yet. Called after `open`, for a camera."""
        first = self.first
        if first is not None:
            self._piled_up = PiledUp(first, self._clock())

    def cover(self, privacy: Privacy | None) -> None:
        """Burn that in from now on. From any thread; pictures that were read already go on as they are."""
        self._masks.privacy = privacy

    def retry(self) -> None:
        """Try to reach a camera that is away now. From any thread; does nothing while it is there."""
        self._camera.retry()

    def __iter__(self) -> Iterator[Item]:
        if self._joined.info is None:
            self.open()
        yield from super().__iter__()

    def _release(self) -> None:
        """Give the camera up; a reader that is stuck is left to its thread."""
        self._camera.close(_CLOSE_S)
        self._take_errors(None)

    def _read(self) -> Generator[Item, None, None]:
        self._opened_s = self._clock()
        while not self._stopped.is_set() and not self._camera.ended:
            asked_s = self._clock()
            due_s = self._due_in_s(asked_s)
            item = self._camera.take(_POLL_S if due_s is None else min(due_s, _POLL_S))
            if self._piled_up is not None:
                item = self._unless_old(self._piled_up, item, asked_s)
            if isinstance(item, Frame):
                now_s = self._clock()
                frame = self._joined.frame(item, now_s if item.received_s is None else item.received_s)
                if self._is_behind_end(frame):
                    break
                self._covered = self._masks.privacy
                self._standin.passed(frame, now_s)
                self._observer.passed(frame, now_s)
                if self._seen is not None:
                    self._seen(frame, now_s)
                yield frame
                del frame
            elif item is not None:
                packet = self._joined.packet(item, self._clock())
                if packet is not None:
                    yield packet
            del item
            now_s = self._clock()
            if self._is_late_for_all(now_s):
                break
            if self._due_in_s(now_s) == 0 and not self._camera.ended:
                frame = self._standin.frame(self._joined.stand_in_pts(now_s), now_s)
                if self._is_behind_end(frame):
                    break
                self._health.stood_in()
                yield frame
                del frame
        self._camera.leave()
        self.failure = self._camera.failure

    def _unless_old(self, piled_up: PiledUp, item: Item | None, asked_s: float) -> Item | None:
        """The item, None if it is one that has waited. The first frame that has not does not follow the one before."""
        if item is not None and not isinstance(item, Frame):
            return None  # sound stays with its picture
        now_s = self._clock()
        wanted = piled_up.waited_for(item, now_s - asked_s, now_s)
        if piled_up.over:
            self._piled_up = None
            if piled_up.left_out:
                self._health.note("start", f"{piled_up.left_out} pictures came before all was ready, and are left out")
        if item is None or not wanted:
            return None
        return replace(item, cut=True) if piled_up.left_out else item

    def _due_in_s(self, now_s: float) -> float | None:
        """Seconds until a frame has to stand in; None also while the last picture is one without the present masks."""
        unmasked = self._holds and self._covered is not self._masks.privacy
        return None if unmasked else self._standin.due_in_s(now_s)

    def _is_behind_end(self, frame: Frame) -> bool:
        return self._until_s is not None and frame.pts * frame.time_base >= self._until_s

    @property
    def _spans_s(self) -> list[Fraction]:
        """How many seconds from the first picture on are wanted: by the input's -t or -to, and by all outputs."""
        return [s for s in (end_s(self._spec, Fraction(0)), self._wanted_s) if s is not None]

    def _is_late_for_all(self, now_s: float) -> bool:
        """True if a picture that came now would come after everything that is wanted.

        Before the first one the time counts from the first attempt to connect.
        """
        at_s = self._joined.now_s(now_s)
        if at_s is None and self._spans_s and self._opened_s is not None:
            return now_s - self._opened_s >= min(self._spans_s) + _LATE_S
        ends = [] if self._until_s is None else [self._until_s]
        if self._wanted_s is not None:
            ends.append(self.begin_s + self._wanted_s)
        return at_s is not None and bool(ends) and at_s >= min(ends) + _LATE_S

    def _take_errors(self, following: Reader | None) -> None:
        """Keep the errors of the reader before, and let go of it: its decoder has threads and pictures."""
        before, self._reader = self._reader, None
        if before is not None:
            self._errors += before.errors
        self._reader = following

    def _begin(self, reader: Reader, streams: Sequence[MappedStream]) -> None:
        """Note that a connection is up."""
        if self._joined.info is None:
            self.metadata, self.chapters = dict(reader.metadata), reader.chapters
            if self._spec.copy_timestamps:
                self.begin_s = reader.begin_s
            if not ends_by_itself(self._spec):
                self.metadata.setdefault("creation_time", self._first_taken(reader.begin_s))
            self._until_s = end_s(self._spec, self.begin_s)
            warn_of_silent_loss(self._spec, next(s.codec for s in streams if s.restored))
        self._take_errors(reader)
        self._joined.begin(reader.info, streams)
        self._standin.begin(reader.info.rate)

    def _first_taken(self, begin_s: Fraction) -> str:
        start_s = self._camera.wall_start_s
        taken_s = self._time_of_day.believed(None if start_s is None else start_s + float(begin_s))
        return datetime.fromtimestamp(self._walltime() if taken_s is None else taken_s, UTC).isoformat(
            timespec="microseconds"
        )


def _taken_s(camera: Camera, joined: JoinedConnections, pts: int) -> float | None:
    """See `LiveSource.wallclock_s`."""
    start_s = camera.wall_start_s
    if start_s is None or joined.info is None or not joined.keeps_time:
        return None
    return start_s + float(pts * joined.info.time_base - joined.offset_s)
