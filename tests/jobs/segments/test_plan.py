"""Where videos are cut, and where not."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from streamfix.errors import InputError
from streamfix.frame import Frame
from streamfix.jobs.segments import Plan, plan_of
from streamfix.jobs.segments.plan import plan_from
from streamfix.media.input.keyframes import Keyframe, Pictures, pictures_of
from streamfix.media.input.reader import Reader
from streamfix.media.specs import InputSpec
from tests.jobs.segments.material import cut_clip
from tests.media.make import clip, needs_ffmpeg

BASE = Fraction(1, 10)


def pictures(count: int, keys: list[int], refusal: str | None = None, reordered: tuple[int, ...] = ()) -> Pictures:
    """One picture a unit; keyframes coded two units before they are shown."""
    found = tuple(Keyframe(at, at - 2, at not in reordered) for at in keys)
    return Pictures(BASE, tuple(range(count)), found, refusal)


def begins(plan: Plan) -> list[Any]:
    return [segment.begin_s for segment in plan.segments]


def test_cuts_lie_at_the_first_keyframe_after_every_so_many_seconds() -> None:
    plan = plan_of(pictures(100, [0, 10, 25, 31, 60, 99]), Fraction(2))
    assert begins(plan) == [None, Fraction(5, 2), Fraction(6)]
    assert [segment.pictures for segment in plan.segments] == [25, 35, 40]
    assert [segment.end_s for segment in plan.segments] == [Fraction(5, 2), Fraction(6), None]
    assert plan.pictures == 100
    assert plan.refusal is None


def test_each_segment_knows_what_lies_in_front_of_it() -> None:
    """A lead begins with a picture, and is read from the keyframe that this one needs."""
    plan = plan_of(pictures(100, [0, 10, 25, 31, 60]), Fraction(2), warm_up=20)
    second = plan.segments[1]
    assert second.tail is not None
    assert (second.tail.from_s, second.tail.seek_s) == (Fraction(21, 10), Fraction(8, 10))
    assert second.warm_up is not None
    assert (second.warm_up.from_s, second.warm_up.seek_s) == (Fraction(5, 10), Fraction(-2, 10))
    assert plan.segments[0].tail is None
    assert plan_from(plan.as_values()) == plan


def test_no_cut_where_pictures_of_before_are_coded_behind_the_keyframe() -> None:
    assert begins(plan_of(pictures(60, [0, 20, 40], reordered=(20,)), Fraction(2))) == [None, Fraction(4)]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (pictures(100, [0], None), "it has no keyframes to be cut at"),
        (pictures(100, [0, 50], "its clock jumps at 3.000 s"), "its clock jumps at 3.000 s"),
        (pictures(15, [0], None), None),
    ],
)
def test_what_cannot_be_cut_is_one_segment(given: Pictures, says: str | None) -> None:
    plan = plan_of(given, Fraction(2))
    assert begins(plan) == [None]
    assert plan.pictures == len(given.pts)
    assert plan.refusal == says


def looked_at(path: Path) -> Pictures:
    return pictures_of(InputSpec(str(path)), 0)


def test_times_are_those_that_the_reader_gives(tmp_path: Path) -> None:
    """Of MPEG-TS too, whose clock begins anywhere; and with -ss and -t."""
    for ending in ("mp4", "mkv", "ts"):
        path = str(cut_clip(tmp_path / f"in.{ending}", frames=20))
        for spec in (InputSpec(path), InputSpec(path, start_s=Fraction(3, 10), duration_s=Fraction(2, 5))):
            found = pictures_of(spec, 0)
            assert found.refusal is None
            with closing(Reader([spec], audio=False)) as reader:
                assert list(found.pts) == [frame.pts for frame in reader if isinstance(frame, Frame)]
            assert {key.pts for key in found.keyframes if key.starts} <= set(found.pts)


@needs_ffmpeg
def test_open_gops_are_cut_at_the_keyframe(tmp_path: Path) -> None:
    """Its leading pictures, which are shown before it, are coded behind it and belong to the segment before."""
    options = {"x264-params": "open-gop=1:bframes=3:b-adapt=0"}
    found = looked_at(cut_clip(tmp_path / "in.mp4", frames=30, options=options))
    assert [key.starts for key in found.keyframes] == [True] * len(found.keyframes)
    plan = plan_of(found, Fraction(2, 5))
    assert sum(segment.pictures for segment in plan.segments) == 30


def test_containers_without_times_are_not_cut(tmp_path: Path) -> None:
    found = looked_at(clip(tmp_path / "in.avi", codec="mpeg4", frames=20, options={"g": "5", "bf": "2"}))
    assert found.refusal == "its container states no times of pictures"


def test_a_file_that_was_cut_off_is_told(tmp_path: Path) -> None:
    path = cut_clip(tmp_path / "in.mkv", frames=50, options={"crf": "1"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="it was cut off"):
        looked_at(path)
