"""A camera's sight: each fault is found in its time, told once at its start and once at its end; nothing else is."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from streamfix.health import Examiner, Limits, Sight, hidden_pixels
from tests.health.scene import Doing, Luma, Street, begun, watch

SHORT = Limits(learn_s=60)  # looks are whole seconds apart here, so it takes some more
TAUGHT = range(130)


def taught(limits: Limits = SHORT, **how: object) -> tuple[Examiner, Street]:
    """An examiner that knows its camera."""
    examiner, camera = Examiner(limits), Street()
    assert watch(examiner, camera, TAUGHT, **how) == []  # type: ignore[arg-type]
    return examiner, camera


def unsharp(luma: Luma) -> Luma:
    return np.asarray(cv2.GaussianBlur(luma, (0, 0), 2), np.uint8)


def half_covered(luma: Luma) -> Luma:
    made = luma.copy()
    made[:, :200] = 40
    return made


def smeared(luma: Luma) -> Luma:
    made = luma.copy()
    made[60:120, 100:180] = cv2.GaussianBlur(luma, (0, 0), 9)[60:120, 100:180]
    return made


FAULTS: dict[str, tuple[Doing, str, float]] = {
    "out of focus": (unsharp, "defocused", 60),
    "covered": (half_covered, "covered", 10),
    "painted over": (lambda luma: np.full_like(luma, 80), "covered", 10),
    "pushed": (lambda luma: np.roll(luma, 7, 1), "moved", 10),
    "pushed far": (lambda luma: np.roll(luma, (-14, 30), (0, 1)), "moved", 10),
    "turned": (lambda luma: luma[::-1, ::-1].copy(), "moved", 10),
    "smeared": (smeared, "dirty", 600),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_in_its_time_and_ends(fault: str) -> None:
    doing, kind, lasts_s = FAULTS[fault]
    examiner, camera = taught()
    end = 130 + int(lasts_s) + 30
    told = watch(examiner, camera, range(130, end), doing=doing)
    ((at_s, found),) = begun(told)
    assert found == kind
    assert lasts_s <= at_s - 130 <= lasts_s + (25 if kind == "dirty" else 4)
    assert [each.kind for each in examiner.verdict.faults] == [kind]
    told = watch(examiner, camera, range(end, end + 120))
    ((at_s, over),) = told
    assert (over.fault.kind, over.begins) == (kind, False)
    assert 8 <= at_s - end <= (90 if kind == "dirty" else 15)
    assert examiner.verdict.faults == ()


@pytest.mark.parametrize("code", [0, 255])
def test_black_and_white_are_found_in_two_seconds_without_a_reference(code: int) -> None:
    examiner = Examiner()
    sights = [Sight(np.full((180, 320), code, np.uint8), True, i) for i in range(5)]
    told = [(i / 2, one) for i, sight in enumerate(sights) for one in examiner.see(sight, i / 2)]
    assert begun(told) == [(2.0, "blank")]


HARMLESS: dict[str, Doing] = {
    "dimmer": lambda luma: (luma * 0.6).astype(np.uint8),
    "brighter": lambda luma: np.clip(luma * 1.4, 0, 255).astype(np.uint8),
    "fog": lambda luma: (luma * 0.4 + 120).astype(np.uint8),
    "rain": lambda luma: np.clip(luma + np.random.default_rng(0).normal(0, 12, luma.shape), 0, 255).astype(np.uint8),
    "jpeg": lambda luma: np.asarray(cv2.imdecode(cv2.imencode(".jpg", luma, [1, 20])[1], 0), np.uint8),
    "a little push": lambda luma: np.roll(luma, 3, 1),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_weather_and_codecs_are_no_faults(what: str) -> None:
    examiner, camera = taught()
    assert watch(examiner, camera, range(130, 210), doing=HARMLESS[what]) == []
    assert examiner.verdict.ratio is not None and examiner.verdict.ratio > 0.7


def test_a_reference_takes_ten_minutes_and_says_so() -> None:
    examiner, camera = Examiner(), Street()
    watch(examiner, camera, range(560))
    assert examiner.verdict.unjudged.startswith("it learns what it usually sees: ")
    watch(examiner, camera, range(560, 680))
    assert (examiner.verdict.unjudged, examiner.verdict.blocks > 100) == ("", True)


def test_infrared_has_a_reference_of_its_own() -> None:
    examiner, camera = taught()
    night = Street(seed=3)  # as other as another place
    assert watch(examiner, night, range(130, 270), grey=True) == []
    assert (examiner.verdict.mode, examiner.verdict.unjudged) == ("infrared", "")
    assert watch(examiner, camera, range(270, 300)) == []  # the day's is still known
    assert examiner.verdict.unjudged == ""
    assert begun(watch(examiner, night, range(300, 330), grey=True, doing=half_covered)) == [(315, "covered")]


def test_nothing_is_learnt_while_there_is_a_fault() -> None:
    examiner, camera = taught(Limits(learn_s=20))
    told = watch(examiner, camera, range(130, 1000), doing=unsharp)
    assert [kind for _, kind in begun(told)] == ["defocused"]
    assert [each.kind for each in examiner.verdict.faults] == ["defocused"]


def test_relearning_ends_the_fault_and_takes_the_new_view() -> None:
    examiner, camera = taught()

    def turned(luma: Luma) -> Luma:
        return luma[::-1, ::-1].copy()

    watch(examiner, camera, range(130, 160), doing=turned)
    examiner.relearn()
    told = watch(examiner, camera, range(160, 300), doing=turned)
    assert [(at_s, change.fault.kind, change.begins) for at_s, change in told] == [(160, "moved", False)]
    assert examiner.verdict.unjudged == ""


def test_what_lies_under_masks_is_not_judged() -> None:
    """A mask is put over two thirds of the picture, and the rest goes on to be judged."""
    mask = ((0.0, 0.0), (0.66, 0.0), (0.66, 1.0), (0.0, 1.0))
    examiner, camera = Examiner(SHORT, hidden_pixels([mask])), Street()
    watch(examiner, camera, TAUGHT)
    blocks = examiner.verdict.blocks
    assert 25 <= blocks <= 55

    def other(luma: Luma) -> Luma:
        made = luma.copy()
        made[:, :211] = 128
        return made

    assert watch(examiner, camera, range(130, 300), doing=other) == []
    assert examiner.verdict.blocks == blocks


def test_a_view_without_edges_cannot_be_judged() -> None:
    examiner, camera = Examiner(SHORT), Street()

    def wall(luma: Luma) -> Luma:
        made = np.full_like(luma, 100)
        made[:40, :60] = luma[:40, :60]
        return made

    watch(examiner, camera, TAUGHT, doing=wall)
    assert watch(examiner, camera, range(130, 250), doing=lambda luma: unsharp(wall(luma))) == []
    assert "parts of the picture have edges; 25 are needed" in examiner.verdict.unjudged


def test_an_object_known_to_be_one_covers_nothing() -> None:
    examiner, camera = taught()
    objects = np.zeros((9, 16), bool)
    objects[:, :10] = True
    told = []
    for at_s in range(130, 160):
        sight = Sight(camera.picture(doing=half_covered), False, camera.count)
        told += examiner.see(sight, at_s, objects)
    assert told == []


def test_a_gap_is_no_time_in_which_a_fault_lasted() -> None:
    examiner, camera = taught()
    times = [130.0 + i for i in range(8)] + [600.0 + i for i in range(8)]
    assert watch(examiner, camera, iter(times), doing=half_covered) == []


def test_one_that_was_kept_judges_at_once() -> None:
    examiner, camera = taught()
    data = examiner.references.kept("yard")
    other = Examiner(SHORT)
    assert not other.references.restore(data, "gate")
    assert not other.references.restore(data[:100], "yard")
    assert not other.references.restore(b"", "yard")
    assert other.references.restore(data, "yard")
    assert begun(watch(other, camera, range(20), doing=half_covered)) == [(10, "covered")]


# -- standing still


def stills(clock: list[Luma] | None, luma: Luma, digests: list[int]) -> list[tuple[float, str]]:
    examiner, told = Examiner(), []
    for i, digest in enumerate(digests):
        sight = Sight(luma, False, digest, None if clock is None else clock[i])
        told += [(i, change) for change in examiner.see(sight, i)]
    return begun(told)  # type: ignore[arg-type]


def test_a_picture_that_stands_still_is_doubtful_without_a_clock() -> None:
    luma = Street().picture()
    assert stills(None, luma, [7] * 15) == [(11, "frozen?")]
    assert stills(None, luma, [7, 8] * 8) == []


def test_the_clock_tells_whether_it_is_frozen() -> None:
    luma = Street().picture()
    digits = [np.full((16, 60), 20, np.uint8) for _ in range(15)]
    for i, digit in enumerate(digits):
        digit[2:14, 4 + i % 10 * 5 : 9 + i % 10 * 5] = 235
    assert stills(digits, luma, [7] * 15) == []  # nothing moves but the clock: a quiet night
    assert stills([digits[0]] * 15, luma, list(range(15))) == [(11, "frozen")]  # encoded anew, so no bits are the same


# -- a day


def hours(step_s: float) -> Iterator[tuple[float, float, bool]]:
    """Seconds, light, and whether the infrared lamp is on, from noon to noon."""
    for at_s in np.arange(0, 24 * 3600, step_s).tolist():
        hour = (at_s / 3600 + 12) % 24
        dark = hour >= 19 or hour < 6
        light = 0.5 if dark else min(1.0, 0.15 + 0.85 * min(abs(hour - 19), abs(hour - 6)) / 2)
        yield at_s, light * (1 + 0.15 * math.sin(at_s / 97)), dark


@pytest.mark.slow
def test_a_whole_day_passes_without_an_alarm_and_a_fault_is_found_at_any_time() -> None:
    examiner, camera = Examiner(), Street()
    told, unjudged = [], 0
    for at_s, light, dark in hours(5.0):
        luma = camera.picture(light=light)
        told += examiner.see(Sight(luma, dark, camera.count), at_s)
        unjudged += bool(examiner.verdict.unjudged)
    assert told == []
    assert unjudged * 5.0 < 2 * 800  # two references were learnt
    told = watch(examiner, camera, iter(24 * 3600 + np.arange(0, 80, 1.0)), doing=unsharp)  # type: ignore[assignment]
    assert [kind for _, kind in begun(told)] == ["defocused"]  # type: ignore[arg-type]
