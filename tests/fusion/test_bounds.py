"""What keeps a history near its frames must never drive it away from them, however long a stream lasts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.fusion import Fuser, Noise, bound_difference
from streamfix.fusion.planes import tent
from streamfix.motion import Floats


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    limit=st.sampled_from([0.0, 1e-4, 0.01]),
    wave=st.sampled_from([0, 2, 3, 4]),
)
def test_no_difference_grows(seed: int, limit: float, wave: int) -> None:
    """Noise, and stripes and checks of every fine kind: 300 rounds bring means within the limit, and nothing grows."""
    rng = np.random.default_rng(seed)
    out = rng.standard_normal((40, 48)).astype(np.float32)
    if wave:
        rows, columns = np.mgrid[:40, :48]
        out = (np.cos(2 * np.pi * rows / wave) * np.cos(2 * np.pi * columns / wave)).astype(np.float32)
    frame = np.zeros_like(out)
    before = float(np.abs(out).max())
    for _ in range(300):
        bound_difference(out, frame, limit)
    assert float(np.abs(out).max()) <= 1.5 * before  # with a box: 1e20 and more
    assert float(np.abs(tent(out)).max()) <= 1.05 * limit + 0.01 * before


def test_a_history_lasts() -> None:
    """Clean pictures in slow motion for 400 frames: the history is still the picture. (It was not: after
    some 150 frames a pattern of five pixels had grown until all was NaN.)"""
    rng = np.random.default_rng(1)
    scene: Floats = rng.random((80, 400), np.float32)
    for _ in range(2):
        scene = tent(scene)
    noise = Noise(0.2 / 255, 0.2 / 255)
    fuser = Fuser()
    for t in range(400):
        left = t // 4
        luma = np.ascontiguousarray(scene[:64, left : left + 96])
        luma = (np.rint(luma * 255) / 255).astype(np.float32)
        chroma = np.repeat(luma[::2, ::2, None], 2, 2)
        fused = fuser.step(luma, chroma, noise)
    assert float(np.abs(fused.luma - luma).max()) < 8 / 255
    assert float(np.abs(fused.chroma - chroma).max()) < 8 / 255
