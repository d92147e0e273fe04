"""Degradations: frozen, of the strength they say, and the truth is what a perfect restorer would give."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.errors import UnknownName
from streamfix.evaluation import sensor
from streamfix.evaluation.scaling import area, reduced
from streamfix.evaluation.stills import Still
from streamfix.evaluation.suites import ENCODERS, GROUPS, SUITES, degrade, degrade_still, expand, x264
from tests.evaluation.material import flat, moving, texture


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_is_the_same_on_every_run(suite: str) -> None:
    clip = moving(4)
    a, b = degrade(suite, "street", clip), degrade(suite, "street", clip)
    assert a.noisy.sha256() == b.noisy.sha256()
    assert (a.suite, a.truth.sha256(), a.sigma_y) == (suite, b.truth.sha256(), b.sigma_y)


@pytest.mark.parametrize("suite", [s for s in SUITES if s.startswith(("gaussian", "sensor", "codec"))])
def test_scenes_and_suites_have_noise_of_their_own(suite: str) -> None:
    clip = moving(4)
    assert degrade(suite, "street", clip).noisy.sha256() != degrade(suite, "road", clip).noisy.sha256()


NOISY = ("gaussian", "sensor", "codec", "x264", "x265", "transcoded", "sr-coded", "soft-coded", "driving")


@pytest.mark.parametrize("suite", [s for s in SUITES if s.startswith(NOISY)])
def test_what_is_told_is_what_was_done(suite: str) -> None:
    found = degrade(suite, "street", moving(8))
    truth = found.truth if found.scale == 1 else reduced(found.truth, found.scale, area)
    error = found.noisy.y.astype(float) - truth.y
    assert float(np.sqrt(np.mean(error**2))) == pytest.approx(found.sigma_y, rel=0.05)


def test_clean_is_clean() -> None:
    clip = moving(4)
    found = degrade("clean", "street", clip)
    assert found.noisy is clip and found.truth is clip and found.sigma_y == found.sigma_uv == 0


@pytest.mark.parametrize("sigma", [10, 20, 30])
def test_gaussian_noise_has_its_strength_on_every_plane(sigma: int) -> None:
    found = degrade(f"gaussian-{sigma}", "street", flat(frames=20))
    for plane in found.noisy.planes():
        assert float(plane.std()) == pytest.approx(sigma, rel=0.02)
        assert float(plane.mean()) == pytest.approx(128, abs=5 * sigma / plane.size**0.5)


def test_noise_on_rgb_reaches_luma_by_the_weights_of_bt601() -> None:
    found = degrade("gaussian-rgb-20", "street", flat(frames=20))
    assert found.rgb is not None and found.sigma_rgb == 20
    assert float(found.rgb.std()) * 255 == pytest.approx(20, rel=0.02)
    weights = np.array([0.299, 0.587, 0.114]) * 219 / 255
    assert float(found.noisy.y.std()) == pytest.approx(20 * float(np.linalg.norm(weights)), rel=0.02)


def test_a_part_shows_rgb_networks_the_same_place() -> None:
    found = degrade("gaussian-rgb-20", "street", moving(6)).part(2, 3, (32, 16))
    assert found.rgb is not None and found.rgb.shape == (3, 3, 16, 32)
    luma = 16 + 219 * np.tensordot([0.299, 0.587, 0.114], found.rgb_picture(1), 1)
    assert np.abs(luma.clip(0, 255) - found.noisy.y[1]).max() < 0.51


@pytest.mark.parametrize("light", [0.02, 0.2, 0.6])
def test_sensor_noise_follows_its_closed_form(light: float) -> None:
    """Variance shot * light + read, in linear light."""
    mosaic = np.full((200, 200), light, np.float32)
    noisy = sensor.add_noise(mosaic, 0.002, np.random.default_rng(0))
    assert float(noisy.var()) == pytest.approx(0.002 * light + sensor.read_noise(0.002), rel=0.05)


def test_read_noise_is_the_papers_line() -> None:
    assert np.log(sensor.read_noise(0.01)) == pytest.approx(2.18 * np.log(0.01) + 1.20)


def test_without_noise_a_grey_stays_what_it_was() -> None:
    """Exposing and developing cancel where there is no detail: no colour cast, no change of level."""
    grey = np.full((3, 16, 16), 0.4, np.float32)
    assert np.abs(sensor.develop(sensor.expose(grey)) - grey).max() < 1e-5


def test_demosaicking_keeps_a_ramp() -> None:
    """Bilinear interpolation is exact for what is linear, in linear light."""
    ramp = np.broadcast_to(np.linspace(0.05, 0.4, 32, dtype=np.float32), (3, 32, 32))
    gamma = 1.055 * ramp ** (1 / 2.4) - 0.055
    developed = sensor.develop(sensor.expose(gamma))
    assert np.abs(developed - gamma)[:, 2:-2, 2:-2].max() < 1e-4


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"no suite 'gauss'; there are: clean, .*; and for several: arti"):
        degrade("gauss", "street", flat())
    with pytest.raises(UnknownName, match="no suite 'gauss'"):
        expand(["artifacts", "gauss"])


def test_a_group_stands_for_its_suites() -> None:
    assert expand(["clean", "artifacts", "x264-28", "soft"])[:3] == ["clean", "x264-28", "x264-32"]
    assert len(expand(["artifacts", "x264-28"])) == len(GROUPS["artifacts"])
    assert all(suite in SUITES for suites in GROUPS.values() for suite in suites)
    assert not set(GROUPS) & set(SUITES)


@pytest.mark.parametrize(
    ("suite", "scale"), [("sr-x2", 2), ("sr-x4", 4), ("sr-area-x2", 2), ("sr-coded", 2), ("codec", 1)]
)
def test_the_truth_is_larger_by_the_scale_also_in_a_part(suite: str, scale: int) -> None:
    clip = moving(6, 150, 110)
    found = degrade(suite, "street", clip)
    whole = tuple(n // (2 * scale) * 2 for n in clip.size) if scale > 1 else clip.size
    assert (found.scale, found.noisy.size) == (scale, whole)
    for shown in (found, found.part(1, 4, (32, 24))):
        assert shown.truth.size == tuple(n * scale for n in shown.noisy.size) == shown.shown().size
    # A part shows one place: it is as near to its truth as the whole, which a shift would not be.
    part = found.part(1, 4, (32, 24))
    errors = [np.abs(d.shown().y.astype(float) - d.truth.y)[:, 8:-8, 8:-8].mean() for d in (found, part)]
    assert errors[1] < 1.5 * errors[0] + 0.5


@pytest.mark.parametrize("scale", [2, 4])
def test_a_still_is_the_protocols(scale: int) -> None:
    rgb = np.stack([np.rint(texture(99, 77, seed)) for seed in range(3)], -1).astype(np.uint8)
    still, found = Still.of(rgb, scale), degrade_still(f"sr-x{scale}", "baby", rgb)
    assert found.still is not None and (found.still.lr_y == still.lr_y).all()
    assert (found.noisy.y[0] == still.lr_420[0]).all()
    assert found.rgb is not None
    assert (np.rint(found.rgb_picture(0).transpose(1, 2, 0) * 255) == still.lr_rgb).all()
    assert np.abs(found.truth.y[0] - still.hr_y).max() <= 0.5


def test_a_still_in_other_suites_is_a_clip_of_one_frame() -> None:
    rgb = np.stack([np.rint(texture(51, 65, seed)) for seed in range(3)], -1).astype(np.uint8)
    found = degrade_still("gaussian-20", "baby", rgb)
    assert (len(found.noisy), found.noisy.size, found.scale) == (1, (64, 50), 1)


@pytest.mark.parametrize("suite", GROUPS["motion-blur"])
def test_blur_takes_detail_and_leaves_what_is_flat(suite: str) -> None:
    found = degrade(suite, "street", moving(5, 96, 64, step=8))
    still = degrade(suite, "street", flat(140, 5))
    inner = (slice(1, -1), slice(16, -16), slice(16, -16))
    assert found.noisy.y[inner].std() < 0.97 * found.truth.y[inner].std()
    assert found.noisy.y[inner].mean() == pytest.approx(found.truth.y[inner].mean(), abs=2.0)  # light is kept
    assert np.abs(still.noisy.y.astype(int) - 140).max() <= 1


def test_longer_lines_blur_more() -> None:
    errors = [degrade(f"motion-blur-{n}", "street", moving(2, 96, 64)) for n in (4, 8, 14)]
    means = [float(np.abs(d.noisy.y.astype(float) - d.truth.y).mean()) for d in errors]
    assert means[0] < means[1] < means[2]


@pytest.mark.parametrize("suite", [s for s in GROUPS["soft"] if s != "soft-coded"])
def test_soft_footage_is_its_own_truth(suite: str) -> None:
    clip = moving(3, 96, 64)
    found = degrade(suite, "street", clip)
    assert found.noisy is found.truth
    if suite != "clean":
        assert float(np.abs(np.diff(found.truth.y.astype(int), axis=2)).mean()) < float(
            np.abs(np.diff(clip.y.astype(int), axis=2)).mean()
        )


def test_a_codec_repeats() -> None:
    """Also where a line of macroblocks is no multiple of eight, on machines with AVX-512."""
    clip = moving(10, 320, 180)
    first = x264(clip, 30)
    for value in (1.0, 255.0):
        noise = np.full(1 << 20, value)  # what memory holds then
        del noise
        assert np.array_equal(x264(clip, 30).y, first.y)


@pytest.mark.parametrize("codec", ENCODERS)
def test_encoders_keep_every_frame_and_coarser_is_worse(codec: str) -> None:
    clip = moving(9, 128, 96)
    fine, coarse = (ENCODERS[codec](clip, crf) for crf in (10, 45))
    errors = [float(np.abs(other.y.astype(int) - clip.y).mean()) for other in (fine, coarse)]
    assert fine.y.shape == coarse.y.shape == clip.y.shape
    assert errors[0] < 1.5 < errors[1]


def test_what_is_transcoded_is_as_bad_as_its_first_encoding() -> None:
    clip = moving(9, 128, 96)
    once, twice = degrade("x264-32", "street", clip), degrade("transcoded", "street", clip)
    assert twice.sigma_y > 0.9 * once.sigma_y
