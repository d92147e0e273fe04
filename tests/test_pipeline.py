"""The pipeline's laws: ends, errors, stop and cancel, back-pressure, dropping; everything is closed exactly once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from torch import Tensor

from streamfix.conformance.examples import Chunk, Echo, Mean
from streamfix.conformance.fakes import ListSink, ListSource, clip, difference
from streamfix.errors import Cancelled, DecodeError, FilterError, StreamfixError
from streamfix.filters.base import Filter
from streamfix.filters.cut import CutDetector
from streamfix.filters.restorer import Restorer
from streamfix.frame import Frame
from streamfix.pipeline import Chain, Pipeline, Stage
from tests.fakes.waiting import LONG_S


class Boom(Filter[None]):
    """Raises at its n-th call."""

    def __init__(self, n: int) -> None:
        self.n, self.calls = n, 0

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        self.calls += 1
        if self.calls == self.n:
            raise ArithmeticError("boom")
        return x


class Counted(Stage):
    """Passes everything on and counts what happened to it."""

    name = "counted"

    def __init__(self) -> None:
        self.pushed = self.flushed = self.closed = 0

    def push(self, item: Any) -> Iterable[Any]:
        self.pushed += 1
        return (item,)

    def flush(self) -> Iterable[Any]:
        self.flushed += 1
        return ()

    def close(self) -> None:
        self.closed += 1


def runs() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("run", [Pipeline.run, Pipeline.run_inline], ids=["threaded", "inline"])


Run = Callable[[Pipeline], None]


@runs()
def test_frames_and_packets_arrive_and_everything_closes_once(run: Run) -> None:
    frames = clip(5)
    items = [frames[0], "audio 1", frames[1], frames[2], "audio 2", frames[3], frames[4]]
    source, stage, sink = ListSource(items), Counted(), ListSink()
    run(Pipeline(source, stage, Restorer(Mean()), sink))
    assert [f.pts for f in sink.frames] == [f.pts for f in frames]
    assert [i for i in sink.items if isinstance(i, str)] == ["audio 1", "audio 2"]
    assert (source.closed, stage.closed, sink.closed) == (1, 1, 1)
    assert (stage.flushed, sink.flushed) == (1, 1)


@runs()
@pytest.mark.parametrize("n", [1, 3])
def test_a_filters_error_reaches_the_caller_with_its_place(run: Run, n: int) -> None:
    frames = clip(6)
    source, stage, sink = ListSource(frames), Counted(), ListSink()
    with pytest.raises(FilterError, match=f"boom at pts {frames[n - 1].pts} .* ArithmeticError: boom") as caught:
        run(Pipeline(source, stage, Restorer(Boom(n)), sink))
    assert isinstance(caught.value.__cause__, ArithmeticError)
    assert (source.closed, stage.closed, sink.closed) == (1, 1, 1)
    assert sink.flushed == 0, "a sink that is flushed would finish a file that is not whole"
    assert [f.pts for f in sink.frames] == [f.pts for f in frames[: len(sink.frames)]]
    assert len(sink.frames) <= n - 1


@runs()
def test_a_sources_error_reaches_the_caller(run: Run) -> None:
    source, sink = ListSource(clip(3), failure=DecodeError("packet 3 is damaged")), ListSink()
    with pytest.raises(DecodeError, match="packet 3 is damaged"):
        run(Pipeline(source, Restorer(Echo()), sink))
    assert (source.closed, sink.closed, sink.flushed) == (1, 1, 0)


@runs()
def test_a_sinks_error_ends_the_source(run: Run) -> None:
    def refuse(item: Any) -> None:
        raise BrokenPipeError("nobody reads")

    source, sink = ListSource(clip(60, 8, 8)), ListSink(refuse)
    with pytest.raises(BrokenPipeError):
        run(Pipeline(source, Counted(), sink, depth=1))
    assert source.given < 60
    assert (source.closed, sink.closed) == (1, 1)


@runs()
def test_a_failing_close_is_raised_and_does_not_keep_the_others_open(run: Run) -> None:
    class Stuck(Counted):
        def close(self) -> None:
            super().close()
            raise OSError("cannot close")

    source, stage, sink = ListSource(clip(2)), Stuck(), ListSink()
    with pytest.raises(OSError, match="cannot close"):
        run(Pipeline(source, stage, sink))
    assert (source.closed, stage.closed, sink.closed) == (1, 1, 1)


def test_the_first_error_wins() -> None:
    """What a part raises because another one failed must not hide the cause."""
    sink = ListSink()
    source = ListSource(clip(3), failure=ValueError("after the end"))
    with pytest.raises(FilterError, match="boom"):
        Pipeline(source, Restorer(Boom(1)), sink, depth=8).run_inline()
    assert sink.closed == 1


def test_stop_drains_what_was_read() -> None:
    frames = clip(40, 8, 8)
    sink = ListSink()

    def stop_at_ten(given: int) -> None:
        if given == 10:
            pipeline.stop()

    source = ListSource(frames, on_item=stop_at_ten)
    pipeline = Pipeline(source, Restorer(Mean()), sink)
    pipeline.run()
    assert source.given == 11
    assert [f.pts for f in sink.frames] == [f.pts for f in frames[:11]]
    assert sink.flushed == sink.closed == 1


class Sated(ListSink):
    """Wants `limit` items and no more."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def push(self, item: Any) -> Sequence[Any]:
        super().push(item)
        self.enough = len(self.items) >= self.limit
        return ()


@runs()
def test_a_stage_that_has_enough_ends_the_run_and_is_flushed(run: Run) -> None:
    frames = clip(40, 8, 8)
    source, slow, sink = ListSource(frames), Counted(), Sated(3)
    run(Pipeline(source, Chain(slow, Restorer(Mean())), sink))
    assert [f.pts for f in sink.frames] == [f.pts for f in frames[:3]]
    assert (sink.flushed, sink.closed, source.closed) == (1, 1, 1)
    assert slow.flushed == 0, "what is upstream of it has nothing to give any more"
    assert source.given < 40


def test_what_is_queued_is_not_worked_on_once_the_last_stage_has_enough() -> None:
    begun = threading.Event()

    class Late(Sated):
        """Has enough of its first item, once the stage before it has begun another."""

        def push(self, item: Any) -> Sequence[Any]:
            begun.wait(LONG_S)
            return super().push(item)

    class Watched(Counted):
        def push(self, item: Any) -> Iterable[Any]:
            if self.pushed:
                begun.set()
            return super().push(item)

    stage = Watched()
    Pipeline(ListSource(clip(50)), stage, Late(1), depth=4).run()
    assert stage.pushed <= 1 + 4 + 2, "what fits the channel, what is in hand, and no more"


def test_cancel_does_not_drain() -> None:
    sink = ListSink()

    def cancel_at_ten(given: int) -> None:
        if given == 10:
            pipeline.cancel()

    source = ListSource(clip(40, 8, 8), on_item=cancel_at_ten)
    pipeline = Pipeline(source, Restorer(Mean()), sink)
    with pytest.raises(Cancelled):
        pipeline.run()
    assert len(sink.frames) < 10
    assert (source.closed, sink.closed, sink.flushed) == (1, 1, 0)


def test_cancel_after_an_error_keeps_the_error() -> None:
    pipeline = Pipeline(ListSource(clip(2)), Restorer(Boom(1)), ListSink())
    pipeline.start()
    with pytest.raises(FilterError):
        pipeline.wait()
    pipeline.cancel()
    with pytest.raises(FilterError, match="boom"):
        pipeline.wait()


@runs()
def test_a_pipeline_runs_once(run: Run) -> None:
    source, sink = ListSource(clip(1)), ListSink()
    pipeline = Pipeline(source, sink)
    run(pipeline)
    with pytest.raises(RuntimeError, match="runs once"):
        run(pipeline)
    assert (source.closed, sink.closed) == (1, 1)


@pytest.mark.parametrize("depth", [1, 3])
def test_back_pressure_bounds_what_is_in_flight(depth: int) -> None:
    """A sink that does not take its first frame holds the source at (depth + 1) items a stage."""
    bound = 2 * (depth + 1) + 1
    full = threading.Event()
    most = 0

    def watch(given: int) -> None:
        nonlocal most
        most = max(most, given - len(sink.items))
        if given == bound - 1:
            full.set()

    sink = ListSink(on_item=lambda _: full.wait(LONG_S) or pytest.fail("the pipeline never filled"))
    Pipeline(ListSource(range(40), on_item=watch), Counted(), sink, depth=depth).run()
    assert sink.items == list(range(40))
    assert most <= bound


def test_live_overload_drops_frames_but_no_cut_and_no_packet() -> None:
    frames = clip(30, 8, 8, cuts=(9, 17))
    items: list[Any] = [x for i, f in enumerate(frames) for x in ((f, f"packet {i}") if i % 5 == 0 else (f,))]
    given = threading.Event()
    source = ListSource(items, on_item=lambda n: given.set() if n == 6 else None)
    sink = ListSink(on_item=lambda _: given.wait(LONG_S))
    pipeline = Pipeline(source, sink, droppable=lambda i: isinstance(i, Frame) and not i.cut, first_depth=2)
    pipeline.run()
    assert pipeline.dropped > 0
    assert len(sink.items) == len(items) - pipeline.dropped
    assert [i for i in sink.items if isinstance(i, str)] == [i for i in items if isinstance(i, str)]
    assert {frames[9].pts, frames[17].pts} <= {f.pts for f in sink.frames}
    assert [f.pts for f in sink.frames] == sorted(f.pts for f in sink.frames)


def test_drops_are_told_of_and_undroppable_items_have_their_places() -> None:
    frames = clip(30, 8, 8)
    items: list[Any] = [x for i, f in enumerate(frames) for x in (f, f"packet {i}")]
    given, dropped = threading.Event(), list[Frame]()
    source = ListSource(items, on_item=lambda n: given.set() if n == len(items) - 1 else None)
    sink = ListSink(on_item=lambda _: given.wait(LONG_S) or pytest.fail("packets hold up the source"))
    pipeline = Pipeline(
        source,
        sink,
        droppable=lambda item: isinstance(item, Frame),
        first_depth=1,
        first_spare=len(frames),
        on_drop=dropped.append,
    )
    pipeline.run()
    assert [i for i in sink.items if isinstance(i, str)] == [i for i in items if isinstance(i, str)]
    assert sorted(f.pts for f in (*sink.frames, *dropped)) == [f.pts for f in frames]
    assert len(dropped) == pipeline.dropped > 20
    assert sink.frames[-1] is frames[-1]


def test_only_the_first_channel_drops() -> None:
    sink = ListSink()
    pipeline = Pipeline(ListSource(range(50)), Counted(), Counted(), sink, depth=1, droppable=lambda i: i < 0)
    pipeline.run()
    assert (sink.items, pipeline.dropped) == (list(range(50)), 0)


def test_a_chain_is_its_stages_in_a_row() -> None:
    frames = clip(7, cuts=(3,))
    apart, together = ListSink(), ListSink()
    Pipeline(ListSource(frames), Restorer(Mean()), Restorer(Chunk()), apart).run()
    Pipeline(ListSource(frames), Chain(Restorer(Mean()), Restorer(Chunk())), together).run()
    assert [f.pts for f in together.frames] == [f.pts for f in apart.frames] == [f.pts for f in frames]


def test_threads_are_named_and_gone_afterwards() -> None:
    names: list[str] = []

    def note(_: Any) -> None:
        names.append(threading.current_thread().name)

    pipeline = Pipeline(ListSource(range(1), on_item=note), Counted(), ListSink(on_item=note))
    pipeline.run()
    assert names == ["source", "sink"]
    assert not {"source", "counted", "sink"} & {t.name for t in threading.enumerate()}
    assert list(pipeline.busy_s) == ["source", "counted", "sink"]


def test_who_asks_is_told_what_each_stage_worked_on() -> None:
    told: list[tuple[str, Any, float]] = []
    pipeline = Pipeline(ListSource(range(3)), Counted(), ListSink(), worked=lambda *what: told.append(what))
    pipeline.run()
    for name in ("counted", "sink"):
        assert [item for stage, item, _ in told if stage == name] == [0, 1, 2]
        assert sum(seconds for stage, _, seconds in told if stage == name) <= pipeline.busy_s[name]
    assert {stage for stage, _, _ in told} == {"counted", "sink"}, "a source waits; that is no work"


def test_a_pipeline_needs_a_stage() -> None:
    with pytest.raises(ValueError, match="at least one stage"):
        Pipeline(ListSource([]))


def test_our_own_errors_keep_their_words() -> None:
    class Refusing(Boom):
        def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
            raise StreamfixError("its own sentence")

    with pytest.raises(StreamfixError, match=r"^its own sentence$"):
        Pipeline(ListSource(clip(1)), Restorer(Refusing(1)), ListSink()).run()


def test_a_chain_begins_anew_and_forgets_what_it_held() -> None:
    chain, fresh = (Chain(Restorer(Mean()), Restorer(Echo())) for _ in range(2))
    frames = clip(6)
    for frame in frames[:4]:
        list(chain.push(frame))
    chain.reset()
    found, want = ([f for frame in frames for f in c.push(frame)] + list(c.flush()) for c in (chain, fresh))
    assert [f.pts for f in found] == [f.pts for f in frames]
    assert [difference(a, b) for a, b in zip(found, want, strict=True)] == [0] * 6


def test_a_stage_that_holds_items_has_to_say_how_it_begins_anew() -> None:
    CutDetector().reset()  # holds nothing
    with pytest.raises(NotImplementedError, match="sink cannot begin a new stream; make a new stage"):
        ListSink().reset()
