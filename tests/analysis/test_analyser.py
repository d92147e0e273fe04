"""The whole of it: what is measured of a stream, and what is made of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from streamfix.analysis import Analyser, Blockiness, Findings, Light, advise, light, shares
from streamfix.fusion import Noise

from .material import Floats, eight_bit, grey, jpeg, moving, noisy, scene

ALL = ["deblock", "denoise", "smooth", "upscale"]
GOOD = Findings(100, 640, 360, Noise(0.3 / 255, 0.2 / 255), Blockiness(0.0), Light(0.1, 0.5, 0.8))


def analysed(frames: list[Floats], **more: float) -> Findings:
    analyser = Analyser()
    for frame in frames:
        analyser.add(frame, grey(frame), **more)
    return analyser.findings


def with_blocks(codes: float, findings: Findings = GOOD) -> Findings:
    return replace(findings, blocks=Blockiness(codes / 255))


def test_a_good_picture_calls_for_nothing() -> None:
    findings = analysed([eight_bit(frame) for frame in moving(10)])
    assert advise(findings, ALL).chain == "null"
    assert not findings.enlarged


def test_noise_is_measured_and_called_noise() -> None:
    findings = analysed([noisy(frame, 8, seed) for seed, frame in enumerate(moving(10))])
    assert findings.noise.luma * 255 == pytest.approx(8, rel=0.3)
    assert advise(findings, ALL).chain == "denoise"
    assert not findings.enlarged  # what noise hides is not missing


def test_blocks_are_called_artifacts() -> None:
    findings = analysed([jpeg(frame, 12) for frame in moving(10)])
    assert advise(findings, ALL).chain.startswith("deblock")


def test_one_frame_is_enough_to_begin_with() -> None:
    findings = analysed([jpeg(scene(), 12)])
    assert findings.frames == 1
    assert shares(findings).artifacts == 1
    assert findings.combing is None and findings.repeated is None


def test_another_size_begins_anew() -> None:
    analyser = Analyser()
    for frame in [noisy(scene(), 20)] * 9 + [eight_bit(scene(2, 144, 176))]:
        analyser.add(frame, grey(frame))
    assert analyser.findings.frames == 1
    assert (analyser.findings.width, analyser.findings.height) == (176, 144)


def test_numbers_are_json() -> None:
    numbers = analysed([scene()] * 3, quantiser=31.0).numbers()
    assert json.loads(json.dumps(numbers)) == numbers
    assert numbers["qp_mean"] == 31.0
    assert all(np.isfinite(value) for value in numbers.values() if value is not None)


@pytest.mark.parametrize("size", [(2, 2), (6, 10), (32, 32)])
def test_small_pictures_are_measured_without_a_word(size: tuple[int, int]) -> None:
    assert analysed([scene(0, *size)] * 3).frames == 3


# -- advice


def test_shares_rise_with_the_fault() -> None:
    blocks = [shares(with_blocks(codes)).artifacts for codes in (0, 0.05, 0.08, 0.1, 0.3)]
    noise = [shares(replace(GOOD, noise=Noise(codes / 255, 0))).noise for codes in (0, 0.7, 1, 1.2, 5)]
    quantisers = [shares(replace(GOOD, quantiser=qp)).artifacts for qp in (15, 24, 26, 28, 40)]
    for found in (blocks, noise, quantisers):
        assert found == sorted(found) and found[0] == 0 and found[-1] == 1


def test_chroma_noise_counts_as_well() -> None:
    assert shares(replace(GOOD, noise=Noise(0, 3 / 255))).noise == 1


def test_texture_alone_is_no_artifact() -> None:
    assert shares(replace(GOOD, artifacts=5 / 255)).artifacts == 0
    assert shares(replace(with_blocks(0.03), artifacts=1 / 255)).artifacts == 0
    assert shares(replace(with_blocks(0.05), artifacts=5 / 255)).artifacts == 1


def test_a_filters_report_is_taken() -> None:
    assert with_blocks(0.03).told_by({"artifacts_luma": 5.1}).artifacts == pytest.approx(0.02)
    assert GOOD.told_by({"noise_luma": 3.0}).artifacts is None


def test_the_order_is_fields_artifacts_noise_size() -> None:
    bad = replace(with_blocks(1.0), noise=Noise(0.05, 0.05), interlaced=True)
    assert advise(bad, ALL, scale=2).chain == "bwdif=mode=send_frame,deblock,denoise,upscale=scale=2"


def test_the_next_best_filter_stands_in_and_what_is_missing_is_told() -> None:
    bad = replace(with_blocks(1.0), noise=Noise(0.05, 0.05))
    advice = advise(bad, ["smooth"])
    assert advice.chain == "smooth"
    assert any("deblock" in note for note in advice.notes)


def test_what_no_filter_of_the_chain_mends_is_noted() -> None:
    bad = replace(GOOD, blur=2.5, content=(0.5, 0.5), light=Light(0.05, 0.1, 0.3), cadence=2)
    notes = " ".join(advise(bad, ALL).notes)
    for word in ("320x180", "2.5 pixels", "dark", "one in 2 frames"):
        assert word in notes
    assert "deblur" not in notes
    assert "deblur" in " ".join(advise(bad, [*ALL, "deblur"]).notes)
    assert advise(bad, [*ALL, "deblur"]).chain == "null"


@pytest.mark.parametrize(("level", "dark"), [(0.1, True), (0.2, True), (0.5, False), (0.9, False)])
def test_dark_is_dark(level: float, dark: bool) -> None:
    assert light(np.asarray(scene() * 0.2 + level - 0.1, np.float32)).dark is dark
