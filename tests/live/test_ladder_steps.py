"""The ladder of a real chain: which steps it has, and that pictures keep size, format and masks on all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from streamfix import FILTERS
from streamfix.chainspec import FilterSpec, chain_text, parse_chain
from streamfix.conformance.fakes import clip, codes
from streamfix.errors import UnknownName
from streamfix.filters.base import Filter
from streamfix.frame import Frame
from streamfix.jobs import ladder, restore_stage
from streamfix.jobs.ladder import live_restoration, steps_of
from streamfix.live.health import Health
from streamfix.live.ladder.restoration import LiveRestoration
from streamfix.live.policy import LivePolicy

CLIP = clip(6, 64, 48)
MASK = "drawbox=0:0:16:16:black:fill"


class Twice(Filter[None]):
    """Twice as large; fails when it is told to. What is lighter is in `offered`."""

    layout = "luma"
    scale = 2
    failing = False
    offered: Sequence[str] = ()

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        if Twice.failing:
            raise RuntimeError("out of order")
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2)

    def lighter(self) -> Sequence[str]:
        return self.offered


@pytest.fixture
def twice(monkeypatch: pytest.MonkeyPatch) -> type[Twice]:
    monkeypatch.setitem(FILTERS._classes, "twice", Twice)
    monkeypatch.setattr(Twice, "failing", False)
    return Twice


def live(chain: str, **policy: Any) -> LiveRestoration:
    return live_restoration(parse_chain(chain) if chain else (), LivePolicy(**policy), Health(), device="cpu")


def names(chain: str, **policy: Any) -> list[str]:
    with closing(live(chain, **policy)) as stage:
        return [step.name for step in stage.runner.all]


def on(stage: LiveRestoration, step: int, frames: Sequence[Frame]) -> list[Frame]:
    """What comes out on that step."""
    for heavier in range(step):
        stage.runner.ladder.forbid(time.monotonic(), heavier, "the test wants it")
    list(stage.push(replace(frames[0], damaged=True)))  # the ladder is followed behind a frame
    return [out for frame in frames for out in stage.push(frame)] + [*stage.flush()]


# -- which steps there are


def test_smooth_has_none_lighter() -> None:
    assert names("smooth") == ["smooth", ""]
    assert names("smooth=0.5,null") == ["smooth=0.5", ""]


def test_a_chain_without_our_filters_is_its_own_ladder() -> None:
    assert names("") == [""]
    assert names("null") == [""]
    assert names("gblur,scale=32:24") == ["gblur,scale=32:24"]


def test_libavfilters_filters_stay_on_every_step() -> None:
    assert names(f"crop=32:32,smooth,{MASK}") == [f"crop=32:32,smooth,{MASK}", f"crop=32:32,{MASK}"]


def test_an_enlarging_filter_is_replaced_by_scaling(twice: type[Twice]) -> None:
    scaled = "scale=iw*2:ih*2:flags=bicubic"
    assert names(f"twice,{MASK}") == [f"twice,{MASK}", f"{scaled},{MASK}"]


def test_step_by_step_the_filters_that_have_nothing_lighter_go_last(
    twice: type[Twice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twice, "offered", ["twice,gblur", "scale=iw*2:-1"])
    assert names("smooth,twice") == [
        "smooth,twice",
        "smooth,twice,gblur",
        "smooth,scale=iw*2:-1",
        "scale=iw*2:-1",
        "scale=iw*2:ih*2:flags=bicubic",
    ]


def test_a_ladder_of_ones_own() -> None:
    assert names("smooth", ladder=("smooth=0.5", "gblur", "null")) == ["smooth", "smooth=0.5", "gblur", ""]
    assert names("smooth", ladder=()) == ["smooth", ""]
    assert names(f"smooth,{MASK}", ladder=("gblur", "null")) == [f"smooth,{MASK}", "gblur", MASK]
    with pytest.raises(UnknownName, match="smoth"):
        names("smooth", ladder=("smoth",))


def test_an_error_closes_what_was_made(monkeypatch: pytest.MonkeyPatch, twice: type[Twice]) -> None:
    closed = []
    monkeypatch.setattr(Twice, "close", lambda self: closed.append(self))
    monkeypatch.setattr(ladder, "LiveRestoration", lambda *_, **__: 1 / 0)
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        live("twice", ladder=("twice,twice",))
    assert len(closed) == 3 and threading.active_count() == before


@given(
    st.lists(
        st.builds(FilterSpec, st.sampled_from(["scale", "drawtext"]), st.text(" ab,;[]'\\=:1", max_size=12)), max_size=3
    )
)
def test_a_chain_as_text_is_that_chain(chain: list[FilterSpec]) -> None:
    text = chain_text(chain)
    assert not chain or parse_chain(text) == chain


# -- what they show


SHAPES = [
    ("yuv420p", f"twice,smooth,{MASK}"),
    ("yuv420p", "scale=32:24,smooth"),
    ("yuv420p10le", "smooth,format=yuv444p,twice"),
    ("gray", "twice"),
    ("gbrp", "smooth"),
]


@pytest.mark.parametrize(("format", "chain"), SHAPES)
def test_the_shape_is_the_same_on_every_step(twice: type[Twice], format: str, chain: str) -> None:
    frames = clip(2, 64, 48, format)
    found = []
    with closing(live(chain, ladder=("smooth", "gblur"))) as stage:
        for step in range(4):
            found += on(stage, step, frames)
            assert stage.runner.index == min(step, len(stage.runner.all) - 1)
    assert len(found) == 4 * len(frames)
    assert len({(f.width, f.height, f.picture.format.name) for f in found}) == 1
    assert len({f.sample_aspect_ratio for f in found}) == 1


@pytest.mark.parametrize("how", ["damaged", "slate", "failing"])
def test_no_frame_gets_past_a_mask(twice: type[Twice], how: str) -> None:
    with closing(live(f"{MASK},twice")) as stage:
        twice.failing = how == "failing"
        frames = [replace(f, damaged=how == "damaged", standing_in=how == "slate") for f in CLIP]
        out = [f for frame in frames for f in stage.push(frame)]
        assert [f.pts for f in out] == [f.pts for f in CLIP]
        for frame in out:
            luma = codes(frame)[0]
            assert tuple(luma.shape) == (96, 128)
            assert int(luma[:28, :28].max()) <= 20 and int(luma[40:].max()) > 60


def test_frames_that_libavfilter_swallows_are_counted(twice: type[Twice]) -> None:
    with closing(live("framestep=3,twice")) as stage:
        out = [f for frame in clip(12, 64, 48) for f in stage.push(replace(frame, received_s=1.0))]
        out += stage.flush()
        assert len(out) == 4 and all(f.received_s == 1.0 for f in out)
        assert stage.health.report().counts.dropped == {"filtered": 8}


def test_real_filters_are_reported_and_remember_nothing_of_the_warming_up() -> None:
    frames = clip(8, 64, 48, noise=0.03)
    alone = restore_stage([FilterSpec("smooth")], "cpu", live=True)
    assert alone is not None
    with closing(alone):
        want = [f for frame in frames for f in alone.push(frame)]
    with closing(live("smooth")) as stage:
        got = [f for frame in frames for f in stage.push(frame)]
        assert 0 < stage.health.report().figures["noise_luma"] < 20
    for a, b in zip(want, got, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(codes(a), codes(b), strict=True))


def test_steps_of_makes_the_filters_it_is_not_given() -> None:
    assert steps_of(parse_chain("smooth,scale=32:24")) == ["smooth,scale=32:24", "scale=32:24"]
