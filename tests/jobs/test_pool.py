"""Filters that streams share: the same result as alone, one object a kind of filter, released with its last stream."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from streamfix import cores
from streamfix.chainspec import FilterSpec, parse_chain
from streamfix.conformance.examples import Mean
from streamfix.conformance.fakes import ListSink, ListSource, clip, difference
from streamfix.errors import BadOption, ModelError, UnknownName
from streamfix.filters import FILTERS
from streamfix.filters.base import Filter
from streamfix.filters.batcher import Batcher
from streamfix.jobs.chain import restore_stage
from streamfix.jobs.pool import FilterPool
from streamfix.pipeline import Pipeline
from tests.fakes.waiting import LONG_S


class Guarded(Filter[list[float]]):
    """Adds what it has seen before; notices whether two threads are inside at once, and counts its objects.

    gain: of what it has seen. fail: cannot be loaded.
    """

    layout = "luma"
    made = closed = 0

    def __init__(self, gain: float = 0.5, fail: bool = False) -> None:
        type(self).made += 1
        self.fail, self.gain = fail, gain
        self.inside = self.most = 0
        self.devices: list[str] = []

    def init_state(self) -> list[float]:
        return [0.0]

    def to(self, device: torch.device) -> None:
        self.devices.append(str(device))
        if self.fail:
            raise ModelError("its weights are missing")

    def __call__(self, x: Tensor, states: Sequence[list[float]]) -> Tensor:
        self.inside += 1
        self.most = max(self.most, self.inside)
        y = x.clone()
        for i, state in enumerate(states):
            y[i] += self.gain * state[0]
            state[0] = float(x[i].mean())
        self.inside -= 1
        return y

    def close(self) -> None:
        type(self).closed += 1


class Free(Guarded):
    """The same, and thread-safe."""

    thread_safe = True


@pytest.fixture(autouse=True)
def _filters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FILTERS, "_classes", {**FILTERS._classes, "guarded": Guarded, "free": Free, "mean": Mean})
    for cls in (Guarded, Free):
        monkeypatch.setattr(cls, "made", 0)
        monkeypatch.setattr(cls, "closed", 0)


@pytest.fixture
def pool() -> Iterator[FilterPool]:
    pool = FilterPool("cpu")
    yield pool
    assert len(pool) == 0, "every lease was given back"


def spec(text: str) -> FilterSpec:
    return parse_chain(text)[0]


@pytest.mark.parametrize("name", ["guarded", "free", "mean"])
def test_streams_that_share_get_what_they_get_alone(pool: FilterPool, name: str) -> None:
    clips = [clip(6, seed=s, cuts=(s,)) for s in (1, 2, 3)]

    def run(shared: FilterPool | None) -> list[ListSink]:
        sinks = [ListSink() for _ in clips]
        stages = [restore_stage(parse_chain(name), "cpu", shared) for _ in clips]
        pipelines = []
        for frames, stage, sink in zip(clips, stages, sinks, strict=True):
            assert stage is not None
            pipelines.append(Pipeline(ListSource(frames), stage, sink))
        for pipeline in pipelines:
            pipeline.start()
        for pipeline in pipelines:
            pipeline.wait()
        return sinks

    for alone, shared in zip(run(None), run(pool), strict=True):
        assert [f.pts for f in alone.frames] == [f.pts for f in shared.frames]
        assert max(difference(a, b) for a, b in zip(alone.frames, shared.frames, strict=True)) == 0


@given(st.lists(st.tuples(st.sampled_from(["0.5", "0.25"]), st.booleans()), max_size=12))
def test_a_filter_lives_from_its_first_lease_to_its_last(steps: list[tuple[str, bool]]) -> None:
    """However streams come and go: as many objects as there are kinds in use, each closed when its last stream goes."""
    pool, open_leases = FilterPool("cpu"), dict[str, list[Filter[Any]]]({"0.5": [], "0.25": []})
    made, closed = Guarded.made, Guarded.closed
    for gain, takes in steps:
        if takes:
            open_leases[gain].append(pool.lease(spec(f"guarded={gain}")))
        elif open_leases[gain]:
            open_leases[gain].pop().close()
        in_use = sum(bool(leases) for leases in open_leases.values())
        assert len(pool) == in_use == (Guarded.made - made) - (Guarded.closed - closed)
    for lease in (*open_leases["0.5"], *open_leases["0.25"]):
        lease.close()
        lease.close()
    assert len(pool) == 0
    assert Guarded.closed - closed == Guarded.made - made


def test_options_that_mean_the_same_share(pool: FilterPool) -> None:
    leases = [pool.lease(spec(text)) for text in ("guarded=0.25", "guarded=gain=0.25", "guarded=gain='0.25'")]
    other = pool.lease(spec("guarded=gain=0.5"))
    assert Guarded.made == len(pool) == 2
    assert (leases[0].layout, leases[0].scale) == ("luma", 1)
    for lease in (*leases, other):
        lease.close()


def test_on_a_cpu_only_what_is_not_thread_safe_goes_through_a_batcher(pool: FilterPool) -> None:
    guarded, free = pool.lease(spec("guarded")), pool.lease(spec("free"))
    inside = [vars(lease)["_filter"] for lease in (guarded, free)]
    assert isinstance(inside[0], Batcher)
    assert isinstance(inside[1], Free)
    guarded.close()
    free.close()


def test_on_another_device_calls_are_batched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamfix.devices.choose", lambda name="auto": torch.device("meta"))
    lease = FilterPool("auto").lease(spec("free"))
    batcher = vars(lease)["_filter"]
    assert isinstance(batcher, Batcher)
    assert vars(lease)["wrapped"].devices == ["meta"]
    assert batcher.callers == 1
    lease.close()


def test_one_call_at_a_time_reaches_a_filter_that_is_not_thread_safe(pool: FilterPool) -> None:
    leases = [pool.lease(spec("guarded")) for _ in range(4)]
    states = [lease.init_state() for lease in leases]
    barrier = threading.Barrier(4)

    def call(i: int) -> None:
        barrier.wait(LONG_S)
        for _ in range(20):
            leases[i](torch.full((1, 1, 1, 4, 4), 0.5), [states[i]])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(call, range(4)))
    filter = vars(leases[0])["wrapped"]
    assert isinstance(filter, Guarded)
    assert filter.most == 1
    assert pool.busy_s > 0
    for lease in leases:
        lease.close()
    assert pool.busy_s > 0, "what closed filters have worked stays counted"


def test_a_stream_alone_is_served_by_its_own_thread(pool: FilterPool) -> None:
    threads: list[str] = []
    one = pool.lease(spec("guarded"))

    class Noted(list[float]):
        def __getitem__(self, i: Any) -> Any:
            threads.append(threading.current_thread().name)
            return super().__getitem__(i)

    x = torch.zeros(1, 1, 1, 4, 4)
    one(x, [Noted([0.0])])
    two = pool.lease(spec("guarded"))
    one(x, [Noted([0.0])])
    two.close()
    one(x, [Noted([0.0])])
    assert threads == [threading.current_thread().name, "batcher", threading.current_thread().name]
    one.close()


def test_what_cannot_be_loaded_is_told_to_all_and_tried_anew(pool: FilterPool) -> None:
    for _ in range(2):
        with pytest.raises(ModelError, match="its weights are missing"):
            pool.lease(spec("guarded=fail=1"))
    assert (Guarded.made, Guarded.closed) == (2, 2)
    with pytest.raises(BadOption, match="guarded has no option 'gian'"):
        pool.lease(spec("guarded=gian=1"))
    with pytest.raises(UnknownName, match="no filter 'gaurded'"):
        pool.lease(spec("gaurded"))


def test_a_chain_for_another_device_is_not_of_the_pool(pool: FilterPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamfix.devices.choose", lambda name="auto": torch.device("meta"))
    stage = restore_stage(parse_chain("guarded"), "meta", pool)
    assert stage is not None
    assert (len(pool), Guarded.made) == (0, 1)
    stage.close()


def test_a_batch_has_a_call_of_each_and_waits_for_no_more() -> None:
    inner = Guarded()
    batcher = Batcher(inner, max_batch=8, max_wait_s=60)
    batcher.callers = 2
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda v: batcher(torch.full((1, 1, 1, 4, 4), v), [[0.0]]), (0.1, 0.2)))
    assert (batcher.batches, batcher.calls) == (1, 2)
    batcher.close()


def test_a_call_that_waits_for_a_stream_that_leaves_is_served() -> None:
    batcher = Batcher(Guarded(), max_batch=8, max_wait_s=60)
    batcher.callers = 2
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(batcher, torch.zeros(1, 1, 1, 4, 4), [[0.0]])
        batcher.callers = 1
        assert waiting.result(timeout=LONG_S).shape == (1, 1, 1, 4, 4)
    batcher.close()


def test_streams_of_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one lease all cores work on a call; with as many as there are cores, or more, one each."""
    monkeypatch.setattr(cores, "count", lambda: 2)
    monkeypatch.setattr(cores, "_share", None)
    before = cv2.getNumThreads(), torch.get_num_threads()
    pool = FilterPool("cpu", owns_process=True)
    try:
        seen, leases = [], []
        for _ in range(3):
            leases.append(pool.lease(FilterSpec("smooth")))
            seen.append((cv2.getNumThreads(), torch.get_num_threads(), cores.threads()))
        assert seen == [(2, 2, 2), (1, 1, 1), (1, 1, 1)]
        for lease in leases:
            lease.close()
        assert (cv2.getNumThreads(), torch.get_num_threads()) == (2, 2)
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


def test_a_hosts_own_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many threads OpenCV and PyTorch use is the process's, and that may be somebody else's."""
    asked: list[int] = []
    for library, name in ((cv2, "setNumThreads"), (torch, "set_num_threads")):
        monkeypatch.setattr(library, name, asked.append)
    pool = FilterPool("cpu")
    leases = [pool.lease(FilterSpec("smooth")) for _ in range(3)]
    state = leases[0].init_state()
    leases[0](torch.rand(1, 1, 6, 180, 320), [state])
    for lease in leases:
        lease.close()
    assert asked == []
