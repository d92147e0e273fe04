"""On a cluster files come out as on one machine, whichever node made what, and whatever became of nodes."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from streamfix.chainspec import parse_chain
from streamfix.errors import UsageError
from streamfix.jobs import JobSpec, Resume
from streamfix.media.specs import InputSpec, OutputSpec
from streamfix.ray import work
from streamfix.ray.restoring import Progress, Run
from streamfix.ray.work import Options
from tests.fakes.waiting import LONG_S
from tests.jobs.segments.material import contents, folder_of
from tests.jobs.segments.test_warm_up import noisy_clip
from tests.ray.conftest import Nodes

pytestmark = pytest.mark.slow
SECOND = Fraction(1)


def spec_of(input: str, output: str, chain: str = "smooth") -> JobSpec:
    out = OutputSpec(output, video_options={"preset": "ultrafast"})
    return JobSpec((InputSpec(input),), (out,), tuple(parse_chain(chain)), device="cpu")


def at_its_rate(input: str, output: str) -> JobSpec:
    """The same, read no faster than it was recorded: then there is a middle to be killed in, on any machine."""
    return replace(spec_of(input, output), inputs=(InputSpec(input, realtime=True),))


def run_of(source: Path, out: Path, options: Options, spec: Any = spec_of, **more: Any) -> Run:
    return Run(work.items_of([str(source)], str(out), spec), str(out), options, **more)


def ran(run: Run) -> Any:
    """Run it, with a limit: a cluster that stands still must not hang the tests."""
    timer = threading.Timer(LONG_S, run.stop)
    timer.start()
    try:
        return run.run()
    finally:
        timer.cancel()


def alone(source: Path, out: Path, resume: Resume) -> dict[str, Any]:
    """What one machine gives, in a process whose filters have one thread."""
    code = (
        "import pickle, sys\nfrom streamfix.jobs import build_job\n"
        "build_job(pickle.loads(bytes.fromhex(sys.stdin.read()))).run()"
    )
    spec = replace(work.repeatable(spec_of(str(source), str(out))), resume=resume)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    data = pickle.dumps(spec).hex().encode()
    subprocess.run([sys.executable, "-c", code], input=data, env=environment, check=True, timeout=LONG_S)
    return contents(out)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for number, frames in enumerate((50, 60)):
        noisy_clip(folder / f"{number}.mp4", frames)
    return folder


def test_two_nodes_give_what_one_machine_gives(clips: Path, two: Nodes, tmp_path: Path) -> None:
    """In segments, packet for packet; a file that is no video costs itself, and its reason is in the report."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for clip in clips.iterdir():
        (source / clip.name).symlink_to(clip)
    (source / "broken.mp4").write_bytes(b"no video" * 99)
    options = Options(two.address, SECOND, cores=1)
    report = ran(run_of(source, out, options))
    assert report.done == 2
    (failed,) = report.failed
    assert failed.input.endswith("broken.mp4")
    assert "it is not a video" in failed.reason
    saved = json.loads((out / "streamfix-report.json").read_text(encoding="utf-8"))
    assert [file["state"] for file in saved["files"]] == ["done", "done", "failed"]
    assert {node for file in saved["files"] for node in file["nodes"]} == {node["node"] for node in saved["nodes"]}
    assert sum(file["frames"] for file in saved["files"]) == 110
    for clip in clips.iterdir():
        want = alone(clip, tmp_path / clip.name, Resume(SECOND, apart=True))
        assert contents(out / clip.name) == want
        assert not folder_of(out / clip.name).exists()
    again = ran(run_of(source, out, replace(options, resume=True)))
    assert (again.done, sum(file.frames for file in again.files)) == (2, 0)


@pytest.mark.parametrize("apart", [False, True])
def test_a_node_that_dies_costs_its_segment(apart: bool, nodes: Nodes, tmp_path: Path) -> None:
    """Another one goes on, and the output is that of a run that nothing happened to.

    Segments are carried through Ray there: what the node has finished is elsewhere already.
    """
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    clip = noisy_clip(source / "long.mp4", 200)
    lost: list[Any] = [nodes.add(cpus=2)]  # the only one that is large enough for a worker
    more: list[Any] = []

    def tell(progress: Progress) -> None:
        if lost and progress.frames > 60:
            nodes.kill(lost.pop())
            more.append(nodes.add(cpus=2))

    options = Options(nodes.address, SECOND if apart else None, keep_s=SECOND, cores=2, carry=apart)
    report = ran(run_of(source, out, options, spec_of if apart else at_its_rate, tell=tell))
    for node in (*lost, *more):
        nodes.kill(node)
    assert not lost, "the run was over before the node was taken away"
    assert [(file.state, file.reason) for file in report.files] == [("done", None)]
    assert report.lost
    work_done = report.files[0].frames
    assert work_done < 200 if not apart else work_done == 200  # frames of the lost worker are not counted
    want = alone(clip, tmp_path / "alone.mp4", Resume(SECOND, apart=apart))
    assert contents(out / "long.mp4") == want


def test_a_worker_that_fits_on_no_node_is_told_before_work_begins(two: Nodes, clips: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"-cores 9: the largest node has \d CPUs"):
        ran(run_of(clips, tmp_path / "out", Options(two.address, cores=9)))
    assert not list((tmp_path / "out").iterdir())
