"""streamfix from Python: open, filter, restore."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

import streamfix
from streamfix.filters import FILTERS
from streamfix.jobs import Job
from streamfix.library import output_spec
from streamfix.media.specs import InputSpec
from tests.apps.material import environment, install_filters, kinds, levels, write_clip
from tests.fakes.waiting import LONG_S


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("library") / "clip.mkv", audio=True)


@pytest.fixture(scope="module", autouse=True)
def _filters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    site = str(install_filters(tmp_path_factory.mktemp("site")))
    sys.path.insert(0, site)
    known = FILTERS._announced
    FILTERS._announced = None  # what is installed is looked up once a process
    yield
    sys.path.remove(site)
    FILTERS._announced = known


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_frames_come_in_order_with_their_time(clip: Path) -> None:
    frames = list(streamfix.open(clip))
    assert [f.pts * f.time_base for f in frames] == [i * streamfix.open(clip).info.time_base * 40 for i in range(25)]
    assert [f.cut for f in frames] == [True] + [False] * 24


def test_a_frame_shows_itself(clip: Path) -> None:
    frame = next(iter(streamfix.open(clip)))
    assert (frame.rgb().shape, str(frame.rgb().dtype)) == ((32, 48, 3), "uint8")
    assert tuple(frame.tensor("rgb").shape) == (3, 32, 48)
    assert tuple(frame.tensor("yuv420").shape) == (6, 16, 24)
    assert tuple(frame.tensor("luma").shape) == (1, 32, 48)


def test_info_is_known_before_any_frame(clip: Path) -> None:
    info = streamfix.open(clip).info
    assert (info.width, info.height, info.pix_fmt, info.rate) == (48, 32, "yuv420p", Fraction(25))


def test_filters_of_both_kinds_make_a_chain(clip: Path) -> None:
    frames = list(streamfix.open(clip).filter("invert").filter("crop=16:8:0:0,double"))
    assert {(f.width, f.height) for f in frames} == {(32, 16)}
    assert [round(float(f.tensor("luma")[0, 0, 0]) * 255) for f in frames] == [255 - i for i in range(25)]


def test_a_video_can_be_watched_again(clip: Path) -> None:
    video = streamfix.open(clip)
    assert len(list(video)) == len(list(video)) == 25


def test_filter_leaves_the_video_it_is_called_on_alone(clip: Path) -> None:
    video = streamfix.open(clip)
    video.filter("double")
    assert next(iter(video)).width == 48


def test_a_filter_with_memory_starts_anew_at_a_cut_and_at_each_watching(clip: Path) -> None:
    video = streamfix.open(clip).filter("counting")
    counted = [[round(float(f.tensor("luma")[0, 0, 0]) * 255) for f in video] for _ in range(2)]
    assert counted[0] == counted[1] == list(range(1, 26))


@pytest.mark.parametrize("leave", ["break", "close", "with", "error"])
def test_the_file_is_released_however_the_loop_is_left(clip: Path, leave: str) -> None:
    gc.collect()
    before = open_files()
    video = streamfix.open(clip)
    frames = iter(video.filter("broken" if leave == "error" else "invert"))
    next(frames)
    assert open_files() > before
    if leave == "break":
        del frames
    elif leave == "close":
        video.close()
        assert list(frames) == []
    elif leave == "with":
        with video:
            next(frames)
    else:
        with pytest.raises(streamfix.FilterError):
            list(frames)
    assert open_files() == before


def test_an_unused_video_holds_its_file_until_it_is_closed(clip: Path) -> None:
    gc.collect()
    before = open_files()
    video = streamfix.open(clip)
    assert open_files() > before
    video.close()
    assert open_files() == before


def test_start_and_length_come_with_an_input_spec(clip: Path) -> None:
    part = InputSpec(str(clip), start_s=Fraction(2, 5), duration_s=Fraction(1, 5))
    assert [int(f.tensor("luma")[0, 0, 0] * 255 + 0.5) for f in streamfix.open(part)] == [10, 11, 12, 13, 14]


def test_options_reach_the_demuxer(tmp_path: Path) -> None:
    (tmp_path / "raw.gray").write_bytes(bytes(range(8)) * 4)
    spec = InputSpec(str(tmp_path / "raw.gray"), format="rawvideo")
    frames = list(streamfix.open(spec, video_size="4x2", pixel_format="gray", framerate=10))
    assert [(f.width, f.height, f.picture.format.name) for f in frames] == [(4, 2, "gray")] * 4


@pytest.mark.parametrize(
    ("chain", "error", "says"),
    [
        ("invrt", streamfix.UnknownName, "no filter 'invrt'. Did you mean 'invert'?"),
        ("null=1", streamfix.BadOption, "null takes no options"),
        ("scale=nosuch=1", streamfix.BadOption, "libavfilter does not take scale=nosuch=1"),
        ("invert,", streamfix.UsageError, "a filter name is missing"),
    ],
)
def test_a_wrong_chain_is_refused_at_once(clip: Path, chain: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as raised:
        streamfix.open(clip).filter(chain)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("chain", "error", "says"),
    [
        ("invert=amuont=1", streamfix.BadOption, "invert has no option 'amuont' (did you mean 'amount'?)"),
        ("lost", streamfix.UsageError, "'lost' is announced as nowhere_at_all:X but does not load"),
        ("broken", streamfix.FilterError, "broken at pts 80 (0.080 s): ZeroDivisionError: of its own making"),
    ],
)
def test_what_a_filter_fails_of_is_raised_by_the_loop(
    clip: Path, chain: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as raised:
        list(streamfix.open(clip).filter(chain))
    assert says in str(raised.value)


def test_a_missing_file_is_an_oserror() -> None:
    with pytest.raises(OSError, match="No such file"):
        streamfix.open("/nowhere/at/all.mp4")


def test_an_unknown_device_is_refused(clip: Path) -> None:
    with pytest.raises(streamfix.UsageError, match="no device 'tpux'"):
        list(streamfix.open(clip, device="tpux").filter("invert"))


def test_an_empty_chain_is_no_filter(clip: Path) -> None:
    with streamfix.open(clip) as video:
        assert [f.pts for f in video.filter("").filter("null")] == [f.pts for f in video]


def test_a_video_is_closed_from_another_thread(clip: Path) -> None:
    """While a loop works on a frame: it ends with that frame, and no thread gets an error."""
    video = streamfix.open(InputSpec(str(clip), loops=-1))
    seen: list[int] = []
    under_way, over = threading.Event(), threading.Event()

    def loop() -> None:
        for frame in video.filter("invert"):
            seen.append(frame.pts)
            under_way.set()
        over.set()

    threading.Thread(target=loop, daemon=True).start()
    assert under_way.wait(LONG_S)
    video.close()
    assert over.wait(LONG_S)
    assert seen == sorted(seen)


def test_a_video_is_closed_while_its_loop_waits_for_a_frame(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = streamfix.open(clip)
    frames = iter(video)
    working, go_on, over = threading.Event(), threading.Event(), threading.Event()
    push = streamfix.Stream.push

    def slow(stream: streamfix.Stream, frame: streamfix.Frame) -> list[streamfix.Frame]:
        working.set()
        assert go_on.wait(LONG_S)
        return push(stream, frame)

    monkeypatch.setattr(streamfix.Stream, "push", slow)

    def loop() -> None:
        assert list(frames) == []
        over.set()

    threading.Thread(target=loop, daemon=True).start()
    assert working.wait(LONG_S)
    video.close()
    go_on.set()
    assert over.wait(LONG_S)


@pytest.mark.parametrize("chain", ["", "invert", "hflip"])
def test_frames_can_be_pickled_and_copied(clip: Path, chain: str) -> None:
    with streamfix.open(clip) as video:
        for frame in video.filter(chain):
            for other in (pickle.loads(pickle.dumps(frame)), copy.copy(frame), copy.deepcopy(frame)):
                assert (other.rgb() == frame.rgb()).all()
                assert (other.pts, other.time_base, other.color, other.cut) == (
                    *(frame.pts, frame.time_base, frame.color),
                    frame.cut,
                )
            assert copy.copy(frame).origin is frame.origin


@pytest.mark.slow
def test_a_fork_is_told_that_it_has_no_threads(clip: Path) -> None:
    """Where PyTorch computes it hung. With one thread it works, as in a worker of a DataLoader."""
    script = f"""
import os, sys, torch, streamfix
torch.set_num_threads(2)
def pictures():
    with streamfix.open({str(clip)!r}) as video:
        return [float(frame.tensor("rgb").sum()) for frame in video]
whole = pictures()
child = os.fork()
if not child:
    try:
        pictures()
    except streamfix.UsageError as error:
        assert "spawn" in str(error), error
        torch.set_num_threads(1)
        os._exit(7 if pictures() == whole else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", script], env=environment(), timeout=LONG_S)
    assert done.returncode == 7


def test_restore_says_what_it_did(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    result = streamfix.restore(clip, out, "invert", video_codec="ffv1")
    assert (result.output, result.frames_in, result.frames_out) == (str(out), 25, 25)
    assert (result.dropped, result.duplicated, result.errors, result.reconstructed) == (0, 0, 0, ())
    assert levels(out) == [255 - i for i in range(25)]
    assert kinds(out) == ["video", "audio"]


def test_restore_names_what_may_be_invented(clip: Path, tmp_path: Path) -> None:
    assert streamfix.restore(clip, tmp_path / "out.mkv", "invert,double").reconstructed == ("double",)


def test_restore_keeps_what_exists_unless_told(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    out.write_bytes(b"precious")
    with pytest.raises(streamfix.OutputError, match="exists"):
        streamfix.restore(clip, out)
    assert out.read_bytes() == b"precious"
    streamfix.restore(clip, out, overwrite=True, video_codec="ffv1")
    assert levels(out) == list(range(25))


def test_a_failed_restoration_leaves_the_old_file(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    out.write_bytes(b"precious")
    with pytest.raises(streamfix.FilterError, match="of its own making"):
        streamfix.restore(clip, out, "broken", overwrite=True)
    assert out.read_bytes() == b"precious"


def test_a_job_can_be_cancelled_from_outside(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(streamfix.Cancelled):
        streamfix.restore(clip, tmp_path / "out.mkv", on_job=Job.cancel)


def test_an_interrupt_is_an_interrupt(clip: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """^C in a program that calls `restore`: it ends the program, as it would without us, and no old file is lost."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore ^C
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    out = tmp_path / "out.mkv"
    out.write_bytes(b"precious")

    def interrupt_after_some(job: Job) -> None:
        push = job.writer.push

        def counting(item: object) -> object:
            if job.progress.frames == 30:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return push(item)

        job.writer.push = counting  # type: ignore[assignment,method-assign]

    with pytest.raises(KeyboardInterrupt):
        streamfix.restore(InputSpec(str(clip), loops=-1), out, overwrite=True, on_job=interrupt_after_some)
    assert out.read_bytes() == b"precious"


def test_a_stopped_job_finishes_what_it_read(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    endless = InputSpec(str(clip), loops=-1)

    def stop_after_some(job: Job) -> None:
        push = job.writer.push

        def counting(item: object) -> object:
            if job.progress.frames >= 30:
                job.stop()
            return push(item)

        job.writer.push = counting  # type: ignore[assignment,method-assign]

    result = streamfix.restore(endless, out, on_job=stop_after_some, video_codec="ffv1")
    assert 30 <= result.frames_out == len(levels(out))


def test_keywords_become_an_output() -> None:
    spec = output_spec("o.mp4", True, {"crf": 20, "preset": "fast", "rate": "30000/1001", "video_codec": "libx265"})
    assert spec.options == {"crf": "20", "preset": "fast"}
    assert (spec.video_codec, spec.overwrite, spec.rate) == ("libx265", True, Fraction(30000, 1001))
    with pytest.raises(streamfix.BadOption, match=r"crf=\[20\]"):
        output_spec("o.mp4", True, {"crf": [20]})


def test_every_public_name_is_there() -> None:
    assert all(getattr(streamfix, name) is not None for name in streamfix.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'restroe'"):
        _ = streamfix.restroe
