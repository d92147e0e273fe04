"""Streams that share a filter: batches form, states keep apart, an error reaches only its own batch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import torch
from torch import Tensor

from streamfix.conformance.examples import Chunk, Echo
from streamfix.conformance.fakes import ListSink, ListSource, clip, difference
from streamfix.conformance.laws import restore
from streamfix.errors import FilterError
from streamfix.filters.base import Filter
from streamfix.filters.batcher import Batcher
from streamfix.filters.restorer import Restorer
from streamfix.pipeline import Pipeline
from tests.fakes.waiting import LONG_S


class Negative(Filter[None]):
    """1 - x, refusing what is negative already; remembers its batch sizes."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.closed = 0

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        self.sizes.append(len(x))
        if float(x.min()) < 0:
            raise ArithmeticError("negative")
        return 1 - x

    def close(self) -> None:
        self.closed += 1


def ask(batcher: Batcher, inputs: Sequence[Tensor]) -> list[Tensor | BaseException]:
    """Each input from a thread of its own, all at once; results or what was raised."""
    barrier = threading.Barrier(len(inputs))

    def call(x: Tensor) -> Tensor | BaseException:
        barrier.wait(LONG_S)
        try:
            result: Tensor = batcher(x, [None])
            return result
        except ArithmeticError as error:
            return error

    with ThreadPoolExecutor(len(inputs)) as threads:
        return list(threads.map(call, inputs))


def picture(value: float, size: int = 4) -> Tensor:
    return torch.full((1, 1, 6, size, size), float(value))  # an int would make int64, which shares no batch


def test_calls_made_together_run_as_one_batch() -> None:
    inner = Negative()
    with closing(Batcher(inner, max_batch=3, max_wait_s=10)) as batcher:
        found = ask(batcher, [picture(v) for v in (0.1, 0.2, 0.3)])
    assert inner.sizes == [3]
    assert (batcher.batches, batcher.calls) == (1, 3)
    for y, v in zip(found, (0.9, 0.8, 0.7), strict=True):
        assert isinstance(y, Tensor)
        assert torch.allclose(y, picture(v))


def test_max_batch_is_kept() -> None:
    inner = Negative()
    with closing(Batcher(inner, max_batch=2, max_wait_s=0.0)) as batcher:
        ask(batcher, [picture(0.5)] * 5)
    assert max(inner.sizes) <= 2
    assert sum(inner.sizes) == 5


def test_sizes_do_not_mix() -> None:
    inner = Negative()
    with closing(Batcher(inner, max_batch=2, max_wait_s=0.0)) as batcher:
        found = ask(batcher, [picture(0.5, 4), picture(0.5, 8)])
    assert [tuple(y.shape[-2:]) for y in found if isinstance(y, Tensor)] == [(4, 4), (8, 8)]
    assert inner.sizes == [1, 1]


def test_an_error_reaches_exactly_those_in_the_batch() -> None:
    inner = Negative()
    with closing(Batcher(inner, max_batch=2, max_wait_s=10)) as batcher:
        bad = ask(batcher, [picture(0.5), picture(-1)])
        good = ask(batcher, [picture(0.5), picture(0.25)])
    assert all(isinstance(b, ArithmeticError) for b in bad)
    assert all(isinstance(g, Tensor) for g in good)
    assert inner.sizes == [2, 2]


def test_a_failing_stream_leaves_its_neighbours_running() -> None:
    class Choosy(Echo):
        """Fails for the size of one stream only."""

        def __call__(self, x: Tensor, states: Sequence[Any]) -> Tensor:
            if x.shape[-1] == 16:
                raise ArithmeticError("not this one")
            return super().__call__(x, states)

    with closing(Batcher(Choosy(), max_batch=2, max_wait_s=0.001)) as batcher:
        sinks = [ListSink(), ListSink()]
        pipelines = [
            Pipeline(ListSource(clip(5, width, 16)), Restorer(batcher), sink)
            for width, sink in zip((16, 24), sinks, strict=True)
        ]
        for pipeline in pipelines:
            pipeline.start()
        with pytest.raises(FilterError, match="not this one"):
            pipelines[0].wait()
        pipelines[1].wait()
    assert len(sinks[1].frames) == 5


@pytest.mark.parametrize("make", [Echo, Chunk])
def test_streams_behind_a_batcher_get_what_they_get_alone(make: type[Filter[Any]]) -> None:
    clips = [clip(6, seed=s, cuts=(s,)) for s in (1, 2, 3)]
    with closing(Batcher(make(), max_batch=3, max_wait_s=0.01)) as batcher:
        sinks = [ListSink() for _ in clips]
        pipelines = [Pipeline(ListSource(c), Restorer(batcher), s) for c, s in zip(clips, sinks, strict=True)]
        for pipeline in pipelines:
            pipeline.start()
        for pipeline in pipelines:
            pipeline.wait()
    assert batcher.calls > batcher.batches, "no two calls met: this test showed nothing"
    for frames, sink in zip(clips, sinks, strict=True):
        for a, b in zip(restore(make, frames), sink.frames, strict=True):
            assert difference(a, b) == 0


def test_a_closed_batcher_refuses_and_closes_its_filter_once() -> None:
    inner = Negative()
    batcher = Batcher(inner)
    batcher.close()
    with pytest.raises(FilterError, match="the batcher of Negative is closed"):
        batcher(picture(0.5), [None])
    assert inner.closed == 1


@pytest.mark.parametrize(("max_batch", "max_wait_s"), [(0, 0.1), (1, -1.0)])
def test_impossible_settings_are_refused(max_batch: int, max_wait_s: float) -> None:
    with pytest.raises(ValueError, match="max_batch must be >= 1"):
        Batcher(Negative(), max_batch, max_wait_s)
