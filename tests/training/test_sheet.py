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


def test_a_sheet_has_the_colours_of_bt601() -> None:
    """Red of full strength in limited range: Y 81, Cb 90, Cr 240."""
    red = torch.tensor([81, 81, 81, 81, 90, 240])[None, :, None, None].expand(1, 6, 4, 4) / 255
    assert np.abs(sheet.rgb8(red).astype(int) - [255, 0, 0]).max() <= 3


def test_a_sheet_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match=r"a.png: the sample sheet cannot be written"):
        sheet.write(tmp_path / "a.png", [("grey", torch.full((1, 6, 8, 12), 0.5))])
