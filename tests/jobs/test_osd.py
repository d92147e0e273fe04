"""`osd`: inside its boxes the output is the input, bit for bit; outside nothing is another than without it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from streamfix.chainspec import FilterSpec, parse_chain
from streamfix.errors import BadOption, FilterError
from streamfix.filters.overlays import pixels
from streamfix.frame import Frame, PixelFormat, Planes
from streamfix.jobs import build_job, check_chain, restore_stage
from streamfix.jobs.ladder import live_restoration
from streamfix.jobs.osd import boxes_in_file, boxes_of, split_osd
from streamfix.live.health import Health
from streamfix.live.policy import LivePolicy

FORMATS = {
    "yuv420p": PixelFormat("yuv420p", "yuv", 8, 1, 1),
    "yuv422p10le": PixelFormat("yuv422p10le", "yuv", 10, 1, 0),
    "gbrp": PixelFormat("gbrp", "rgb", 8, 0, 0),
    "gray": PixelFormat("gray", "gray", 8, 0, 0),
}
BOX = (0.1, 0.05, 0.63, 0.2)
AT = "osd=at=0.1 0.05 0.63 0.2"


def frames(format: str = "yuv420p", count: int = 6, size: tuple[int, int] = (96, 64)) -> list[Frame]:
    """Noise with bright digits where the box is."""
    random, made = np.random.default_rng(3), []
    kind = FORMATS[format]
    for n in range(count):
        data = []
        for i, shape in enumerate(kind.plane_shapes(*size)):
            plane = random.normal(110, 12, shape)
            if i == 0:
                plane[5:11, 12 + n : 18 + n] = 235
            data.append(
                np.clip(plane * (1 << (kind.depth - 8)), 0, kind.max_code).astype("u1" if kind.depth == 8 else "u2")
            )
        made.append(Frame(Planes(kind, *size, tuple(data)), n, Fraction(1, 25)))
    return made


def ran(chain: str, given: Sequence[Frame]) -> list[list[NDArray[Any]]]:
    """The planes that a chain gives."""
    stage = restore_stage(parse_chain(chain), "cpu")
    assert stage is not None
    try:
        out = [item for frame in given for item in stage.push(frame)] + list(stage.flush())
        assert [frame.pts for frame in out] == [frame.pts for frame in given]
        return [list(frame.picture.planes(frame.color).data) for frame in out]
    finally:
        stage.close()


def inside(picture: Planes, i: int) -> NDArray[np.bool_]:
    """What of a plane the box covers."""
    rows, columns = pixels(BOX, picture)
    mask = np.zeros(picture.data[i].shape, bool)
    high, wide = (picture.format.log2_h, picture.format.log2_w) if i and picture.format.kind == "yuv" else (0, 0)
    mask[rows.start >> high : -(-rows.stop >> high), columns.start >> wide : -(-columns.stop >> wide)] = True
    return mask


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("chain", ["smooth", "gblur=2"])
def test_inside_it_is_the_input_and_outside_nothing_changes(chain: str, format: str) -> None:
    given = frames(format)
    bare, kept = ran(chain, given), ran(f"{AT},{chain}", given)
    for frame, without, with_it in zip(given, bare, kept, strict=True):
        assert isinstance(frame.picture, Planes)
        for i, (was, a, b) in enumerate(zip(frame.picture.data, without, with_it, strict=True)):
            mask = inside(frame.picture, i)
            assert np.array_equal(b[mask], was[mask])
            assert np.array_equal(b[~mask], a[~mask])
        assert any(not np.array_equal(a, was) for a, was in zip(without, frame.picture.data, strict=True))


def test_a_box_covers_whole_samples() -> None:
    rows, columns = pixels((0.011, 0.02, 0.5, 0.03), frames()[0].picture.planes(frames()[0].color))
    assert (rows, columns) == (slice(0, 2), slice(0, 48))


def test_a_filter_that_looks_ahead_gets_the_right_picture_back() -> None:
    given = frames(count=8)
    for frame, planes in zip(given, ran(f"{AT},tmix=frames=3,smooth", given), strict=True):
        assert isinstance(frame.picture, Planes)
        mask = inside(frame.picture, 0)
        assert np.array_equal(planes[0][mask], frame.picture.data[0][mask])


def test_a_larger_picture_gets_it_interpolated() -> None:
    given = frames(count=2)
    bare, kept = ran("upscale=scale=2:tier=q", given), ran(f"{AT},upscale=scale=2:tier=q", given)
    for frame, without, with_it in zip(given, bare, kept, strict=True):
        assert isinstance(frame.picture, Planes)
        for i, was in enumerate(frame.picture.data):
            mask = inside(frame.picture, i).repeat(2, 0).repeat(2, 1)
            want = cv2.resize(was, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            assert np.abs(with_it[i].astype(int) - want)[mask].max() <= 2  # remap has weights of 1/32 pixel
            assert np.array_equal(with_it[i][~mask], without[i][~mask])


def test_every_step_of_the_ladder_keeps_it() -> None:
    policy = LivePolicy(ladder=("gblur",))
    restoration = live_restoration(parse_chain(f"{AT},smooth"), policy, Health(), device="cpu")
    try:
        names = [step.name for step in restoration.runner.all]
        assert names == [f"{AT},smooth", f"{AT},gblur", AT]
    finally:
        restoration.close()


def test_alone_it_does_nothing() -> None:
    assert restore_stage(parse_chain(AT), "cpu") is None


@pytest.mark.parametrize(
    ("chain", "says"),
    [
        ("gblur,osd=at=0 0 1 1", "osd must stand before all filters: gblur in front of it"),
        ("osd,smooth", "osd needs boxes=FILE, or at="),
        ("osd=at=0 0 1,smooth", "it takes four numbers, left top right bottom"),
        ("osd=at=0.5 0 0.4 1,smooth", "they go from 0 to 1, left before right"),
        ("osd=at=0 0 1 1,hflip", "hflip moves what osd keeps"),
        ("osd=boxes=/nowhere/b.toml,smooth", "/nowhere/b.toml: the boxes cannot be read"),
        ("osd=bxes=a,smooth", "bxes"),
    ],
)
def test_a_wrong_order_is_told(chain: str, says: str) -> None:
    with pytest.raises(BadOption, match=says):
        check_chain(parse_chain(chain))


def test_boxes_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "osd.toml"
    path.write_text('[[osd]]\nbox = [0, 0, 0.5, 0.1]\nname = "clock"\n[[osd]]\nbox = [0.5, 0.9, 1, 1]\n')
    orders, rest = split_osd(parse_chain(f"osd=boxes={path}:at=0 0 1 0.5,smooth"))
    assert boxes_of(orders) == ((0, 0, 0.5, 0.1), (0.5, 0.9, 1, 1), (0, 0, 1, 0.5))
    assert rest == (FilterSpec("smooth"),)


@pytest.mark.parametrize("text", ["", "[[osd]]\nbx = 1\n", "[[osd]]\nbox = 3\n", "[[zone]]\n", "osd = 3", "\xff["])
def test_a_wrong_file_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "osd.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadOption, match=r"osd\.toml"):
        boxes_in_file(str(path))


def test_another_format_or_shape_is_told() -> None:
    with pytest.raises(FilterError, match="the filters make yuv444p of yuv420p"):
        ran(f"{AT},format=yuv444p", frames(count=1))
    with pytest.raises(FilterError, match="the filters make 96x32 of 96x64"):
        ran(f"{AT},scale=96:32", frames(count=1))


def test_masks_go_first_and_a_job_keeps_both(tmp_path: Path) -> None:
    """What the masks cover stays covered in the boxes too."""
    from streamfix.jobs import JobSpec
    from streamfix.media.specs import InputSpec, OutputSpec
    from tests.media.secrets import ZONES, secret_clip, touched

    zones = tmp_path / "zones.toml"
    zones.write_text("".join(f"[[zone]]\npoints = {[list(p) for p in points]}\n" for points in ZONES))
    made = []
    for secret in (1, 2):
        path, out = secret_clip(tmp_path / f"{secret}.mkv", secret, touched(ZONES, 64, 48)), tmp_path / f"o{secret}.mkv"
        chain = parse_chain(f"privacy=zones={zones},osd=at=0 0 1 0.5,gblur")
        build_job(JobSpec((InputSpec(str(path)),), (OutputSpec(str(out), video_codec="ffv1"),), chain)).run()
        made.append(out)
    import streamfix

    pictures = []
    for path in made:
        with streamfix.open(path) as video:
            pictures.append([frame.rgb().tobytes() for frame in video])
    assert pictures[0] == pictures[1] != []
