"""What zones cover is not in any picture: two clips that differ in the zones alone become the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from streamfix.errors import OutputError, UnusableInput
from streamfix.frame import Color, Frame
from streamfix.media.input.reader import InputSpec, LiveInput, Reader
from streamfix.media.interruption import Interruption
from streamfix.media.picture.planes import DecodedPicture, color_of, planar_format
from streamfix.media.picture.side_data import side_data
from streamfix.media.privacy.burner import Burner
from streamfix.media.privacy.coat import codes
from streamfix.media.privacy.coverage import covered
from streamfix.media.privacy.zones import Masks, Privacy, Zone
from tests.media.make import clip
from tests.media.secrets import ZONES, plane_masks, secret_clip, show, touched
from tests.media.test_side_data import photo

FORMATS = [
    *("yuv420p", "yuv422p", "yuv444p", "yuv410p", "yuvj420p", "gray", "gbrp"),
    *("yuv420p10le", "yuv422p10le", "yuv444p10le", "gray10le", "gbrp10le", "bgr0", "yuva420p", "nv12"),
]
PRIVACY = Privacy(tuple(Zone(tuple(points), f"z{i}") for i, points in enumerate(ZONES)))


def seen(path: Path, privacy: Privacy | None = PRIVACY, **spec: Any) -> list[list[NDArray[Any]]]:
    """The planes of all frames that a reader gives."""
    reader = Reader([InputSpec(str(path), **spec)], privacy=privacy, data=False)
    try:
        frames = [item for item in reader if isinstance(item, Frame)]
        return [[p.copy() for p in f.picture.planes(f.color).data] for f in frames]
    finally:
        reader.close()


def same(a: list[list[NDArray[Any]]], b: list[list[NDArray[Any]]]) -> bool:
    assert len(a) == len(b) > 0
    return all(np.array_equal(p, q) for f, g in zip(a, b, strict=True) for p, q in zip(f, g, strict=True))


# -- what is covered


@pytest.mark.parametrize("seed", range(12))
def test_every_pixel_that_a_zone_touches_is_covered_and_few_more(seed: int) -> None:
    random = np.random.default_rng(seed)
    width, height = int(random.integers(1, 60)), int(random.integers(1, 60))
    points = [(float(x), float(y)) for x, y in random.random((int(random.integers(3, 9)), 2))]
    mask = covered([(x * width, y * height) for x, y in points], width, height)
    want = touched([points], width, height)
    assert not (want & ~mask).any()
    near = np.pad(want, 1)
    near = np.logical_or.reduce([np.roll(near, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)])[1:-1, 1:-1]
    outline = np.zeros_like(want)  # of a zone so thin that no point of the oracle is inside
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        t = np.linspace(0, 1, 999)
        x, y = (x0 + t * (x1 - x0)) * width, (y0 + t * (y1 - y0)) * height
        outline[np.minimum(y.astype(int), height - 1), np.minimum(x.astype(int), width - 1)] = True
    assert not (mask & ~near & ~outline).any()


def test_a_zone_smaller_than_a_pixel_covers_it() -> None:
    assert covered([(3.2, 4.2), (3.4, 4.2), (3.3, 4.3)], 8, 8).nonzero() == (np.array([4]), np.array([3]))


def test_the_whole_picture_can_be_covered() -> None:
    assert covered([(0, 0), (7, 0), (7, 5), (0, 5)], 7, 5).all()


# -- nothing of it is in a picture


@pytest.mark.parametrize(
    ("pix_fmt", "size"),
    # swscale leaves the last chroma column open where it makes P010 of an odd width
    [*((pix_fmt, size) for pix_fmt in FORMATS for size in ((64, 48), (61, 47))), ("p010le", (64, 48))],
    ids=str,
)
def test_what_is_covered_shows_in_no_format_and_all_else_is_as_it_was(
    pix_fmt: str, size: tuple[int, int], tmp_path: Path
) -> None:
    burner = Burner(PRIVACY)
    mask = touched(ZONES, *size)
    bare = show(0, mask, pix_fmt, 1)
    one, other = (burner.burn(show(0, mask, pix_fmt, secret)) for secret in (1, 2))
    planes, rest, source = (planes_of(frame) for frame in (one, other, bare))
    format = planar_format(pix_fmt)
    black = codes("000000", format, Color(full_range=True if "j" in pix_fmt else None), size[1])
    whole = covered_by_all(size)
    for mine, its, was, hidden, value in zip(planes, rest, source, plane_masks(whole, format), black, strict=True):
        assert np.array_equal(mine, its)
        assert (mine[hidden] == value).all()
        assert np.array_equal(mine[~hidden], was[~hidden])


def covered_by_all(size: tuple[int, int]) -> NDArray[np.bool_]:
    masks = [covered([(x * size[0], y * size[1]) for x, y in points], *size) for points in ZONES]
    whole: NDArray[np.bool_] = np.logical_or.reduce(masks)
    return whole


def planes_of(frame: av.VideoFrame) -> list[NDArray[Any]]:
    return list(DecodedPicture(frame).planes(color_of(frame)).data)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("pix_fmt", "size"), [("yuv420p", (64, 48)), ("yuv422p", (64, 48)), ("yuv420p", (62, 46))])
def test_zones_are_of_the_upright_picture(
    pix_fmt: str, size: tuple[int, int], flip: bool, turns: int, tmp_path: Path
) -> None:
    rotation = (90.0 * turns, flip, False)
    plain = np.zeros((size[1], size[0]), bool)
    probe = secret_clip(tmp_path / "probe.mp4", 0, plain, pix_fmt=pix_fmt, codec="libx264", frames=1, rotation=rotation)
    (stored,), (upright,) = seen(probe, None, autorotate=False), seen(probe, None)
    turn, back = next((turn, back) for turn, back in _TURNS if np.array_equal(turn(stored[0]), upright[0]))
    assert turns == 0 or np.array_equal(back(turn(stored[0])), stored[0])
    mask = np.ascontiguousarray(back(touched(ZONES, upright[0].shape[1], upright[0].shape[0])))
    clips = [
        secret_clip(
            tmp_path / f"{secret}.mp4", secret, mask, pix_fmt=pix_fmt, codec="libx264", frames=2, rotation=rotation
        )
        for secret in (1, 2)
    ]
    for autorotate in (True, False):
        bare, one, other = (
            seen(clips[0], None, autorotate=autorotate),
            *(seen(path, autorotate=autorotate) for path in clips),
        )
        assert not same(bare, seen(clips[1], None, autorotate=autorotate))
        assert same(one, other)
        shown = turn(mask) if autorotate else mask
        far = ~np.pad(shown, 2, mode="edge")
        far = np.logical_and.reduce([np.roll(far, (i, j), (0, 1)) for i in (-2, 0, 2) for j in (-2, 0, 2)])[2:-2, 2:-2]
        assert np.array_equal(one[0][0][far], bare[0][0][far])  # and not more than that is covered


_TURNS: list[Any] = [
    (lambda a, k=k, f=f: np.rot90(a[:, ::-1] if f else a, k), lambda a, k=k, f=f: np.rot90(a, -k)[:, :: -1 if f else 1])
    for k in range(4)
    for f in (False, True)
]


def test_zones_follow_a_change_of_size(tmp_path: Path) -> None:
    """The larger pictures are scaled to the first size: what was covered has not bled into the pixels beside it."""
    both = []
    for secret in (1, 2):
        parts = [
            secret_clip(tmp_path / f"{secret}{w}.h264", secret, touched(ZONES, w, h), codec="libx264", frames=3)
            for w, h in ((64, 48), (96, 64), (48, 32))
        ]
        path = tmp_path / f"{secret}.h264"
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
        both.append(path)
    one, other = (seen(path) for path in both)
    assert len(one) == 9
    assert same(one, other)
    assert not same(seen(both[0], None), seen(both[1], None))
    whole = covered_by_all((64, 48))
    assert all((planes[0][whole] == 16).all() for planes in one)


def test_the_decoder_goes_on_from_its_own_pictures(tmp_path: Path) -> None:
    """Pictures that refer to covered ones, B-frames too, are what they are without privacy outside of the zones."""
    path = secret_clip(
        tmp_path / "in.mp4", 1, touched(ZONES, 64, 48), codec="libx264", frames=24, options={"crf": "20", "bf": "3"}
    )
    bare, masked = seen(path, None), seen(path)
    outside = [~m for m in plane_masks(covered_by_all((64, 48)), planar_format("yuv420p"))]
    for was, now in zip(bare, masked, strict=True):
        assert all(np.array_equal(p[o], q[o]) for p, q, o in zip(was, now, outside, strict=True))


def test_no_picture_keeps_the_decoders_memory(tmp_path: Path) -> None:
    """What the writer would pass through bit for bit, and what it takes side data from, is the covered copy."""
    reader = Reader([InputSpec(str(secret_clip(tmp_path / "a.mkv", 1, touched(ZONES, 64, 48))))], privacy=PRIVACY)
    try:
        whole = covered_by_all((64, 48))
        frames = [item for item in reader if isinstance(item, Frame)]
        for frame in frames:
            assert (planes_of(frame.origin)[0][whole] == 16).all()
            assert (planes_of(frame.av())[0][whole] == 16).all()
        assert len({frame.origin.planes[0].buffer_ptr for frame in frames}) == len(frames)
    finally:
        reader.close()


# -- mosaic, blur


@pytest.mark.parametrize("mode", ["mosaic", "blur"])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "gbrp", "gray"])
def test_a_mosaic_shows_the_means_of_few_cells_and_nothing_else(mode: Any, pix_fmt: str) -> None:
    square = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
    burner = Burner(Privacy((Zone(square, "z", mode),)))
    mask = touched([square], 200, 160)
    frame = show(0, mask, pix_fmt, 1)
    burnt = planes_of(burner.burn(frame))
    for plane, hidden, was in zip(burnt, plane_masks(mask, planar_format(pix_fmt)), planes_of(frame), strict=True):
        held = plane[hidden]
        assert abs(float(held.mean()) - float(was[hidden].mean())) < 0.02 * float(was.max())
        assert held.std() < was[hidden].std() / 2
        if mode == "mosaic":
            assert len(np.unique(held)) <= 64
            rows, columns = np.nonzero(hidden)
            box = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(int)
            assert (np.diff(box, axis=1) != 0).any(axis=0).sum() <= 8  # borders between cells, one more at the edge
            assert (np.diff(box, axis=0) != 0).any(axis=1).sum() <= 8


@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le"])
def test_each_cell_is_its_mean(pix_fmt: str) -> None:
    square = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    frame = show(0, np.ones((77, 101), bool), pix_fmt, 1)
    (was,), (now,) = planes_of(frame), planes_of(Burner(Privacy((Zone(square, "z", "mosaic"),))).burn(frame))
    rows, columns = (np.flatnonzero(np.diff(now.astype(int), axis=axis).any(axis=1 - axis)) + 1 for axis in (0, 1))
    assert (len(rows), len(columns)) == (5, 7)
    for cell, of in zip(_split(now, rows, columns), _split(was, rows, columns), strict=True):
        assert np.ptp(cell) == 0
        assert abs(float(cell.flat[0]) - float(of.mean())) <= 0.51


def _split(plane: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any]) -> list[NDArray[Any]]:
    return [cell for row in np.split(plane, rows, axis=0) for cell in np.split(row, columns, axis=1)]


@pytest.mark.parametrize("size", [4, 7, 16, 24])
def test_a_small_zone_gets_fewer_cells(size: int) -> None:
    square = ((0.0, 0.0), (size / 64, 0.0), (size / 64, size / 64), (0.0, size / 64))
    mask = covered([(x * 64, y * 64) for x, y in square], 64, 64)
    plane = planes_of(Burner(Privacy((Zone(square, "z", "mosaic"),))).burn(show(0, mask, "gray", 1)))[0]
    assert len(np.unique(plane[mask])) <= max(1, (size + 1) // 8) ** 2


def test_the_colour_is_the_one_that_was_asked_for() -> None:
    for pix_fmt in ("yuv444p", "gbrp"):
        burnt = Burner(Privacy((Zone(((0, 0), (1, 0), (1, 1), (0, 1)), "z", color="c04020"),))).burn(
            show(0, np.zeros((48, 64), bool), pix_fmt, 1)
        )
        red, green, blue = burnt.to_ndarray(format="rgb24")[20, 20]
        assert abs(int(red) - 0xC0) <= 3
        assert abs(int(green) - 0x40) <= 3
        assert abs(int(blue) - 0x20) <= 3


# -- audit


def test_the_audit_says_what_was_covered_and_shows_nothing(tmp_path: Path) -> None:
    path = secret_clip(tmp_path / "a.mkv", 1, touched(ZONES, 64, 48))
    audit = tmp_path / "audit.jsonl"
    audit.write_text("before\n")
    frames = seen(path, Privacy(PRIVACY.zones, str(audit)))
    first, *lines = audit.read_text().splitlines()
    assert first == "before"
    noted = [json.loads(line) for line in lines]
    assert [n["frame"] for n in noted] == list(range(len(frames)))
    assert [n["time_s"] for n in noted] == pytest.approx([0, 0.04, 0.08, 0.12], abs=1e-3)
    areas = [float(covered([(x * 64, y * 48) for x, y in points], 64, 48).mean()) for points in ZONES]
    for line in noted:
        assert line.keys() == {"frame", "pts", "time_s", "covered", "masks"}
        assert [m["name"] for m in line["masks"]] == ["z0", "z1"]
        assert [m["area"] for m in line["masks"]] == pytest.approx(areas, abs=1e-5)
        assert line["covered"] == pytest.approx(float(covered_by_all((64, 48)).mean()), abs=1e-5)


def test_an_audit_that_cannot_be_written_ends_the_stream(tmp_path: Path) -> None:
    path = secret_clip(tmp_path / "a.mkv", 1, touched(ZONES, 64, 48))
    with pytest.raises(OutputError, match=r"audit=.*cannot be written"):
        seen(path, Privacy(PRIVACY.zones, str(tmp_path / "no" / "audit.jsonl")))


# -- other streams


def two_videos(path: Path) -> Path:
    with av.open(str(path), "w") as out:
        videos = [out.add_stream("ffv1", rate=25) for _ in range(2)]
        for video in videos:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for video in videos:
            frame = show(0, np.zeros((48, 64), bool), "yuv420p", 0)
            frame.pts = 0
            out.mux(video.encode(frame))
            out.mux(video.encode(None))
    return path


@pytest.mark.parametrize(
    ("maps", "passes"),
    [((), True), (("0",), False), (("0:v",), False), (("0:0",), True), (("0", "0:1"), True), (("0", "-0:1"), True)],
)
def test_a_second_video_goes_along_only_where_it_is_named(maps: tuple[str, ...], passes: bool, tmp_path: Path) -> None:
    path = two_videos(tmp_path / "two.mkv")
    if passes:
        Reader([InputSpec(str(path))], maps, privacy=PRIVACY).close()
        return
    with pytest.raises(UnusableInput) as raised:
        Reader([InputSpec(str(path))], maps, privacy=PRIVACY)
    assert "stream 0:1 (video, ffv1) is a second video that privacy does not cover" in str(raised.value)
    assert "leave it out with -map 0:0, or add -map 0:1" in str(raised.value)


def test_a_place_in_the_metadata_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = clip(tmp_path / "in.mp4", frames=2, metadata={"location": "+48.1+011.5/"})
    Reader([InputSpec(str(path))], privacy=PRIVACY).close()
    assert "says where it was recorded (location" in caplog.text
    assert "-map_metadata -1" in caplog.text
    assert "48.1" not in caplog.text


def test_a_photos_thumbnail_does_not_go_along_and_its_orientation_counts(tmp_path: Path) -> None:
    reader = Reader([InputSpec(str(photo(tmp_path / "in.jpg", 6)))], privacy=PRIVACY)
    try:
        frame = reader.first_frame
        assert (frame.width, frame.height) == (48, 64)
        assert [data.type.name for data in side_data(frame.origin)] == []
        assert (planes_of(frame.origin)[0][covered_by_all((48, 64))] == 0).all()
    finally:
        reader.close()


def test_side_data_of_other_kinds_goes_along(tmp_path: Path) -> None:
    path = secret_clip(
        tmp_path / "in.mp4", 1, touched(ZONES, 64, 48), codec="libx264", frames=2, rotation=(90.0, False, False)
    )
    reader = Reader([InputSpec(str(path), autorotate=False)], privacy=PRIVACY)
    try:
        assert "DISPLAYMATRIX" in [data.type.name for data in side_data(reader.first_frame.origin)]
    finally:
        reader.close()


def test_masks_that_come_while_a_video_is_read_count_from_the_next_picture_on_which_is_a_cut(tmp_path: Path) -> None:
    """Not a picture is lost, and filters are told to forget what they saw before."""
    ways = []
    for secret in (1, 2):
        path = secret_clip(tmp_path / f"{secret}.mkv", secret, touched(ZONES, 64, 48), frames=8)
        masks = Masks(None)
        reader = Reader([InputSpec(str(path))], data=False, live=LiveInput(Interruption(), None, masks))
        seen = []
        for frame in reader:
            assert isinstance(frame, Frame)
            seen.append((frame.cut, [p.copy() for p in frame.picture.planes(frame.color).data]))
            if len(seen) == 4:
                masks.privacy = PRIVACY
            elif len(seen) == 6:
                masks.privacy = replace(PRIVACY)  # the same zones once more are masks all the while
        reader.close()
        ways.append(seen)
    assert [len(way) for way in ways] == [8, 8]
    cuts = [[i for i, (cut, _) in enumerate(way) if cut] for way in ways]
    assert cuts[0] == cuts[1] and len(cuts[0]) == 3 and cuts[0][0] == 0 and 4 <= cuts[0][1] < cuts[0][2] <= 7
    equal = [all(np.array_equal(p, q) for p, q in zip(a, b, strict=True)) for (_, a), (_, b) in zip(*ways, strict=True)]
    assert equal == [i >= cuts[0][1] for i in range(8)]
