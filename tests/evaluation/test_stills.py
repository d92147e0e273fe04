"""The stills' protocol: a reduced picture is the literature's, and what is measured is what it says."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from streamfix.errors import InputError
from streamfix.evaluation import bicubic
from streamfix.evaluation.clip import Bytes
from streamfix.evaluation.stills import Still, luma, modcrop, read_stills, yuv420
from tests.evaluation.material import texture


def picture(height: int = 66, width: int = 83) -> Bytes:
    """Coloured texture, R'G'B' (H, W, 3)."""
    return np.stack([np.rint(texture(height, width, seed)) for seed in range(3)], -1).astype(np.uint8)


# -- bicubic


@pytest.mark.parametrize(("have", "want"), [(12, 24), (24, 12), (24, 6), (6, 24), (9, 27)])
def test_a_constant_stays_and_a_ramp_stays_a_ramp(have: int, want: int) -> None:
    table = bicubic.weights(have, want)
    assert np.allclose(table.sum(1), 1)
    ramp = table @ np.arange(have)
    inner = slice(3 * max(want // have, 1), -3 * max(want // have, 1))
    step = have / want
    assert np.allclose(ramp[inner], ((np.arange(want) + 0.5) * step - 0.5)[inner])


def test_twice_as_large_has_the_taps_of_keys_with_a_half() -> None:
    """Between sample 5 and 6, a quarter from 5: by hand from a = -0.5, where a = -0.75 would give -0.10547."""
    taps = bicubic.weights(12, 24)[11]
    assert np.allclose(taps[4:8], (-0.0703125, 0.8671875, 0.2265625, -0.0234375))
    assert np.count_nonzero(taps) == 4


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_away_from_the_border_it_is_torchs_antialiased_bicubic(scale: int) -> None:
    plane = texture(48, 60)
    x = torch.from_numpy(plane)[None, None]
    size = (48 // scale, 60 // scale)
    theirs = F.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False)[0, 0].numpy()
    assert np.abs(bicubic.reduce(plane, scale) - theirs)[2:-2, 2:-2].max() < 1e-3


def test_colours_are_resampled_apart_and_the_border_is_mirrored() -> None:
    rgb = picture(24, 36)
    big = bicubic.enlarge(rgb, 2)
    assert big.shape == (48, 72, 3)
    assert np.array_equal(big[..., 1], bicubic.enlarge(rgb[..., 1], 2))
    mirrored = np.concatenate((rgb[::-1], rgb, rgb[::-1]))
    assert np.abs(bicubic.enlarge(mirrored, 2)[48:96] - big).max() < 1e-3


def test_a_side_that_is_no_multiple_is_refused() -> None:
    with pytest.raises(ValueError, match="83x66 is not 4 times"):
        bicubic.reduce(picture(), 4)


# -- stills


@pytest.mark.parametrize("scale", [2, 4])
def test_sizes_follow_from_the_scale(scale: int) -> None:
    still = Still.of(picture(), scale)
    h, w = 66 // scale, 83 // scale
    assert still.hr_rgb.shape == (h * scale, w * scale, 3) and still.hr_y.shape == (h * scale, w * scale)
    assert still.lr_rgb.shape == (h, w, 3) and still.lr_y.shape == (h, w)
    assert [p.shape for p in still.lr_420] == [(h, w), *[((h + 1) // 2, (w + 1) // 2)] * 2]
    assert still.bicubic_y().shape == still.hr_y.shape


def test_luma_is_bt601_of_limited_range_whatever_the_size() -> None:
    for height in (8, 800):
        colours = np.zeros((height, 8, 3), np.uint8)
        colours[:, :4] = (255, 0, 0)
        colours[:, 4:] = 255
        y = luma(colours)
        assert y[0, 0] == pytest.approx(16 + 65.481, abs=1e-3) and y[0, 4] == pytest.approx(235, abs=1e-3)
        assert yuv420(colours)[0][0, 0] == 81


def test_the_truth_is_perfect_the_border_does_not_count_and_one_code_is_48_db() -> None:
    still = Still.of(picture(), 2)
    assert still.psnr_y(still.hr_y) == pytest.approx(108.1, abs=0.1)
    framed = np.full_like(still.hr_y, 16)
    framed[2:-2, 2:-2] = still.hr_y[2:-2, 2:-2] + 1
    assert still.psnr_y(framed) == pytest.approx(20 * np.log10(255), abs=1e-3)
    with pytest.raises(ValueError, match="was made"):
        still.psnr_y(still.lr_y)


def test_a_filter_sees_what_a_network_of_luma_sees_in_8_bits() -> None:
    still = Still.of(picture(), 2)
    assert np.abs(still.lr_420[0] - still.lr_y).max() <= 0.5
    assert still.psnr_y(still.bicubic_y()) > 30


def test_too_small_a_picture_is_told() -> None:
    with pytest.raises(InputError, match="dot: 6x6 is too small for x2"):
        Still.of(picture(6, 7), 2, "dot")
    assert modcrop(picture(), 4).shape == (64, 80, 3)


# -- reading


def png(rgb: Bytes) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))[1].tobytes()


def test_a_folder_and_a_tar_give_the_same_pictures_in_the_order_of_their_names(tmp_path: Path) -> None:
    pictures = {name: picture(20 + i, 30) for i, name in enumerate(("b", "a", "c"))}
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "readme.txt").write_text("no picture")
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        for name, rgb in pictures.items():
            data = png(rgb)
            (tmp_path / "set" / f"{name}.png").write_bytes(data)
            member = tarfile.TarInfo(f"inner/{name}.png")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    for where in (tmp_path / "set", tmp_path / "set.tar"):
        found = list(read_stills(where))
        assert [name for name, _ in found] == ["a", "b", "c"]
        assert all(np.array_equal(rgb, pictures[name]) for name, rgb in found)


def test_what_holds_no_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures in it; known endings"):
        list(read_stills(tmp_path))
    with pytest.raises(InputError, match=r"no\.tar: .*give a folder of pictures"):
        list(read_stills(tmp_path / "no.tar"))
    (tmp_path / "broken.png").write_bytes(b"no")
    with pytest.raises(InputError, match=r"broken\.png is no picture"):
        list(read_stills(tmp_path))
    (tmp_path / "broken.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"broken\.png is no picture"):
        list(read_stills(tmp_path))
