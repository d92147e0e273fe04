"""The conformance laws: filters that keep them pass, and each kind of break is found by its law."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from streamfix.conformance.examples import Chunk, Echo, Mean, Sharpest, Trace
from streamfix.conformance.laws import LAWS
from streamfix.filters.base import Filter
from streamfix.frame import Frame
from streamfix.temporal import Window, Windower


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("make", [Mean, Echo, Chunk, Sharpest])
def test_lawful_filters_pass(make: Callable[[], Filter[Any]], law: str) -> None:
    LAWS[law](make)


class Silent(Filter[None]):
    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x


class Untyped(Silent):
    """Has an option that no command line can read."""

    def __init__(self, strength=1.0) -> None:  # type: ignore[no-untyped-def]  # the break
        self.strength = strength


class Stepless(Silent):
    """Restores nothing a call."""

    step = 0


class Smaller(Silent):
    """Gives fewer lines than it declares."""

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x[..., 1:, :]


class Widening(Silent):
    """Gives another dtype."""

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x.double()


class Poisoned(Silent):
    """Gives NaN where it divides by zero."""

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x / (x - x)


class InPlace(Silent):
    """Writes into what it was given."""

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x.mul_(0.99)


class OneState(Echo):
    """Gives all streams the same state."""

    def __init__(self) -> None:
        super().__init__()
        self.only = Trace()

    def init_state(self) -> Trace:
        return self.only


class Large(Silent):
    """Needs at least 16 pixels, which it does not say."""

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        if x.shape[-1] < 16:
            raise ValueError("too small")
        return x


class EightBit(Silent):
    """Rounds to 8 bits."""

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return (x * 255).round() * 4 / 1023


class Keeper(Silent):
    """Keeps the last frame in itself instead of in the stream's state."""

    last: Tensor | None = None

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        before = x if self.last is None or self.last.shape[-2:] != x.shape[-2:] else self.last[: len(x)]
        self.last = x
        return (x + before) / 2


class Random(Silent):
    """Adds noise of no seed."""

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x + 0.1 * torch.rand_like(x)


class Mixed(Silent):
    """Normalises by the whole batch."""

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x * (0.5 / x.mean())


class Brighter(Silent):
    """Takes limited range for full."""

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return (x - 16 / 255) * 255 / 219


class Misled(Silent):
    """Names a lighter filter that there is not."""

    def lighter(self) -> Sequence[str]:
        return ["lighter_than_air"]


class Shrunk(Chunk):
    """Enlarges, and names a filter that does not in its place."""

    def lighter(self) -> Sequence[str]:
        return ["smooth"]


class Immeasurable(Silent):
    """Reports a measurement that it could not take."""

    def report(self, state: None) -> Mapping[str, float]:
        return {"noise_luma": float("nan")}


class Scratched(Silent):
    """Says that threads may call it at once, and keeps what it works on in one place."""

    thread_safe = True

    def __init__(self) -> None:
        self.met = threading.Barrier(2)

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        self.scratch = x
        with contextlib.suppress(threading.BrokenBarrierError):
            self.met.wait(0.3)  # for another thread; a barrier that nobody came to lets all pass from then on
        return self.scratch


class Eavesdropper(Filter[list[float]]):
    """Goes by how frames were coded, and does not say so."""

    def init_state(self) -> list[float]:
        return []

    def tell(self, state: list[float], frames: Sequence[Frame]) -> None:
        coding = frames[0].coding
        state[:] = [] if coding is None or coding.qp is None else [float(coding.qp.mean()) / 255]

    def __call__(self, x: Tensor, states: Sequence[list[float]]) -> Tensor:
        return torch.stack([x[b] + sum(states[b]) for b in range(len(x))])


class Gossip(Eavesdropper):
    """Keeps what it is told in one place for all streams, and goes by it in the next shot too."""

    wants_coding = True

    def __init__(self) -> None:
        self.heard = 0.0

    def tell(self, state: list[float], frames: Sequence[Frame]) -> None:
        super().tell(state, frames)
        self.heard += sum(state)

    def __call__(self, x: Tensor, states: Sequence[list[float]]) -> Tensor:
        return x + self.heard / 20


BREAKS = [
    (Eavesdropper, "hears_how_frames_were_coded"),
    (Gossip, "hears_how_frames_were_coded"),
    (Silent, "is_documented"),
    (Untyped, "is_documented"),
    (Stepless, "declares_what_it_sees"),
    (Smaller, "gives_the_declared_shape"),
    (Widening, "gives_the_declared_shape"),
    (Poisoned, "gives_the_declared_shape"),
    (InPlace, "gives_the_declared_shape"),
    (OneState, "makes_new_states"),
    (OneState, "split_at_cuts_is_whole"),
    (OneState, "keeps_damaged_frames_out"),
    (EightBit, "keeps_more_than_8_bits"),
    (Keeper, "split_at_cuts_is_whole"),
    (Keeper, "keeps_damaged_frames_out"),
    (Keeper, "batched_is_alone"),
    (Random, "is_deterministic"),
    (Random, "threaded_is_inline"),
    (Mixed, "batched_is_alone"),
    (Scratched, "is_thread_safe_where_declared"),
    (Brighter, "keeps_the_level"),
    (Misled, "offers_what_exists"),
    (Shrunk, "offers_what_exists"),
    (Immeasurable, "reports_numbers"),
]


@pytest.mark.parametrize(("make", "law"), BREAKS, ids=lambda value: getattr(value, "__name__", value))
def test_a_break_is_found(make: Callable[[], Filter[Any]], law: str) -> None:
    with pytest.raises(AssertionError):
        LAWS[law](make)


def test_a_size_that_a_filter_cannot_take_is_found() -> None:
    with pytest.raises(Exception, match="too small"):
        LAWS["gives_one_frame_for_each"](Large)


def test_a_restorer_that_reads_on_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter cannot see more than its window; what breaks the law is a stage that hands it more."""

    class Generous(Windower):
        def __init__(self, past: int, step: int, future: int) -> None:
            super().__init__(past, step, future + 1)

        def push(self, frame: Any) -> Any:
            for w in super().push(frame):
                yield Window((*w.frames[:-2], w.frames[-1]), w.centre, w.first)

    monkeypatch.setattr("streamfix.filters.restorer.Windower", Generous)
    with pytest.raises(AssertionError, match="future=2 is declared"):
        LAWS["looks_no_further_than_declared"](Mean)
