"""`streamfix.stack`: laws, then what each wrong request says."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest

import streamfix
from streamfix.arrays import picture_of
from streamfix.coding import FrameCoding
from streamfix.frame import Frame
from streamfix.stack.making import stack
from tests.stack.material import SCALE, SIZE, Bytes, fine_scene, moving, psnr, recorded, shifts, truth

QUICK: dict[str, Any] = {"motion": "translation", "iterations": 6}


def frames(pictures: list[Bytes]) -> list[Frame]:
    return [Frame(picture_of(p, "gray"), 10 * i, Fraction(1, 250)) for i, p in enumerate(pictures)]


# -- laws


def test_more_frames_give_more_detail() -> None:
    true, pictures = truth(fine_scene()), moving(12, noise=6)
    found = [psnr(stack(pictures[:n], **QUICK).planes[0], true) for n in (1, 4, 12)]
    assert found[0] + 1 < found[1] and found[1] + 1.5 < found[2]


def test_the_picture_is_better_than_the_average_and_that_than_one_frame() -> None:
    true, found = truth(fine_scene()), stack(moving(12, noise=6), **QUICK)
    single, average, result = (
        psnr(p, true) for p in (found.single.picture.planes(found.single.color).data[0],
                                found.average.picture.planes(found.average.color).data[0],
                                found.planes[0])
    )  # fmt: skip
    assert single + 0.5 < average and average + 3 < result


def test_where_frames_lie_is_found_to_a_small_part_of_a_pixel() -> None:
    found = stack(moving(12, noise=4), **QUICK)
    for one, (x, y) in zip(found.frames, shifts(12), strict=True):
        assert one.to_frame is not None
        assert one.to_frame[0, 2] == pytest.approx(x / SCALE, abs=0.06)
        assert one.to_frame[1, 2] == pytest.approx(y / SCALE, abs=0.06)


def test_each_recorded_pixel_is_the_mean_over_its_square() -> None:
    still = recorded(fine_scene(), (0, 0))
    found = stack([still] * 3, iterations=20)
    means = cv2.resize(found.planes[0], SIZE, interpolation=cv2.INTER_AREA)
    assert np.abs(means - still).max() < 0.1
    assert all(np.allclose(one.to_frame, np.eye(3), atol=1e-3) for one in found.frames if one.to_frame is not None)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_any_scale_keeps_them(scale: int) -> None:
    still = recorded(fine_scene(), (0, 0))
    found = stack([still] * 2, (10, 5, 40, 30), scale, motion="translation")
    means = cv2.resize(found.planes[0], (40, 30), interpolation=cv2.INTER_AREA)
    assert found.planes[0].shape == (30 * scale, 40 * scale)
    assert np.abs(means - still[5:35, 10:50]).max() < 0.1


def test_a_frame_of_another_scene_is_left_out_and_named() -> None:
    fine = fine_scene()
    pictures = [recorded(fine, (2.3 * i, 1.1 * i), 3, i) for i in range(7)]
    without = stack(pictures, **QUICK)
    with_other = stack([*pictures[:4], 255 - recorded(fine_scene(9), (0, 0)), *pictures[4:]], **QUICK)
    assert [one.reason for one in with_other.frames] == [""] * 4 + ["cut"] + [""] * 3
    assert with_other.frames[4].weight == 0 and with_other.frames[4].residual is None
    assert with_other.kept == without.kept == 7
    assert np.abs(with_other.planes[0] - without.planes[0]).mean() < 0.5


def test_a_blurred_frame_is_left_out_and_named() -> None:
    pictures = moving(6, noise=1)
    pictures[3] = np.asarray(cv2.GaussianBlur(pictures[3], (0, 0), 3.0), np.uint8)
    assert [one.reason for one in stack(pictures, **QUICK, min_correlation=0.4).frames] == ["", "", "", "blur", "", ""]


def test_a_damaged_frame_is_left_out_and_named() -> None:
    given = frames(moving(4, noise=1))
    given[2] = replace(given[2], damaged=True)
    assert [one.reason for one in stack(given, **QUICK).frames] == ["", "", "damage", ""]


def test_a_region_that_leaves_the_picture_is_left_out_and_named() -> None:
    whole = np.asarray(cv2.resize(truth(fine_scene()), (144, 80), interpolation=cv2.INTER_AREA), np.uint8)
    pictures = [np.ascontiguousarray(whole[:, x : x + 100]) for x in (0, 8, 16, 24, 32, 39)]
    found = stack(pictures, (20, 15, 40, 50), 1, motion="translation", min_correlation=0.4)
    assert [one.reason for one in found.frames] == ["", "", "", "", "outside", "outside"]


def test_the_order_in_which_frames_are_given_does_not_matter() -> None:
    given = frames(moving(6, noise=3))
    one, other = stack(given, **QUICK), stack([given[i] for i in (3, 0, 5, 1, 4, 2)], **QUICK)
    assert one.rgb().tobytes() == other.rgb().tobytes()
    assert [f.number for f in other.frames] == [1, 3, 5, 0, 4, 2]
    assert [f.pts for f in other.frames] == [0, 10, 20, 30, 40, 50]


def test_the_reference_says_where_the_region_lies() -> None:
    pictures, true = moving(8, noise=2), fine_scene()
    found = stack(pictures, reference=5, **QUICK)
    x, y = shifts(8)[5]
    there = cv2.warpAffine(true, np.array([[1, 0, x], [0, 1, y]]), true.shape[::-1], flags=cv2.INTER_CUBIC)
    assert psnr(found.planes[0], truth(np.asarray(there, np.float32))) > 28
    assert found.frames[5].to_frame == pytest.approx(np.eye(3))


def test_threads_change_nothing() -> None:
    pictures, before = moving(4, noise=3), cv2.getNumThreads()
    found = []
    try:
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            result = stack(pictures, iterations=5)
            assert cv2.getNumThreads() == threads
            found.append((result.planes[0].tobytes(), [one.to_frame for one in result.frames], result.error.tobytes()))
    finally:
        cv2.setNumThreads(before)
    assert found[0][0] == found[1][0] and found[0][2] == found[1][2]
    assert np.array_equal(np.array(found[0][1]), np.array(found[1][1]))


def test_a_frame_that_the_codec_has_kept_well_counts_more() -> None:
    given = frames(moving(4, noise=1))
    qp = [20.0, 40.0, 40.0, 40.0]
    told = [
        replace(frame, coding=FrameCoding("I" if q < 30 else "B", 0, np.full((3, 5), q, np.float32)))
        for frame, q in zip(given, qp, strict=True)
    ]
    found = stack(told, **QUICK)
    assert found.frames[0].weight == 1
    assert all(one.weight < 0.1 for one in found.frames[1:])
    assert [(one.picture_type, one.qp) for one in found.frames] == [("I", 20), *[("B", 40)] * 3]


def test_a_plate_is_shown_from_the_front() -> None:
    front = recorded(fine_scene(), (0, 0))
    corners = np.array([[20, 15], [95, 24], [92, 70], [23, 60]], np.float32)
    flat = np.array([[-0.5, -0.5], [71.5, -0.5], [71.5, 39.5], [-0.5, 39.5]], np.float32)
    to_side = cv2.getPerspectiveTransform(flat, corners)
    side = cv2.warpPerspective(front, to_side, (120, 90), flags=cv2.INTER_CUBIC, borderValue=90)
    found = stack([side] * 2, corners=[float(v) for v in corners.ravel()], scale=2, motion="translation")
    width, height = found.region.size
    assert abs(width / 2 - 72) < 6 and abs(height / 2 - 45) < 4
    like = cv2.resize(front, (width, height), interpolation=cv2.INTER_CUBIC)
    inside = (slice(8, -8), slice(8, -8))
    assert np.corrcoef(found.planes[0][inside].ravel(), like[inside].ravel())[0, 1] > 0.97


def test_a_told_blur_is_undone() -> None:
    true = truth(fine_scene())
    blurred = np.asarray(cv2.GaussianBlur(fine_scene(), (0, 0), 1.2 * SCALE), np.float32)
    pictures = [recorded(blurred, shift, 0.5, i) for i, shift in enumerate(shifts(6))]
    plain, sharp = (stack(pictures, **QUICK, deblur=kernel) for kernel in (None, "gauss:1.2"))
    assert psnr(sharp.planes[0], true) > psnr(plain.planes[0], true) + 1
    assert sharp.parameters["deblur"] == "gauss:1.2"


def test_colour_comes_along() -> None:
    grey = moving(3, noise=1)
    pictures = [np.stack((p // 2, p, 255 - p), -1) for p in grey]
    found = stack(pictures, (8, 4, 48, 32), 2, **QUICK)
    assert found.rgb().shape == (64, 96, 3)
    small = cv2.resize(found.rgb(), (48, 32), interpolation=cv2.INTER_AREA)
    assert np.abs(small[2:-2, 2:-2, ::-1].astype(int) - pictures[0][6:34, 10:54].astype(int)).mean() < 2.5


def test_the_map_is_lighter_where_frames_agree() -> None:
    pictures = moving(8, noise=1)
    noisy = [p.copy() for p in pictures]
    rng = np.random.default_rng(0)
    for p in noisy:
        p[:, 40:] = np.clip(p[:, 40:] + rng.normal(0, 25, p[:, 40:].shape), 0, 255)
    found = stack(noisy, **QUICK)
    sure = found.confidence()
    assert sure.shape == found.planes[0].shape and sure.dtype == np.uint8
    assert sure[40:-40, 40:120].mean() > sure[40:-40, 200:-40].mean() + 15


def test_one_frame_alone_is_enlarged() -> None:
    found = stack(moving(1, noise=0), scale=2)
    assert found.kept == 1 and found.rgb().shape == (SIZE[1] * 2, SIZE[0] * 2, 3)


def test_it_is_called_by_the_packages_name() -> None:
    assert streamfix.stack(moving(2, noise=1), **QUICK).kept == 2


# -- what is wrong


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"roi": (60, 0, 40, 40)}, "roi=60,0,40,40: it does not lie in the picture of 72x40"),
        ({"roi": (0, 0, 8, 8)}, "the region is 8x8 pixels; 12x12 are the least"),
        ({"roi": (0, 0, 8)}, "roi=0,0,8: it takes x,y,width,height"),
        ({"scale": 9}, "scale=9: it takes a whole number from 1 to 8"),
        ({"scale": 0}, "scale=0: it takes a whole number from 1 to 8"),
        ({"corners": (0, 0, 40, 0, 40, 30)}, "it takes x1,y1,...,x4,y4"),
        ({"corners": (0, 0, 0, 30, 40, 30, 40, 0)}, "name the top left, top right, bottom right"),
        ({"corners": (0, 0, 90, 0, 90, 30, 0, 30)}, "do not all lie in the picture of 72x40"),
        ({"corners": (0, 0, 40, 0, 40, 30, 0, 30), "roi": (0, 0, 20, 20)}, "give one of them"),
        ({"motion": "zoom"}, "motion=zoom: it takes auto, translation, affine, homography"),
        ({"iterations": -1}, "iterations=-1: it takes a whole number from 0 to 200"),
        ({"smooth": 11}, "smooth=11: it takes 0 to 10"),
        ({"min_correlation": 2}, "min_correlation=2: it takes 0 to 1"),
        ({"reference": 3}, "reference=3: there are frames 0 to 1"),
        ({"deblur": "gauss"}, "deblur=gauss: it takes gauss:SIGMA, disc:RADIUS or line:LENGTH:DEGREES"),
        ({"deblur": "box:3"}, "deblur=box:3: it takes gauss:SIGMA"),
        ({"most_frames": 1}, "there are more than 1 frames"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(streamfix.BadOption) as raised:
        stack(moving(2, noise=0), **options)
    assert message in str(raised.value)


def test_that_no_frame_fits_is_said() -> None:
    other = [recorded(fine_scene(seed, plate=False), (0, 0)) for seed in (9, 11)]
    with pytest.raises(streamfix.InputError, match=r"none of the 2 other frames fits the region of frame 0 \("):
        stack([*moving(1, noise=0), *other], **QUICK)


def test_that_there_are_no_frames_is_said() -> None:
    with pytest.raises(streamfix.InputError, match="there are no frames to stack"):
        stack([])


def test_that_sizes_differ_is_said() -> None:
    first = moving(1, noise=0)[0]
    with pytest.raises(streamfix.InputError, match="one size and pixel format, these have 60x40 gray and 72x40 gray"):
        stack([first, np.ascontiguousarray(first[:, :60])])
