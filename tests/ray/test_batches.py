"""Clips of a dataset come out as from the library, whole, one a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import streamfix
from streamfix import cores
from streamfix.errors import BadOption, UnknownName, UsageError
from streamfix.ray.batches import ClipRestorer, restore_batches
from tests.jobs.segments.material import contents
from tests.jobs.segments.test_warm_up import noisy_clip
from tests.ray.conftest import Nodes


@pytest.fixture
def restorer() -> Iterator[Any]:
    threads = cv2.getNumThreads()
    yield lambda column, **options: ClipRestorer("smooth", column, "error", ".mkv", 1, "cpu", options)
    cores.limit(None)
    cores.share(None)
    cv2.setNumThreads(threads)


def noise(frames: int, height: int = 32, width: int = 48) -> Any:
    return np.random.default_rng(0).integers(60, 180, (frames, height, width, 3), dtype=np.uint8)


def as_library(clip: Any) -> Any:
    with streamfix.Stream("smooth", format="rgb24", live=False, device="cpu") as stream:
        frames = [frame for picture in clip for frame in stream.push(picture)] + list(stream.flush())
    return np.stack([frame.array("rgb24") for frame in frames])


def test_arrays_are_the_librarys_bit_for_bit(restorer: Any) -> None:
    """And no clip remembers the one before it."""
    made = restorer("frames")
    for frames in (9, 5):
        row = made({"frames": noise(frames), "label": 7})
        assert (row["label"], row["error"]) == (7, "")
        assert np.array_equal(row["frames"], as_library(noise(frames)))


def test_files_are_the_librarys(restorer: Any, tmp_path: Path) -> None:
    clip = noisy_clip(tmp_path / "in.mp4", 20)
    repeats: dict[str, Any] = {"video_codec": "mpeg4", "b": "1M"}  # x264 does not, on processors with AVX-512
    streamfix.restore(clip, tmp_path / "want.mkv", "smooth", device="cpu", threads=1, **repeats)
    made = restorer("clip", **repeats)
    for given in (clip.read_bytes(), str(clip)):
        row = made({"clip": given})
        assert row["error"] == ""
        (tmp_path / "got.mkv").write_bytes(row["clip"])
        assert contents(tmp_path / "got.mkv") == contents(tmp_path / "want.mkv")


def test_a_clip_that_cannot_be_restored_costs_itself(restorer: Any) -> None:
    made = restorer("clip")
    row = made({"clip": b"no video" * 99})
    assert row["clip"] == b"no video" * 99
    assert "it is not a video" in row["error"]
    assert "a clip is (T, H, W, 3) uint8" in made({"clip": np.zeros((4, 4), np.uint8)})["error"]
    with pytest.raises(UsageError, match="column='clip': the dataset has the columns clips"):
        made({"clips": b""})


def test_mistakes_are_told_before_the_dataset_is_touched() -> None:
    pytest.importorskip("ray", reason='Ray is not installed: pip install "streamfix[ray]"')
    with pytest.raises(UnknownName, match="no filter 'smoth'"):
        restore_batches(None, "smoth")
    with pytest.raises(BadOption, match="cores=0"):
        restore_batches(None, "smooth", cores=0)


@pytest.mark.slow
def test_a_dataset_on_a_cluster(nodes: Nodes) -> None:
    import ray
    from ray.data import DataContext

    from streamfix.ray.connection import connected

    with connected(nodes.address):
        DataContext.get_current().enable_progress_bars = False
        clips = ray.data.from_items([{"frames": noise(frames), "number": frames} for frames in (4, 6)])
        rows = streamfix.ray.restore_batches(clips, "smooth", cores=1, workers=1, device="cpu").take_all()
    found = {row["number"]: row for row in rows}
    for frames in (4, 6):
        assert found[frames]["error"] == ""
        assert np.array_equal(found[frames]["frames"], as_library(noise(frames)))
