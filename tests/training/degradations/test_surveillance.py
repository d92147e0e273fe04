"""Surveillance footage: shares, order, and a clean clip that is the same scene."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from streamfix.training.degradations import surveillance
from streamfix.training.degradations.codec import Coded, Coding
from streamfix.training.degradations.driving import degrade_driving
from streamfix.training.degradations.surveillance import CodecShares, Surveillance, degrade_surveillance
from streamfix.training.planes420 import Planes420, quantise, to_planes
from tests.training.degradations.quiet import CLIP, NEVER, QUIET, apart
from tests.training.scenes import clip


@pytest.mark.parametrize("seed", range(6))
def test_the_same_seed_gives_the_same_clips(seed: int) -> None:
    for degrade in (degrade_surveillance, degrade_driving):
        a, b = (degrade(CLIP, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(a.noisy.y, b.noisy.y)
        np.testing.assert_array_equal(a.clean.uv, b.clean.uv)
        assert a.description == b.description
        json.dumps(a.description)  # it can be written beside the clip


@pytest.mark.parametrize("seed", range(8))
def test_clean_is_the_scene_of_noisy_and_noisy_is_in_8_bits(seed: int) -> None:
    made = degrade_surveillance(CLIP, np.random.default_rng(seed), Surveillance(shot=(1e-4, 1e-3), codec=NEVER))
    assert made.noisy.y.shape == made.clean.y.shape == CLIP.shape[:3]
    np.testing.assert_array_equal(quantise(made.noisy).y, made.noisy.y)
    difference = made.noisy.y - made.clean.y
    assert abs(difference.mean()) < 2.5 / 255  # the same exposure and look: noise has no mean to speak of
    if made.clean.y.std() > 0.03:
        assert np.corrcoef(made.noisy.y.ravel(), made.clean.y.ravel())[0, 1] > 0.8


def test_without_noise_the_developed_target_is_what_was_recorded() -> None:
    made = degrade_surveillance(CLIP, np.random.default_rng(0), QUIET)
    assert apart(made) < 1.5 / 255
    sharpened = degrade_surveillance(CLIP, np.random.default_rng(0), replace(QUIET, sharpen=1, soft_chroma=1))
    assert apart(sharpened) < 2.5 / 255


def test_the_scenes_target_has_no_demosaicking_in_it() -> None:
    rng = np.random.default_rng(0)
    made = degrade_surveillance(CLIP, rng, replace(QUIET, target="scene"))
    gain = made.description["gain"]
    if gain == 1:
        np.testing.assert_allclose(made.clean.y, to_planes(CLIP).y, atol=2e-3)
    developed = degrade_surveillance(CLIP, np.random.default_rng(0), QUIET)
    assert (developed.clean.y - made.clean.y).std() > 0.5 / 255


def test_things_happen_as_often_as_the_shares_say() -> None:
    tiny, rng = clip(1, 16, 16), np.random.default_rng(1)
    made = [degrade_surveillance(tiny, rng, Surveillance(codec=NEVER)).description for _ in range(250)]
    assert np.mean([d["infrared"] is not None for d in made]) == pytest.approx(0.25, abs=0.06)
    assert np.mean(["weather" in d for d in made]) == pytest.approx(0.20, abs=0.06)
    assert np.mean(["smear" in d for d in made]) == pytest.approx(0.30, abs=0.06)
    exposures = [d["exposure"] for d in made]
    assert min(exposures) < 0.08
    assert max(exposures) > 0.97
    assert np.mean(exposures) == pytest.approx(0.525, abs=0.05)


def test_codecs_are_chosen_as_often_as_the_shares_say(monkeypatch: pytest.MonkeyPatch) -> None:
    planes, rng = quantise(to_planes(clip(1, 16, 16))), np.random.default_rng(2)

    def uncoded(planes: Planes420, coding: Coding) -> Coded:
        return Coded(planes, 1, np.ones(1, np.bool_), coding)

    monkeypatch.setattr(surveillance, "code_clip", uncoded)  # the choice is what is looked at
    done = [CodecShares(rate=0)(planes, rng)[1] for _ in range(2000)]
    coded = [d for d in done if d]
    first = [d[0]["codec"] for d in coded]
    assert len(coded) / len(done) == pytest.approx(0.9, abs=0.02)
    assert first.count("libx265") / len(first) == pytest.approx(0.25, abs=0.03)
    assert np.mean([c in ("mpeg4", "mjpeg") for c in first]) == pytest.approx(0.1, abs=0.03)
    assert np.mean([len(d) == 2 for d in coded]) == pytest.approx(0.2, abs=0.03)
    x26 = [d[0] for d in coded if d[0]["codec"].startswith("libx")]
    assert all(23 <= d["quality"] <= 40 and 12 <= d["gop"] <= 100 for d in x26)


def test_a_wanted_rate_and_a_second_encoding_are_told() -> None:
    planes = quantise(to_planes(clip(2, 32, 32)))
    _, done = CodecShares(coded=1, twice=1, rate=1, x265=0, old=0)(planes, np.random.default_rng(5))
    assert [d["codec"] for d in done] == ["libx264", "libx264"]
    assert all(d["bits_per_pixel"] > 0 for d in done)


def test_infrared_pictures_have_no_colour_but_the_codecs() -> None:
    made = degrade_surveillance(CLIP, np.random.default_rng(3), Surveillance(infrared=1, overlay=0, codec=NEVER))
    np.testing.assert_allclose(made.clean.uv, 128 / 255, atol=1e-5)
