"""A chain in somebody else's loop: the frames of the file, no frame more, and nothing of the stream before."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from torch import Tensor

import streamfix
from streamfix.conformance.examples import Chunk, Echo, Mean
from streamfix.conformance.fakes import clip, codes, difference
from streamfix.filters import FILTERS
from streamfix.frame import Frame, VideoInfo
from streamfix.media.picture.planes import to_av
from tests.apps.material import environment, install_filters
from tests.fakes.loading import Loads

INFO = VideoInfo(64, 48, "yuv420p", Fraction(1, 1000), rate=Fraction(25))


class InTwoParts(Mean):
    """A filter whose windows overlap in files."""

    two_parts = True


class Fails(Mean):
    """Fails once, at its third call."""

    calls = 0

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        self.calls += 1
        if self.calls == 3:
            raise ZeroDivisionError("of its own making")
        return super().__call__(x, states)


class Waits(Mean):
    """Works until it is let go."""

    begun, let_go = threading.Event(), threading.Event()

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        self.begun.set()
        assert self.let_go.wait(60)
        return super().__call__(x, states)


@pytest.fixture(scope="module", autouse=True)
def _filters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    site = str(install_filters(tmp_path_factory.mktemp("site")))
    sys.path.insert(0, site)
    classes, announced = dict(FILTERS._classes), FILTERS._announced
    FILTERS._announced = None
    for made in (Mean, Echo, Chunk, InTwoParts, Loads, Fails, Waits):
        FILTERS.register(made.__name__.lower())(made)
    yield
    sys.path.remove(site)
    FILTERS._classes, FILTERS._announced = classes, announced


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A moving clip with two scenes, as H.264 with B-frames."""
    path = tmp_path_factory.mktemp("stream") / "clip.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(1000))
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for frame in (*clip(9, 64, 48), *clip(8, 64, 48, seed=5, first_pts=1400)):
            container.mux(video.encode(to_av(frame)))
        container.mux(video.encode(None))
    return path


def run(stream: streamfix.Stream, frames: Sequence[Frame]) -> list[Frame]:
    return [out for frame in frames for out in stream.push(frame)] + stream.flush()


def same(a: Sequence[Frame], b: Sequence[Frame]) -> None:
    assert [(f.pts, f.time_base, f.cut, f.damaged) for f in a] == [(f.pts, f.time_base, f.cut, f.damaged) for f in b]
    assert [difference(x, y) for x, y in zip(a, b, strict=True)] == [0] * len(a)


CHAINS = [
    *("", "null", "invert", "counting", "echo", "mean", "chunk", "intwoparts", "smooth", "edge"),
    *(
        "denoise=backend=torch:precision=fp32",
        "bwdif",
        "scale=32:24",
        "mean,crop=32:16,echo",
        pytest.param("deblock=backend=torch:precision=fp32", marks=pytest.mark.slow),
        "fps=50,intwoparts,bwdif",
    ),
]


@pytest.mark.parametrize("chain", CHAINS)
def test_frames_pushed_one_by_one_are_those_of_the_file(file: Path, chain: str) -> None:
    frames = list(streamfix.open(file, coding=True))
    assert len(frames) == 17
    with streamfix.Stream(chain, live=False) as stream:
        pushed = run(stream, frames)
    video = streamfix.open(file)
    same(pushed, list(video.filter(chain) if chain else video))


@pytest.mark.parametrize("chain", ["mean,crop=32:16,echo", "intwoparts", "smooth"])
def test_a_stream_gives_what_a_whole_job_writes(file: Path, tmp_path: Path, chain: str) -> None:
    """The same pictures as by the pipeline's threads, an encoder and a file."""
    out = tmp_path / "out.mkv"
    streamfix.restore(file, out, chain, video_codec="ffv1")
    with streamfix.Stream(chain, live=False) as stream:
        pushed = run(stream, list(streamfix.open(file)))
    for a, b in zip(pushed, streamfix.open(out), strict=True):
        assert a.time_s == pytest.approx(b.time_s, abs=1e-3)
        assert difference(a, b) == 0


@pytest.mark.parametrize("chain", [c for c in CHAINS if "denoise" not in c])
@pytest.mark.parametrize("left_after", [5, 17, None], ids=lambda n: "flushed" if n is None else f"after {n}")
def test_after_a_reset_a_stream_is_a_new_one(file: Path, chain: str, left_after: int | None) -> None:
    frames = list(streamfix.open(file))
    with streamfix.Stream(chain, live=False) as fresh:
        want = run(fresh, frames)
    with streamfix.Stream(chain, live=False) as stream:
        if left_after is None:
            run(stream, frames)  # a flush ends a stream, too
        else:
            for frame in frames[:left_after]:
                stream.push(frame)
            stream.reset()
        same(run(stream, frames), want)


def test_a_reset_loads_nothing_again(file: Path) -> None:
    frames = list(streamfix.open(file))
    Loads.made = 0
    with streamfix.Stream("loads", live=False) as stream:
        for _ in range(3):
            run(stream, frames)
            stream.reset()
    assert Loads.made == 1


@pytest.mark.parametrize("chain", ["mean", "echo", "chunk", "intwoparts", "bwdif,mean"])
def test_a_cut_acts_as_between_two_streams(chain: str) -> None:
    frames = clip(11, 64, 48, cuts=(6,))
    with streamfix.Stream(chain, live=False) as stream:
        found = run(stream, frames)
    if "bwdif" in chain:  # libavfilter's filters know of no cuts
        assert [f.time_s for f in found if f.cut] == [frames[0].time_s, frames[6].time_s]
        return
    with streamfix.Stream(chain, live=False) as stream:
        same(found, run(stream, frames[:6]) + run(stream, frames[6:]))


@pytest.mark.parametrize("live", [False, True], ids=["file", "live"])
@pytest.mark.parametrize(
    ("chain", "ahead", "ahead_live"),
    [
        ("", 0, 0),
        ("null", 0, 0),
        ("echo", 0, 0),
        ("invert,double", 0, 0),
        ("mean", 2, 2),
        ("mean,mean", 4, 4),
        ("intwoparts", 4, 2),
        ("chunk", 4, 4),
        ("chunk,chunk", 8, 8),
        ("chunk,mean", 6, 6),
        ("mean,chunk,intwoparts", 10, 8),
        ("smooth", 2, 0),
        ("denoise=backend=torch:precision=fp32:lookahead=3", 5, 3),
        ("bwdif=send_frame", 1, 1),
        ("tmix=frames=3", 0, 0),
        ("deflicker=size=5", 5, 5),
        ("bwdif=send_frame,mean,bwdif=send_frame", 4, 4),
        ("double,crop=100:80,bwdif=send_frame", 1, 1),
    ],
)
def test_look_ahead_is_what_is_held(chain: str, live: bool, ahead: int, ahead_live: int) -> None:
    """Told before the first frame, and never more and at last no less than what went in and did not come out."""
    with streamfix.Stream(chain, INFO, live=live) as stream:
        told = stream.latency_frames
        assert told == (ahead_live if live else ahead)
        given, held = 0, []
        for i, frame in enumerate(clip(20, 64, 48)):
            given += len(stream.push(frame))
            held.append(i + 1 - given)
        assert max(held) == told
        assert len(stream.flush()) == held[-1]


@pytest.mark.parametrize(("chain", "ahead"), [("fps=50", 1), ("framestep=2", 0), ("bwdif,mean", 2)])
def test_look_ahead_counts_frames_in_where_their_number_changes(chain: str, ahead: int) -> None:
    with streamfix.Stream(chain, INFO, live=False) as stream:
        assert stream.latency_frames == ahead


def test_look_ahead_of_libavfilter_is_known_once_the_video_is() -> None:
    with streamfix.Stream("mean,bwdif", live=False) as stream:
        with pytest.raises(
            streamfix.UsageError, match="'bwdif' looks ahead depends on the video: give the Stream an info"
        ):
            _ = stream.latency_frames
        stream.push(clip(1)[0])
        assert stream.latency_frames == 3


def test_what_holds_everything_has_no_look_ahead_to_tell() -> None:
    holds = "'reverse' holds back more than 256 frames"
    with streamfix.Stream("reverse", INFO, live=False) as stream, pytest.raises(streamfix.UsageError, match=holds):
        _ = stream.latency_frames


def test_damaged_frames_come_out_in_their_turn() -> None:
    frames = clip(9, 64, 48, damaged=(0, 4, 5))
    with streamfix.Stream("mean", live=False) as stream:
        assert [f.pts for f in run(stream, frames)] == [f.pts for f in frames]


@pytest.mark.parametrize(("chain", "scale"), [("", 1), ("mean", 1), ("double,chunk", 4), ("double,scale=8:8", 2)])
def test_scale_is_that_of_our_filters(chain: str, scale: int) -> None:
    with streamfix.Stream(chain, live=False) as stream:
        assert stream.scale == scale
        if "=" not in chain:
            assert {(f.width, f.height) for f in run(stream, clip(6))} == {(48 * scale, 32 * scale)}


def test_the_size_may_change_on_the_way() -> None:
    small, large = clip(4, 32, 16), clip(4, 48, 32, first_pts=5000)
    with streamfix.Stream("mean,scale=iw:ih,echo", live=False) as stream:
        found = run(stream, [*small, *large])
        same(
            [replace(f, cut=False) for f in found],
            [replace(f, cut=False) for f in run(stream, small) + run(stream, large)],
        )


def test_an_error_is_raised_by_the_push_and_a_reset_goes_on() -> None:
    frames = clip(9, 64, 48)
    with streamfix.Stream("fails", live=False) as stream, streamfix.Stream("mean", live=False) as mean:
        with pytest.raises(streamfix.FilterError, match=r"fails at pts \d+ .*of its own making"):
            run(stream, frames)
        stream.reset()
        same(run(stream, frames), run(mean, frames))


def test_a_closed_stream_takes_no_frames() -> None:
    stream = streamfix.Stream("mean", live=False)
    stream.push(clip(1)[0])
    stream.close()
    stream.close()
    for call in (lambda: stream.push(clip(1)[0]), stream.flush, stream.reset):
        with pytest.raises(
            streamfix.UsageError, match="<Stream 'mean' closed> takes no more frames; make a new Stream"
        ):
            call()


def test_two_threads_at_once_are_refused() -> None:
    Waits.begun.clear()
    Waits.let_go.clear()
    stream = streamfix.Stream("waits", live=False)
    other = threading.Thread(target=run, args=(stream, clip(5)))
    other.start()
    assert Waits.begun.wait(60)
    with pytest.raises(streamfix.UsageError, match="two threads call <Stream 'waits'> at once"):
        stream.push(clip(1)[0])
    Waits.let_go.set()
    other.join(60)
    stream.close()


def test_what_is_no_frame_is_refused() -> None:
    said = r"takes NumPy arrays, PyTorch tensors, av\.VideoFrame and streamfix\.Frame, got list"
    with streamfix.Stream("null") as stream, pytest.raises(TypeError, match=said):
        stream.push([[0, 0], [0, 0]])


@pytest.mark.parametrize("chain", ["nosuch", "mean=1", "scale=nosuch=1", "mean,"])
def test_a_wrong_chain_is_refused_when_the_stream_is_made(chain: str) -> None:
    with pytest.raises(streamfix.UsageError):
        streamfix.Stream(chain, live=False)


def test_a_chain_of_libavfilter_alone_does_not_wait_for_torch() -> None:
    code = """if True:
        import sys
        import streamfix
        from fractions import Fraction
        info = streamfix.VideoInfo(64, 48, "yuv420p", Fraction(1, 25))
        assert streamfix.Stream("null,bwdif,crop=40:40", info, live=False).latency_frames == 1
        assert "torch" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True, timeout=120)


def test_codes_are_kept_by_null() -> None:
    frame = clip(1, 35, 17, "yuv420p10le")[0]
    with streamfix.Stream("null", live=False) as stream:
        (out,) = stream.push(frame)
        assert all(torch.equal(a, b) for a, b in zip(codes(out), codes(frame), strict=True))
