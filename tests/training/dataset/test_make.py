"""Making a dataset: each photograph once and clean, nothing that is measured on, no drawings, single shots."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamfix.errors import BadOption, InputError, OutputError, UsageError
from streamfix.training.dataset import command as data_command
from streamfix.training.dataset import make as module
from streamfix.training.dataset.dataset import Dataset
from streamfix.training.dataset.licences import LicenceTable
from streamfix.training.dataset.make import make_dataset
from streamfix.training.dataset.packages import Package
from tests.training.dataset.photos import coded, drawing, moving, photograph, save, video


def test_a_test_set_is_left_out_as_a_folder_too(tmp_path: Path) -> None:
    save(tmp_path / "Set14/a.png", coded(photograph(1), ".png"))
    with pytest.raises(UsageError, match="no photograph"):
        make_dataset([tmp_path / "Set14"], tmp_path / "set.tar")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs, one of them in two sizes, a drawing, a cut-out, test scenes, a clip of two shots."""
    root = tmp_path_factory.mktemp("data")
    one, two = photograph(1), photograph(2)
    save(root / "in/one.jpg", coded(one))
    save(
        root / "in/one-small.png",
        coded(cv2.resize(one, (390, 300), interpolation=cv2.INTER_AREA).astype(np.uint8), ".png"),
    )
    save(root / "in/two.png", coded(two, ".png"))
    save(root / "in/drawing.png", coded(drawing(), ".png"))
    save(root / "in/cutout.png", coded(np.dstack([photograph(3), np.tri(400, 520, dtype=np.uint8) * 255]), ".png"))
    save(root / "in/icon.png", coded(photograph(4, 32, 32), ".png"))
    save(root / "Set5/three.png", coded(photograph(5), ".png"))
    save(root / "in/renamed.jpg", coded(photograph(6)))
    save(root / "in/vtest.jpg", coded(photograph(7)))
    save(root / "in/unlicensed.jpg", coded(photograph(8)))
    save(root / "in/notes.txt", b"nothing")
    video(root / "street.mkv", moving(11, 20, 192, 256), moving(12, 30, 192, 256))
    rows = ["file\tsource\tlicence", "in/two.png\ta camera\tCC0-1.0", "street.mkv\ta street\tMIT"]
    rows += [
        f"in/{n}\t{n}\tMIT"
        for n in ("one.jpg", "one-small.png", "drawing.png", "cutout.png", "renamed.jpg", "vtest.jpg")
    ]
    save(root / "MANIFEST.tsv", "\n".join([*rows, "in/unlicensed.jpg\tsomewhere\tnone stated\n"]).encode())
    return root


def test_a_folder_becomes_a_set(folder: Path, tmp_path: Path) -> None:
    held_out = save(tmp_path / "truth/x.png", coded(photograph(6), ".png"))
    entries = make_dataset([folder], tmp_path / "set.tar", held_out=[held_out.parent], validation=["a camera"])
    assert {e.source: (e.licence, e.split) for e in entries if e.frames == 1} == {
        "one.jpg": ("MIT", "train"),
        "a camera": ("CC0-1.0", "val"),
    }
    assert [(e.frames, e.width, e.height, e.source) for e in entries if e.frames > 1] == [
        (20, 128, 96, "a street"),
        (30, 128, 96, "a street"),
    ]
    dataset = Dataset(tmp_path / "set.tar")
    assert dataset.still(dataset.stills[0]).shape == (200, 260, 3)
    again = tmp_path / "again.tar"
    make_dataset([folder], again, held_out=[held_out], validation=["a camera"])
    assert again.read_bytes() == (tmp_path / "set.tar").read_bytes()


def test_the_nearest_table_holds(tmp_path: Path) -> None:
    """(One in a folder below was not read: pictures of no stated licence were dataset.)"""
    save(tmp_path / "data/mine.jpg", coded(photograph(3)))
    save(tmp_path / "data/theirs/a.jpg", coded(photograph(4)))
    save(tmp_path / "data/theirs/deep/b.jpg", coded(photograph(5)))
    rows = ["file\tsource\tlicence", "a.jpg\tsomebody\tnone stated", "deep/b.jpg\tanother\tCC0-1.0\n"]
    save(tmp_path / "data/theirs/MANIFEST.tsv", "\n".join(rows).encode())
    entries = make_dataset([tmp_path / "data"], tmp_path / "set.tar")
    assert {e.source: e.licence for e in entries} == {"mine.jpg": "none stated", "another": "CC0-1.0"}


def test_what_is_to_be_held_out_has_to_be_there(folder: Path, tmp_path: Path) -> None:
    """(A folder that was misspelt held out nothing, and test scenes were trained on.)"""
    (tmp_path / "empty").mkdir()
    for wrong in (tmp_path / "sceens", tmp_path / "empty"):
        with pytest.raises(InputError, match=r"there is no picture to hold out; check the name after --held-out"):
            make_dataset([folder], tmp_path / "set.tar", held_out=[wrong])


def test_exclude_keeps_out_what_it_names(folder: Path, tmp_path: Path) -> None:
    entries = make_dataset([folder], tmp_path / "set.tar", exclude=["street*", "in/one*", "RENAMED*"])
    assert [e.source for e in entries] == ["a camera"]
    with pytest.raises(UsageError, match="no photograph and no clip found"):
        make_dataset([folder], tmp_path / "none.tar", exclude=["*"])


def test_single_files_have_their_folders_licence(folder: Path, tmp_path: Path) -> None:
    entries = make_dataset([folder / "in/two.png"], tmp_path / "set.tar")
    assert [(e.source, e.licence, e.file) for e in entries] == [("a camera", "CC0-1.0", "stills/two.webp")]


def test_one_clip_under_two_names_enters_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        video(tmp_path / f"in/{name}.mkv", moving(1, 20, 192, 256))
    entries = make_dataset([tmp_path / "in"], tmp_path / "set.tar")
    assert [e.file for e in entries] == ["clips/a-00.mkv"]


def test_packages_add_what_their_table_wants(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "package"
    for seed, name in (
        (20, "wanted/a.jpg"),
        (21, "wanted/render.jpg"),
        (22, "other/b.jpg"),
        (23, "wanted/cityCC0.jpg"),
    ):
        save(root / name, coded(photograph(seed)))
    package = Package("debian", "fake", only=("wanted/*",), never=("*render*",))
    licences = LicenceTable([("a.jpg", "CC-BY-4.0")], "GPL-2+")
    monkeypatch.setattr(module, "fetch_all", lambda cache, packages, keep_going: iter([(package, root, licences)]))
    entries = make_dataset([folder / "in/two.png"], tmp_path / "set.tar", registries=True, packages=[package])
    assert [(e.source, e.licence) for e in entries] == [
        ("a camera", "CC0-1.0"),
        ("debian:fake/wanted/a.jpg", "CC-BY-4.0"),
    ]


def test_what_cannot_be_read_stops_unless_asked_to_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(tmp_path / "in/a.png", coded(photograph(1), ".png"))
    save(tmp_path / "in/broken.mkv", b"no video")
    with pytest.raises(InputError, match=r"broken\.mkv: .*--exclude broken\.mkv"):
        make_dataset([tmp_path / "in"], tmp_path / "set.tar")
    assert len(make_dataset([tmp_path / "in"], tmp_path / "set.tar", keep_going=True)) == 1
    assert "broken.mkv" in caplog.text
    with pytest.raises(InputError, match=r"nowhere: no such file or folder; check --data"):
        make_dataset([tmp_path / "nowhere"], tmp_path / "set.tar")


def command(*words: str) -> int:
    parser = argparse.ArgumentParser()
    data_command.add_arguments(parser)
    return data_command.run(parser.parse_args(words))


def test_the_command_says_what_it_made(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    out = tmp_path / "set.tar"
    assert command("--data", str(folder / "in/two.png"), str(folder / "street.mkv"), "--out", str(out)) == 0
    assert "1 stills of 0.1 megapixels, 2 shots of 50 frames" in caplog.text
    assert "licences: MIT (2), CC0-1.0 (1)" in caplog.text


def test_the_command_refuses_what_makes_no_sense(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name folders with --data, or add --registries"):
        command("--out", str(tmp_path / "set.tar"))
    with pytest.raises(BadOption, match=r"set\.zip: the dataset is a tar"):
        command("--data", ".", "--out", str(tmp_path / "set.zip"))
    with pytest.raises(BadOption, match="--clip-frames 0: it must be above 0"):
        command("--data", ".", "--out", str(tmp_path / "set.tar"), "--clip-frames", "0")
    with pytest.raises(OutputError, match="there is no folder"):
        command("--data", ".", "--out", str(tmp_path / "gone/set.tar"))
