"""Nothing that was there before is lost; what cannot be written is said."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from streamfix.errors import BadOption, OutputError, StreamfixError, UnknownName, UsageError
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.writer import OutputSpec, Writer
from streamfix.pipeline import Pipeline
from tests.media.make import clip, hashes, run, shown, times


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("source") / "in.mkv", frames=12, audio="aac")


def test_an_existing_file_is_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    out.write_text("precious")
    with pytest.raises(OutputError, match=r"exists already; -y replaces it"):
        run(source, out)
    assert out.read_text() == "precious"


def test_it_is_replaced_when_the_new_one_is_complete(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    out.write_text("old")
    out.chmod(0o640)
    link = tmp_path / "link.mkv"
    link.symlink_to(out)
    run(source, link, overwrite=True, video_codec="ffv1")
    assert hashes(out) == hashes(source)
    assert link.is_symlink()
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.mkv", "out.mkv"]


def test_it_stays_when_the_job_fails(source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "out.mkv"
    out.write_text("precious")
    reader = Reader([InputSpec(str(source))])
    writer = Writer(OutputSpec(str(out), overwrite=True, video_codec="ffv1"), reader)

    class Fails(Writer):
        name = "fails"

        def __init__(self) -> None:
            self.left = 20

        def push(self, item: Any) -> Any:
            self.left -= 1
            if not self.left:
                raise RuntimeError("a filter broke")
            return (item,)

        def flush(self) -> Any:
            return ()

        def close(self) -> None:
            pass

    with pytest.raises(RuntimeError, match="a filter broke"):
        Pipeline(reader, Fails(), writer).run_inline()
    assert out.read_text() == "precious"
    left = [p for p in tmp_path.iterdir() if p != out]
    assert len(left) == 1
    assert f"{out} was left as it was; what was written until then is in {left[0]}" in caplog.text
    assert shown(left[0])


@pytest.mark.parametrize("kind", ["same", "symlink", "hardlink", "relative", "file:"])
def test_the_input_is_never_the_output(
    source: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "in.mkv"
    path.write_bytes(source.read_bytes())
    other: str = str(tmp_path / "other.mkv")
    if kind == "symlink":
        Path(other).symlink_to(path)
    elif kind == "hardlink":
        Path(other).hardlink_to(path)
    else:
        monkeypatch.chdir(tmp_path)
        other = {"same": str(path), "relative": "./in.mkv", "file:": f"file:{path}"}[kind]
    with pytest.raises(OutputError, match="is also the input"):
        run(path, other, overwrite=True)
    assert path.read_bytes() == source.read_bytes()


def test_images_are_not_written_over_their_input(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "a%03d.png", reader={"audio": False})
    assert len(list(tmp_path.glob("a*.png"))) == 12
    with pytest.raises(OutputError, match="would overwrite the input"):
        run(tmp_path / "a001.png", tmp_path / "a%03d.png")
    spec = InputSpec(str(tmp_path / "a%03d.png"), options={"framerate": "10"})
    run(spec, tmp_path / "b%02d.png")
    run(spec, tmp_path / "back.mkv", video_codec="ffv1", pix_fmt="bgr0")
    assert [p.read_bytes() for p in sorted(tmp_path.glob("b*.png"))] == [
        p.read_bytes() for p in sorted(tmp_path.glob("a*.png"))
    ]
    assert times(tmp_path / "back.mkv") == [Fraction(i, 10) for i in range(12)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is a directory"),
        ("none/out.mkv", "there is no directory"),
        ("out.nonesuch", "add -f, such as -f matroska"),
        ("out", "add -f"),
        ("dangling.mkv", "which does not exist"),
    ],
)
def test_where_nothing_can_be_written(source: Path, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "dangling.mkv").symlink_to(tmp_path / "nowhere.mkv")
    with pytest.raises(StreamfixError, match=said) as caught:
        run(source, tmp_path / name, format="matroska" if not name else None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"options": {"crff": "20"}}, BadOption, "Unrecognized option 'crff' .* did you mean 'crf'"),
        (
            {"video_options": {"presett": "fast"}},
            BadOption,
            "the encoder libx264 does not have it; did you mean 'preset'",
        ),
        ({"format_options": {"moovflags": "x"}}, BadOption, "nor the muxer matroska has it"),
        ({"video_codec": "libx26"}, UnknownName, "Unknown encoder 'libx26' .*libx264"),
        ({"video_codec": "aac"}, UnknownName, "Unknown encoder 'aac'"),
        ({"audio_codec": "libx264"}, UnknownName, "Unknown encoder 'libx264' for -c:a"),
        ({"video_options": {"preset": "quickly"}}, UsageError, "libx264 does not open .* -preset quickly"),
        ({"format": "nonesuch"}, UsageError, "-f nonesuch: no muxer of that name"),
        ({"rate": Fraction(0)}, UsageError, "more than 0"),
        ({"max_frames": 0}, UsageError, "at least 1"),
        ({"duration_s": Fraction(-1)}, UsageError, "is negative"),
        ({"start_s": Fraction(3), "end_s": Fraction(2)}, UsageError, "lies before"),
    ],
)
def test_wrong_requests_write_nothing(
    source: Path, tmp_path: Path, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    out = tmp_path / "out.mkv"
    with pytest.raises(error, match=said):
        run(source, out, **options)
    assert list(tmp_path.iterdir()) == []


def test_options_reach_the_encoder_and_the_muxer(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    options = {"g": "4", "crf": "30", "movflags": "faststart", "bf": "0", "sc_threshold": "0"}
    run(source, out, options=options)
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert b"moof" not in data
    with av.open(str(out)) as container:
        keys = [i for i, p in enumerate(p for p in container.demux(video=0) if p.size) if p.is_keyframe]
    assert keys == [0, 4, 8]


def test_quality_by_number(tmp_path: Path) -> None:
    large = clip(tmp_path / "in.mkv", frames=5, size=(320, 240), codec="ffv1")
    for q in ("2", "31"):
        run(large, tmp_path / f"{q}.avi", video_codec="mpeg4", options={"q": q})
    assert (tmp_path / "2.avi").stat().st_size > 1.5 * (tmp_path / "31.avi").stat().st_size


def test_a_full_disk_is_said(source: Path) -> None:
    with pytest.raises(OutputError, match=r"/dev/full: No space left on device .*free some space"):
        run(source, "/dev/full", format="matroska")


def test_a_full_disk_in_the_middle(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    big = clip(tmp_path / "in.mkv", frames=40, size=(320, 240), codec="rawvideo")
    out = tmp_path / "out.mkv"
    before, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"out.mkv: File too large at \d"):
            run(big, out, video_codec="rawvideo")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, action)
    assert str(out) in caplog.text
    assert len(shown(out)) > 5


def test_a_consumer_that_goes_away_is_said(tmp_path: Path) -> None:
    big = clip(tmp_path / "in.mkv", frames=40, size=(320, 240), codec="rawvideo")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def read_a_little() -> None:
        with fifo.open("rb") as pipe:
            pipe.read(1000)

    consumer = threading.Thread(target=read_a_little)
    consumer.start()
    with pytest.raises(OutputError, match="Broken pipe"):
        run(big, fifo, format="matroska", video_codec="rawvideo")
    consumer.join()
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_devices_pipes_and_nothing(source: Path, tmp_path: Path) -> None:
    run(source, "/dev/null", format="matroska")
    _, writer = run(source, "-", format="null")
    assert writer.frames_written == 12
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got: list[bytes] = []
    consumer = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    consumer.start()
    run(source, fifo, format="mp4")  # in fragments: a pipe cannot be gone back in
    consumer.join()
    (tmp_path / "got.mp4").write_bytes(got[0])
    assert times(tmp_path / "got.mp4") == times(source)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("long") / "in.mkv", frames=400, size=(160, 120), options={"g": "50"})


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "ts", "nut", "avi"])
def test_a_killed_job_leaves_what_it_had(long: Path, tmp_path: Path, ending: str) -> None:
    """SIGKILL in the middle: no trailer, no index."""
    out = tmp_path / f"out.{ending}"
    code = f"""
import os, signal
from streamfix.frame import Frame
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.writer import OutputSpec, Writer
reader = Reader([InputSpec({str(long)!r})])
writer = Writer(OutputSpec({str(out)!r}, options={{"preset": "ultrafast", "g": "25"}}), reader)
for n, item in enumerate(reader):
    writer.push(item)
    if n == 350:
        os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert not out.exists(), "it would look finished"
    left = shown(tmp_path / f"out.partial.{ending}")
    assert len(left) >= (200 if ending == "avi" else 275)
    wanted = times(long)[: len(left)]
    if ending not in ("avi", "ts", "nut"):
        assert [at for at, _ in left] == wanted


def test_a_finished_mp4_is_no_fragmented_one(tmp_path: Path) -> None:
    """The same index as a file that was written in one piece: players seek in it at once."""
    # Below 128 columns x264's assembly for mb-tree reads what it never wrote, and its result varies.
    source = clip(tmp_path / "in.mkv", frames=12, audio="aac", size=(128, 96))
    plain, safe = tmp_path / "plain.mp4", tmp_path / "safe.mp4"
    run(source, plain, format_options={"movflags": "0"})
    run(source, safe)
    with av.open(str(plain)) as a, av.open(str(safe)) as b:
        for old, new in zip(a.streams, b.streams, strict=True):
            assert (old.frames, old.duration, old.start_time) == (new.frames, new.duration, new.start_time)
    assert shown(plain) == shown(safe)
    assert safe.stat().st_size < plain.stat().st_size * 1.2


def test_counters(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    reader, writer = run(source, out)
    assert (reader.frames_read, reader.errors, writer.frames_written) == (12, 0, 12)
    assert writer.bytes_written == out.stat().st_size
    assert writer.position_s == pytest.approx(12 / 25)
    assert reader.position_s == pytest.approx(11 / 25)
    assert not writer.enough


def test_shortest_ends_with_the_shorter(tmp_path: Path) -> None:
    video, sound = clip(tmp_path / "v.mkv", frames=10), clip(tmp_path / "a.mkv", frames=40, audio="pcm_s16le")
    out = tmp_path / "out.mkv"
    run([video, sound], out, reader={"maps": ["0:v", "1:a"]}, shortest=True, video_codec="ffv1")
    with av.open(str(out)) as container:
        last = [p.pts * p.time_base for p in container.demux(audio=0) if p.size and p.pts is not None][-1]
    assert last < Fraction(10, 25)
    assert len(shown(out)) == 10


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    """Thousands of frames through swscale in both directions: no context and no frame is kept."""
    code = f"""
import resource
from streamfix.frame import Frame
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.writer import OutputSpec, Writer
reader = Reader([InputSpec({str(clip(tmp_path / "in.mkv", frames=100, size=(320, 240)))!r}, loops=24)])
writer = Writer(OutputSpec("-", format="null", video_codec="rawvideo", pix_fmt="rgb24"), reader)
seen, after = 0, 0
for item in reader:
    writer.push(item)
    seen += isinstance(item, Frame)
    if seen == 500:
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
writer.flush()
print(seen, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - after)
"""
    root = Path(__file__).parents[2]
    said = subprocess.check_output([sys.executable, "-c", code], cwd=root, timeout=120, text=True)
    frames, grown_kib = map(int, said.split())
    assert frames == 2500
    assert grown_kib < 10_000


def test_many_pictures_under_one_name(source: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="picture%04d"):
        run(source, tmp_path / "one.png")
    run(source, tmp_path / "one.jpg", max_frames=1)
    run(source, tmp_path / "last.png", format_options={"update": "1"})
    run(source, tmp_path / "n%02d.png")
    assert (tmp_path / "last.png").read_bytes() == max(tmp_path.glob("n*.png")).read_bytes()
