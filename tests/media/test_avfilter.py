"""libavfilter's filters in a chain: names, options, time, marks and shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from streamfix.chainspec import parse_chain
from streamfix.errors import BadOption, FilterError, UnknownName
from streamfix.frame import Frame
from streamfix.media.picture import avfilter
from streamfix.media.picture.planes import frame_from_av

TIME_BASE = Fraction(1, 25)


def picture(value: int, width: int = 64, height: int = 48, pts: int = 0) -> Frame:
    source = av.VideoFrame.from_ndarray(np.full((height * 3 // 2, width), value, np.uint8), format="yuv420p")
    source.pts, source.time_base = pts, TIME_BASE
    return replace(frame_from_av(source, TIME_BASE), sample_aspect_ratio=Fraction(64, 45))


def run(chain: str, frames: Sequence[Frame]) -> list[Frame]:
    stage = avfilter.GraphStage(parse_chain(chain))
    out = [o for f in frames for o in stage.push(f)] + list(stage.flush())
    stage.close()
    return out


def test_one_frame_in_one_frame_out_with_the_same_pts() -> None:
    frames = [picture(90, pts=p) for p in (3, 4, 7, 20)]
    out = run("negate", frames)
    assert [(o.pts, o.time_base) for o in out] == [(f.pts, f.time_base) for f in frames]
    assert all(int(o.picture.planes(o.color).data[0][0, 0]) == 255 - 90 for o in out)


def test_scale_changes_the_size_and_keeps_the_display_aspect() -> None:
    frame = picture(90, 720, 576)
    (out,) = run("scale=720:480", [frame])
    assert (out.width, out.height) == (720, 480)
    assert out.sample_aspect_ratio == Fraction(64, 45) * Fraction(480, 576)


@pytest.mark.parametrize(
    ("chain", "aspect"),
    [
        ("crop=40:40", Fraction(64, 45)),
        ("transpose=1", Fraction(45, 64)),
        ("setsar=8/9", Fraction(8, 9)),
        ("negate", Fraction(64, 45)),
    ],
)
def test_the_sample_aspect_ratio_follows_the_chain(chain: str, aspect: Fraction) -> None:
    assert run(chain, [picture(90)])[0].sample_aspect_ratio == aspect


def test_a_filter_that_doubles_the_rate_changes_the_time_base() -> None:
    out = run("bwdif=mode=send_field", [picture(90, pts=p) for p in range(6)])
    assert [o.pts * o.time_base for o in out] == [Fraction(i, 50) for i in range(12)]


def test_marks_reach_the_frames_they_belong_to() -> None:
    frames = [replace(picture(90, pts=p), cut=p in (0, 4), damaged=p == 2) for p in range(6)]
    out = run("bwdif=mode=send_frame", frames)
    assert [o.pts * o.time_base for o in out if o.cut] == [0, Fraction(4, 25)]
    assert [o.pts * o.time_base for o in out if o.damaged] == [Fraction(2, 25)]


def test_a_change_of_size_flushes_and_builds_anew() -> None:
    out = run(
        "bwdif=mode=send_frame,negate", [picture(90, pts=0), picture(90, 32, 32, pts=1), picture(90, 32, 32, pts=2)]
    )
    assert [(o.width, o.height) for o in out] == [(64, 48), (32, 32), (32, 32)]
    assert [o.time_s for o in out] == [0.0, 0.04, 0.08]


def test_packets_pass() -> None:
    packet = object()
    assert list(avfilter.GraphStage(parse_chain("negate")).push(packet)) == [packet]


def test_names_are_those_that_take_one_video_and_give_one() -> None:
    names = avfilter.names()
    assert {"bwdif", "scale", "crop", "fps", "transpose"} <= set(names)
    assert not {"overlay", "split", "testsrc", "volume", "nosuch"} & set(names)


@pytest.mark.parametrize(
    ("chain", "error", "words"),
    [
        ("nosuch", UnknownName, "no filter 'nosuch'"),
        ("scale=foo=1", BadOption, "does not take scale=foo=1: Option not found"),
        ("volume", UnknownName, "'volume'"),
    ],
)
def test_what_libavfilter_does_not_take_is_named(chain: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        avfilter.GraphStage(parse_chain(chain))


def test_what_the_picture_does_not_allow_is_named_with_the_size() -> None:
    with pytest.raises(FilterError, match="cannot run 'crop=100:100' on 64x48 yuv420p"):
        run("crop=100:100", [picture(90)])
