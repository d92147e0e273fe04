"""The filter `upscale`: what it promises, with the weights that are shipped."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from streamfix import BadOption
from streamfix.conformance.fakes import clip, codes
from streamfix.conformance.laws import restore
from streamfix.fusion import Floats, pack420
from streamfix.registry import Registry
from streamfix.training import Coding, Planes420, code_clip, quantise
from streamfix_upscale import Upscale, bicubic
from streamfix_upscale.filter import WEIGHTS
from tests.plugins.footage import sample

FRAMES = 8
TIERS = ("s", "q")


def footage(name: str) -> Planes420:
    return sample(name, FRAMES)


@cache
def smaller(name: str, crf: float = 0) -> Planes420:
    """The footage with half the pixels on a side, and behind x264 where a crf is given."""
    low = reduced(footage(name))
    return code_clip(low, Coding("libx264", crf)).planes if crf else low


def reduced(large: Planes420) -> Planes420:
    """Half the pixels on a side: means over two by two."""
    y = F.avg_pool2d(torch.from_numpy(large.y)[:, None], 2)[:, 0].numpy()
    uv = F.avg_pool2d(torch.from_numpy(large.uv).permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1).numpy()
    return quantise(Planes420(y, np.ascontiguousarray(uv)))


def arrays(planes: Planes420) -> list[Floats]:
    return [pack420(y, uv) for y, uv in zip(planes.y, planes.uv, strict=True)]


def packed(planes: Planes420) -> list[Tensor]:
    return [torch.from_numpy(one) for one in arrays(planes)]


def upscale(**options: Any) -> Upscale:
    return Upscale(**{"backend": "torch", "precision": "fp32", **options})


def run(filter: Upscale, planes: Planes420) -> Tensor:
    """As on a CPU: in NumPy."""
    state = filter.init_state()
    return torch.from_numpy(np.stack([filter(frame[None, None], [state])[0, 0] for frame in arrays(planes)]))


def run_in_torch(filter: Upscale, planes: Planes420) -> Tensor:
    """As on a GPU, but for the device."""
    state = filter.init_state()
    with torch.inference_mode():
        return torch.stack([filter(frame[None, None], [state])[0, 0] for frame in packed(planes)])


def psnr(x: Tensor, y: Tensor) -> float:
    return float(-10 * torch.log10(((x - y) ** 2).mean() + 1e-12))


@pytest.mark.parametrize(
    "options",
    [
        {"scale": 2},
        {"scale": 1.5, "history": False},
        pytest.param({"scale": 2, "tier": "q"}, marks=pytest.mark.slow),
        pytest.param({"scale": 3, "average": "keep"}, marks=pytest.mark.slow),
    ],
)
def test_numpy_gives_pytorchs_pictures(options: dict[str, Any]) -> None:
    low = smaller("campus.avi", 28)
    ours, theirs = run(upscale(**options), low), run_in_torch(upscale(**options), low)
    assert (ours - theirs).abs().max() < 0.02 / 255  # three orders of magnitude below what is promised: one code
    assert psnr(ours, theirs) > 100


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(("name", "crf", "gain_db"), [("campus.avi", 0, 0.8), ("bunny.mp4", 0, 0.5)])
def test_it_comes_nearer_than_bicubic_interpolation(name: str, crf: float, gain_db: float, tier: str) -> None:
    large, low = torch.stack(packed(footage(name))), smaller(name, crf)
    plain = torch.cat([bicubic.enlarged(frame[None], 2) for frame in packed(low)])
    got = run(upscale(tier=tier), low)
    assert psnr(got[:, :4], large[:, :4]) > psnr(plain[:, :4], large[:, :4]) + gain_db
    assert torch.equal(got[:, 4:], plain[:, 4:])


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", ["campus.avi", "bunny.mp4"])
def test_behind_a_codec_it_gains_as_well(name: str, tier: str) -> None:
    large, low = torch.stack(packed(footage(name))), smaller(name, 28)
    plain = torch.cat([bicubic.enlarged(frame[None], 2) for frame in packed(low)])
    got = run(upscale(tier=tier), low)
    assert psnr(got[:, :4], large[:, :4]) > psnr(plain[:, :4], large[:, :4]) + 0.1


def panned(frames: int, step: int = 3) -> Planes420:
    """A camera that passes over a picture by `step` pixels a frame, one and a half of those that `smaller` leaves."""
    still, side = footage("campus.avi").y[0], 160
    y = np.stack([still[32 : 32 + side, step * t : step * t + side] for t in range(frames)])
    uv = np.full((frames, side // 2, side // 2, 2), 0.5, np.float32)
    return Planes420(y, uv)


def test_history_adds_to_what_single_frames_give() -> None:
    """Where the scene moves; where it stands still every frame shows the same."""
    high = panned(8)
    low, large = reduced(high), torch.stack(packed(high))
    alone, with_history = (run(upscale(history=on), low) for on in (False, True))
    inside = (slice(0, 4), slice(16, -16), slice(16, -16))
    assert psnr(with_history[-1][inside], large[-1][inside]) > psnr(alone[-1][inside], large[-1][inside]) + 0.1
    assert torch.equal(alone[0], with_history[0])  # a first frame has none


def test_means_are_kept_where_that_is_asked_for() -> None:
    low = smaller("bunny.mp4", 30)
    got = run(upscale(average="keep"), low)
    means = F.avg_pool2d(bicubic.luma_of(got), 2)
    assert (means - bicubic.luma_of(torch.stack(packed(low)))).abs().max() < 1e-5


@pytest.mark.parametrize("scale", [2, 1.5])
@pytest.mark.parametrize("size", [(64, 48), (66, 50), (67, 35)])
def test_sizes_are_those_that_are_declared(scale: float, size: tuple[int, int]) -> None:
    found = restore(lambda: upscale(scale=scale), clip(2, *size))
    by = Fraction(scale)
    want = tuple(side * by if by.denominator == 1 else 2 * int(side * by / 2 + Fraction(1, 2)) for side in size)
    for frame in found:
        assert (frame.width, frame.height) == want
        codes(frame)


def test_a_grey_picture_stays_grey() -> None:
    for level in (0.1, 0.5, 0.9):
        grey = np.full((1, 1, 6, 32, 32), level, np.float32)
        for tier in TIERS:
            filter = upscale(tier=tier)
            state = filter.init_state()
            for _ in range(3):
                off = np.abs(filter(grey, [state]) - level)
                assert off[..., 12:-12, 12:-12].max() < 0.5 / 255
                assert off.max() < 2.5 / 255  # of the border's pixels, behind which the network sees nothing


@pytest.mark.slow
def test_backends_agree() -> None:
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    low = smaller("campus.avi")
    a, b = (run(upscale(backend=name), low)[:4] for name in ("torch", "openvino"))
    assert (a - b).abs().max() < 0.5 / 255


def test_a_lighter_chain_has_the_same_scale() -> None:
    assert upscale(scale=1.5, tier="q").lighter() == ("upscale=scale=1.5:tier=s",)
    assert upscale(tier="s").lighter() == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": "5"}, "upscale=scale: 5 is none of 1.5, 2, 3 and 4"),
        ({"scale": "nan"}, "upscale=scale"),
        ({"tier": "m"}, "tier"),
        ({"average": "yes"}, "average"),
    ],
)
def test_wrong_options_are_named(options: dict[str, str], message: str) -> None:
    filters: Registry[Any] = Registry("filter")
    filters.register("upscale")(Upscale)
    with pytest.raises(BadOption, match=message):
        filters.create("upscale", options)


@pytest.mark.parametrize("tier", WEIGHTS.shipped())
def test_each_shipped_tier_has_its_card(tier: str) -> None:
    card = WEIGHTS.card(tier).read_text(encoding="utf-8")
    assert WEIGHTS.shipped()[tier] in card
    for part in ("Data", "Licence", "Steps", "Seed", "Limits"):
        assert part in card
