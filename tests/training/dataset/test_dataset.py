"""The dataset: what is written is read, in the bytes allowed; what was changed is refused."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamfix.errors import DecodeError, InputError, UsageError
from streamfix.training.command import material
from streamfix.training.dataset.clip_file import ClipPlanes, decode_clip, encode_clip
from streamfix.training.dataset.dataset import Dataset
from streamfix.training.dataset.manifest import Entry, manifest_path, read_manifest, write_manifest
from streamfix.training.dataset.writer import ClipItem, StillItem, shrink_to, write_dataset
from tests.training.dataset.photos import moving, photograph, save

_STILLS = [StillItem(f"photo-{i}", photograph(i, 200, 260), f"source {i}", "CC0-1.0") for i in range(3)]
_CLIPS = [ClipItem("street-00", moving(9, 20), "a camera", "MIT", split="val")]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((one.astype(np.float64) - other) ** 2))))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dataset") / "set.tar"
    write_dataset(path, _STILLS, _CLIPS)
    return path


def test_what_is_written_is_read(written: Path) -> None:
    dataset = Dataset(written)
    assert dataset.stills == ("photo-0", "photo-1", "photo-2") and dataset.clips == ("street-00",)
    for item in _STILLS:
        still = dataset.still(item.name)
        assert still.dtype == np.uint8 and still.shape == item.picture.shape
        grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (still, item.picture)]
        assert psnr(*grey) > 38  # quality 95
        assert psnr(still, item.picture) > psnr(still[..., ::-1], item.picture) + 3  # R first
    clip = dataset.clip("street-00")
    for plane in "yuv":
        got, want = getattr(clip, plane), getattr(_CLIPS[0].planes, plane)
        assert got.dtype == np.uint8 and got.shape == want.shape
        assert psnr(got, want) > 44  # near lossless: nothing was converted on the way


def test_equal_inputs_give_equal_bytes(written: Path, tmp_path: Path) -> None:
    again = tmp_path / "set.tar"
    write_dataset(again, _STILLS, _CLIPS)
    assert again.read_bytes() == written.read_bytes()
    assert manifest_path(again).read_bytes() == manifest_path(written).read_bytes()


@pytest.mark.parametrize("share", [0.8, 0.6, 0.5])
def test_a_set_never_exceeds_its_bytes_and_keeps_every_still(tmp_path: Path, written: Path, share: float) -> None:
    limit = int(written.stat().st_size * share)
    entries = write_dataset(tmp_path / "set.tar", _STILLS, _CLIPS, max_bytes=limit)
    assert (tmp_path / "set.tar").stat().st_size <= limit
    assert [e.file for e in entries] == [e.file for e in read_manifest(manifest_path(written))]
    assert all(e.width % 2 == 0 and e.height % 2 == 0 for e in entries)
    Dataset(tmp_path / "set.tar")


@pytest.mark.parametrize("place", ["stills/photo-1.webp", "clips/street-00.mkv"])
def test_a_changed_byte_is_refused_at_open(written: Path, tmp_path: Path, place: str) -> None:
    path = tmp_path / "set.tar"
    data = bytearray(written.read_bytes())
    with tarfile.open(written) as tar:
        data[tar.getmember(place).offset_data + 100] ^= 1
    save(path, bytes(data))
    save(manifest_path(path), manifest_path(written).read_bytes())
    with pytest.raises(InputError, match=rf"{place}: got SHA-256 [0-9a-f]+, want [0-9a-f]+; copy the tar"):
        Dataset(path)


@pytest.mark.parametrize("height", [96, 97, 300])
@pytest.mark.parametrize("pixels", [5000, 10**9])
def test_shrinking_keeps_the_mean_and_gives_even_sides(height: int, pixels: int) -> None:
    picture = photograph(1, height, 133)
    small = shrink_to(picture, pixels)
    assert small.shape[0] % 2 == 0 and small.shape[1] % 2 == 0 and small.shape[0] * small.shape[1] <= pixels
    assert abs(float(small.mean()) - float(picture.mean())) < 2


def test_a_clip_survives_its_coding_at_both_ends_of_the_range() -> None:
    planes = ClipPlanes(*(np.tile(np.array([[16, 235]], np.uint8), (4, n, n // 2)) for n in (64, 32, 32)))
    again = decode_clip(encode_clip(planes, crf=10), "x")
    assert abs(again.y.astype(int) - planes.y).max() <= 6  # a range mix-up would be off by 16 to 20


def test_a_split_has_its_own_members(written: Path) -> None:
    assert Dataset(written, "val").stills == () and Dataset(written, "val").clips == ("street-00",)
    assert len(Dataset(written, "train").stills) == 3 and Dataset(written, "train").clips == ()
    with pytest.raises(UsageError, match="no member of split 'test'; it has: train, val"):
        Dataset(written, "test")


def test_load_decodes_all_within_a_limit(written: Path) -> None:
    dataset = Dataset(written)
    decoded = dataset.load()
    assert decoded.nbytes == dataset.decoded_bytes() == 3 * 200 * 260 * 3 + 20 * 96 * 128 * 3 // 2
    assert set(decoded.stills) == set(dataset.stills) and set(decoded.clips) == set(dataset.clips)
    with pytest.raises(UsageError, match="over the limit of 0 MiB; raise the limit"):
        dataset.load(limit_bytes=1000)


def test_unknown_names_list_what_there_is(written: Path) -> None:
    with pytest.raises(UsageError, match="no still named 'photo-7'; it has 3: photo-0, photo-1, photo-2"):
        Dataset(written).still("photo-7")
    with pytest.raises(UsageError, match="no clip named 'photo-0'"):
        Dataset(written).clip("photo-0")


def test_a_missing_half_is_named(written: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"set\.tsv: No such file.*its manifest: copy both"):
        Dataset(save(tmp_path / "set.tar", written.read_bytes()))
    save(tmp_path / "other.tsv", manifest_path(written).read_bytes())
    with pytest.raises(InputError, match=r"other\.tar: No such file"):
        Dataset(tmp_path / "other.tar")
    save(tmp_path / "other.tar", b"no tar at all")
    with pytest.raises(InputError, match=r"other\.tar: .*make the dataset again"):
        Dataset(tmp_path / "other.tar")


def test_members_and_rows_must_be_the_same(written: Path, tmp_path: Path) -> None:
    path = save(tmp_path / "set.tar", written.read_bytes())
    entries = read_manifest(manifest_path(written))
    write_manifest(manifest_path(path), entries[1:])
    with pytest.raises(InputError, match=r"stills/photo-0\.webp is not in .*set\.tsv"):
        Dataset(path)
    write_manifest(manifest_path(path), [*entries, replace(entries[0], file="stills/gone.webp")])
    with pytest.raises(InputError, match=r"stills/gone\.webp is missing"):
        Dataset(path)


def test_a_manifest_keeps_any_text_and_refuses_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / "set.tsv"
    entry = Entry("stills/a.webp", 3, "ab", 2, 4, 1, 'a "source"\twith a tab', "CC BY", "train")
    write_manifest(path, [entry])
    assert read_manifest(path) == [entry]
    path.write_text(path.read_text().replace("\t3\t", "\tthree\t"))
    with pytest.raises(InputError, match=r"set\.tsv:2: .*three"):
        read_manifest(path)
    path.write_text("name\tsize\n")
    with pytest.raises(InputError, match="got name size, want file bytes"):
        read_manifest(path)


def test_what_cannot_be_packed_says_why(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"two members named stills/photo-0\.webp"):
        write_dataset(tmp_path / "set.tar", [_STILLS[0], _STILLS[0]], [])
    with pytest.raises(UsageError, match="3 stills do not fit"):
        write_dataset(tmp_path / "set.tar", _STILLS, [], max_bytes=20_000)


def test_planes_of_other_sizes_are_refused() -> None:
    y = np.zeros((2, 8, 8), np.uint8)
    with pytest.raises(ValueError, match=r"want u and v \(2, 4, 4\)"):
        ClipPlanes(y, y[:, :4, :4], y)
    with pytest.raises(DecodeError, match="tape: "):
        decode_clip(b"no video", "tape")


def test_clips_that_are_too_many_by_themselves_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the clips alone are \d+ bytes too many"):
        write_dataset(tmp_path / "set.tar", [], _CLIPS, max_bytes=20_000)


def test_what_is_for_validation_is_not_trained_on(written: Path, tmp_path: Path) -> None:
    assert (tuple(material(written, True)().stills), tuple(material(written, True)().clips)) == ((), ("street-00",))
    assert tuple(material(written, False)().stills) == ("photo-0", "photo-1", "photo-2")
    assert tuple(material(written, False)().clips) == ()
    plain = tmp_path / "plain.tar"
    write_dataset(plain, _STILLS, [replace(clip, split="train") for clip in _CLIPS])
    assert tuple(material(plain, True)().stills) == ("photo-0",)
    assert tuple(material(plain, False)().stills) == ("photo-1", "photo-2")
    assert tuple(material(plain, False)().clips) == ("street-00",)


def test_of_clips_alone_some_are_held_out(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    write_dataset(path, [], [replace(_CLIPS[0], name=f"street-{i:02}", split="train") for i in range(3)])
    assert tuple(material(path, True)().clips) == ("street-00",)
    assert tuple(material(path, False)().clips) == ("street-01", "street-02")
