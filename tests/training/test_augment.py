"""Turning: a packed picture that is turned is the turned picture, packed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from streamfix.fusion import pack420
from streamfix.training import turn, turn_batch

WAYS = list(itertools.product((False, True), repeat=3))


@pytest.mark.parametrize(("across", "down", "swap"), WAYS)
def test_a_turned_packed_picture_is_the_packed_turned_picture(across: bool, down: bool, swap: bool) -> None:
    rng = np.random.default_rng(3)
    luma, chroma = rng.random((16, 16), np.float32), rng.random((8, 8, 2), np.float32)

    def turned(
        picture: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        picture = picture[:, ::-1] if across else picture
        picture = picture[::-1] if down else picture
        return np.ascontiguousarray(picture.swapaxes(0, 1) if swap else picture)

    got = turn(torch.from_numpy(pack420(luma, chroma)), across, down, swap).numpy()
    assert np.array_equal(got, pack420(turned(luma), turned(chroma)))


@pytest.mark.parametrize(("across", "down", "swap"), WAYS)
def test_packed_pictures_behind_one_another_are_turned_each(across: bool, down: bool, swap: bool) -> None:
    pictures = torch.rand(2, 3, 6, 8, 8)
    apart = turn(pictures, across, down, swap)
    assert torch.equal(turn(pictures.flatten(1, 2), across, down, swap), apart.flatten(1, 2))


def test_planes_of_whole_pixels_keep_their_order() -> None:
    rgb = torch.rand(3, 8, 12)
    assert torch.equal(turn(rgb, True, False, False), rgb.flip(-1))
    assert torch.equal(turn(rgb, False, True, True), rgb.flip(-2).transpose(-1, -2))


def test_planes_that_are_no_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="19 planes are no packed 4:2:0 pictures of 6"):
        turn(torch.rand(19, 8, 8), True, False, False)


def test_a_batch_is_turned_one_way_whatever_the_sizes() -> None:
    small = torch.rand(4, 6, 8, 8)
    batch = {
        "small": small,
        "large": small.repeat_interleave(2, -1).repeat_interleave(2, -2),
        "sigma": torch.rand(4, 2),
    }
    ways = set()
    for seed in range(60):
        turned = turn_batch(batch, ("small", "large"), np.random.default_rng(seed))
        assert torch.equal(turned["large"][..., ::2, ::2], turned["small"])
        assert turned["sigma"] is batch["sigma"]
        ways.add(turned["small"].numpy().tobytes())
    assert len(ways) == 8
