"""Out pts are in pts: exactly, in the output's time base."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from streamfix.counts import FrameCounts
from streamfix.frame import Frame
from streamfix.media.input.clock import Clock
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.rate import ConstantRate
from streamfix.media.output.writer import OutputSpec, Writer
from streamfix.media.timestamps import rescale
from tests.media.make import clip, ffmpeg, hashes, needs_ffmpeg, run, shown, times

UNEVEN = [0, 512, 1536, 1600, 4000, 4512, 9000, 9512]


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "nut", "ts"])
@pytest.mark.parametrize("offset", [0, 12345])
def test_uneven_frames_and_a_start_offset_are_kept(tmp_path: Path, ending: str, offset: int) -> None:
    source = clip(tmp_path / "in.mp4", pts=[p + offset for p in UNEVEN], time_base=Fraction(1, 12800),
                  container_options={"movie_timescale": "12800"})  # fmt: skip
    assert times(source) == [Fraction(p + offset, 12800) for p in UNEVEN]
    out = tmp_path / f"out.{ending}"
    run(source, out, options={"bf": "2"})
    base = {"mkv": Fraction(1, 1000), "ts": Fraction(1, 90000)}.get(ending, Fraction(1, 12800))
    got, wanted = times(out), [rescale(p + offset, Fraction(1, 12800), base) * base for p in UNEVEN]
    if ending in ("ts", "nut"):  # these take no negative dts, which B-frames need at 0: all is moved alike
        wanted_first = wanted[0]
        wanted = [t - wanted[0] + got[0] for t in wanted]
        assert got[0] == wanted_first or offset == 0 or ending == "nut"
    assert got == wanted


def test_b_frames_and_open_gops_keep_their_order(tmp_path: Path) -> None:
    options = {"bf": "3", "g": "8", "x264-params": "open-gop=1", "crf": "1"}
    source = clip(tmp_path / "in.mkv", frames=30, options=options)
    out = tmp_path / "out.mkv"
    reader, writer = run(source, out, video_codec="ffv1")
    assert shown(out) == shown(source)
    assert reader.frames_read == writer.frames_written == 30


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_video_before_zero_is_moved_as_a_whole(tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture) -> None:
    source = clip(tmp_path / "in.mkv", frames=10, audio="pcm_s16le")
    out = tmp_path / f"out.{ending}"
    reader = Reader([InputSpec(str(source))])
    writer = Writer(OutputSpec(str(out), audio_codec="aac", options={"bf": "0"}), reader)
    for item in reader:
        by = -round(1 / item.time_base)
        writer.push(replace(item, pts=item.pts + by) if isinstance(item, Frame) else _moved(item, by))
    writer.flush()
    writer.close()
    reader.close()
    assert times(out) == times(source)
    assert "begins at -1.000 s" in caplog.text


def _moved(packet: Any, by: int) -> Any:
    packet.pts, packet.dts = packet.pts + by, packet.dts + by
    return packet


def test_the_last_frame_lasts_as_long_as_it_did(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", frames=8, rate=10)
    out = tmp_path / "out.mp4"
    run(source, out)
    with av.open(str(source)) as a, av.open(str(out)) as b:
        assert a.streams.video[0].duration is not None
        assert a.duration == b.duration == 800_000


@pytest.mark.parametrize("ending", ["avi", "h264"])
def test_streams_without_pts_get_theirs_from_the_rate(tmp_path: Path, ending: str) -> None:
    source = clip(tmp_path / f"in.{ending}", frames=20, options={"bf": "2"})
    reader = Reader([InputSpec(str(source))])
    frames = [f for f in reader if isinstance(f, Frame)]
    steps = {b.pts * b.time_base - a.pts * a.time_base for a, b in pairwise(frames)}
    reader.close()
    assert len(frames) == 20
    assert steps == {Fraction(1, 25)}


def test_a_stream_of_no_known_rate_is_written(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", pts=[0], time_base=Fraction(1, 1000), rate=1000)
    out = tmp_path / "out.mp4"
    _, writer = run(source, out)
    assert writer.frames_written == 1
    assert len(shown(out)) == 1


def test_mpeg4_with_a_time_base_it_cannot_have(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.ts", frames=12)
    out = tmp_path / "out.mp4"
    run(source, out, video_codec="mpeg4")
    got, wanted = times(out), times(source)
    assert [t - got[0] for t in got] == [t - wanted[0] for t in wanted]


def test_avi_keeps_uneven_frames_by_the_finest_rate(tmp_path: Path) -> None:
    pts = [0, 1, 3, 4, 8, 9, 10, 15]
    source = clip(tmp_path / "in.mkv", pts=pts)
    out = tmp_path / "out.avi"
    run(source, out, options={"bf": "0"})
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert [p.dts * p.time_base for p in container.demux(stream) if p.size and p.dts is not None] == [
            Fraction(p, 25) for p in pts
        ]


def test_constant_rate_repeats_and_drops_and_counts(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=20)
    for rate, frames, duplicated, dropped in ((50, 40, 20, 0), (10, 8, 0, 12)):
        out = tmp_path / f"{rate}.mkv"
        _, writer = run(source, out, rate=Fraction(rate), video_codec="ffv1")
        assert [t * rate for t in times(out)] == list(range(frames))
        assert writer.counts == FrameCounts(written=frames, duplicated=duplicated, dropped={"rate": dropped})
        assert writer.frames_written == frames
    assert hashes(tmp_path / "50.mkv")[::2] == hashes(source)


def test_constant_rate_fills_gaps() -> None:
    rate = ConstantRate(Fraction(10))
    out = [f.pts for pts in (0, 1, 5) for f in rate.push(_frame(pts))] + [f.pts for f in rate.flush()]
    assert out == [0, 1, 2, 3, 4, 5]
    assert (rate.duplicated, rate.dropped) == (3, 0)


def _frame(pts: int) -> Frame:
    return Frame(picture=object(), pts=pts, time_base=Fraction(1, 10))  # type: ignore[arg-type]


def test_clock_trusts_what_runs_backwards_less_often() -> None:
    clock = Clock(Fraction(1, 25), Fraction(25))
    assert [clock.pts(p, d, 1) for p, d in ((2, 4), (6, 6), (4, 8), (5, 10), (None, None))] == [2, 6, 8, 10, 12]


@pytest.mark.parametrize(
    ("value", "wanted"), [(1, 0), (2, 1), (3, 1), (-1, 0), (-2, -1), (0, 0), (10**15, 333333333333333)]
)
def test_rescale_rounds_as_libav_does(value: int, wanted: int) -> None:
    assert rescale(value, Fraction(1, 3), Fraction(1)) == wanted


@needs_ffmpeg
@pytest.mark.parametrize(
    "spec",
    [
        {"start_s": Fraction("0.6")},
        {"start_s": Fraction("0.6"), "duration_s": Fraction("0.4")},
        {"end_s": Fraction("0.5")},
        {"start_s": Fraction("0.3"), "end_s": Fraction("0.7")},
    ],
)
def test_seeking_is_accurate_as_in_ffmpeg(tmp_path: Path, spec: dict[str, Fraction]) -> None:
    source = clip(tmp_path / "in.mkv", frames=30, options={"g": "12", "bf": "2"})
    names = {"start_s": "-ss", "duration_s": "-t", "end_s": "-to"}
    arguments = [x for k, v in spec.items() for x in (names[k], f"{float(v)}")]
    ffmpeg(*arguments, "-i", source, "-c:v", "ffv1", tmp_path / "peer.mkv")
    run(InputSpec(str(source), **spec), tmp_path / "out.mkv", video_codec="ffv1")  # type: ignore[arg-type]
    assert hashes(tmp_path / "out.mkv") == hashes(tmp_path / "peer.mkv")


def test_seeking_where_no_keyframe_follows_reads_from_before(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.ts", frames=40, options={"g": "1000"})
    run(InputSpec(str(source), start_s=Fraction(1)), tmp_path / "out.mkv", video_codec="ffv1")
    assert hashes(tmp_path / "out.mkv") == hashes(source)[25:]


def test_first_frames_after_a_seek_and_a_loop_are_cuts(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", frames=10)
    reader = Reader([InputSpec(str(source), start_s=Fraction("0.2"))])
    assert [f.cut for f in reader if isinstance(f, Frame)] == [True] + [False] * 4
    reader.close()
    reader = Reader([InputSpec(str(source), loops=2)])
    frames = [f for f in reader if isinstance(f, Frame)]
    reader.close()
    assert [i for i, f in enumerate(frames) if f.cut] == [0, 10, 20]
    assert [f.pts * f.time_base * 25 for f in frames] == list(range(30))


def test_output_trimming(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=25, audio="pcm_s16le")
    whole = hashes(source)
    for options, part in (
        ({"start_s": Fraction("0.2"), "duration_s": Fraction("0.4")}, slice(5, 15)),
        ({"start_s": Fraction("0.2"), "end_s": Fraction("0.4")}, slice(5, 10)),
        ({"max_frames": 7}, slice(0, 7)),
    ):
        out = tmp_path / "out.mkv"
        _, writer = run(source, out, video_codec="ffv1", overwrite=True, **options)
        assert hashes(out) == whole[part]
        assert times(out)[0] == 0
        assert writer.enough
        with av.open(str(out)) as container:
            audio = [p.pts * p.time_base for p in container.demux(audio=0) if p.size and p.pts is not None]
            assert 0 <= audio[0] < Fraction("0.03")
            # -frames is known only when they have come; sound may lie before them in the file
            assert audio[-1] < Fraction(part.stop - part.start, 25) + Fraction("max_frames" in options, 40)


def test_realtime_reads_no_faster_than_the_clock(tmp_path: Path) -> None:
    import time

    source = clip(tmp_path / "in.mkv", frames=6)
    begin_s = time.monotonic()
    reader = Reader([InputSpec(str(source), realtime=True)])
    assert len([f for f in reader if isinstance(f, Frame)]) == 6
    assert time.monotonic() - begin_s >= 0.16  # five frames after the first, less scheduling
    reader.close()


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_few_frames_of_x265_have_a_decoding_time(tmp_path: Path, frames: int) -> None:
    """x265 gives the first two of a stream that has no more whatever memory held."""
    source, out = clip(tmp_path / "in.mp4", frames=frames), tmp_path / "out.mp4"
    for _ in range(3):
        run(
            source,
            out,
            video_codec="libx265",
            options={"preset": "ultrafast", "x265-params": "bframes=3"},
            overwrite=True,
        )
        with av.open(str(out)) as container:
            packets = [p for p in container.demux(video=0) if p.size]
        assert len(packets) == frames
        assert all(p.dts is not None and p.pts is not None and 0 <= (p.pts - p.dts) * p.time_base < 1 for p in packets)
