"""Existing files: what a job may replace, when, and what lies beside it until then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streamfix.errors import OutputError
from streamfix.frame import Frame
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output import partial
from streamfix.media.output.input_files import input_files
from streamfix.media.output.partial import partial_name
from streamfix.media.output.target import Target
from streamfix.media.output.writer import OutputSpec, Writer
from streamfix.pipeline import Pipeline
from tests.media.make import clip, hashes, run, shown


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("source") / "in.mkv", frames=12)


def written(path: Path) -> Target:
    """A reserved target, with something in its partial file."""
    target = Target(str(path), "matroska", [], overwrite=True)
    target.reserve()
    Path(target.url).write_text("new")
    return target


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["shot%03d.mkv", "100%d.mp4", "film %Y.ts", "$Number.mkv"])
def test_a_percent_sign_is_no_pattern_for_a_muxer_that_reads_none(source: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    out.write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        run(source, out)
    with pytest.raises(OutputError, match="there was no frame"):
        run(source, out, overwrite=True, start_s=100)
    assert out.read_text() == "precious"
    run(source, out, overwrite=True)
    assert names(tmp_path) == [name]
    assert len(shown(f"file:{out}")) == 12


def test_a_picture_of_an_input_pattern_is_an_input(tmp_path: Path) -> None:
    for n in range(3):
        clip(tmp_path / f"p{n}.png", frames=1, codec="png", pix_fmt="rgb24")
    for url in ("p1.png", "p%d.png"):
        with pytest.raises(OutputError, match="input"):
            Target(str(tmp_path / url), "image2", [str(tmp_path / "p%d.png")], overwrite=True)


@pytest.mark.parametrize("letter", ["a", "ä", "電"])
@pytest.mark.parametrize("length", [239, 244, 251, 255])
def test_a_long_name_is_replaced_too(source: Path, tmp_path: Path, length: int, letter: str) -> None:
    stem = letter * ((length - 4) // len(letter.encode()))
    out = tmp_path / f"{stem}.mkv"
    for _ in range(2):
        run(source, out, overwrite=True)
        assert names(tmp_path) == [out.name]
    first = written(out)
    assert len(os.fsencode(os.path.basename(first.url))) <= 255
    with pytest.raises(OutputError, match="another job is writing it"):
        written(out)
    first.abandon(worth_keeping=True)
    again = written(out)
    assert again.url != first.url
    again.commit()


def test_long_names_that_begin_alike_have_partial_files_of_their_own() -> None:
    found = {partial_name("a" * 251 + ending, n) for ending in (".mkv", ".mp4", "b.ts") for n in (1, 2, 10)}
    assert len(found) == 9
    assert all(len(name) <= 255 for name in found)
    assert partial_name("x." + "y" * 253, 1).startswith("x~")


def test_two_jobs_to_one_name(tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    out.write_text("old")
    first = written(out)
    with pytest.raises(OutputError, match=rf"another job is writing it just now, into .*{out.stem}\.partial\.mkv"):
        written(out)
    assert Path(first.url).read_text() == "new"
    first.commit()
    assert (names(tmp_path), out.read_text()) == (["out.mkv"], "new")
    written(out).commit()


def test_two_processes_to_one_name(tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    code = f"""
import sys
from streamfix.media.output.target import Target
target = Target({str(out)!r}, "matroska", [], True)
target.reserve()
open(target.url, "w").write("theirs")
print("reserved", flush=True)
sys.stdin.read()
target.commit()
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "reserved\n"
        with pytest.raises(OutputError, match="another job"):
            written(out)
        other.stdin.close()
    assert (other.returncode, out.read_text()) == (0, "theirs")


def test_a_file_that_something_else_makes_meanwhile_stays(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    reader = Reader([InputSpec(str(source))])
    writer = Writer(OutputSpec(str(out)), reader)
    out.write_text("of somebody else")
    with pytest.raises(OutputError, match=r"meanwhile; the result is complete in .*out\.partial\.mkv"):
        Pipeline(reader, writer).run()
    assert out.read_text() == "of somebody else"
    assert len(shown(tmp_path / "out.partial.mkv")) == 12


def test_a_file_system_without_links_publishes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a").write_text("new")
    partial.publish(str(tmp_path / "a"), str(tmp_path / "b"), replace=False)
    (tmp_path / "a").write_text("newer")
    with pytest.raises(FileExistsError):
        partial.publish(str(tmp_path / "a"), str(tmp_path / "b"), replace=False)
    assert (tmp_path / "b").read_text() == "new"


def test_a_folder_that_takes_no_new_file_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.mkv"
    out.write_text("precious")
    real: Any = os.open

    def refuse(path: Any, flags: int, *more: Any) -> int:  # the user root may write everywhere
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied", path)
        return int(real(path, flags, *more))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match=r"there can be no new file in .*: Permission denied; the old file stays"):
        written(out)
    assert out.read_text() == "precious"


def test_what_a_killed_job_left_is_named_and_kept(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left = tmp_path / "out.partial.mkv"
    left.write_text("half a film")
    (tmp_path / "out.partial-7.mkv").touch()  # nothing is in it
    (tmp_path / "out.partial.mkv.txt").write_text("something else")
    out = tmp_path / "out.mkv"
    run(source, out)
    assert f"a job that did not finish left {left}" in caplog.text
    assert caplog.text.count("did not finish") == 1
    assert left.read_text() == "half a film"
    assert names(tmp_path) == ["out.mkv", "out.partial.mkv", "out.partial.mkv.txt"]


def test_a_job_that_does_not_begin_leaves_nothing(source: Path, tmp_path: Path) -> None:
    reader = Reader([InputSpec(str(source))])
    writer = Writer(OutputSpec(str(tmp_path / "out.mkv")), reader)
    assert names(tmp_path) == ["out.partial.mkv"]
    del writer
    reader.close()
    assert names(tmp_path) == []


@pytest.mark.parametrize("old", [False, True])
def test_a_stopped_job_is_not_complete(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, old: bool
) -> None:
    """Where there was a file it stays; where there was none, what was written gets its name."""
    out, beside = tmp_path / "out.mkv", tmp_path / "out.partial.mkv"
    if old:
        out.write_text("precious")
    reader = Reader([InputSpec(str(source), thread_count=1)])  # its threads would hold frames that follow
    writer = Writer(OutputSpec(str(out), overwrite=True, video_codec="ffv1"), reader)
    for n, item in enumerate(i for i in reader if isinstance(i, Frame)):
        writer.push(item)
        if n == 4:
            reader.stop()
    writer.flush()
    writer.close()
    reader.close()
    frames = len(shown(beside if old else out))
    assert 5 <= frames < 12
    assert names(tmp_path) == (["out.mkv", "out.partial.mkv"] if old else ["out.mkv"])
    if old:
        assert out.read_text() == "precious"
        assert f"{out} was left as it was; what was written until then is in {beside} ({frames} frames" in caplog.text


def test_a_stop_behind_the_last_frame_and_a_limit_are_complete(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    out.write_text("old")
    run(source, out, overwrite=True, max_frames=3)  # the writer has enough, and stops the reader
    assert len(shown(out)) == 3
    reader = Reader([InputSpec(str(source))])
    writer = Writer(OutputSpec(str(out), overwrite=True), reader)
    for item in reader:
        writer.push(item)
    reader.stop()
    writer.flush()
    writer.close()
    reader.close()
    assert len(shown(out)) == 12


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("ffconcat version 1.0\nfile a.mkv\nduration 3\n  file 'b c.mkv'\n", "list", ["a.mkv", "b c.mkv"]),
        ("file 'it'\\''s.mkv'\nfile sub/d\\ e.mkv\n", "list.txt", ["it's.mkv", "sub/d e.mkv"]),
        ("#EXTM3U\n#EXTINF:4,\nseg0.ts\nhttp://host/seg1.ts\n", "list.m3u8", ["seg0.ts"]),
    ],
)
def test_the_files_of_a_list_are_inputs(tmp_path: Path, text: str, name: str, found: list[str]) -> None:
    path = tmp_path / name
    path.write_text(text)
    (tmp_path / "sub").mkdir()
    spec = InputSpec(f"file:{path}", format="concat" if name.endswith("txt") else None)
    for one in found:
        (tmp_path / one).write_text("source")
        with pytest.raises(OutputError, match="it is also the input"):
            Target(str(tmp_path / one), "matroska", input_files(spec), overwrite=True)
    Target(str(tmp_path / "new.mkv"), "matroska", input_files(spec), overwrite=True)


def test_a_source_inside_a_concat_list_is_not_replaced(source: Path, tmp_path: Path) -> None:
    a = tmp_path / "a.mkv"
    a.write_bytes(source.read_bytes())
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile a.mkv\nfile a.mkv\n")
    spec = InputSpec(str(tmp_path / "list.ffconcat"))
    with pytest.raises(OutputError, match="it is also the input"):
        run(spec, a, overwrite=True)
    with pytest.raises(OutputError, match="it is also the input"):
        run(InputSpec(f"concat:{a}|{a}", format="mpegts"), a, overwrite=True) if a.suffix == ".ts" else run(
            spec, f"file:{a}", overwrite=True
        )
    assert hashes(a) == hashes(source)
    assert input_files(InputSpec(f"concat:{a}|b.ts")) == [str(a), "b.ts"]
    assert input_files(InputSpec(f"subfile,,start,10,end,20,,:{a}")) == [str(a)]
    assert input_files(InputSpec("rtsp://host/x")) == ["rtsp://host/x"]


@pytest.mark.parametrize("ending", ["mkv", "ts", "mp4", "avi", "flv", "nut"])
def test_a_job_that_is_killed_near_its_end_leaves_all_but_the_last_second(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, ending: str
) -> None:
    """A film so small that libav's buffer and Matroska's cluster would hold all of it."""
    small = clip(tmp_path_factory.mktemp("small") / "in.mkv", frames=101, size=(32, 32))
    out = tmp_path / f"out.{ending}"
    code = f"""
import os, signal
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.writer import OutputSpec, Writer
reader = Reader([InputSpec({str(small)!r})])
options = {{"preset": "ultrafast", "tune": "zerolatency"}}
writer = Writer(OutputSpec({str(out)!r}, video_codec="libx264", options=options), reader)
for item in reader:
    writer.push(item)
    if writer.frames_written == 98:
        os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert names(tmp_path) == [f"out.partial.{ending}"]
    assert len(shown(tmp_path / f"out.partial.{ending}")) >= 70
