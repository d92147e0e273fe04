"""What is wrong with an input is said in one line, or the result is right."""

from __future__ import annotations

import os
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from streamfix.errors import Cancelled, DecodeError, InputError, OutputError, StreamfixError, UsageError
from streamfix.frame import Frame
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.writer import OutputSpec, Writer
from streamfix.pipeline import Pipeline
from tests.fakes.waiting import LONG_S
from tests.media.make import clip, hashes, picture, run, shown


def refused(path: Path | str, **options: Any) -> str:
    """The message with which an input is refused: one line that names it."""
    with pytest.raises(StreamfixError) as caught:
        Reader([InputSpec(str(path), **options)])
    message = str(caught.value)
    assert isinstance(caught.value, InputError | UsageError)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_what_is_no_video(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "missing.mp4")
    assert "irectory" in refused(tmp_path)
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    assert "not a video, or it was cut off" in refused(empty)
    for name in ("notes.txt", "notes.mp4"):
        (tmp_path / name).write_text("It is only text.\n" * 50)
        refused(tmp_path / name)
    assert "no demuxer" in refused(tmp_path / "notes.txt", format="nonesuch")


def test_an_mp4_cut_off_before_its_index(tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.mp4", frames=50).read_bytes()
    part = tmp_path / "part.mp4"
    part.write_bytes(whole[: len(whole) // 2])
    assert "moov" in refused(part)


def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame(format="s16", layout="stereo", samples=800)
        frame.sample_rate = 8000
        out.mux(stream.encode(frame))
    message = refused(path)
    assert "no video stream" in message
    assert "0 audio" in message


@pytest.mark.parametrize("size", [(1, 1), (641, 359), (2, 2), (33, 17)])
def test_tiny_and_odd_sizes_pass(tmp_path: Path, size: tuple[int, int]) -> None:
    source = clip(tmp_path / "in.mkv", frames=3, size=size, codec="ffv1")
    run(source, tmp_path / "out.mkv", video_codec="ffv1")
    assert shown(tmp_path / "out.mkv") == shown(source)


def test_a_size_that_the_encoder_cannot_have_is_said(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=3, size=(1, 1), codec="ffv1")
    with pytest.raises(UsageError, match=r"libx264 does not open for 1x1 yuv420p.*; for an odd size end -vf with crop"):
        run(source, tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()


def test_a_change_of_size_is_scaled_to_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "in.h264"
    parts = [clip(tmp_path / f"{w}.h264", frames=5, size=(w, h)).read_bytes() for w, h in ((64, 48), (96, 64))]
    path.write_bytes(b"".join(parts))
    reader = Reader([InputSpec(str(path))])
    frames = [f for f in reader if isinstance(f, Frame)]
    reader.close()
    assert [(f.width, f.height) for f in frames] == [(64, 48)] * 10
    assert [i for i, f in enumerate(frames) if f.cut] == [0, 5]
    assert caplog.text.count("96x64") == 1
    run(path, tmp_path / "out.mkv")
    assert len(shown(tmp_path / "out.mkv")) == 10


def _damage(path: Path, out: Path, every: int) -> Path:
    """A copy with garbage in every n-th packet."""
    with av.open(str(path)) as source, av.open(str(out), "w") as sink:
        stream = sink.add_stream_from_template(source.streams.video[0], opaque=True)
        for i, packet in enumerate(source.demux(source.streams.video[0])):
            if not packet.size:
                continue
            data = bytes(packet) if not i or i % every else bytes(len(bytes(packet)))
            copy = av.Packet(data)
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe, copy.duration = packet.is_keyframe, packet.duration
            copy.stream = stream
            sink.mux(copy)
    return out


def test_some_damage_is_counted_and_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = clip(tmp_path / "in.mkv", frames=30, codec="mpeg4", options={"g": "10", "bf": "0"})
    bad = _damage(source, tmp_path / "bad.mkv", 12)
    reader, writer = run(bad, tmp_path / "out.mkv")
    assert reader.errors > 0
    assert writer.frames_written == reader.frames_read > 15
    assert "is damaged" in caplog.text


def test_frames_after_damage_are_marked_until_the_next_keyframe(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=30, options={"g": "10", "bf": "0", "sc_threshold": "0"})
    reader = Reader([InputSpec(str(_damage(source, tmp_path / "bad.mkv", 14)), thread_count=1)])
    frames = [f for f in reader if isinstance(f, Frame)]
    reader.close()
    damaged = [round(f.time_s * 25) for f in frames if f.damaged]
    assert damaged
    assert set(damaged) <= {14, 15, 16, 17, 18, 19, 28, 29}


def test_too_much_damage_fails_with_counts(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=30, codec="mpeg4", options={"g": "10", "bf": "0"})
    bad = _damage(source, tmp_path / "bad.mkv", 2)
    with pytest.raises(DecodeError, match=r"packets are damaged and \d+ frames were decoded") as caught:
        run(InputSpec(str(bad), max_error_rate=0.1), tmp_path / "out.mkv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", [None, "mp4"])
def test_what_came_before_a_source_dies_is_written_and_the_job_fails(
    tmp_path: Path, caplog: Any, format: str | None
) -> None:
    whole = clip(tmp_path / "in.mp4", frames=60, container_options={"movflags": "faststart"}, options={"g": "10"})
    part = tmp_path / "part.mp4"
    part.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.7)])
    out = tmp_path / "out.mkv"
    with pytest.raises(InputError, match=r"part.mp4: the file ends at \d.* it was cut off"):
        run(InputSpec(str(part), format=format), out)
    assert 10 < len(shown(out)) < 60
    assert f"what was written until then is in {out}" in caplog.text


def test_a_result_that_exists_outlives_a_source_that_dies(tmp_path: Path, caplog: Any) -> None:
    whole = clip(tmp_path / "in.mp4", frames=60, container_options={"movflags": "faststart"}, options={"g": "10"})
    part = tmp_path / "part.mp4"
    part.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.7)])
    out = tmp_path / "out.mkv"
    out.write_text("precious")
    with pytest.raises(InputError):
        run(part, out, overwrite=True)
    assert out.read_text() == "precious"
    left = [p for p in tmp_path.iterdir() if "partial" in p.name]
    assert len(left) == 1
    assert str(left[0]) in caplog.text
    assert len(shown(left[0])) > 10


def test_a_map_that_is_wrong(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=2)
    for text, said in {
        "0:a": "matches no stream; input 0 has: 0 video",
        "1:v": "there is no input 1",
        "video": "not understood",
        "0:9": "matches no stream",
    }.items():
        with pytest.raises(UsageError, match=said):
            Reader([InputSpec(str(source))], [text])
    with pytest.raises(InputError, match="no video among them"):
        Reader([InputSpec(str(source))], ["0:a?"])


def test_a_time_range_that_holds_nothing(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=5)
    assert "-ss" in refused(source, start_s=Fraction(100))
    assert "-to 1 lies before -ss 2" in refused(source, start_s=Fraction(2), end_s=Fraction(1))
    with pytest.raises(OutputError, match="nothing was written"):
        run(source, tmp_path / "out.mkv", start_s=Fraction(100))
    assert not (tmp_path / "out.mkv").exists()


def test_stopping_before_the_first_frame_is_no_success(tmp_path: Path) -> None:
    reader = Reader([InputSpec(str(clip(tmp_path / "in.mkv", frames=5)))])
    writer = Writer(OutputSpec(str(tmp_path / "out.mkv")), reader)
    reader.stop()
    with pytest.raises(Cancelled):
        writer.flush()
    writer.close()
    reader.close()
    assert not (tmp_path / "out.mkv").exists()


def test_stopping_drains_and_finalises(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=50)
    reader = Reader([InputSpec(str(source), loops=-1)])  # endless
    writer = Writer(OutputSpec(str(tmp_path / "out.mkv"), video_codec="ffv1"), reader)
    pipeline = Pipeline(reader, writer)
    pipeline.start()
    reached = threading.Event()
    push = writer.push

    def watched(item: Any) -> Any:
        if writer.frames_written > 60:
            reached.set()
        return push(item)

    writer.push = watched  # type: ignore[method-assign]
    assert reached.wait(LONG_S)
    pipeline.stop()
    pipeline.wait()
    frames = hashes(tmp_path / "out.mkv")
    assert len(frames) == writer.frames_written == reader.frames_read
    assert frames[:50] == hashes(source)


def test_a_pipe_as_input(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.ts", frames=12)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    feeder = threading.Thread(target=lambda: fifo.write_bytes(source.read_bytes()))
    feeder.start()
    run(InputSpec(str(fifo), format="mpegts"), tmp_path / "out.mkv", video_codec="ffv1")
    feeder.join()
    assert hashes(tmp_path / "out.mkv") == hashes(source)


def test_raw_video_needs_and_takes_its_options(tmp_path: Path) -> None:
    raw = tmp_path / "in.yuv"
    frames = [picture(n, 32, 16) for n in range(4)]
    raw.write_bytes(b"".join(f.to_ndarray().tobytes() for f in frames))
    options = {"video_size": "32x16", "pixel_format": "yuv420p", "framerate": "10"}
    run(InputSpec(str(raw), format="rawvideo", options=options), tmp_path / "out.yuv", format="rawvideo")
    assert (tmp_path / "out.yuv").read_bytes() == raw.read_bytes()


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_whole_file_that_begins_late_is_no_cut_off_one(tmp_path: Path, ending: str) -> None:
    source = clip(tmp_path / f"in.{ending}", pts=range(250, 275))
    run(source, tmp_path / "out.mkv")
    assert len(hashes(tmp_path / "out.mkv")) == 25
    whole = source.read_bytes()
    if ending == "mkv":
        source.write_bytes(whole[: len(whole) * 2 // 3])
        with pytest.raises(InputError, match="cut off"):
            run(source, tmp_path / "part.mkv")


def test_a_piped_mp4_with_its_index_at_the_end(tmp_path: Path) -> None:
    whole = clip(tmp_path / "in.mp4", frames=60, size=(320, 240), codec="mjpeg", pix_fmt="yuvj420p").read_bytes()
    assert len(whole) > 200_000  # else libavformat still holds the beginning when it finds the index
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    feeder = threading.Thread(target=lambda: fifo.write_bytes(whole))
    feeder.start()
    message = refused(fifo, format="mp4")
    feeder.join()
    assert "index at the end" in message
    assert "faststart" in message


def test_a_name_with_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "plain.mkv", frames=2).rename("a:b.mkv")
    assert refused("a:b.mkv").endswith("its name has a colon; write it as file:a:b.mkv")
    run("file:a:b.mkv", "file:c:d.mkv")
    assert len(hashes(tmp_path / "c:d.mkv")) == 2
    with pytest.raises(OutputError, match=r"file:e:f\.mkv"):
        run("file:a:b.mkv", "e:f.mkv")


def test_raw_video_without_its_options_says_which(tmp_path: Path) -> None:
    raw = tmp_path / "in.yuv"
    raw.write_bytes(bytes(100))
    assert "-video_size WxH" in refused(raw)
