"""From a chain to stages, from a job's description to a running job."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch
from torch import Tensor

from streamfix import devices
from streamfix.chainspec import FilterSpec, parse_chain
from streamfix.counts import FrameCounts
from streamfix.errors import BadOption, DeviceError, InputError, UnknownName, UsageError
from streamfix.filters import FILTERS
from streamfix.filters.base import Filter
from streamfix.jobs import Job, JobSpec, Progress, build_job, restore_stage
from streamfix.jobs.job import _length_s
from streamfix.media.specs import InputSpec, OutputSpec
from tests.apps.material import write_clip


class Plain(Filter[None]):
    """Changes nothing."""

    layout = "luma"
    closed = 0

    def __init__(self, fail: bool = False) -> None:
        self.devices: list[str] = []
        self.fail = fail

    def __call__(self, x: Tensor, states: Sequence[Any]) -> Tensor:
        return x

    def to(self, device: torch.device) -> None:
        self.devices.append(str(device))
        if self.fail:
            raise BadOption("it cannot be")

    def close(self) -> None:
        Plain.closed += 1


class Remembering(Plain):
    """Has state."""

    def init_state(self) -> None:
        return None


class Looking(Plain):
    """Looks ahead."""

    live_options = MappingProxyType({"frames": 0})

    def __init__(self, frames: int = 1, fail: bool = False) -> None:
        super().__init__(fail)
        self.future = frames

    def __call__(self, x: Tensor, states: Sequence[Any]) -> Tensor:
        return x[:, :1]


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = {"plain": Plain, "remembering": Remembering, "looking": Looking}
    monkeypatch.setattr(FILTERS, "_classes", {**FILTERS._classes, **classes})
    monkeypatch.setattr(Plain, "closed", 0)


@pytest.mark.parametrize(
    ("chain", "live", "ahead"), [("looking", False, 1), ("looking", True, 0), ("looking=2", True, 2)]
)
def test_live_streams_have_the_options_that_filters_set_for_them(chain: str, live: bool, ahead: int) -> None:
    """Unless the user sets them; names of libavfilter have none."""
    stage = restore_stage(parse_chain(f"hflip,{chain}"), "cpu", live=live)
    assert stage is not None
    assert [f.future for f in stage.filters] == [ahead]
    stage.close()


def stages(chain: str) -> list[str]:
    stage = restore_stage(parse_chain(chain), "cpu")
    if stage is None:
        return []
    names = [type(part).__name__ for part in stage.stages]
    stage.close()
    return names


@pytest.mark.parametrize(
    ("chain", "want"),
    [
        ("null", []),
        ("null,null", []),
        ("crop=8:8", ["GraphStage"]),
        ("crop=8:8,null,hflip", ["GraphStage"]),
        ("plain", ["Restorer"]),
        ("crop=8:8,plain,scale=4:4,hflip", ["GraphStage", "Restorer", "GraphStage"]),
        ("remembering", ["CutDetector", "Restorer"]),
        ("looking", ["CutDetector", "Restorer"]),
        ("plain,remembering,looking", ["Restorer", "CutDetector", "Restorer", "Restorer"]),
        ("plain,plain", ["Restorer", "Restorer"]),
    ],
)
def test_a_chain_becomes_stages(chain: str, want: list[str]) -> None:
    assert stages(chain) == want


@pytest.mark.parametrize(
    ("chain", "error", "says"),
    [
        ("plian", UnknownName, "no filter 'plian'. Did you mean 'plain'?"),
        ("scael=2:2", UnknownName, "libavfilter's nearest: scale"),
        ("plain,null=3", BadOption, "null takes no options, got '3'"),
        ("plain,crop=nosuch=1", BadOption, "libavfilter does not take crop=nosuch=1"),
        ("plain=radius=1", BadOption, "plain has no option 'radius'"),
        ("amix", UnknownName, "no filter 'amix'"),
    ],
)
def test_a_wrong_chain_is_refused(chain: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as raised:
        restore_stage(parse_chain(chain), "cpu")
    assert says in str(raised.value)


def test_filters_move_to_the_device_and_are_released_once() -> None:
    stage = restore_stage(parse_chain("plain,remembering"), "cpu")
    assert stage is not None
    assert [part.filter.devices for part in stage.stages if hasattr(part, "filter")] == [["cpu"], ["cpu"]]
    assert Plain.closed == 0
    stage.close()
    assert Plain.closed == 2


def test_a_filter_that_fails_releases_those_before_it() -> None:
    with pytest.raises(BadOption, match="it cannot be"):
        restore_stage(parse_chain("plain,plain=fail=1"), "cpu")
    assert Plain.closed == 2


def test_an_input_that_fails_releases_the_filters(tmp_path: Path) -> None:
    spec = JobSpec(
        (InputSpec(str(tmp_path / "missing")),),
        (OutputSpec(str(tmp_path / "o.mkv")),),
        (FilterSpec("plain"),),
        device="cpu",
    )
    with pytest.raises(InputError):
        build_job(spec)
    assert Plain.closed == 1


def test_a_job_without_an_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs an output"):
        JobSpec((InputSpec(str(tmp_path / "i.mkv")),), ())


def test_a_job_without_an_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs an input"):
        build_job(JobSpec((), (OutputSpec(str(tmp_path / "o.mkv")),)))


def test_a_job_tells_how_far_it_is(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv")
    output = OutputSpec(str(tmp_path / "out.mkv"), video_codec="ffv1")
    job = build_job(JobSpec((InputSpec(str(clip)),), (output,), (FilterSpec("plain"),), device="cpu"))
    assert job.progress == Progress(busy_s={"decode": 0.0, "restore": 0.0, "encode": 0.0}, part=0.0)
    job.run()
    done = job.progress
    assert (done.frames, done.errors, done.counts.dropped_total) == (25, 0, 0)
    assert done.part == pytest.approx(1, abs=0.05)
    assert done.time_s == pytest.approx(1, abs=0.05)
    assert done.bytes == pytest.approx((tmp_path / "out.mkv").stat().st_size, rel=0.05)
    assert set(done.busy_s) == {"decode", "restore", "encode"}
    assert all(seconds > 0 for seconds in done.busy_s.values())
    assert job.progress == done


def test_rates_follow_from_counts() -> None:
    p = Progress(FrameCounts(written=50), bytes=1000, time_s=2.0, elapsed_s=4.0, part=0.25)
    assert (p.fps, p.speed, p.bitrate_bps, p.left_s) == (12.5, 0.5, 4000.0, 12.0)
    nothing = Progress()
    assert (nothing.fps, nothing.speed, nothing.bitrate_bps, nothing.left_s) == (0.0, None, None, None)


@pytest.mark.parametrize(
    ("input", "output", "seconds"),
    [
        ({}, {}, 1.0),
        ({"loops": 2}, {}, 3.0),
        ({"loops": -1}, {}, None),
        ({"loops": -1}, {"duration_s": Fraction(5)}, 5.0),
        ({"start_s": Fraction(1, 2)}, {}, 0.5),
        ({"start_s": Fraction(1, 4), "end_s": Fraction(3, 4)}, {}, 0.5),
        ({"duration_s": Fraction(1, 2)}, {}, 0.5),
        ({}, {"start_s": Fraction(1, 4), "duration_s": Fraction(9)}, 0.75),
    ],
)
def test_how_long_the_result_will_be(
    tmp_path: Path, input: dict[str, Any], output: dict[str, Any], seconds: float | None
) -> None:
    clip = write_clip(tmp_path / "in.mkv")
    job: Job = build_job(JobSpec((InputSpec(str(clip), **input),), (OutputSpec(str(tmp_path / "out.mkv"), **output),)))
    assert _length_s(job.spec, job.reader) == (None if seconds is None else pytest.approx(seconds, abs=0.02))
    job.reader.close()


def test_devices() -> None:
    assert str(devices.choose("cpu")) == "cpu"
    assert devices.choose("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UsageError, match="no device 'gpu0'; there are auto, cpu, cuda and cuda:N"):
        devices.choose("gpu0")
    with pytest.raises(DeviceError, match="device cuda:99: PyTorch sees"):
        devices.choose("cuda:99")
