"""Stages joined by channels, one thread each: how every stream is run.

The same stages run threaded (`Pipeline.run`) or in the calling thread (`Pipeline.run_inline`), with the same result.
What a stage is and owes its neighbours stands at `Stage`.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from .channel import Channel, Closed
from .errors import Cancelled
from .frame import bytes_of

_MOST_BYTES = 24 << 20  # of pictures that wait between two stages: at 1920x1080 two that a filter has made


class Source(Protocol):
    """Where items come from."""

    def __iter__(self) -> Iterator[Any]: ...

    def stop(self) -> None:
        """End the iteration soon. May be called from any thread and from a signal handler."""

    def close(self) -> None:
        """Release resources; called once."""


class Stage(ABC):
    """One step of a pipeline: takes an item, gives zero or more.

        class EverySecond(Stage):
            def __init__(self) -> None:
                self.reset()

            def push(self, item: Any) -> Iterable[Any]:
                if not isinstance(item, Frame):
                    return (item,)  # an item that it does not know passes through
                self._frames += 1
                return (item,) if self._frames % 2 else ()

            def reset(self) -> None:
                self._frames = 0

    - `push(item)` gives what became ready. Frames leave in the order in which they came; a stage of filters gives one
      for each, with the same pts.
    - `flush()` gives what is still held. Called once, at the end of the source or when the stage has enough; never
      after an error or a cancel.
    - `enough` turns true when the stage wants nothing more (its time or number of frames is reached): the source is
      stopped, what is queued is thrown away.
    - `close()` releases resources. Called exactly once, whatever happened, after all threads have ended: packets that
      are still queued may point into the source.
    - One thread at a time calls a stage.

    name: of its thread, and in messages.
    """

    name: str = ""
    enough: bool = False

    @abstractmethod
    def push(self, item: Any) -> Iterable[Any]:
        """Take one item; give what became ready."""

    def flush(self) -> Iterable[Any]:
        """Give what is still held, at the end of the stream."""
        return ()

    def reset(self) -> None:
        """Begin a new stream: throw away the frames held and all that was learnt of the old one; keep what is loaded.

        Also puts a stage right that has raised an error. Raises NotImplementedError where there is no new beginning,
        as for a file half written.
        """
        if type(self).flush is not Stage.flush:  # it holds items, and has not said how to let go of them
            raise NotImplementedError(f"{self.name or type(self).__name__} cannot begin a new stream; make a new stage")

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what another stage of this kind added to a `Boundary`; nothing has been pushed yet."""
        raise NotImplementedError(f"{self.name or type(self).__name__} adds nothing to a boundary")

    def report(self) -> Mapping[str, float]:
        """What it has measured so far, by name; the unit is in the name or in the filter's documentation."""
        return {}

    def abort(self) -> None:  # noqa: B027 - most stages wait for nobody
        """Unblock a call that waits for somebody else, such as a server: the run is over. From any thread."""

    def close(self) -> None:  # noqa: B027 - most stages hold nothing to release
        """Release resources. Called once, also after an error."""


class Chain(Stage):
    """Several stages as one, run in one thread: a stream needs three threads however many filters it has."""

    def __init__(self, *stages: Stage, name: str = "restore") -> None:
        self.stages = stages
        self.name = name

    def push(self, item: Any) -> Iterator[Any]:
        yield from self._through(0, (item,))
        self.enough = any(stage.enough for stage in self.stages)

    def flush(self) -> Iterator[Any]:
        # What is upstream of a stage that has enough gives nothing more.
        first = max((i for i, stage in enumerate(self.stages) if stage.enough), default=0)
        for i, stage in enumerate(self.stages[first:], first):
            yield from self._through(i + 1, stage.flush())

    def reset(self) -> None:
        for stage in self.stages:
            stage.reset()
        self.enough = False

    def report(self) -> dict[str, float]:
        return {name: value for stage in self.stages for name, value in stage.report().items()}

    def abort(self) -> None:
        for stage in self.stages:
            stage.abort()

    def close(self) -> None:
        close_all(self.stages)

    def _through(self, i: int, items: Iterable[Any]) -> Iterator[Any]:
        if i == len(self.stages):
            yield from items
            return
        for item in items:
            yield from self._through(i + 1, self.stages[i].push(item))
            if self.stages[i].enough:
                return


class Kept(Stage):
    """A stage that several pipelines use one after the other: it is not closed with them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.name = stage.name

    def push(self, item: Any) -> Any:
        return self._stage.push(item)

    def flush(self) -> Any:
        return self._stage.flush()

    def abort(self) -> None:
        self._stage.abort()


class Closable(Protocol):
    """An object that holds a resource until it is closed."""

    def close(self) -> None: ...


def close_all(parts: Iterable[Closable]) -> None:
    """Close every part, also when one of them fails to; then raise the first failure."""
    first: BaseException | None = None
    for part in parts:
        try:
            part.close()
        except BaseException as error:
            first = first or error
    if first is not None:
        raise first


class Pipeline:
    """A source and its stages, each in a thread of its own, joined by bounded channels.

    depth: items each channel holds, fewer where their pictures are large; in flight are at most
    (depth + 1) per stage plus what the stages themselves hold.
    droppable: items that the first channel, and no other, may drop in place of making the source wait (live input).
    first_depth: depth of the first channel, where it differs (live: 1).
    first_spare, first_patience_s, on_drop: of the first channel; see `Channel`.
    worked: called with each item that a stage has worked on: the stage's name, the item, and the seconds it took; in
    the stage's thread.
    """

    def __init__(
        self,
        source: Source,
        *stages: Stage,
        depth: int = 4,
        droppable: Callable[[Any], bool] | None = None,
        first_depth: int | None = None,
        first_spare: int = 0,
        first_patience_s: float = 0.0,
        on_drop: Callable[[Any], None] | None = None,
        worked: Callable[[str, Any, float], None] | None = None,
    ) -> None:
        if not stages:
            raise ValueError("a pipeline needs at least one stage after its source")
        self.source = source
        self.stages = stages
        depths = [first_depth or depth] + [depth] * (len(stages) - 1)
        self._channels: list[Channel[Any]] = [
            Channel(depths[0], droppable, on_drop, first_spare, first_patience_s),
            *(Channel(depth, weigh=bytes_of, most=_MOST_BYTES) for depth in depths[1:]),
        ]
        self._threads: list[threading.Thread] = []
        self._busy_s = [0.0] * (1 + len(stages))
        self._worked = worked
        self._error: BaseException | None = None
        self._begun = False
        self._closed = False
        self._lock = threading.Lock()

    @property
    def dropped(self) -> int:
        """Items the first channel gave up."""
        return self._channels[0].dropped

    @property
    def busy_s(self) -> dict[str, float]:
        """Seconds each part has worked, waiting for its neighbours not counted."""
        return dict(zip(self._names(), self._busy_s, strict=True))

    def run(self) -> None:
        """Run to the end of the source. Raises the first error of any part; ^C cancels it, and is raised again."""
        self.start()
        try:
            self.wait()
        except KeyboardInterrupt as interrupt:
            self.cancel(interrupt)
            self.wait()

    def run_inline(self) -> None:
        """The same in the calling thread, without channels: for tests and debuggers."""
        self._begin()
        chain = Chain(*self.stages)
        try:
            for item in self.source:
                for _ in chain.push(item):
                    pass
                if chain.enough:
                    self.source.stop()
                    break
            for _ in chain.flush():
                pass
        finally:
            close_all((self.source, chain))

    def start(self) -> None:
        """Start the threads and return."""
        self._begin()
        ends: list[Channel[Any] | None] = [None, *self._channels, None]
        self._threads = [
            threading.Thread(target=self._work, args=(i, part, ends[i], ends[i + 1]), name=name, daemon=True)
            for i, (part, name) in enumerate(zip((self.source, *self.stages), self._names(), strict=True))
        ]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Wait for the threads, close everything once, raise the first error."""
        for thread in self._threads:
            thread.join()
        close_error: BaseException | None = None
        with self._lock:
            closing, self._closed = not self._closed, True
        if closing:
            try:
                close_all((self.source, *self.stages))
            except BaseException as error:
                close_error = error
        if self._error is None:
            self._error = close_error
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the source: what was read is still restored, encoded and written."""
        self.source.stop()

    def cancel(self, error: BaseException | None = None) -> None:
        """End the run now: what is in flight is thrown away; `wait` raises `error` or Cancelled."""
        with self._lock:
            if self._error is None or isinstance(error, KeyboardInterrupt):
                self._error = error or Cancelled("cancelled before the end of the input")
        self.source.stop()
        for channel in self._channels:
            channel.close()
        for stage in self.stages:
            stage.abort()

    def _begin(self) -> None:
        with self._lock:
            if self._begun:
                raise RuntimeError("a pipeline runs once; make a new one")
            self._begun = True

    def _names(self) -> list[str]:
        return [getattr(part, "name", "") or type(part).__name__ for part in (self.source, *self.stages)]

    def _work(self, i: int, part: Any, inbox: Channel[Any] | None, outbox: Channel[Any] | None) -> None:
        try:
            if inbox is None:
                self._deliver(i, part, outbox)
            else:
                for item in inbox:
                    before_s = self._busy_s[i]
                    self._deliver(i, part.push(item), outbox)
                    if self._worked is not None:
                        self._worked(self._names()[i], item, self._busy_s[i] - before_s)
                    del item
                    if part.enough:
                        self.source.stop()
                        break
                if not inbox.closed:
                    self._deliver(i, part.flush(), outbox)
        except Closed:
            pass  # the stage behind has ended, and has told why
        except BaseException as error:
            self.cancel(error)
        finally:
            if inbox is not None:
                inbox.close()
            if outbox is not None:
                outbox.finish()

    def _deliver(self, i: int, items: Iterable[Any], outbox: Channel[Any] | None) -> None:
        clock = time.perf_counter
        begin = clock()
        for item in items:
            self._busy_s[i] += clock() - begin
            if outbox is not None:
                outbox.send(item)
            del item
            begin = clock()
        self._busy_s[i] += clock() - begin
