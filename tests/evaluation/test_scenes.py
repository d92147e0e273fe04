"""Scenes: lists, folders, and what is wrong with them in words."""

from __future__ import annotations

import tarfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from streamfix.errors import BadOption, InputError, UnknownName, UsageError
from streamfix.evaluation.scenes import LEAST_FRAMES, Scene, choose, load, read_scenes
from tests.evaluation.material import moving


def write_clip(path: Path, frames: int = 12) -> Path:
    """A lossless clip of 64x48."""
    clip = moving(frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25, width=64, height=48, pix_fmt="yuv420p")
        for t in range(frames):
            flat = np.frombuffer(clip.part(t, 1).raw(), np.uint8).reshape(72, 64)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(flat, format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def test_a_scene_is_the_same_on_every_load(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mkv")
    scene = Scene("a", "test", "a.mkv", first=2, frames=5)
    assert load(tmp_path, scene).sha256() == load(tmp_path, scene).sha256()


def test_unshrunk_frames_are_the_files_own(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mkv")
    clip = load(tmp_path, Scene("a", "test", "a.mkv", first=3, frames=4, shrink=1.0))
    assert np.array_equal(clip.y, moving(12).y[3:7])
    assert np.array_equal(clip.v, moving(12).v[3:7])


def test_shrinking_averages_and_cropping_takes_the_middle(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mkv")
    small = load(tmp_path, Scene("a", "test", "a.mkv", frames=8))
    y = moving(12).y[0].astype(int)
    means = (y[::2, ::2] + y[::2, 1::2] + y[1::2, ::2] + y[1::2, 1::2]) / 4
    assert small.size == (32, 24)
    assert np.abs(small.y[0] - means).max() <= 1
    cropped = load(tmp_path, Scene("a", "test", "a.mkv", frames=8, shrink=1.0, crop=(32, 16)))
    assert np.array_equal(cropped.y, moving(12).y[:8, 16:32, 16:48])


def test_fewer_frames_can_be_asked_for(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mkv")
    assert len(load(tmp_path, Scene("a", "test", "a.mkv", frames=10), frames=8)) == 8


def test_a_tar_of_pictures_is_read_by_name(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for i in reversed(range(LEAST_FRAMES)):
            picture = tmp_path / f"{i:03}.png"
            cv2.imwrite(str(picture), np.full((32, 32, 3), 20 * i, np.uint8))
            archive.add(picture, picture.name)
    clip = load(tmp_path, Scene("a", "test", "a.tar", frames=LEAST_FRAMES, shrink=1.0))
    assert np.all(np.diff(clip.y.mean((1, 2))) > 10)


def test_a_list(tmp_path: Path) -> None:
    where = tmp_path / "s.toml"
    where.write_text('[[scene]]\nname = "a"\nkind = "k"\npath = "a.mkv"\ncrop = [32, 16]\n[[scene]]\n', "utf-8")
    with pytest.raises(BadOption, match="lacks kind, name, path"):
        read_scenes(where)
    where.write_text('[[scene]]\nname = "a"\nkind = "k"\npath = "a.mkv"\ncrop = [32, 16]\n', "utf-8")
    assert read_scenes(where) == [Scene("a", "k", "a.mkv", crop=(32, 16))]


def test_a_folder_of_clips(tmp_path: Path) -> None:
    write_clip(tmp_path / "street" / "a.mkv")
    write_clip(tmp_path / "b.mkv")
    (tmp_path / "notes.txt").write_text("no clip")
    scenes = read_scenes(tmp_path)
    assert [(s.name, s.kind) for s in scenes] == [("b", tmp_path.name), ("a", "street")]
    assert len(load(tmp_path, scenes[0])) == 12  # all there is


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ('[[scene]]\nname = "a"\nkind = "k"\npath = "a"\nshirnk = 1\n', BadOption, "has no shirnk; it has: .*shrink"),
        ('[[scene]]\nname = "a"\nkind = "k"\npath = "a"\ncrop = [1]\n', BadOption, "crop is .width, height., got .1."),
        ("", BadOption, "has no ..scene.."),
        ("[[scene", BadOption, "s.toml"),
    ],
)
def test_a_bad_list_is_explained(tmp_path: Path, text: str, error: type[Exception], says: str) -> None:
    where = tmp_path / "s.toml"
    where.write_text(text, "utf-8")
    with pytest.raises(error, match=says):
        read_scenes(where)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give a TOML list of scenes or a folder of clips"):
        read_scenes(tmp_path / "none.toml")
    with pytest.raises(InputError, match="no clips below it"):
        read_scenes(tmp_path)
    with pytest.raises(InputError, match=r"scene a: .*gone\.mkv"):
        load(tmp_path, Scene("a", "k", "gone.mkv"))
    write_clip(tmp_path / "a.mkv")
    with pytest.raises(InputError, match="9 frames from number 3 on, scene a needs 40"):
        load(tmp_path, Scene("a", "k", "a.mkv", first=3))


def test_scenes_are_chosen_by_name() -> None:
    scenes = [Scene("a", "k", "a"), Scene("b", "k", "b")]
    assert choose(scenes, ["b"]) == [scenes[1]]
    assert choose(scenes, []) == scenes
    with pytest.raises(UnknownName, match="no scene c; there are: a, b"):
        choose(scenes, ["c"])
    with pytest.raises(UsageError, match="more than one scene is called a"):
        choose([scenes[0], scenes[0]], [])
