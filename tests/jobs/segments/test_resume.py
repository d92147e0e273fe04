"""A job that was interrupted and goes on gives what an undisturbed one gives, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import streamfix
from streamfix.errors import Cancelled, FilterError, OutputError, UsageError
from streamfix.jobs import Resume
from streamfix.media import durable
from streamfix.media.specs import InputSpec
from tests.jobs.segments.material import EVERY, Failing, contents, cut_clip, folder_of, job, segments_in
from tests.media.make import shown

VFR = [0, 3, 4, 5, 9, 10, 30, 31, 33, 34, 60, 61, 62, 70, 90, 91, 95, 96, 99, 120, 121, 125, 126, 130, 131]
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "mp4": ("mp4", {}),
    "mkv": ("mkv", {"codec": "libx264", "audio": "libopus"}),
    "open GOPs": ("mp4", {"options": {"x264-params": "open-gop=1:bframes=3:b-adapt=0"}, "frames": 60}),
    "variable rate": ("mkv", {"pts": VFR, "time_base": Fraction(1, 100)}),
    "MPEG-2": ("ts", {"codec": "mpeg2video", "audio": "mp2"}),
    "every picture a keyframe": ("mov", {"codec": "mjpeg", "pix_fmt": "yuvj420p", "options": None}),
}
ENDINGS = {"ts": "mkv", "mov": "mp4"}


def interrupted(source: Path, out: Path, chain: str, at: int, **options: Any) -> None:
    """Run a job that fails at a frame, counted over the whole job."""
    with pytest.raises(FilterError, match=r"the power went off; .* run the same command again to go on"):
        job(source, out, f"{chain},failing=at={at}", **options).run()


@pytest.mark.parametrize("case", CASES)
def test_resumed_is_undisturbed(case: str, tmp_path: Path) -> None:
    """Every packet of every stream is the same, wherever the job was interrupted."""
    ending, more = CASES[case]
    source = cut_clip(tmp_path / f"in.{ending}", **more)
    out = tmp_path / f"out.{ENDINGS.get(ending, ending)}"
    at = random.Random(case).randrange(22, 25 if case == "variable rate" else 50)
    interrupted(source, out, "echo=ahead=3", at)
    assert segments_in(out)
    Failing.left = 0
    job(source, out, f"echo=ahead=3,failing=at={at}").run()
    found = contents(out)
    assert not folder_of(out).exists()
    out.unlink()
    job(source, out, f"echo=ahead=3,failing=at={at}").run()
    assert contents(out) == found


@pytest.mark.parametrize("chain", ["echo", "echo=ahead=2,crop=32:32,echo=ahead=3", "null", "hflip"])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_segmented_is_whole(chain: str, ending: str, tmp_path: Path) -> None:
    """Pictures bit for bit, their times, sound, tags and chapters are those of a job that is not cut."""
    chapters = [{"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}]
    source = cut_clip(tmp_path / "in.mkv", metadata={"title": "Harbour"}, chapters=chapters, audio="libopus")
    lossless: dict[str, Any] = {"video_codec": "libx264", "video_options": {"preset": "ultrafast", "qp": "0"}}
    apart, whole = tmp_path / f"apart.{ending}", tmp_path / f"whole.{ending}"
    job(source, apart, chain, **lossless).run()
    job(source, whole, chain, None, **lossless).run()
    assert shown(apart) == shown(whole)
    found, want = contents(apart), contents(whole)
    assert found["packets"][1] == want["packets"][1]
    assert {k: v for k, v in found.items() if k != "packets"} == {k: v for k, v in want.items() if k != "packets"}
    keys = [at for at, (_, _, _, key, _) in enumerate(found["packets"][0]) if key]
    assert keys == [0, 10, 20, 30, 40]


def test_filters_that_cannot_save_are_warmed_up(tmp_path: Path) -> None:
    """Interrupted or not, each segment begins with the same warm-up."""
    source = cut_clip(tmp_path / "in.mp4")
    out = tmp_path / "out.mkv"
    interrupted(source, out, "forgetful=ahead=2", 75)
    done = segments_in(out)
    assert 1 <= len(done) < 5
    assert not list(folder_of(out).glob("state-*"))
    Failing.left = 0
    job(source, out, "forgetful=ahead=2,failing=at=75").run()
    found = contents(out)
    job(source, out, "forgetful=ahead=2,failing=at=75").run()
    assert contents(out) == found
    assert len(shown(out)) == 50


def test_a_part_of_the_input(tmp_path: Path) -> None:
    """-ss and -t before -i."""
    source = cut_clip(tmp_path / "in.mp4")
    part = InputSpec(str(source), start_s=Fraction(1, 2), duration_s=Fraction(1))
    lossless: dict[str, Any] = {"video_options": {"preset": "ultrafast", "qp": "0"}}
    apart, whole = tmp_path / "apart.mp4", tmp_path / "whole.mp4"
    job(part, apart, "echo", **lossless).run()
    job(part, whole, "echo", None, **lossless).run()
    assert shown(apart) == shown(whole)
    assert contents(apart)["packets"][1] == contents(whole)["packets"][1]


def test_stopped_jobs_say_how_they_go_on(tmp_path: Path) -> None:
    source, out = cut_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    stopped = job(source, out)
    stopped.stop()
    with pytest.raises(
        Cancelled, match=r"out\.mp4: stopped; 0 of 5 segments are done and stay in .*run the same command"
    ):
        stopped.run()
    assert not out.exists()
    job(source, out).run()
    assert len(shown(out)) == 50
    assert not folder_of(out).exists()


def test_a_full_disk_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = cut_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    sync = durable.sync

    def full(file: Any) -> None:
        if "segment-000002" in file.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    with monkeypatch.context() as context:
        context.setattr(durable, "sync", full)
        with pytest.raises(OutputError, match="No space left on device; 2 of 5 segments are done and stay in"):
            job(source, out).run()
    assert segments_in(out) == ["segment-000000.packets", "segment-000001.packets"]
    job(source, out).run()
    assert len(shown(out)) == 50


def test_a_crash_leaves_nothing_half_written_in_the_output(tmp_path: Path) -> None:
    """What was being written is made again: half a segment, half a state, half a joined file."""
    source, out = cut_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    interrupted(source, out, "echo", 25)
    Failing.left = 0
    (folder_of(out) / "segment-000002.packets.unfinished").write_bytes(b"half")
    (folder_of(out) / "state-000003.npz.unfinished").write_bytes(b"half")
    half = tmp_path / "out.partial.mp4"
    half.write_bytes(b"half")
    (folder_of(out) / "joining").write_text(str(half))
    job(source, out, "echo,failing=at=25").run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
    assert len(shown(out)) == 50


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"chain": "echo=ahead=1"}, r"filters \(-vf\) was echo,failing=at=25, and is echo=ahead=1"),
        ({"pix_fmt": "yuv444p"}, "options of the output pix_fmt was not given, and is yuv444p"),
        ({"video_options": {"preset": "fast"}}, "encoder options preset was ultrafast, and is fast"),
        ({"resume": Resume(Fraction(1))}, "resume_every was 2/5, and is 1"),
        ({"touch": True}, "inputs time of change was"),
        ({"version": True}, r"version streamfix was 0\.0\.1, and is"),
    ],
)
def test_another_job_is_refused(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    source, out = cut_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    interrupted(source, out, "echo", 25)
    before = segments_in(out)
    if change.pop("touch", False):
        os.utime(source, ns=(0, 0))
    if change.pop("version", False):
        path = folder_of(out) / "manifest.json"
        path.write_text(path.read_text().replace('"streamfix": "', '"streamfix": "0.0.1", "was": "'))
    with pytest.raises(
        UsageError, match=f"holds the beginning of another job: {says}.*delete that folder to begin anew"
    ):
        job(source, out, **{"chain": "echo,failing=at=25", "resume": EVERY, **change})
    assert segments_in(out) == before


def test_damaged_work_is_named(tmp_path: Path) -> None:
    source, out = cut_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    interrupted(source, out, "echo", 25)
    segment = folder_of(out) / "segment-000001.packets"
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-20] + b"x" + whole[-19:])
    with pytest.raises(OutputError, match=r"segment-000001\.packets: it is damaged; delete it"):
        job(source, out, "echo,failing=at=25")
    segment.write_bytes(whole)
    (folder_of(out) / "manifest.json").write_text("{")
    with pytest.raises(OutputError, match=r"manifest\.json: it is damaged .*delete the folder"):
        job(source, out, "echo,failing=at=25")


def test_two_jobs_for_one_output_are_refused(tmp_path: Path) -> None:
    source, out = cut_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    first = job(source, out)
    with pytest.raises(OutputError, match="another job is writing it just now"):
        job(source, out)
    first.run()
    assert len(shown(out)) == 50


def test_the_library_resumes(tmp_path: Path) -> None:
    source, out = cut_clip(tmp_path / "in.mp4", frames=20), tmp_path / "out.mp4"
    stopped = pytest.raises(Cancelled, match="run the same command again to go on")
    with stopped:
        streamfix.restore(source, out, "echo", device="cpu", resume=True, on_job=lambda job: job.stop())
    assert folder_of(out).exists()
    result = streamfix.restore(source, out, "echo", device="cpu", resume=True)
    assert result.frames_out == len(shown(out)) == 20
    assert not folder_of(out).exists()


def test_progress_counts_what_was_done_before(tmp_path: Path) -> None:
    source, out = cut_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    interrupted(source, out, "echo", 35)
    Failing.left = 0
    again = job(source, out, "echo,failing=at=35")
    before = again.progress
    assert (before.frames, before.earlier, before.part) == (30, 30, 0.6)
    again.run()
    assert (again.progress.frames, again.progress.part) == (50, 1.0)
