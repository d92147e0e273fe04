"""The filter `deblock`: what it promises, on real footage that is coded here, and on what needs nothing done."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from streamfix import BadOption, Frame, FrameCoding, PixelFormat, Planes
from streamfix.analysis import block_contrast
from streamfix.backends import compiled
from streamfix.filters.base import Filter
from streamfix.fusion import pack420
from streamfix.models import Tier
from streamfix.motion import Floats
from streamfix.registry import Registry
from streamfix.training import Coding, Planes420, code_clip
from streamfix_deblock import Deblock, levels, told
from streamfix_deblock.filter import WEIGHTS
from tests.plugins.footage import sample

FRAMES = 14
GRAY = PixelFormat("gray", "gray", 8)
LUMA, CHROMA = slice(0, 4), slice(4, 6)


def footage(name: str) -> Planes420:
    return sample(name, FRAMES)


@cache
def coded(name: str, quality: float, *more: float, codec: str = "libx264") -> Planes420:
    """The clip encoded with this quality, and what came of it with those after it."""
    planes = footage(name)
    for value in (quality, *more):
        planes = code_clip(planes, Coding(codec, value)).planes  # type: ignore[arg-type]  # parametrised as text
    return planes


def packed(planes: Planes420) -> list[Floats]:
    return [pack420(y, uv) for y, uv in zip(planes.y, planes.uv, strict=True)]


def deblock(**options: Any) -> Deblock:
    return Deblock(**{"backend": "torch", "precision": "fp32", **options})


def run(filter: Filter[Any], planes: Planes420) -> list[Floats]:
    """Each frame restored, in the window that the filter declares; the last frame is repeated behind the end."""
    state, clip = filter.init_state(), packed(planes)
    results = []
    for t in range(len(clip)):
        window = [clip[min(i, len(clip) - 1)] for i in range(t, t + 1 + filter.future)]
        with torch.inference_mode():
            results.append(filter(torch.from_numpy(np.stack(window))[None], [state])[0, 0].numpy())
    return results


def psnr(x: list[Floats], y: list[Floats], planes: slice = LUMA) -> float:
    return float(-10 * np.log10(np.mean((np.stack(x)[:, planes] - np.stack(y)[:, planes]) ** 2) + 1e-12))


@pytest.mark.parametrize("name", ["campus.avi", "bunny.mp4"])
@pytest.mark.parametrize(
    ("codec", "quality", "gain_db"),
    [
        ("libx264", 34, 0.2),
        pytest.param("libx265", 34, 0.1, marks=pytest.mark.slow),
        pytest.param("mjpeg", 12, 0.2, marks=pytest.mark.slow),
        pytest.param("mpeg4", 10, 0.2, marks=pytest.mark.slow),
    ],
)
def test_it_comes_nearer_to_what_was_encoded(name: str, codec: str, quality: float, gain_db: float) -> None:
    clean, bad = packed(footage(name)), coded(name, quality, codec=codec)
    out = run(deblock(), bad)
    assert psnr(out, clean) > psnr(packed(bad), clean) + gain_db
    assert psnr(out, clean, CHROMA) > psnr(packed(bad), clean, CHROMA)


@pytest.mark.parametrize(
    "name", ["bunny.mp4", *(pytest.param(n, marks=pytest.mark.slow) for n in ("campus.avi", "city.ts"))]
)
def test_what_was_never_coded_or_coded_well_stays(name: str) -> None:
    for planes in (footage(name), coded(name, 8)):
        assert psnr(run(deblock(), planes), packed(planes)) > 48


def test_a_transcoding_that_says_all_is_well_is_seen_through() -> None:
    """Encoded badly and then well: the stream's own quantiser tells of the second time alone."""
    clean, bad = packed(footage("campus.avi")), coded("campus.avi", 36, 14)
    assert psnr(run(deblock(), bad), clean) > psnr(packed(bad), clean) + 0.15


def test_the_level_that_is_reported_rises_with_the_quantiser() -> None:
    found = []
    for quality in (12, 24, 32, 40):
        filter = deblock(lookahead=0)
        state = filter.init_state()
        for picture in packed(coded("campus.avi", quality))[:4]:
            filter(torch.from_numpy(picture)[None, None], [state])
        found.append(filter.report(state)["artifacts_luma"])
    assert found == sorted(found)
    assert found[0] < 2 < found[-1]


def test_it_is_steadier_than_the_original() -> None:
    """Where the original stands still but for its grain, what comes out changes less from frame to frame."""
    clean, bad = np.stack(packed(footage("campus.avi"))), coded("campus.avi", 36)
    still = (np.abs(np.diff(clean, axis=0)) < 1.5 / 255)[:, LUMA]
    changes = [
        float(np.abs(np.diff(clip, axis=0)[:, LUMA])[still].mean()) for clip in (np.stack(run(deblock(), bad)), clean)
    ]
    assert changes[0] < 0.8 * changes[1]


def test_strength_is_the_share_of_the_result() -> None:
    bad = coded("campus.avi", 36)
    whole, half, none = (run(deblock(strength=s), bad)[3] for s in (1.0, 0.5, 0.0))
    frame = packed(bad)[3]
    assert np.array_equal(none, frame)
    assert np.abs(half - (whole + frame) / 2).max() < 1e-5


def test_macroblocks_that_are_good_already_stay_as_they_are() -> None:
    """The share goes from nothing at the one level to everything at the other, luma and chroma apart."""
    sigma = np.zeros((1, 2, 2, 2), np.float32)
    sigma[0, :, 0, 0], sigma[0, 0, 1, 1] = 3 / 255, 0.9 / 255
    share = deblock()._share(sigma)
    assert share.shape == sigma.shape
    assert share[0, :, 0, 0].tolist() == [1.0, 1.0]
    assert share[0, 0, 1, 1] == pytest.approx(0.5, abs=1e-4)
    assert share[0, 1, 1, 1] == share[0, 0, 0, 1] == share[0, 1, 0, 1] == 0.0


# -- the codec's own word


def run_told(filter: Deblock, planes: Planes420, qp: float | None) -> list[Floats]:
    """As `run`, without look-ahead; each frame says that all its macroblocks have this quantiser."""
    state, results = filter.init_state(), []
    height, width = planes.y.shape[1:]
    quantisers = None if qp is None else np.full((-(-height // 16), -(-width // 16)), qp, np.float32)
    for picture in packed(planes):
        frame = Frame(Planes(GRAY, 1, 1, (np.zeros((1, 1), np.uint8),)), 0, Fraction(1))
        filter.tell(state, [replace(frame, coding=FrameCoding("P", 1, quantisers))])
        with torch.inference_mode():
            results.append(filter(torch.from_numpy(picture)[None, None], [state])[0, 0].numpy())
    return results


def few(planes: Planes420) -> Planes420:
    return Planes420(planes.y[:6], planes.uv[:6])


def test_what_the_codec_calls_fine_and_shows_no_blocks_stays_bit_for_bit() -> None:
    clip = few(coded("bunny.mp4", 18))
    assert np.array_equal(np.stack(run_told(deblock(lookahead=0), clip, 15)), np.stack(packed(clip)))
    assert not np.array_equal(np.stack(run_told(deblock(lookahead=0), clip, None)), np.stack(packed(clip)))


def test_what_the_codec_calls_coarse_is_undone_as_without_its_word() -> None:
    bad = few(coded("campus.avi", 34))
    clean = packed(few(footage("campus.avi")))
    told_of, alone = (psnr(run_told(deblock(lookahead=0), bad, qp), clean) for qp in (40, None))
    assert told_of == pytest.approx(alone, abs=0.01)
    assert told_of > psnr(packed(bad), clean) + 0.15


def test_blocks_of_an_encoding_before_the_last_one_are_believed_more_than_the_codec() -> None:
    """Coded at crf 36 and then at 14: the quantisers say that all is well."""
    twice = few(coded("campus.avi", 36, 14))
    clean = packed(few(footage("campus.avi")))
    found, alone = (psnr(run_told(deblock(lookahead=0), twice, qp), clean) for qp in (17, None))
    assert found > psnr(packed(twice), clean) + 0.15
    assert found == pytest.approx(alone, abs=0.05)


def test_a_strength_that_is_said_goes_by_the_picture_alone() -> None:
    bad = few(coded("bunny.mp4", 34))
    fine, alone = (run_told(deblock(strength=1.0, lookahead=0), bad, qp) for qp in (5, None))
    assert np.array_equal(np.stack(fine), np.stack(alone))


def test_a_keyframe_is_averaged_with_what_was_before() -> None:
    """Of two clips that differ in the codec's word alone, the one whose keyframe is told pops less there."""
    bad = few(coded("campus.avi", 36))
    noise = np.random.default_rng(1).normal(0, 4 / 255, bad.y.shape[1:]).astype(np.float32)
    popping = Planes420(bad.y.copy(), bad.uv)
    popping.y[4] += noise
    moved = []
    for key in (3, 0):
        filter = deblock(lookahead=0)
        state, out = filter.init_state(), []
        for t, picture in enumerate(packed(popping)[:5]):
            state.hear(FrameCoding("P", key if t == 4 else t % 4 + 1))
            assert state.keyframe == (t == 4 and key == 0)
            with torch.inference_mode():
                out.append(filter(torch.from_numpy(picture)[None, None], [state])[0, 0].numpy())
        moved.append(float(np.abs(out[4] - out[3])[LUMA].mean()))
    assert moved[1] < moved[0]


def test_where_every_frame_is_a_keyframe_none_is_special() -> None:
    state = deblock().init_state()
    found = []
    for coding in (*(FrameCoding("I", since) for since in (0, 0, 1, 0, 0, 1)), None, FrameCoding("I", 0)):
        state.hear(coding)
        found.append(state.keyframe)
    assert found == [False, False, False, True, False, False, False, False]


def test_quantisers_of_another_size_are_not_heeded() -> None:
    """As of a frame that was enlarged by somebody who kept what it said."""
    filter, other = deblock(lookahead=0), deblock(lookahead=0)
    picture = torch.from_numpy(packed(coded("bunny.mp4", 34))[0])[None, None]
    state = filter.init_state()
    state.coding = FrameCoding("I", 0, np.full((3, 3), 5, np.float32))
    with torch.inference_mode():
        assert torch.equal(filter(picture, [state]), other(picture, [other.init_state()]))


@pytest.mark.parametrize("crop", [(0, 0), (2, 6), (4, 2)])
def test_blocks_are_seen_wherever_their_grid_begins(crop: tuple[int, int]) -> None:
    """Those of JPEG, at the borders of which nothing is smoothed, more than nothing at all."""
    top, left = crop

    def seen(planes: Planes420) -> float:
        cropped = Planes420(planes.y[:, top:, left:], planes.uv[:, top // 2 :, left // 2 :])
        return float(np.mean([block_contrast(p) for p in packed(few(cropped))]))

    clean, bad = seen(footage("campus.avi")), seen(coded("campus.avi", 20, codec="mjpeg"))
    assert clean < 1.15 < bad
    assert told.doubt(bad) > told.doubt(clean)


def test_a_picture_without_detail_shows_no_blocks() -> None:
    for shape in ((6, 8, 8), (6, 1, 1), (6, 64, 1), (6, 90, 160)):
        assert block_contrast(np.full(shape, 0.5, np.float32)) == pytest.approx(1.0, abs=1e-6)
    framed = np.full((6, 90, 160), 0.5, np.float32)
    framed[:, :8] = framed[:, -8:] = 0.06  # bars above and below, their borders on the grid
    assert told.doubt(block_contrast(framed)) == 0


def test_levels_and_answers_are_one_anothers_opposite() -> None:
    sigma = torch.tensor([[0.25, 1.0, 4.0, 20.0]]) / 255
    assert torch.allclose(levels.decode(levels.encode(sigma)), sigma, rtol=1e-5)
    assert levels.decode(torch.zeros(1)) == pytest.approx(0.25 / 255)


def test_the_true_answer_is_the_error_around_a_macroblock() -> None:
    clean = torch.full((1, 6, 32, 32), 0.5)
    bad = clean.clone()
    bad[:, :4] += 6 / 255
    bad[:, 4:, :, :16] += 2 / 255
    found = levels.decode(levels.true_answer(bad, clean))[0]
    assert torch.allclose(found[0], torch.tensor(6 / 255), rtol=1e-4)
    assert found[1, :, 0].tolist() == pytest.approx([2 / 255] * 4, rel=1e-4)
    assert found[1, :, 3].tolist() == pytest.approx([0.25 / 255] * 4, rel=1e-4)


def test_brightness_stays() -> None:
    bad = coded("bunny.mp4", 36)
    out, came = np.stack(run(deblock(), bad)), np.stack(packed(bad))
    for planes in (LUMA, CHROMA):
        assert abs(float(out[:, planes].mean() - came[:, planes].mean())) < 0.3 / 255


def test_live_streams_look_no_frame_ahead_unless_told() -> None:
    assert [deblock(**options).future for options in ({}, dict(Deblock.live_options))] == [2, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": "2"}, "strength: 2.0 is not between 0 and 1"),
        ({"lookahead": "9"}, "lookahead: 9 is not a number of frames from 0 to 8"),
        ({"tier": "xl"}, "'xl' is not"),
        ({"backend": "opencl"}, "deblock=backend: 'opencl' is not auto or"),
    ],
)
def test_bad_options_name_their_remedy(options: dict[str, str], message: str) -> None:
    filters: Registry[Filter[Any]] = Registry("filter")
    filters.register("deblock")(Deblock)
    with pytest.raises(BadOption, match=message):
        filters.create("deblock", options)


@pytest.mark.parametrize("tier", WEIGHTS.shipped())
def test_each_shipped_tier_has_its_card(tier: Tier) -> None:
    card = WEIGHTS.card(tier).read_text(encoding="utf-8")
    for store in (WEIGHTS, levels.store()):
        assert store.shipped()[tier if store is WEIGHTS else "s"] in card
    for part in ("Data", "Licence", "Steps", "Seed", "Limits"):
        assert part in card


@pytest.mark.slow
def test_backends_agree() -> None:
    """OpenVINO in fp32 gives what PyTorch gives to a tenth of an 8-bit code."""
    if not compiled.is_installed():
        pytest.skip('OpenVINO is an extra: pip install -e ".[openvino]"')
    bad = coded("bunny.mp4", 34)
    a, b = (np.stack(run(deblock(backend=name, lookahead=0), bad)[:4]) for name in ("torch", "openvino"))
    assert np.abs(a - b).max() < 0.1 / 255


@pytest.mark.slow
def test_the_shipped_int8_graph_is_nearly_as_good() -> None:
    """It loses at most 0.15 dB, and is of the weights beside it."""
    if not compiled.is_installed():
        pytest.skip('OpenVINO is an extra: pip install -e ".[openvino]"')
    clean, bad = packed(footage("bunny.mp4")), coded("bunny.mp4", 34)
    filter = deblock(backend="openvino", precision="int8")
    int8, exact = run(filter, bad), run(deblock(), bad)
    assert filter.network.name == "openvino int8"
    assert not np.array_equal(int8[0], exact[0])
    assert psnr(int8, clean) > psnr(exact, clean) - 0.15
