"""Time goes on where the clock of an input starts again or jumps, and every output can state it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from streamfix.frame import Frame
from streamfix.media.input.continuity import Continuity
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.rate import ConstantRate
from streamfix.media.output.writer import OutputSpec, Writer
from tests.media.make import clip, hashes, packets, run, times

TICK = Fraction(1, 90000)
FRAME = 3600  # of 25 a second
WRAP = 2**33


def part(path: Path, *, begin_s: int = 1, frames: int = 25, audio: str | None = "mp2") -> Path:
    """A clip in MPEG-TS or a program stream whose clock begins at begin_s."""
    plain = clip(path.with_suffix(".plain.ts"), frames=frames, audio=audio, codec="mpeg2video", options={"g": "5"})
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is None or packet.pts is None:
                continue
            by = round((begin_s - 1) / packet.time_base)
            packet.pts, packet.dts = packet.pts + by, packet.dts + by
            packet.stream = streams[packet.stream_index]
            out.mux(packet)
    return path


def joined(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(each.read_bytes() for each in parts))
    return path


def even(path: Path, frames: int, rounding_s: Fraction = Fraction(1, 1000)) -> bool:
    """True if so many frames follow each other, 25 a second."""
    found = times(path)
    return len(found) == frames and all(abs(b - a - Fraction(1, 25)) <= rounding_s for a, b in pairwise(found))


@pytest.mark.parametrize("begins_s", [(100, 100), (100, 25300), (50000, 100), (100, 100, 100), (100, 90, 130)])
@pytest.mark.parametrize("ending", ["ts", "vob"])
def test_a_clock_that_starts_again_or_jumps(
    tmp_path: Path, begins_s: tuple[int, ...], ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Joined recordings, cells of a DVD, a recorder that was set; one that was set back reads as 2**33 ticks later."""
    parts = [part(tmp_path / f"{i}.{ending}", begin_s=begin_s) for i, begin_s in enumerate(begins_s)]
    source, out = joined(tmp_path / f"in.{ending}", *parts), tmp_path / "out.mkv"
    reader, _ = run(source, out)
    assert even(out, 25 * len(parts), Fraction(1, 30)), "where sound comes first, pictures follow as it ends"
    sound = packets(out, 1)
    assert sum(len(packets(each, 1)) for each in parts) - len(sound) <= len(parts)
    assert all(-Fraction(1, 20) <= b - a < Fraction(1, 10) for (a, _), (b, _) in pairwise(sound))
    assert abs(sound[-1][0] - times(out)[-1]) < Fraction(1, 10), "sound stays with its picture"
    told = [r.getMessage() for r in caplog.records if "the clock of the input jumped" in r.getMessage()]
    assert len(told) in (1, 2)
    assert reader.errors <= len(parts)


def test_the_first_picture_after_a_jump_is_a_cut(tmp_path: Path) -> None:
    source = joined(tmp_path / "in.ts", *(part(tmp_path / f"{i}.ts", audio=None) for i in range(2)))
    reader = Reader([InputSpec(str(source))])
    cuts = [i for i, frame in enumerate(f for f in reader if isinstance(f, Frame)) if frame.cut]
    reader.close()
    assert cuts == [0, 25]


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_seven_hours_do_not_abort_the_process(tmp_path: Path, ending: str) -> None:
    parts = [part(tmp_path / f"{i}.ts", begin_s=at_s, audio=None) for i, at_s in enumerate((1, 25300))]
    source, out = joined(tmp_path / "in.ts", *parts), tmp_path / f"out.{ending}"
    run(source, out)
    assert even(out, 50)
    assert times(out)[0] < 1


def test_copyts_keeps_a_jump_and_closes_a_clock_that_starts_again(tmp_path: Path) -> None:
    ahead = joined(tmp_path / "a.ts", *(part(tmp_path / f"{s}.ts", begin_s=s, audio=None) for s in (100, 130)))
    run(InputSpec(str(ahead), copy_timestamps=True), tmp_path / "a.mkv")
    found = times(tmp_path / "a.mkv")
    assert found[0] > 99
    assert found[25] - found[24] > 28
    back = joined(tmp_path / "b.ts", *(part(tmp_path / f"{s}.ts", begin_s=s, audio=None) for s in (130, 100)))
    run(InputSpec(str(back), copy_timestamps=True), tmp_path / "b.mkv")
    assert times(tmp_path / "b.mkv")[0] > 129
    assert even(tmp_path / "b.mkv", 50)


@pytest.mark.parametrize("ending", ["ts", "mkv", "nut", "mp4"])
def test_a_file_whose_clock_began_long_ago_begins_at_zero(tmp_path: Path, ending: str) -> None:
    audio = "mp2" if ending == "ts" else "aac"
    plain = clip(tmp_path / "plain.mkv", frames=25, audio=audio, options={"bf": "0"})
    source = tmp_path / f"in.{ending}"
    with av.open(str(plain)) as old, av.open(str(source), "w", options={"movie_timescale": "48000"} if ending == "mp4"
                                             else {}) as new:  # fmt: skip
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.pts is None:
                continue
            at = packet.dts if packet.dts is not None else packet.pts
            by = 5000 * 1000 + (40 if packet.stream_index == 0 else 0)
            packet.pts, packet.dts = packet.pts + by, at + by
            packet.stream = streams[packet.stream_index]
            new.mux(packet)
    whole = [min(at for at, _ in packets(source, i)) for i in range(2)]
    assert min(whole) > 4999
    out = tmp_path / "out.mkv"
    run(source, out, video_codec="ffv1")
    begins = [times(out)[0], packets(out, 1)[0][0]]
    assert min(begins) < 1
    assert abs((begins[0] - begins[1]) - (times(source)[0] - packets(source, 1)[0][0])) <= Fraction(1, 500)
    assert hashes(out) == hashes(source)
    kept = tmp_path / "kept.mkv"
    run(InputSpec(str(source), copy_timestamps=True), kept)
    assert times(kept)[0] == pytest.approx(times(source)[0], abs=0.001)


def test_a_stream_that_pauses_is_no_jump() -> None:
    """Sound that is away for a minute while the picture goes on."""
    place = Placing(forward=True)
    for i in range(2000):
        assert place("video", i * FRAME) == i * FRAME
        if i < 100 or i > 1600:
            assert place("audio", i * FRAME) == i * FRAME
    assert place.continuity.jumps == 0


def test_the_streams_change_their_clock_by_the_same_and_each_in_its_turn() -> None:
    place = Placing(forward=True)
    for i in range(100):
        place("video", i * FRAME)
        place("audio", i * FRAME)
    new = 900 * 90000
    assert place("video", new) == 100 * FRAME
    assert place("audio", 100 * FRAME) == 100 * FRAME, "it lies before the jump and comes after it"
    assert place("subtitle", 99 * FRAME) == 99 * FRAME
    assert place("video", new + FRAME) == 101 * FRAME
    assert place("audio", new + FRAME) == 101 * FRAME
    assert place("subtitle", new + FRAME) == 101 * FRAME
    assert place.continuity.jumps == 1


@pytest.mark.parametrize("wild", [WRAP // 2, 0, 5000 * 90000])
def test_one_wild_time_does_not_move_what_follows(wild: int) -> None:
    place = Placing(forward=True)
    for i in range(100):
        at = (i + 1000) * FRAME
        got = place("video", wild if i == 50 else at)
        assert got == pytest.approx(at, abs=1), i
        assert place("audio", at) == at


def test_slow_pictures_are_no_jumps() -> None:
    place = Placing(forward=True)
    for i in range(20):
        place("video", i * 12 * 90000, duration=0)
    assert place.continuity.jumps <= 1


class Placing:
    """A Continuity whose packets are asked for by stream and time."""

    def __init__(self, *, forward: bool) -> None:
        self.continuity = Continuity("in.ts", forward=forward)
        self._home = av.open("none", "w", format="null")
        self._streams: dict[str, Any] = {
            kind: self._home.add_stream(codec)
            for kind, codec in (("video", "mpeg2video"), ("audio", "mp2"), ("subtitle", "ass"))
        }
        self.last = 0

    def __call__(self, kind: str, at: int, *, duration: int = FRAME) -> int:
        packet = av.Packet(b"x")
        packet.stream, packet.time_base = self._streams[kind], TICK
        packet.pts = packet.dts = at
        packet.duration = duration
        self.continuity.place(packet, TICK, kind)
        assert packet.pts is not None
        self.last = packet.pts
        return packet.pts


@pytest.mark.parametrize("ending", ["mp4", "mov", "m3u8", "mpd", "mkv"])
@pytest.mark.parametrize("hours", [7, 30])
def test_a_camera_that_was_away_for_hours(
    tmp_path: Path, ending: str, hours: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Its output's time goes on with the wall clock, and MP4 cannot state a step of 2**31 units."""
    source = clip(tmp_path / "in.mkv", frames=20, audio="aac")
    reader = Reader([InputSpec(str(source))])
    writer = Writer(OutputSpec(str(tmp_path / f"out.{ending}")), reader, live=True)
    for item in reader:
        writer.push(_later(item, hours * 3600))
    writer.flush()
    writer.close()
    reader.close()
    assert writer.frames_written == 20
    if ending in ("mp4", "mov"):
        found = times(tmp_path / f"out.{ending}")
        assert found[0] == 0
        assert found[-1] == hours * 3600 + Fraction(19, 25)
        assert packets(tmp_path / f"out.{ending}", 1)[-1][0] > hours * 3600
        assert "the last one is repeated" in caplog.text


def _later(item: Any, by_s: int) -> Any:
    """The second half of a clip, so many seconds later, with a camera's time base."""
    late = by_s if item.pts * item.time_base >= Fraction(2, 5) else 0
    if isinstance(item, Frame):
        return replace(item, pts=round((item.pts * item.time_base + late) / TICK), time_base=TICK, duration=FRAME)
    by = round(late / item.time_base)
    item.pts, item.dts = item.pts + by, item.dts + by
    return item


def test_constant_rate_keeps_a_gap_of_hours(caplog: pytest.LogCaptureFixture) -> None:
    rate = ConstantRate(Fraction(30), "out.mp4")
    with caplog.at_level(logging.WARNING):
        out = [*rate.push(_frame(0)), *rate.push(_frame(20000 * 30)), *rate.flush()]
    assert [(f.pts, f.duration) for f in out] == [(0, 600000), (600000, 1)]
    assert (rate.duplicated, rate.dropped) == (0, 0)
    assert "-r does not fill the gap of 20000 s" in caplog.text


def test_constant_rate_hears_a_stop_within_a_gap() -> None:
    stopped = False
    stops: Callable[[], bool] = lambda: stopped  # noqa: E731
    rate = ConstantRate(Fraction(30), stopped=stops)
    assert list(rate.push(_frame(0))) == []
    filling = rate.push(_frame(3000))
    assert [next(filling).pts for _ in range(40)] == list(range(40))
    stopped = True
    assert list(filling) == []
    assert [f.pts for f in rate.flush()] == [3000]


def _frame(pts: int) -> Frame:
    return Frame(picture=object(), pts=pts, time_base=Fraction(1, 30))  # type: ignore[arg-type]
