"""What a worker does, without Ray: files of object storage, files that are carried, and what costs a file itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import pytest

from streamfix import cores
from streamfix.chainspec import parse_chain
from streamfix.jobs import JobSpec, Resume
from streamfix.media.specs import InputSpec, OutputSpec
from streamfix.ray import storage
from streamfix.ray.file_parts import FileParts
from streamfix.ray.work import Item, repeatable
from streamfix.ray.worker import Worker
from tests.jobs.segments.material import contents, cut_clip, job

EVERY = Fraction(2, 5)


def item_of(input: str, output: str, chain: str = "hflip") -> Item:
    out = OutputSpec(output, video_options={"preset": "ultrafast"})
    spec = JobSpec((InputSpec(input),), (out,), tuple(parse_chain(chain)), device="cpu")
    return Item(0, input, output, repeatable(spec))


@pytest.fixture
def worker() -> Iterator[Any]:
    threads, made = cv2.getNumThreads(), []

    def make(*arguments: Any) -> Worker:
        made.append(Worker(parse_chain("hflip"), "cpu", 1, *arguments))
        assert made[-1].begin()["settled"] == []
        return made[-1]

    yield make
    for each in made:
        each.close()
    cores.limit(None)
    cores.share(None)
    cv2.setNumThreads(threads)


def test_a_worker_has_the_cores_that_it_was_given(worker: Any) -> None:
    worker()
    assert (cores.count(), cores.threads(), cv2.getNumThreads()) == (1, 1, 1)


def test_object_storage_is_read_and_written(worker: Any, tmp_path: Path) -> None:
    """What lies there is what one machine makes of files."""
    clip, bucket = cut_clip(tmp_path / "in.mp4"), f"memory://{uuid.uuid4().hex}"
    storage.store(clip, f"{bucket}/in.mp4")
    item = item_of(f"{bucket}/in.mp4", f"{bucket}/out/in.mp4")
    outcome = worker().whole(item, Resume(EVERY))
    assert (outcome.reason, outcome.frames) == (None, 50)
    storage.fetch(item.output, tmp_path / "out.mp4")
    want = tmp_path / "want.mp4"
    job(clip, want, "hflip", Resume(EVERY), video_options={"preset": "ultrafast", "threads": "1"}).run()
    assert contents(tmp_path / "out.mp4") == contents(want)


def test_carried_segments_are_those_of_a_shared_folder(worker: Any, tmp_path: Path) -> None:
    """Planned and made where nothing of this machine is seen, joined here."""
    clip, asked = cut_clip(tmp_path / "in.mp4"), []

    def carried(path: str, at: int, size: int) -> bytes:
        asked.append(path)
        return Path(path).read_bytes()[at : at + size]

    item, resume = item_of(str(clip), str(tmp_path / "out" / "in.mp4")), Resume(EVERY, apart=True)
    away, here = worker(carried), worker()
    planned = away.plan(item, resume)
    assert planned.reason is None
    parts = FileParts(item, resume, str(tmp_path / "out"), planned.values)
    assert len(parts.missing) == 5
    for index in (3, 0, 4):
        parts.keep(index, away.segment(item, resume, planned.values["plan"], index).values)
    parts.close()
    parts = FileParts(item, resume, str(tmp_path / "out"), planned.values)
    assert parts.missing == [1, 2], "what was kept is not made again"
    for index in (1, 2):
        parts.keep(index, away.segment(item, resume, planned.values["plan"], index).values)
    assert here.join(item, resume, str(parts.folder.path), 5).reason is None
    parts.complete()
    assert set(asked) == {str(clip)}
    want = tmp_path / "want.mp4"
    job(clip, want, "hflip", resume, video_options={"preset": "ultrafast", "threads": "1"}).run()
    assert contents(Path(item.output)) == contents(want)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["in.mp4"]


def test_a_file_costs_itself(worker: Any, tmp_path: Path) -> None:
    """What is wrong with it is the outcome's reason, and the worker goes on with the next one."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 99)
    clip, made = cut_clip(tmp_path / "in.mp4"), worker()
    assert "it is not a video" in made.whole(item_of(str(broken), str(tmp_path / "a.mp4")), Resume()).reason
    assert "it is not a video" in made.plan(item_of(str(broken), str(tmp_path / "a.mp4")), Resume(apart=True)).reason
    assert made.whole(item_of(str(clip), str(tmp_path / "b.mp4")), Resume()).reason is None


def test_filters_that_cannot_be_made_are_told(tmp_path: Path) -> None:
    refused = Worker(parse_chain("model=/nowhere.pth"), "cpu", 1)
    try:
        assert refused.begin()["refused"] == "/nowhere.pth: there is no such file"
    finally:
        refused.close()
        cores.limit(None)
        cores.share(None)
