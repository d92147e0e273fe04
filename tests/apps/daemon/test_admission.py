"""Who may run: never more than there is, the figure is said, and what a job costs is measured once."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from streamfix.apps.daemon.engine.control import Conflict
from streamfix.apps.daemon.load import calibration
from streamfix.apps.daemon.load.admission import Admission, Need, cores
from streamfix.apps.daemon.load.calibration import CostCalibration, Meter, pictures
from streamfix.apps.daemon.load.costs import Costs, FrameCost
from streamfix.apps.daemon.load.sample_encoder import SampleEncoder
from streamfix.chainspec import FilterSpec
from streamfix.errors import BadOption
from streamfix.filters import FILTERS
from streamfix.filters.base import Filter
from streamfix.frame import Frame, VideoInfo
from streamfix.jobs import JobSpec
from streamfix.media.output.encoder import VideoEncoder
from streamfix.media.output.made_up import MadeUpSource
from streamfix.media.output.writer import Writer
from streamfix.media.specs import OutputSpec
from tests.apps.daemon.engine import INFO, spec_of, stream_config
from tests.fakes.waiting import LONG_S, joined

SPEC = spec_of(stream_config(filters="smooth"))

steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.floats(0.01, 3))),
    max_size=20,
)


@given(steps)
def test_never_more_is_taken_than_there_is(steps: list[tuple[str, float | None]]) -> None:
    admission, inside = Admission(2.0, 0.9), dict[str, float]()
    for name, need in steps:
        if need is None:
            admission.release(name)
            inside.pop(name, None)
            continue
        others = sum(n for other, n in inside.items() if other != name)
        inside.pop(name, None)
        if others + need <= 1.8:
            admission.admit(name, Need(need))
            inside[name] = need
        else:
            with pytest.raises(Conflict, match=rf"^{name} needs about "):
                admission.admit(name, Need(need))
        assert admission.taken.cores == pytest.approx(sum(inside.values()))
        assert admission.taken.cores <= admission.capacity.cores == 1.8


@given(steps)
def test_who_has_waited_longest_of_those_that_fit_is_next(steps: list[tuple[str, float | None]]) -> None:
    admission, waiting, inside = Admission(1.0, 1.0), dict[str, float](), dict[str, float]()
    for name, need in steps:
        if need is None:
            admission.release(name)
            inside.pop(name, None)
            waiting.pop(name, None)
        else:
            inside.pop(name, None)
            try:
                admission.admit(name, Need(need))
                inside[name] = need
                waiting.pop(name, None)
            except Conflict:
                waiting[name] = need
        room = 1.0 - sum(inside.values())
        fits = [n for n, w in waiting.items() if w <= room]
        assert admission.next() == (fits[0] if fits else None)
        for name in fits[:1]:
            del waiting[name]  # it has had its turn, and comes back if it is refused again


def test_the_figure_is_said() -> None:
    admission = Admission(2.0, 0.9)
    admission.admit("gate", Need(1.62))
    with pytest.raises(Conflict, match=r"^yard needs about 0\.71 of a core, 1\.62 of 1\.80 are taken; stop "):
        admission.admit("yard", Need(0.71))
    with pytest.raises(Conflict, match=r"^yard needs about 2\.50 cores, 1\.62 of 1\.80 are taken"):
        admission.check("yard", Need(2.5))
    with pytest.raises(Conflict, match=r"^yard needs about 0\.95 of a GPU, 0\.00 of 0\.90 are taken"):
        admission.check("yard", Need(0.01, 0.95))


def test_what_is_known_better_holds_for_who_runs_and_who_waits() -> None:
    admission = Admission(2.0, 0.9)
    admission.admit("a", Need(1.2))
    with pytest.raises(Conflict):
        admission.admit("b", Need(1.2))
    assert admission.next() is None
    for name in ("a", "b", "nobody"):
        admission.revise(name, Need(0.3))
    assert admission.taken == Need(0.3), "who is not there takes nothing"
    assert admission.next() == "b"


def measured(admission: Admission, cores: float) -> None:
    for _ in range(3):
        admission.measure(Need(cores))


def test_who_comes_again_is_not_refused_for_what_it_took_itself() -> None:
    """A job that restarts, a change, a stop and a start, on a machine that is nearly full."""
    admission = Admission(2.0, 0.9)
    admission.admit("a", Need(1.2))
    measured(admission, 1.3)
    admission.admit("a", Need(1.2))
    admission.release("a")
    assert admission.taken.cores == pytest.approx(0.1)
    admission.admit("a", Need(1.2))
    assert admission.taken.cores == pytest.approx(1.2)


def test_what_is_measured_counts_where_it_is_more() -> None:
    admission = Admission(2.0, 1.0)
    admission.admit("gate", Need(0.5))
    measured(admission, 1.7)
    assert admission.taken.cores == 1.7
    with pytest.raises(Conflict, match=r"1\.70 of 2\.00 are taken"):
        admission.admit("yard", Need(0.4))
    admission.check("gate", Need(0.7))  # its own half is in what was measured
    measured(admission, 0.1)
    assert admission.taken.cores == 0.5, "a stream whose camera is away still has its place"


class Counted:
    """Measures nothing, and counts how often it was asked."""

    def __init__(self, cost: FrameCost | None = None) -> None:
        self.cost, self.asked = cost or FrameCost(0.01, 0.002), 0

    def __call__(self, spec: JobSpec, info: VideoInfo) -> FrameCost:
        self.asked += 1
        return self.cost


def test_a_kind_of_job_is_measured_once_and_scaled() -> None:
    measure = Counted()
    costs = Costs(measure)
    assert costs.need(SPEC, INFO).cores == pytest.approx(25 * 0.012)
    assert costs.need(SPEC, replace(INFO, rate=None)).cores == pytest.approx(25 * 0.012)
    assert costs.need(SPEC, replace(INFO, rate=INFO.rate and INFO.rate * 2)).cores == pytest.approx(50 * 0.012)
    assert costs.need(SPEC, replace(INFO, width=336)).cores == pytest.approx(25 * 0.012 * 336 / 320)
    assert measure.asked == 1
    costs.need(SPEC, replace(INFO, width=1920, height=1080))
    costs.need(replace(SPEC, filters=[FilterSpec("denoise")]), INFO)
    costs.need(replace(SPEC, outputs=[*SPEC.outputs, OutputSpec("rtsp://m/2")]), INFO)
    costs.need(replace(SPEC, outputs=[replace(SPEC.outputs[0], video_codec="libx265")]), INFO)
    assert measure.asked == 5


def test_running_streams_teach_what_filters_cost() -> None:
    costs = Costs(Counted())
    costs.learn(SPEC, INFO, 1.0)  # of a kind that is not known: nothing to correct
    before = costs.need(SPEC, INFO).cores
    needs = [before]
    for _ in range(40):
        costs.learn(SPEC, INFO, 0.03)
        needs.append(costs.need(SPEC, INFO).cores)
    assert needs == sorted(needs)
    assert needs[-1] == pytest.approx(25 * 0.032, rel=0.01)
    on_gpu = Costs(Counted(FrameCost(0.001, 0.002, 0.005)))
    assert on_gpu.need(SPEC, INFO).gpu == pytest.approx(25 * 0.005)
    on_gpu.learn(SPEC, INFO, 0.03)
    assert on_gpu.need(SPEC, INFO).cores == pytest.approx(25 * 0.003)


def test_a_measurement_that_fails_is_told_and_made_again() -> None:
    def measure(spec: JobSpec, info: VideoInfo) -> FrameCost:
        raise BadOption("smooth has no option 'x'")

    costs = Costs(measure)
    for _ in range(2):
        with pytest.raises(BadOption):
            costs.need(SPEC, INFO)


class Spinning(Filter[None]):
    """Works for as many seconds of processor time as it is told.

    work_s: seconds a frame.
    """

    layout = "luma"
    seen = closed = 0

    def __init__(self, work_s: float = 0.0) -> None:
        self.work_s = work_s

    def __call__(self, x: Tensor, states: Sequence[Any]) -> Tensor:
        type(self).seen += 1
        meter = Meter()
        while meter.work_s < self.work_s:
            pass
        return x

    def close(self) -> None:
        type(self).closed += 1


def test_what_a_frame_costs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a factor: other programs run on this machine."""
    monkeypatch.setattr(FILTERS, "_classes", {**FILTERS._classes, "spinning": Spinning})
    monkeypatch.setattr(calibration, "_FRAMES", 3)
    monkeypatch.setattr(calibration, "_MOST_S", LONG_S)  # else a busy machine measures fewer frames
    monkeypatch.setattr(Spinning, "seen", 0)
    monkeypatch.setattr(Spinning, "closed", 0)
    spec = replace(SPEC, filters=[FilterSpec("spinning", "0.02")], device="cpu")
    cost = CostCalibration()(spec, replace(INFO, width=63, height=33, pix_fmt="yuv422p10le"))
    assert (Spinning.seen, Spinning.closed) == (4, 1)
    assert 0.015 < cost.restoring_s < 0.08
    assert 0 < cost.coding_s < 0.08
    assert cost.gpu_s == 0


def test_a_slow_chain_is_not_measured_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FILTERS, "_classes", {**FILTERS._classes, "spinning": Spinning})
    monkeypatch.setattr(calibration, "_MOST_S", 0.0)
    monkeypatch.setattr(Spinning, "seen", 0)
    CostCalibration()(replace(SPEC, filters=[FilterSpec("spinning")], device="cpu"), INFO)
    assert Spinning.seen == 3, "the first, and one of each half"


def test_without_filters_codecs_remain(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [OutputSpec("b"), OutputSpec("c", video_codec="no_such_encoder")]
    spec = replace(SPEC, filters=[], outputs=[*SPEC.outputs, *others])
    asked: list[str] = []

    class Seen(SampleEncoder):
        def __init__(self, output: OutputSpec, info: VideoInfo, first: Frame) -> None:
            asked.append(output.url)
            super().__init__(output, info, first)

    monkeypatch.setattr(calibration, "SampleEncoder", Seen)
    cost = CostCalibration()(spec, INFO)
    assert cost.restoring_s == 0
    assert cost.coding_s > 0
    assert asked == [SPEC.outputs[0].url, "b", "c"]


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        (None, {}),
        ("libx264", {}),
        ("libx264", {"preset": "slow", "crf": "30"}),
        ("libx264", {"tune": "film"}),
        ("libx265", {}),
        ("libx265", {"preset": "fast", "x265-params": "keyint=50"}),
        ("libvpx", {}),
        ("libvpx-vp9", {}),
        ("libvpx-vp9", {"cpu-used": "5", "b": "400k"}),
        ("mpeg4", {}),
        ("mpeg4", {"q": "5"}),
        ("mpeg2video", {"g": "9"}),
        ("mjpeg", {}),
        ("ffv1", {}),
    ],
)
def test_the_measured_encoder_is_that_of_a_live_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, codec: str | None, options: dict[str, str]
) -> None:
    """Both are opened by the same code, so that they cannot drift apart; what the user has set reaches both."""
    opened: list[dict[str, Any]] = []
    real = VideoEncoder._open

    def look(encoder: VideoEncoder, options: Mapping[str, str]) -> None:
        given = dict(encoder.context.options)  # libav takes them out when it opens
        real(encoder, options)
        opened.append({"given": given, **set_up_of(encoder.context)})

    monkeypatch.setattr(VideoEncoder, "_open", look)
    output = OutputSpec(str(tmp_path / "out.mkv"), video_codec=codec, video_options=options)
    first = next(pictures(INFO, 1))
    with SampleEncoder(output, INFO, first) as measured:
        list(measured.flush())
    writer = Writer(output, MadeUpSource(INFO), live=True)
    list(writer.push(first))
    list(writer.flush())
    writer.close()
    sample, live = opened
    assert sample == live
    assert sample["name"] == (codec or "libx264")
    for name in set(options) - {"q"}:
        assert options[name] in sample["given"][name]


def set_up_of(context: VideoCodecContext) -> dict[str, Any]:
    """What an encoder was opened with."""
    names = (
        *("name", "width", "height", "pix_fmt", "time_base", "framerate", "bit_rate", "bit_rate_tolerance", "profile"),
        *("qmin", "qmax", "gop_size", "has_b_frames", "max_b_frames", "thread_count", "thread_type", "global_quality"),
    )
    return {name: getattr(context, name, None) for name in names}


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj422p", "gray", "rgb24", "nv12", "yuv444p12le"])
def test_pictures_are_like_the_inputs(pix_fmt: str) -> None:
    info = replace(INFO, width=33, height=17, pix_fmt=pix_fmt)
    found = list(pictures(info, 2))
    assert [(f.width, f.height, f.origin.format.name) for f in found] == [(33, 17, pix_fmt)] * 2
    a, b = (f.picture.planes(f.color).data[0].astype(np.float32) for f in found)
    assert not np.array_equal(a, b)


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel does not count threads apart")
def test_the_work_of_others_is_not_counted() -> None:
    over, begun = threading.Event(), threading.Event()

    def spin() -> None:
        while not over.is_set():
            sum(range(10_000))
            begun.set()

    def spin_for(work_s: float) -> float:
        meter, begun_s = Meter(), time.thread_time()
        while time.thread_time() < begun_s + work_s:
            pass
        return meter.work_s

    others = [threading.Thread(target=spin) for _ in range(3)]
    for thread in others:
        thread.start()
    assert begun.wait(LONG_S)
    found = [spin_for(0.05) for _ in range(5)]
    late = threading.Thread(target=spin)
    late.start()
    found.append(spin_for(0.05))
    over.set()
    joined(*others, late)
    assert min(found) >= 0.05
    assert sorted(found)[2] < 0.075, "three others worked as much, each"


@pytest.mark.parametrize(
    ("files", "want"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "25000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.25),
    ],
)
def test_a_containers_quota_is_seen(tmp_path: Path, files: dict[str, str], want: float | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cores(tmp_path) == (cores(tmp_path / "nowhere") if want is None else want)
    assert cores(tmp_path / "nowhere") >= 1
