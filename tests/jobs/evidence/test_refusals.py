"""What would be no evidence is refused before anything is written."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from streamfix.errors import OutputError, StreamfixError, UsageError
from streamfix.filters import FILTERS
from streamfix.filters.base import Filter
from streamfix.jobs import Resume, build_job
from streamfix.live.policy import LivePolicy
from tests.jobs.evidence.material import job, recording


class Inventor(Filter[None]):
    """Invents what was never there."""

    arrays, generative = "numpy", True

    def __call__(self, x: Any, states: Any) -> Any:
        return x


class Undecided(Filter[None]):
    """Has an option that decides by itself.

    how: auto decides by itself.
    """

    arrays = "numpy"

    def __init__(self, how: str = "auto") -> None:
        self.how = how

    def __call__(self, x: Any, states: Any) -> Any:
        return x


@pytest.mark.parametrize(
    ("vf", "more", "says"),
    [
        ("inventor", {}, "inventor may invent detail: its pictures are Reconstructed, not Restored"),
        ("auto", {}, "auto decides by itself what is done; run streamfix inspect"),
        ("smooth=sigma=auto", {}, "smooth=sigma=auto: nothing may decide by itself"),
        ("denoise=backend=auto", {}, "denoise=backend=auto: nothing may decide by itself"),
        ("denoise=precision=int8", {}, "denoise=precision=int8: it computes in fp32"),
        ("undecided", {}, "undecided would decide its how by itself; tell it, as in undecided=how=VALUE"),
        ("fps=5", {}, "fps of libavfilter may drop, repeat or mix frames"),
        ("smooth", {"live": LivePolicy()}, "a live input drops frames, and its filters step down a ladder"),
        ("smooth", {"resume": Resume()}, "-resume puts a result together from several runs"),
        ("smooth", {"device": "cuda"}, "-device cuda: results of GPUs differ"),
        ("smooth", {"input": {"loops": 1}}, "-stream_loop 1: a recording is shown once"),
        ("smooth", {"input": {"hwaccel": "cuda"}}, "-hwaccel cuda: video engines differ"),
        ("smooth", {"output": {"overwrite": True}}, "-y: evidence overwrites nothing"),
        ("smooth", {"output": {"rate": Fraction(10)}}, "-r 10 repeats and drops frames"),
        ("smooth", {"output": {"max_frames": 2}}, "-frames:v of the output would hide frames"),
        ("smooth", {"output": {"start_s": Fraction(1)}}, "-ss of the output would hide frames"),
    ],
)
def test_it_is_refused(
    vf: str, more: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FILTERS._classes, "inventor", Inventor)
    monkeypatch.setitem(FILTERS._classes, "undecided", Undecided)
    path = recording(tmp_path / "in.mkv", 1)
    with pytest.raises(UsageError) as caught:
        build_job(job(path, tmp_path, vf, **more))
    assert str(caught.value).startswith("-evidence: ") and says in str(caught.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mkv"]


@pytest.mark.parametrize("url", ["-", "http://127.0.0.1:9/a.mkv", "rtsp://127.0.0.1:9/a", "picture%03d.png", "FIFO"])
def test_what_cannot_be_hashed_is_refused(url: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "FIFO")
    path = tmp_path / url if url == "FIFO" else url
    with pytest.raises(UsageError, match=r"-evidence: .*first"):
        build_job(job(path, tmp_path))  # type: ignore[arg-type]  # a URL is no path
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("there", ["out.mkv", "e/something"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    path = recording(tmp_path / "in.mkv", 1)
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_bytes(b"old")
    with pytest.raises(OutputError, match="evidence overwrites nothing"):
        build_job(job(path, tmp_path))
    assert (tmp_path / there).read_bytes() == b"old"


def test_the_recording_itself_is_no_output(tmp_path: Path) -> None:
    path = recording(tmp_path / "out.mkv", 1)
    before = path.read_bytes()
    with pytest.raises(StreamfixError, match="exists already"):
        build_job(job(path, tmp_path))
    assert path.read_bytes() == before
