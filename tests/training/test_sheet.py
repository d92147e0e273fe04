"""Sheets of sample pictures: their layout and their colours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from streamfix import OutputError
from streamfix.training import sheet


def test_a_sheet_shows_a_column_a_stage_and_a_row_a_sample(tmp_path: Path) -> None:
    black, white = torch.full((9, 6, 8, 12), 128 / 255), torch.full((9, 6, 8, 12), 128 / 255)
    black[:, :4], white[:, :4] = 16 / 255, 235 / 255
    sheet.write(tmp_path / "s" / "a.png", [("black", black), ("white", white)], rows=3)
    picture = cv2.imread(str(tmp_path / "s" / "a.png"))
    assert picture is not None and picture.shape == (18 + 3 * (16 + 4), 2 * (24 + 4), 3)
    for row in range(3):
        shown = picture[18 + 20 * row : 18 + 20 * row + 16]
        assert (shown[:, :24] == 0).all() and (shown[:, 28:52] == 255).all()


def test_smaller_pictures_are_enlarged_to_those_beside_them(tmp_path: Path) -> None:
    """A result twice as large as its input, and one of another shape: every column has its place, nothing is cut."""
    large = torch.rand(2, 6, 16, 24, generator=torch.Generator().manual_seed(1))
    small, odd = torch.rand(2, 6, 8, 12, generator=torch.Generator().manual_seed(2)), torch.full((2, 6, 3, 5), 0.5)
    sheet.write(tmp_path / "a.png", [("small", small), ("large", large), ("odd", odd)])
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture is not None and picture.shape == (18 + 2 * (32 + 4), 3 * (48 + 4), 3)
    for row in range(2):
        shown = picture[18 + 36 * row : 18 + 36 * row + 32, ..., ::-1]
        want = sheet.rgb8(small[row : row + 1])[0].repeat(2, 0).repeat(2, 1)
        assert np.array_equal(shown[:, :48], want)
        assert np.array_equal(shown[:, 52:100], sheet.rgb8(large[row : row + 1])[0])
        rest = shown[:, 104:152]
        assert (rest[:24, :40] != 24).all() and (rest[24:] == 24).all() and (rest[:, 40:] == 24).all()  # four times
    titles = picture[:18]
    assert all((titles[:, left : left + 48] > 100).any() for left in (0, 52, 104))


def test_pictures_may_be_luma_or_rgb() -> None:
    luma = torch.tensor([16, 235]).view(2, 1, 1, 1).expand(2, 1, 4, 6) / 255
    assert sheet.rgb8(luma).shape == (2, 4, 6, 3)
    assert [int(picture.min()) for picture in sheet.rgb8(luma)] == [0, 255]
    rgb = torch.rand(2, 3, 4, 6)
    assert np.abs(sheet.rgb8(rgb) / 255 - rgb.permute(0, 2, 3, 1).numpy()).max() <= 0.51 / 255


def test_a_sheet_has_the_colours_of_bt601() -> None:
    """Red of full strength in limited range: Y 81, Cb 90, Cr 240."""
    red = torch.tensor([81, 81, 81, 81, 90, 240])[None, :, None, None].expand(1, 6, 4, 4) / 255
    assert np.abs(sheet.rgb8(red).astype(int) - [255, 0, 0]).max() <= 3


def test_a_sheet_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match=r"a.png: the sample sheet cannot be written"):
        sheet.write(tmp_path / "a.png", [("grey", torch.full((1, 6, 8, 12), 0.5))])
