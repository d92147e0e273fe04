"""`auto`: what it chooses, and that the chain it builds keeps the laws. Its filters are fakes without networks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from streamfix import BadOption, Filter, Frame, FrameCoding, PixelFormat, Planes
from streamfix.analysis import Shares
from streamfix.conformance.fakes import clip, difference
from streamfix.conformance.laws import LAWS, restore
from streamfix.registry import Registry
from streamfix_auto import Auto
from streamfix_auto import filter as module
from streamfix_auto.choice import Choice
from streamfix_auto.later import Later, now
from streamfix_auto.link import Link
from tests.analysis.material import Floats, codes, jpeg, moving, noisy, scene

YUV420P = PixelFormat("yuv420p", "yuv", 8, 1, 1)
MARK = 20 / 255  # what a fake adds to a chroma plane


class Fake(Filter[list[int]]):
    """Marks the picture in the middle of its window, and keeps account of its calls."""

    thread_safe = True
    plane = 4
    calls: list[str]
    heard: list[Sequence[Frame]]

    def __init__(self, lookahead: int = 2) -> None:
        self.future = lookahead

    def init_state(self) -> list[int]:
        return [0]

    def tell(self, state: list[int], frames: Sequence[Frame]) -> None:
        self.heard.append(frames)

    def __call__(self, x: Tensor, states: Sequence[list[int]]) -> Tensor:
        self.calls.append(type(self).__name__)
        for state in states:
            state[0] += 1
        y = x[:, self.past : self.past + 1].clone()
        y[:, :, self.plane] += MARK
        return y


class Deblock(Fake):
    """Measures artifacts of ten codes."""

    def report(self, state: list[int]) -> Mapping[str, float]:
        return {"artifacts_luma": 10.0 if state[0] else 0.0}


class Denoise(Fake):
    """Marks the other plane."""

    plane = 5


class Upscale(Filter[None]):
    """Makes pixels larger."""

    thread_safe = True

    def __init__(self, scale: float = 2) -> None:
        self.times = self.scale = int(scale)

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x.repeat_interleave(self.times, -1).repeat_interleave(self.times, -2)


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> Registry[Filter[Any]]:
    """The filters that `auto` finds: all three."""
    registry: Registry[Filter[Any]] = Registry("filter")
    for cls in (Deblock, Denoise, Upscale):
        registry.register(cls.__name__.lower())(cls)
    monkeypatch.setattr(module, "FILTERS", registry)
    monkeypatch.setattr(Fake, "calls", [], raising=False)
    monkeypatch.setattr(Fake, "heard", [], raising=False)
    return registry


def frame(luma: Floats, number: int, *, cut: bool = False, qp: float | None = None) -> Frame:
    h, w = luma.shape
    chroma = np.full((h // 2, w // 2), 128, np.uint8)
    planes = Planes(YUV420P, w, h, (codes(luma), chroma, chroma))
    coding = None if qp is None else FrameCoding("P", 1, np.full((-(-h // 16), -(-w // 16)), qp, np.float32))
    return Frame(planes, number, Fraction(1, 25), duration=1, cut=cut, coding=coding)


def frames(pictures: Iterator[Floats] | Sequence[Floats], **more: Any) -> list[Frame]:
    return [frame(picture, number, **more) for number, picture in enumerate(pictures)]


def marks(found: Sequence[Frame]) -> list[tuple[int, int]]:
    """By how many codes each frame's chroma planes were marked."""
    shown = [one.picture.planes(one.color).data for one in found]
    return [(int(planes[1].mean()) - 128, int(planes[2].mean()) - 128) for planes in shown]


def blocky(count: int) -> list[Floats]:
    """Coded in blocks; noise-free, so that blocks alone are to be found."""
    return [jpeg(scene(), 12)] * count


def test_good_pictures_pass_bit_for_bit_and_call_nothing() -> None:
    given = frames(moving(14))
    found = restore(Auto, given)
    assert all(difference(a, b) == 0 for a, b in zip(given, found, strict=True))
    assert Fake.calls == []


def test_noise_calls_the_denoiser() -> None:
    given = frames([noisy(picture, 10, seed) for seed, picture in enumerate(moving(14))])
    assert set(marks(restore(Auto, given))) == {(0, 20)}
    assert "Denoise" in Fake.calls


def test_blocks_call_the_deblocker() -> None:
    assert set(marks(restore(Auto, frames(blocky(14))))) == {(20, 0)}


def test_artifacts_go_before_noise() -> None:
    given = frames([noisy(jpeg(picture, 8), 5, seed) for seed, picture in enumerate(moving(14))])
    assert set(marks(restore(Auto, given))) == {(20, 20)}
    assert Fake.calls.index("Deblock") < Fake.calls.index("Denoise")


def test_the_codecs_own_word_counts() -> None:
    assert set(marks(restore(Auto, frames(moving(14), qp=38)))) == {(20, 0)}
    assert set(marks(restore(Auto, frames(moving(14), qp=15)))) == {(0, 0)}


def test_filters_hear_of_the_frames_of_their_windows() -> None:
    restore(Auto, frames(moving(14), qp=38))
    heard = [[one.pts for one in window] for window in Fake.heard]
    assert [0, 1, 2] in heard and [11, 12, 13] in heard


def test_strength_is_a_share_and_0_leaves_all() -> None:
    given = frames(blocky(12))
    assert set(marks(restore(lambda: Auto(strength=0.5), given))) == {(10, 0)}
    Fake.calls.clear()
    assert all(difference(a, b) == 0 for a, b in zip(given, restore(lambda: Auto(strength=0), given), strict=True))
    assert Fake.calls == []


def test_live_the_first_frame_is_restored_at_once() -> None:
    auto = Auto(**Auto.live_options)
    assert auto.future == 0
    state = auto.init_state()
    picture = frame(jpeg(scene(), 12), 0).tensor("yuv420")
    with torch.inference_mode():
        result = auto(picture[None, None], [state])
    assert torch.allclose(result[0, 0, 4], picture[4] + MARK)


def test_look_ahead_is_that_of_all_filters_whatever_is_chosen() -> None:
    for lookahead in (0, 1, 2, 5, 10):
        assert Auto(lookahead=lookahead).future == lookahead


def test_within_a_shot_it_changes_slowly_and_a_cut_is_a_new_beginning() -> None:
    clean = [np.ascontiguousarray(picture[:144, :176]) for picture in moving(70, 1)]
    bad = [noisy(picture, 12, seed) for seed, picture in enumerate(clean[:60])]
    make: Callable[[], Auto] = lambda: Auto(lookahead=0)  # noqa: E731
    within = [noise for _, noise in marks(restore(make, frames(clean + bad)))]
    assert within[:70] == [0] * 70
    assert within[-1] == 20
    assert max(b - a for a, b in pairwise(within)) <= 1
    cut = frames(clean) + [frame(picture, 70 + i, cut=i == 0) for i, picture in enumerate(bad)]
    assert [noise for _, noise in marks(restore(make, cut))][70:] == [20] * 60


def test_enlarging_comes_last_and_needs_its_filter(fakes: Registry[Filter[Any]]) -> None:
    auto = Auto(scale=2)
    assert auto.scale == 2
    found = restore(lambda: Auto(scale=2), frames(blocky(12)))
    assert (found[0].width, found[0].height) == (704, 576)
    assert set(marks(found)) == {(20, 0)}
    fakes._classes.pop("upscale")
    with pytest.raises(BadOption, match="2 needs the filter upscale, which is not installed"):
        Auto(scale=2)


def test_what_is_not_installed_is_not_missed(fakes: Registry[Filter[Any]]) -> None:
    for name in ("deblock", "denoise", "upscale"):
        fakes._classes.pop(name)
    auto = Auto()
    assert auto.future == 0
    given = frames(blocky(4))
    assert all(difference(a, b) == 0 for a, b in zip(given, restore(Auto, given), strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 2}, "auto=strength: 2 is not between 0 and 1"),
        ({"lookahead": -1}, "auto=lookahead: -1 is not a number of frames"),
        ({"scale": 0.5}, "auto=scale: 0.5 is not 1 or more"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        Auto(**options)


def test_what_it_found_and_chose_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="streamfix.auto")
    auto = Auto(lookahead=0)
    states = auto.init_state()
    with torch.inference_mode():
        for one in frames(blocky(20)):
            auto(one.tensor("yuv420")[None, None], [states])
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("noise ") and caplog.messages[0].endswith("the pictures get deblock")
    report = auto.report(states)
    assert report["share_deblock"] == 1 and report["share_denoise"] == 0
    assert report["artifacts_luma"] == 10
    assert report["blockiness"] > 0.06


@pytest.mark.parametrize("law", LAWS)
def test_it_keeps_the_laws(law: str) -> None:
    LAWS[law](Auto)


@pytest.mark.parametrize("law", ["gives_one_frame_for_each", "batched_is_alone", "looks_no_further_than_declared"])
def test_it_keeps_the_laws_when_it_enlarges(law: str) -> None:
    LAWS[law](lambda: Auto(scale=2, lookahead=3))


# -- its parts


class Averaging(Fake):
    """The mean of its window: shows which frames it was given."""

    past = 1

    def __call__(self, x: Tensor, states: Sequence[list[int]]) -> Tensor:
        return x.mean(1, keepdim=True)


def test_a_link_sees_the_windows_that_a_restorer_gives() -> None:
    given = clip(7)
    want = restore(Averaging, given)
    link, found = Link(Averaging()), []
    for one in [*given, given[-1], given[-1]]:  # beyond the end, windows repeat the last frame
        passed = link.push(now(one.tensor("yuv420")), one, 1.0)
        found += [] if passed is None else [passed]
    assert [known.pts for _, known in found if known] == [one.pts for one in given]
    for (picture, _), one in zip(found, want, strict=True):
        assert torch.allclose(picture.picture(), one.tensor("yuv420"), atol=1e-6)


class Halves(Fake):
    """Does all of its work in its second part, as networks do."""

    two_parts = True

    def begin(self, x: Tensor, states: Sequence[list[int]]) -> Callable[[], Tensor]:
        for state in states:
            state[0] += 1
        kept = x[:, :1].clone()

        def rest() -> Tensor:
            self.calls.append("second")
            return kept + MARK

        return rest


def test_the_second_part_waits_until_the_picture_is_wanted() -> None:
    link = Link(Halves(0))
    passed = link.push(now(torch.zeros(6, 2, 2)), None, 0.5)
    assert passed is not None and link.state == [1]
    assert Fake.calls == []
    for _ in range(2):
        assert torch.allclose(passed[0].picture(), torch.full((6, 2, 2), MARK / 2))
    assert Fake.calls == ["second"]


def test_two_threads_that_want_a_picture_get_the_same() -> None:
    made = []

    def make() -> Tensor:
        made.append(1)
        return torch.zeros(6, 2, 2)

    later = Later(make)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: later.picture(), range(16)))
    assert made == [1] and all(picture is found[0] for picture in found)


def test_a_link_that_is_not_called_passes_frames_in_their_time() -> None:
    link = Link(Fake(2))
    pictures = [now(torch.full((6, 2, 2), float(i))) for i in range(6)]
    found = [link.push(picture, None, 0.0) for picture in pictures]
    assert found[:2] == [None, None]
    assert [passed[0] for passed in found if passed] == pictures[:4]
    assert link.state is None and Fake.calls == []


def test_a_link_forgets_when_it_is_left() -> None:
    link = Link(Fake(0))
    for share in (1.0, 1.0, 0.0, 0.4):
        link.push(now(torch.zeros(6, 2, 2)), None, share)
    assert link.state == [1]


def test_the_first_choice_is_taken_at_once_later_ones_slowly() -> None:
    choice = Choice()
    assert choice.follow(Shares(0.8, 0.0)) == Shares(0.8, 0.0)
    for _ in range(60):
        choice.follow(None)
    before = choice.now
    after = choice.follow(Shares(0.0, 1.0))
    assert 0 < before.artifacts - after.artifacts <= 0.021
    assert 0 < after.noise <= 0.021
    for _ in range(60):
        choice.follow(None)
    assert choice.now == Shares(0.0, 1.0)


def test_a_settled_choice_does_not_waver() -> None:
    choice = Choice()
    choice.follow(Shares(0.6, 0.5))
    for i in range(400):
        choice.follow(Shares(0.6 + 0.2 * (-1) ** i, 0.5 - 0.2 * (-1) ** i) if i > 60 else None)
    assert choice.now == Shares(0.6, 0.5)
