"""Clips: what goes in comes out, whichever way it went."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.evaluation.clip import Clip
from tests.evaluation.material import flat, moving


def same(a: Clip, b: Clip) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a.planes(), b.planes(), strict=True))


def test_raw_video_and_back() -> None:
    clip = moving(3)
    assert same(Clip.from_raw(clip.raw(), *clip.size), clip)


def test_frames_and_back() -> None:
    clip = moving(3)
    assert same(Clip.from_frames([clip.frame(t) for t in range(3)]), clip)


def test_rgb_and_back() -> None:
    clip = moving(3)  # its colours are all in gamut: none is clipped
    back = Clip.from_rgb([clip.rgb(t) for t in range(3)])
    inside = (slice(None), slice(2, -2), slice(2, -2))
    for plane, again in zip(clip.planes(), back.planes(), strict=True):
        assert np.abs(plane[inside].astype(int) - again[inside]).max() <= 1


def test_averaged_chroma_lies_where_it_did() -> None:
    """A ramp comes back as it was: a shift by a quarter of a sample would show."""
    ramp = np.broadcast_to(np.arange(100, 148, dtype=np.uint8)[::2], (1, 16, 24)).copy()
    clip = Clip(np.full((1, 32, 48), 128, np.uint8), ramp, ramp.transpose(0, 2, 1)[:, :16, :16].repeat(2, 2)[..., :24])
    back = Clip.from_rgb([clip.rgb(0)], averaged=True)
    assert np.abs(back.u[:, :, 1:-1].astype(int) - clip.u[:, :, 1:-1]).max() <= 1


def test_the_digest_tells_size_and_codes() -> None:
    clip = moving(4)
    other = Clip(clip.y.copy(), clip.u, clip.v)
    assert other.sha256() == clip.sha256()
    other.y[3, 5, 7] ^= 1
    assert other.sha256() != clip.sha256()
    assert flat(width=64, height=48).sha256() != flat(width=48, height=64).sha256()


def test_a_part_is_the_middle_and_keeps_luma_over_chroma() -> None:
    clip = moving(6, 64, 48)
    part = clip.part(2, 3, (32, 20))
    assert (len(part), part.size) == (3, (32, 20))
    assert np.array_equal(part.y, clip.y[2:5, 14:34, 16:48])
    assert np.array_equal(part.u, clip.u[2:5, 7:17, 8:24])
    assert clip.part(0, 6, (1000, 1000)).size == clip.size


def test_half_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="not whole yuv420p frames of 64x48"):
        Clip.from_raw(b"123", 64, 48)


def test_planes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="no 4:2:0 clip"):
        Clip(np.zeros((1, 3, 4), np.uint8), np.zeros((1, 1, 2), np.uint8), np.zeros((1, 1, 2), np.uint8))


@pytest.mark.parametrize(("width", "height"), [(65, 47), (64, 47), (65, 48)])
def test_odd_sizes_go_every_way_that_even_ones_go(width: int, height: int) -> None:
    clip = moving(3, 80, 60).window(0, 3, (2, 4), (width, height))
    assert clip.size == (width, height) and clip.u.shape == (3, (height + 1) // 2, (width + 1) // 2)
    assert same(Clip.from_raw(clip.raw(), *clip.size), clip)
    assert same(Clip.from_frames([clip.frame(t) for t in range(3)]), clip)
    assert same(clip.part(0, 3), clip)
    back = Clip.from_rgb([clip.rgb(t) for t in range(3)])
    assert back.size == clip.size and np.abs(back.y.astype(int) - clip.y).max() <= 1


def test_the_size_does_not_change_what_codes_mean() -> None:
    """(Untagged, a picture of 720 lines would be BT.709's, and its small copy BT.601's.)"""
    low, high = (
        Clip(*(np.full((1, n, w), c, np.uint8) for n, w, c in ((2 * h, 8, 90), (h, 4, 90), (h, 4, 170))))
        for h in (8, 400)
    )
    assert np.allclose(low.rgb(0)[:, 0, 0], high.rgb(0)[:, 0, 0])


def test_the_pictures_of_a_part_have_no_gaps() -> None:
    """OpenCV's optical flow refuses others; a cropped scene could not be judged."""
    y = np.zeros((2, 32, 48), np.uint8)
    part = Clip(y, y[:, ::2, ::2], y[:, ::2, ::2]).part(0, 2, (24, 16))
    assert part.size == (24, 16)
    assert all(plane[0].flags.c_contiguous for plane in part.planes())
