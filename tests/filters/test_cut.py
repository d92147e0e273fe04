"""The cut detector marks cuts and gaps, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import torch
import torch.nn.functional as F

from streamfix.filters.cut import CutDetector
from streamfix.frame import Frame, PixelFormat, Planes

GRAY = PixelFormat("gray", "gray", 8)


def scene(seed: int, shift: int = 0, gain: float = 1.0, noise: float = 0.0, moment: int = 0) -> Frame:
    """A random smooth picture of 128x72, moved `shift` pixels, with noise of `noise` codes."""
    g = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, 9, 24, generator=g)
    large = F.interpolate(coarse, size=(72, 192), mode="bicubic").clamp(0, 1)[0, 0, :, shift : shift + 128]
    g.manual_seed(1000 + moment)
    codes = (large * gain * 200 + 20 + noise * torch.randn(large.shape, generator=g)).clamp(0, 255).round()
    return Frame(Planes(GRAY, 128, 72, (codes.to(torch.uint8).numpy(),)), moment, Fraction(1, 25))


def cuts(frames: Sequence[Frame]) -> list[int]:
    detector = CutDetector()
    out = [o for f in frames for o in detector.push(f)]
    assert [o.pts for o in out] == [f.pts for f in frames]
    assert all(o.picture is f.picture for o, f in zip(out, frames, strict=True))
    assert detector.cuts == sum(o.cut for o in out)
    return [i for i, o in enumerate(out) if o.cut]


def test_a_scene_cut_is_found_where_it_is() -> None:
    frames = [scene(1 if t < 7 else 2, moment=t) for t in range(14)]
    assert cuts(frames) == [7]


def test_a_cut_is_found_in_noise_and_noise_is_no_cut() -> None:
    frames = [scene(1 if t < 7 else 2, noise=40, moment=t) for t in range(14)]
    assert cuts(frames) == [7]


def test_motion_and_a_switched_lamp_are_no_cuts() -> None:
    assert cuts([scene(1, shift=4 * t, moment=t) for t in range(14)]) == []
    assert cuts([scene(1, gain=1.0 if t < 7 else 0.8, moment=t) for t in range(14)]) == []


def test_a_gap_in_time_and_time_running_backwards_are_cuts() -> None:
    frames = [scene(1, moment=t) for t in (0, 1, 2, 90, 91, 5, 6)]
    assert cuts(frames) == [3, 5]


def test_a_cut_the_source_announced_is_kept() -> None:
    frames = [replace(scene(1, moment=t), cut=t in (0, 3)) for t in range(6)]
    assert cuts(frames) == [0, 3]


def test_a_damaged_frame_is_neither_judged_nor_remembered() -> None:
    frames = [replace(scene(2 if t == 4 else 1, moment=t), damaged=t == 4) for t in range(8)]
    assert cuts(frames) == []


def test_everything_else_passes() -> None:
    packet = object()
    assert list(CutDetector().push(packet)) == [packet]
