"""Every frame is told of once, whatever an encoder makes of the order."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.conformance.fakes import clip as fake_clip
from streamfix.frame import Frame
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.frame_ledger import FrameLedger
from streamfix.media.output.writer import Writer
from streamfix.media.specs import OutputSpec
from streamfix.pipeline import Pipeline
from tests.media.make import clip

_PICTURE = fake_clip(1, 8, 8)[0].picture


def frames(count: int) -> list[Frame]:
    return [Frame(_PICTURE, i, Fraction(1, 25)) for i in range(count)]


@given(st.integers(0, 12), st.data())
def test_each_frame_is_told_of_once(count: int, data: st.DataObject) -> None:
    """Packets come in any order, and some never; what is left at the end is given up."""
    written: list[Frame] = []
    left: list[Frame] = []
    ledger = FrameLedger(written.append, lambda frame, why: left.append(frame))
    given = frames(count)
    inside: list[int] = []
    for frame in given:
        ledger.accept(frame)
        fate = data.draw(st.sampled_from(["encode", "leave out", "nothing"]))
        if fate == "encode":
            ledger.encoding(frame, frame.pts)
            inside.append(frame.pts)
        elif fate == "leave out":
            ledger.left_out(frame, "rate")
        out = data.draw(st.lists(st.sampled_from(inside), unique=True)) if inside else []
        for pts in out:
            ledger.muxed(pts)
            inside.remove(pts)
    ledger.give_up("output")
    ledger.give_up("output")
    told = [*written, *left]
    assert len(told) == len({id(f) for f in told}) == count
    assert all(f.pts not in inside for f in written)


def test_what_nobody_has_answered_to_is_not_written() -> None:
    written: list[Frame] = []
    left: list[Frame] = []
    ledger = FrameLedger(written.append, lambda frame, why: left.append(frame))
    given = frames(4)
    for frame in given:
        ledger.accept(frame)
        ledger.encoding(frame, frame.pts)
    ledger.muxed(0, arrives=False)
    ledger.muxed(1, arrives=False)
    assert written == []
    ledger.muxed(2)
    assert written == given[:3], "the answer holds for what was sent before"
    ledger.muxed(3, arrives=False)
    ledger.give_up("output")
    assert (written, left) == (given[:3], given[3:])


def test_an_encoder_with_times_of_its_own_counts_its_oldest_frame() -> None:
    written: list[int] = []
    ledger = FrameLedger(lambda frame: written.append(frame.pts), lambda frame, why: None)
    for frame in frames(3):
        ledger.accept(frame)
        ledger.encoding(frame, frame.pts)
    ledger.muxed(None)
    ledger.muxed(99)
    ledger.muxed(2)
    ledger.muxed(2)
    assert written == [0, 1, 2]


@pytest.mark.parametrize(("rate", "reasons"), [(None, {}), (50, {}), (10, {"rate": 9}), (25, {})])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_writer_tells_of_every_frame(tmp_path: Path, rate: int | None, reasons: dict[str, int], codec: str) -> None:
    """With B-frames and look-ahead too; frames that -r repeats count once, those that it drops are told of."""
    source = clip(tmp_path / "in.mkv", frames=15)
    written: list[Frame] = []
    left: list[str] = []
    reader = Reader([InputSpec(str(source))])
    spec = OutputSpec(
        str(tmp_path / "out.mkv"), video_codec=codec, rate=Fraction(rate) if rate else None, video_options={"bf": "2"}
    )
    Pipeline(reader, Writer(spec, reader, ledger=FrameLedger(written.append, lambda f, why: left.append(why)))).run()
    assert len(written) + len(left) == 15
    assert {why: left.count(why) for why in set(left)} == reasons


def test_a_writer_tells_of_what_lies_outside(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=15)
    left: list[str] = []
    written: list[Frame] = []
    reader = Reader([InputSpec(str(source))])
    spec = OutputSpec(str(tmp_path / "out.mkv"), start_s=Fraction(1, 5), max_frames=4)
    Pipeline(
        reader, Writer(spec, reader, ledger=FrameLedger(written.append, lambda f, why: left.append(why)))
    ).run_inline()
    assert len(written) == 4
    assert set(left) == {"outside"}
    assert left.count("outside") >= 5
