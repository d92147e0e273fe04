"""Arrays, tensors and PyAV's frames pushed through a chain: what the library gives for the same pictures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import streamfix
from streamfix.conformance.examples import Echo, Mean
from streamfix.conformance.fakes import clip
from streamfix.filters import FILTERS
from streamfix.frame import ARRAY_FORMATS, ArrayFormat, Color
from tests.apps.material import install_filters, write_clip
from tests.fakes.loading import Loads


class Shared(Loads):
    """The same, for several threads at once."""

    thread_safe = True


@pytest.fixture(scope="module", autouse=True)
def _filters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    site = str(install_filters(tmp_path_factory.mktemp("site")))
    sys.path.insert(0, site)
    classes, announced = dict(FILTERS._classes), FILTERS._announced
    FILTERS._announced = None
    for made in (Mean, Echo, Loads, Shared):
        FILTERS.register(made.__name__.lower())(made)
    yield
    sys.path.remove(site)
    FILTERS._classes, FILTERS._announced = classes, announced


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "clip.mkv"
    write_clip(path, 8)
    return path


def pictures(format: ArrayFormat, count: int = 6, width: int = 48, height: int = 32) -> list[NDArray[np.uint8]]:
    return [frame.array(format) for frame in clip(count, width, height)]


@pytest.mark.parametrize("chain", ["smooth", "echo", "smooth,hflip"])
@pytest.mark.parametrize("format", ["i420", "nv12"])
def test_arrays_of_420_give_what_the_file_gives(file: Path, chain: str, format: ArrayFormat) -> None:
    """Bit for bit; a chain that begins with ours and ends with libavfilter's among them."""
    want = [frame.array(format) for frame in streamfix.open(file).filter(chain)]
    with streamfix.Stream(chain, format=format, live=False) as stream:
        given = [frame.array(format) for frame in streamfix.open(file)]
        got = [f.array(format) for array in given for f in stream.push(array)] + [
            f.array(format) for f in stream.flush()
        ]
    assert len(got) == len(want) == 8
    assert all(np.array_equal(a, b) for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize("format", ARRAY_FORMATS)
def test_a_call_gives_back_what_null_is_given(format: ArrayFormat) -> None:
    with streamfix.Stream("null", format=format) as stream:
        for picture in pictures(format):
            got = stream(picture)
            assert np.array_equal(got, picture) and got is not picture and got.flags.writeable


@pytest.mark.parametrize("format", ARRAY_FORMATS)
@pytest.mark.parametrize("chain", ["smooth", "echo", "hflip"])
def test_a_call_gives_what_push_gives(format: ArrayFormat, chain: str) -> None:
    with streamfix.Stream(chain, format=format) as pushed, streamfix.Stream(chain, format=format) as called:
        for picture in pictures(format):
            (frame,) = pushed.push(picture)
            assert np.array_equal(called(picture), frame.array(format))


@pytest.mark.parametrize("format", ARRAY_FORMATS)
@pytest.mark.parametrize("through", [torch.from_numpy, lambda a: Foreign(torch.from_numpy(a))], ids=["torch", "dlpack"])
def test_a_tensor_is_restored_as_the_array(format: ArrayFormat, through: Any) -> None:
    with streamfix.Stream("smooth", format=format) as arrays, streamfix.Stream("smooth", format=format) as tensors:
        for picture in pictures(format):
            got = tensors(through(picture.copy()))
            assert isinstance(got, torch.Tensor)
            assert np.array_equal(got.numpy(), arrays(picture))


class Foreign:
    """Another library's array, which speaks DLPack."""

    def __init__(self, held: torch.Tensor) -> None:
        self._held = held

    def __dlpack__(self, **about: Any) -> Any:
        return self._held.__dlpack__(**about)

    def __dlpack_device__(self) -> Any:
        return self._held.__dlpack_device__()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_float_tensor_is_restored_unrounded(dtype: torch.dtype) -> None:
    with streamfix.Stream("smooth", format="rgb24") as arrays, streamfix.Stream("smooth") as tensors:
        for picture in pictures("rgb24"):
            x = (torch.from_numpy(picture).permute(2, 0, 1) / 255).to(dtype)
            got, want = tensors(x), arrays(picture)
            assert got.dtype == dtype and got.shape == x.shape
            assert np.abs(got.permute(1, 2, 0).float().numpy() * 255 - want).max() <= (
                0.51 if dtype.itemsize > 2 else 1
            )
            assert len(np.unique(got)) > len(np.unique(want))


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12", "rgb24", "bgr24", "yuv422p"])
def test_frames_of_pyav_come_back_in_their_own_format_with_their_time(pix_fmt: str) -> None:
    """As aiortc hands them over."""
    with streamfix.Stream("smooth") as stream:
        for i, source in enumerate(clip(4, 48, 32)):
            given = source.av().reformat(format=pix_fmt)
            given.pts, given.time_base = 3000 * i, Fraction(1, 90000)
            before = given.to_ndarray()
            got = stream(given)
            assert (got.format.name, got.pts, got.time_base) == (pix_fmt, 3000 * i, Fraction(1, 90000))
            assert (got.width, got.height) == (48, 32) and got is not given
            assert np.array_equal(given.to_ndarray(), before)


def test_a_frame_of_pyav_without_a_time_gets_one() -> None:
    with streamfix.Stream("echo") as stream:
        given = av.VideoFrame.from_ndarray(pictures("rgb24")[0], "rgb24")
        assert [stream.push(given)[0].time_s for _ in range(3)] == [0, 0.04, 0.08]


@pytest.mark.parametrize("max_latency", [None, 60])
@pytest.mark.parametrize("chain", ["smooth", "echo,hflip", "null"])
def test_sizes_change_on_the_way(chain: str, max_latency: float | None) -> None:
    sizes = [(48, 32), (64, 48), (48, 32)]
    with streamfix.Stream(chain, max_latency=max_latency) as stream:
        for width, height in sizes:
            shown = pictures("bgr24", 3, width, height)
            got = [stream(picture) for picture in shown]
            assert [g.shape for g in got] == [(height, width, 3)] * 3
            with streamfix.Stream(chain) as fresh:
                assert np.array_equal(got[0], fresh(shown[0]))


def test_a_stream_with_a_budget_gives_one_frame_for_each_and_tells_of_it() -> None:
    with streamfix.Stream("smooth", max_latency=60) as stream:
        for picture in pictures("bgr24"):
            assert len(stream.push(picture)) == 1
        stream.push(pictures("bgr24")[0], damaged=True)
        report = stream.report()
        assert (report.counts.received, report.counts.written, report.counts.damaged) == (7, 7, 1)
        assert (report.step, report.step_name, report.state) == (0, "smooth", "running")
        assert 0 < report.latency_s["p50"] <= report.latency_s["max"]
        assert report.figures["noise_luma"] >= 0
        assert stream.latency_frames == 0 and stream.scale == 1
    assert stream.report().state == "stopped"


def test_with_a_budget_a_reset_begins_a_new_stream() -> None:
    given = pictures("bgr24")
    with streamfix.Stream("smooth", max_latency=60) as stream, streamfix.Stream("smooth", max_latency=60) as fresh:
        for picture in pictures("bgr24", 5, 64, 48):
            stream(picture)
        stream.reset()
        for picture in given:
            assert np.array_equal(stream(picture), fresh(picture))


def test_what_a_reset_throws_away_is_counted() -> None:
    with streamfix.Stream("mean", live=False) as stream:
        given = len([f for frame in clip(6) for f in stream.push(frame)])
        stream.reset()
        counts = stream.report().counts
        assert (counts.received, counts.written, dict(counts.dropped)) == (6, given, {"reset": 6 - given})
        assert 0 < given < 6 and counts.in_flight == 0


@pytest.mark.parametrize("name", ["loads", "shared"])
def test_streams_share_the_filters_of_a_pool(name: str) -> None:
    Loads.made = Shared.made = 0
    pool = streamfix.FilterPool("cpu")
    with streamfix.Stream("echo") as alone:
        want = [alone(picture) for picture in pictures("bgr24")]
    streams = [streamfix.Stream(name, pool=pool) for _ in range(4)]
    for stream in streams:
        assert all(np.array_equal(stream(p), w) for p, w in zip(pictures("bgr24"), want, strict=True))
    assert (Loads.made, Shared.made) == ((1, 0) if name == "loads" else (0, 1))
    assert len(pool) == 1
    for stream in streams:
        stream.close()
    assert len(pool) == 0


def test_a_pool_elsewhere_is_refused() -> None:
    pool = streamfix.FilterPool("cpu")
    pool.device = streamfix.Device("cuda", 0)
    with pytest.raises(
        streamfix.BadOption, match="device='cpu': the pool's filters are on cuda:0; make a pool for cpu"
    ):
        streamfix.Stream("echo", device="cpu", pool=pool)


def test_a_call_wants_a_chain_that_does_not_look_ahead() -> None:
    with streamfix.Stream("mean") as stream:
        with pytest.raises(streamfix.UsageError, match=r"'mean' looks 2 frames ahead, .*: use push\(\) and flush\(\)"):
            stream(pictures("bgr24")[0])
        assert stream.report().counts.received == 0
    with streamfix.Stream("framestep=2") as stream:
        said = r"'framestep=2' gave \d frames for one: use push\(\) and flush\(\)"
        with pytest.raises(streamfix.UsageError, match=said):
            list(map(stream, pictures("bgr24")))


def test_times_are_counted_told_or_the_clocks() -> None:
    shown = pictures("bgr24", 3)
    with streamfix.Stream("null") as stream:
        assert [stream.push(p)[0].time_s for p in shown] == [0, 0.04, 0.08]
        stream.reset()
        assert stream.push(shown[0])[0].pts == 0
        (told,) = stream.push(shown[0], pts=np.int64(90), time_base=Fraction(1, 1000))  # type: ignore[arg-type]
        assert told.time_s == 0.09
    info = streamfix.VideoInfo(48, 32, "bgr24", Fraction(1, 1000), rate=Fraction(50))
    with streamfix.Stream("null", info) as stream:
        assert [stream.push(p)[0].time_s for p in shown] == [0, 0.02, 0.04]
    with streamfix.Stream("null", max_latency=60) as stream:
        times = [stream.push(p)[0].time_s for p in shown]
        assert times[0] == 0 < times[1] < times[2]


def test_cuts_and_damage_are_told() -> None:
    shown = pictures("bgr24", 5)
    with streamfix.Stream("echo") as stream, streamfix.Stream("echo") as fresh:
        for picture in shown[:3]:
            stream(picture)
        assert np.array_equal(stream(shown[3], cut=True), fresh(shown[3]))
        stream(shown[0], damaged=True)
        assert np.array_equal(stream(shown[4]), fresh(shown[4]))


def test_the_colour_of_arrays_is_as_told() -> None:
    full = Color(matrix=1, full_range=True)
    with streamfix.Stream("null", format="i420", color=full) as stream:
        (frame,) = stream.push(pictures("i420")[0])
    assert frame.color == full


@pytest.mark.parametrize(
    ("given", "about", "error", "said"),
    [
        (np.zeros((4, 4), np.uint8), {}, streamfix.BadOption, "bgr24 is"),
        (np.zeros((4, 4, 3)), {}, streamfix.BadOption, "bgr24 is .* got .* float64"),
        (torch.zeros(4, 4, 3, dtype=torch.int16), {}, streamfix.BadOption, "bgr24 is .* got .* int16"),
        (np.zeros((4, 4, 3), np.uint8), {"pts": 1}, streamfix.UsageError, "pts=1: say its unit too"),
        (
            np.zeros((4, 4, 3), np.uint8),
            {"pts": 0.5, "time_base": Fraction(1, 25)},
            streamfix.BadOption,
            "pts=0.5: a time is a whole number",
        ),
    ],
)
def test_what_is_wrong_is_named(given: Any, about: dict[str, Any], error: type[Exception], said: str) -> None:
    with streamfix.Stream("null") as stream, pytest.raises(error, match=said):
        stream.push(given, **about)


def test_a_wrong_request_is_refused_when_the_stream_is_made() -> None:
    with pytest.raises(streamfix.BadOption, match="no array format 'yuv'; there are bgr24"):
        streamfix.Stream("null", format="yuv")  # type: ignore[arg-type]
    with pytest.raises(streamfix.UsageError, match="max_latency=1: only a live stream has a budget"):
        streamfix.Stream("null", live=False, max_latency=1)
    with pytest.raises(streamfix.UsageError, match="max_latency_s=-1"):
        streamfix.Stream("null", max_latency=-1)


@pytest.mark.parametrize("chain", ["null", "smooth"])
@pytest.mark.parametrize("format", ["bgr24", "gray"])
def test_arrays_go_through_filters_of_numpy_without_pytorch(chain: str, format: str) -> None:
    """A process, since this one has loaded it long ago."""
    program = (
        "import sys, numpy, streamfix\n"
        f"array = numpy.zeros({(32, 48, 3) if format == 'bgr24' else (32, 48)}, numpy.uint8)\n"
        f"with streamfix.Stream({chain!r}, format={format!r}) as stream: same = stream(array).shape == array.shape\n"
        "print(same, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.slow
def test_a_network_that_was_opened_before_starts_without_pytorch(file: Path) -> None:
    """In the Stream, the VideoCapture and live, as on the command line."""
    pytest.importorskip("openvino")
    program = (
        "import sys, numpy, streamfix, streamfix.opencv\n"
        "from streamfix.media.specs import InputSpec\n"
        "array = numpy.zeros((48, 64, 3), numpy.uint8)\n"
        "with streamfix.Stream('denoise') as stream: shapes = [stream(array).shape]\n"
        f"shapes.append(streamfix.opencv.VideoCapture({str(file)!r}, chain='denoise').read()[1].shape)\n"
        f"with streamfix.live(InputSpec({str(file)!r}, realtime=True), 'denoise') as video:\n"
        "    shapes.append(video.read(60).array('bgr24').shape)\n"
        "print(len(shapes), 'torch' in sys.modules)"
    )
    said = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300).stdout
        for _ in range(2)
    ]
    assert said[1].split() == ["3", "False"]
