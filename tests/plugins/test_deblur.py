"""The filter `deblur`: what it promises, on real footage that is blurred here, and on what needs nothing done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from streamfix import BadOption
from streamfix.filters.base import Filter
from streamfix.fusion import pack420
from streamfix.motion import Floats
from streamfix.registry import Registry
from streamfix.training import (
    Coding,
    Planes420,
    add_gaussian,
    code_clip,
    convolve,
    defocus_kernel,
    motion_kernel,
    quantise,
)
from streamfix_deblur import Deblur
from streamfix_deblur.kernels import find_blur
from streamfix_deblur.wiener import blur_transfer, sharpened, undone
from tests.plugins.footage import sample

SAMPLES = Path(__file__).parents[2] / "samples"
FRAMES = 4
LUMA, CHROMA = slice(0, 4), slice(4, 6)
OBLIQUE = 0.6  # radians


def footage(name: str) -> Planes420:
    return sample(name, FRAMES)


def blurred(planes: Planes420, kernel: Floats) -> Planes420:
    height, width = planes.y.shape[1:]
    uv = np.stack([cv2.resize(of, (width, height), interpolation=cv2.INTER_LINEAR) for of in planes.uv])
    uv = convolve(np.asarray(uv, np.float32), kernel)
    half = [cv2.resize(of, (width // 2, height // 2), interpolation=cv2.INTER_AREA) for of in uv]
    return quantise(Planes420(convolve(planes.y, kernel), np.asarray(np.stack(half), np.float32)))


def moved(planes: Planes420, length: float, angle: float = OBLIQUE) -> Planes420:
    return blurred(planes, motion_kernel(length, angle))


def defocused(planes: Planes420, radius: float) -> Planes420:
    return blurred(planes, defocus_kernel(radius))


def soft(planes: Planes420, radius: float) -> Planes420:
    return quantise(Planes420(np.stack([cv2.GaussianBlur(y, (0, 0), radius) for y in planes.y]), planes.uv))


def enlarged(planes: Planes420, by: float, how: int) -> Planes420:
    height, width = planes.y.shape[1:]
    small = [cv2.resize(y, (int(width / by), int(height / by)), interpolation=cv2.INTER_AREA) for y in planes.y]
    return quantise(Planes420(np.stack([cv2.resize(y, (width, height), interpolation=how) for y in small]), planes.uv))


def packed(planes: Planes420) -> list[Floats]:
    return [pack420(y, uv) for y, uv in zip(planes.y, planes.uv, strict=True)]


def run(filter: Filter[Any], planes: Planes420) -> list[Floats]:
    state = filter.init_state()
    with torch.inference_mode():
        return [filter(torch.from_numpy(p)[None, None], [state])[0, 0].numpy() for p in packed(planes)]


def psnr(x: list[Floats], y: list[Floats], planes: slice = LUMA) -> float:
    return float(-10 * np.log10(np.mean((np.stack(x)[:, planes] - np.stack(y)[:, planes]) ** 2) + 1e-12))


@pytest.mark.parametrize("name", ["campus.avi", "bunny.mp4", "city.ts"])
def test_what_is_sharp_or_only_soft_stays_bit_for_bit(name: str) -> None:
    sharp = footage(name)
    noisy = quantise(add_gaussian(sharp, 4 / 255, 3 / 255, np.random.default_rng(1)))
    kept = {
        "sharp": sharp,
        "noisy": noisy,
        "soft": soft(sharp, 1.2),
        "very soft": soft(sharp, 2.0),
        "enlarged by 1.5": enlarged(sharp, 1.5, cv2.INTER_LINEAR),
        "enlarged by 2": enlarged(sharp, 2, cv2.INTER_CUBIC),
        "enlarged by 3": enlarged(sharp, 3, cv2.INTER_CUBIC),
        **{f"crf {crf}": code_clip(sharp, Coding("libx264", crf)).planes for crf in (22, 30, 38)},
    }
    for what, planes in kept.items():
        for out, came in zip(run(Deblur(), planes), packed(planes), strict=True):
            assert np.array_equal(out, came), what


@pytest.mark.parametrize("name", ["campus.avi", "bunny.mp4", "city.ts"])
def test_clips_as_recorded_show_no_blur(name: str) -> None:
    with av.open(str(SAMPLES / name)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 10 == 0:
                luma = frame.to_ndarray(format="gray").astype(np.float32) / np.float32(255)
                assert find_blur(torch.from_numpy(luma)) is None, number


def test_stripes_of_a_sharp_facade_are_no_blur() -> None:
    """Its spectrum is made that of a motion, line by line; its edges say that nothing moved."""
    lines = cv2.resize(footage("campus.avi").y[0], (384, 384))
    motion = np.concatenate([lines[:, 8:] - lines[:, :-8], np.zeros((384, 8), np.float32)], 1)
    facade = 0.5 + 0.4 * np.sign(motion) * (np.abs(motion) > 0.02)
    assert find_blur(torch.from_numpy(facade.astype(np.float32))) is None


@pytest.mark.parametrize("name", ["campus.avi", "bunny.mp4"])
@pytest.mark.parametrize(("length", "gain_db"), [(4, 2.0), (8, 2.0), (14, 1.5)])
def test_motion_is_undone(name: str, length: float, gain_db: float) -> None:
    clean, bad = packed(footage(name)), moved(footage(name), length)
    out = run(Deblur(), bad)
    assert psnr(out, clean) > psnr(packed(bad), clean) + gain_db
    assert psnr(out, clean, CHROMA) > psnr(packed(bad), clean, CHROMA)


@pytest.mark.parametrize("name", ["campus.avi", "bunny.mp4"])
def test_defocus_is_undone(name: str) -> None:
    clean, bad = packed(footage(name)), defocused(footage(name), 3)
    assert psnr(run(Deblur(), bad), clean) > psnr(packed(bad), clean) + 2


@pytest.mark.parametrize("angle", [0.0, 0.3, 0.8, 1.57, -0.5])
@pytest.mark.parametrize("length", [5.0, 9.0, 15.0])
def test_a_line_is_measured(length: float, angle: float) -> None:
    found = find_blur(torch.from_numpy(moved(footage("campus.avi"), length, angle).y[0]))
    assert found is not None
    assert found.length == pytest.approx(length, rel=0.08)
    apart = (found.degrees - np.degrees(angle) + 90) % 180 - 90
    assert abs(apart) < 4
    assert found.disc == 0


def test_a_disc_and_noise_are_measured() -> None:
    planes = quantise(add_gaussian(defocused(footage("campus.avi"), 4), 1 / 255, 0, np.random.default_rng(1)))
    found = find_blur(torch.from_numpy(planes.y[0]))
    assert found is not None
    assert found.disc == pytest.approx(4, rel=0.08)
    assert found.length == 0
    assert found.noise * 255 == pytest.approx(1, abs=0.4)


def test_each_kind_leaves_the_other_alone() -> None:
    moving, out_of_focus = moved(footage("bunny.mp4"), 8), defocused(footage("bunny.mp4"), 3)
    assert np.array_equal(run(Deblur(kind="defocus"), moving), packed(moving))
    assert np.array_equal(run(Deblur(kind="motion"), out_of_focus), packed(out_of_focus))
    assert not np.array_equal(run(Deblur(kind="motion"), moving), packed(moving))
    assert not np.array_equal(run(Deblur(kind="defocus"), out_of_focus), packed(out_of_focus))


def test_strength_is_the_share_of_the_result() -> None:
    bad = moved(footage("bunny.mp4"), 8)
    whole, half, none = (run(Deblur(strength=s), bad)[0] for s in (1.0, 0.5, 0.0))
    frame = packed(bad)[0]
    assert np.array_equal(none, frame)
    assert np.abs(half - (whole + frame) / 2).max() < 1e-5


def test_a_blur_that_fades_is_undone_a_little_longer_within_a_shot() -> None:
    """What was seen in the frame before is believed on less, and forgotten with the shot."""
    bad = quantise(add_gaussian(moved(footage("bunny.mp4"), 8), 2.6 / 255, 0, np.random.default_rng(3)))
    clear = find_blur(torch.from_numpy(moved(footage("bunny.mp4"), 8).y[0]))
    alone = [find_blur(torch.from_numpy(y)) for y in bad.y]
    after = [find_blur(torch.from_numpy(y), before=clear) for y in bad.y]
    assert sum(found is not None for found in after) >= sum(found is not None for found in alone)
    sharp = torch.from_numpy(footage("bunny.mp4").y[0])
    assert find_blur(sharp, before=clear) is None


def test_one_blurred_picture_of_a_batch_leaves_the_others_alone() -> None:
    sharp, bad = packed(footage("bunny.mp4"))[0], packed(moved(footage("bunny.mp4"), 8))[0]
    filter = Deblur()
    out = filter(torch.from_numpy(np.stack([sharp, bad, sharp]))[:, None], [filter.init_state() for _ in range(3)])
    assert torch.equal(out[0, 0], torch.from_numpy(sharp)) and torch.equal(out[2, 0], torch.from_numpy(sharp))
    alone = filter(torch.from_numpy(bad)[None, None], [filter.init_state()])
    assert (out[1] - alone[0]).abs().max() < 1e-5
    assert psnr([out[1, 0].numpy()], [sharp]) > psnr([bad], [sharp]) + 2


def test_text_that_a_recorder_wrote_over_a_blurred_picture_stays() -> None:
    bad = moved(footage("campus.avi"), 8)
    text = np.zeros(bad.y.shape[1:], np.uint8)
    cv2.putText(text, "CAM 04  2031-05-17  11:42:07", (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.65, 255, 2)
    mixed = Planes420(np.where(text > 127, np.float32(0.9), bad.y), bad.uv)
    out, came = np.stack(run(Deblur(), mixed)), np.stack(packed(mixed))
    changed = np.abs(out - came)[:, LUMA].mean((0, 1, 3))
    assert changed[:12].mean() < 0.02 * changed[40:].mean()
    assert psnr([out[0, :, 40:]], [packed(footage("campus.avi"))[0][:, 40:]]) > 28


def test_brightness_stays() -> None:
    bad = moved(footage("bunny.mp4"), 8)
    out, came = np.stack(run(Deblur(), bad)), np.stack(packed(bad))
    for planes in (LUMA, CHROMA):
        assert abs(float(out[:, planes].mean() - came[:, planes].mean())) < 0.3 / 255


@pytest.mark.parametrize("size", [(8, 8), (64, 400), (94, 94)])
def test_pictures_too_small_or_flat_to_tell_stay(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    assert find_blur(torch.from_numpy(rng.random(size, np.float32))) is None
    assert find_blur(torch.full((240, 320), 0.5)) is None


def test_what_was_found_is_reported() -> None:
    filter = Deblur()
    state = filter.init_state()
    assert set(filter.report(state).values()) == {0.0}
    filter(torch.from_numpy(packed(moved(footage("bunny.mp4"), 8))[0])[None, None], [state])
    told = filter.report(state)
    assert told["motion_pixels"] == pytest.approx(8, rel=0.08)
    assert told["motion_degrees"] == pytest.approx(np.degrees(OBLIQUE), abs=4)
    assert told["defocus_pixels"] == 0


@pytest.mark.parametrize(("length", "angle"), [(3.0, 0.0), (8.0, 0.6), (13.0, -1.2)])
def test_the_transfer_is_that_of_the_kernel(length: float, angle: float) -> None:
    """The spectrum of a drawn line is the one that is divided by."""
    line = torch.tensor([[length * np.cos(2 * angle), length * np.sin(2 * angle)]], dtype=torch.float32)
    fy, fx = torch.fft.fftfreq(64)[:, None], torch.fft.rfftfreq(64)[None]
    told = blur_transfer(line, torch.zeros(1), fy, fx, 0.5)[0]
    kernel = motion_kernel(length, angle)
    canvas = np.zeros((64, 64), np.float32)
    canvas[: len(kernel), : len(kernel)] = kernel
    drawn = torch.fft.rfft2(torch.from_numpy(np.roll(canvas, (-(len(kernel) // 2),) * 2, (0, 1))))
    low = torch.hypot(fy, fx) < 0.4
    assert (drawn.real - told)[low].abs().max() < 0.16  # the drawn one is sampled
    assert (drawn.real - told).abs().mean() < 0.045
    assert drawn.imag.abs().max() < 1e-4


def test_a_disc_has_the_transfer_of_its_kernel() -> None:
    fy, fx = torch.fft.fftfreq(64)[:, None], torch.fft.rfftfreq(64)[None]
    told = blur_transfer(torch.zeros(1, 2), torch.tensor([4.0]), fy, fx, 0.3)[0]
    kernel = defocus_kernel(4.0)
    canvas = np.zeros((64, 64), np.float32)
    canvas[: len(kernel), : len(kernel)] = kernel
    drawn = torch.fft.rfft2(torch.from_numpy(np.roll(canvas, (-(len(kernel) // 2),) * 2, (0, 1))))
    assert (drawn.real - told).abs().max() < 0.05


def test_where_there_is_no_blur_to_undo_little_changes() -> None:
    plane = torch.from_numpy(soft(footage("campus.avi"), 1.2).y[:1])[:, None]
    sharp = undone(plane, torch.zeros(1, 2), torch.zeros(1), torch.zeros(1), spot=0.0)
    assert (sharp - plane).abs().mean() < 1 / 255


def test_noise_is_hardly_amplified() -> None:
    """The more noise is told, the less is undone; where nothing but noise was recorded it stays as it is."""
    noise = torch.randn(1, 1, 256, 256, generator=torch.Generator().manual_seed(1)) * 0.01
    line = torch.tensor([[8.0, 0.0]])
    told = [float(undone(0.5 + noise, line, torch.zeros(1), torch.tensor([n])).std()) for n in (0.0, 0.005, 0.01)]
    assert told == sorted(told, reverse=True)
    flat = F.pixel_unshuffle(0.5 + noise, 2)
    frame = torch.cat((flat, torch.full((1, 2, 128, 128), 0.5)), 1)
    assert float((sharpened(frame, line, torch.zeros(1), torch.tensor([0.01])) - frame).std()) < 0.004


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": "2"}, "deblur=strength: 2.0 is not between 0 and 1"),
        ({"kind": "shake"}, "'shake' is not"),
    ],
)
def test_bad_options_name_their_remedy(options: dict[str, str], message: str) -> None:
    filters: Registry[Filter[Any]] = Registry("filter")
    filters.register("deblur")(Deblur)
    with pytest.raises(BadOption, match=message):
        filters.create("deblur", options)
