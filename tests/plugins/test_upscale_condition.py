"""By which of its weights `upscale` enlarges: those for clean pictures, or those for what came through a codec."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest

from streamfix import Device, FrameCoding
from streamfix.conformance.fakes import clip
from streamfix.fusion import Floats, pack420
from streamfix.training import Coding, code_clip
from streamfix_upscale import Upscale
from streamfix_upscale.condition import Condition
from tests.plugins.footage import sample

LOSSLESS = FrameCoding("I", 0, lossless=True)
UNTOLD = FrameCoding("P", 3)


def quantised(qp: float) -> FrameCoding:
    return FrameCoding("P", 1, np.full((9, 16), qp, np.float32))


def noise(seed: int = 1) -> Floats:
    """A picture without blocks, (6, 72, 128)."""
    return np.random.default_rng(seed).random((6, 72, 128), np.float32)


def blocks() -> Floats:
    """The same, each block of 8x8 pixels a little brighter or darker than the next."""
    rng = np.random.default_rng(2)
    luma = 0.5 + 0.02 * rng.standard_normal((144, 256)) + np.kron(0.1 * rng.standard_normal((18, 32)), np.ones((8, 8)))
    return pack420(luma.astype(np.float32), np.full((72, 128, 2), 0.5, np.float32))


def share(coding: FrameCoding | None, picture: Floats) -> float:
    condition = Condition()
    condition.hear(coding)
    return condition.look(picture)


@pytest.mark.parametrize("coding", [LOSSLESS, quantised(0), quantised(12), None])
def test_what_nothing_was_taken_from_is_clean(coding: FrameCoding | None) -> None:
    assert share(coding, noise()) == 1


@pytest.mark.parametrize("coding", [quantised(28), quantised(40), UNTOLD])
def test_what_a_codec_took_from_is_not(coding: FrameCoding) -> None:
    """A codec that tells no quantiser is taken for one that took something away."""
    assert share(coding, noise()) == 0


@pytest.mark.parametrize("coding", [LOSSLESS, quantised(0), None])
def test_blocks_are_believed_before_what_is_told(coding: FrameCoding | None) -> None:
    """As of a recording that was kept in FFV1, or encoded again at a high rate."""
    assert share(coding, blocks()) == 0


def test_footage_behind_a_codec_is_known_without_a_word() -> None:
    coded = code_clip(sample("campus.avi", 4), Coding("libx264", 32.0)).planes
    condition = Condition()
    assert [condition.look(pack420(y, uv)) for y, uv in zip(coded.y, coded.uv, strict=True)] == [0.0] * 4


def test_a_shot_changes_from_the_ones_to_the_others_slowly_and_once() -> None:
    """A camera that is given less and less of a line."""
    condition, picture = Condition(), noise()
    shares = []
    for t in range(160):
        condition.hear(quantised(10 if t < 20 else 34))
        shares.append(condition.look(picture))
    steps = [b - a for a, b in pairwise(shares)]
    assert shares[:20] == [1.0] * 20
    assert shares[-1] == 0
    assert max(map(abs, steps)) < 0.05
    assert max(steps) <= 0


def test_what_lies_between_does_not_make_it_waver() -> None:
    """Quantisers of keyframes and of the frames between them, on either side of what is decided by."""
    condition, picture = Condition(), noise()
    shares = set()
    for t in range(200):
        condition.hear(quantised(17 if t % 10 == 0 else 23 if t % 2 else 18))
        shares.add(condition.look(picture))
    assert len(shares) == 1


# -- the filter


class Fixed(Condition):
    """Takes always the same share."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def look(self, packed: Floats) -> float:
        return self.share


def upscale(**options: Any) -> Upscale:
    return Upscale(**{"backend": "torch", "precision": "fp32", **options})


def photograph() -> Floats:
    """Of a sample clip, small enough that its codec is not seen: (1, 1, 6, 44, 76)."""
    planes = sample("campus.avi", 1)
    y, u, v = (
        cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for plane in (planes.y[0], planes.uv[0, ..., 0], planes.uv[0, ..., 1])
    )
    packed = pack420(np.asarray(y, np.float32), np.stack([u, v], -1).astype(np.float32))
    height, width = (side // 4 * 4 for side in packed.shape[1:])
    return packed[None, None, :, :height, :width]


def enlarged(filter: Upscale, share: float) -> Floats:
    state = filter.init_state()
    state.condition = Fixed(share)
    return np.asarray(filter(photograph(), [state]))


@pytest.mark.parametrize(("coding", "input"), [(LOSSLESS, "clean"), (quantised(35), "coded")])
def test_what_the_decoder_tells_decides_by_which_weights(coding: FrameCoding, input: str) -> None:
    filter, picture = upscale(), photograph()
    state = filter.init_state()
    filter.tell(state, [replace(clip(1)[0], coding=coding)])
    wanted = upscale(input=input)
    assert np.array_equal(filter(picture, [state]), wanted(picture, [wanted.init_state()]))
    assert filter.report(state) == {"clean": float(input == "clean")}
    assert [network.name != "" for network in (filter.clean, filter.coded)] == [input == "clean", input == "coded"]


def test_a_change_goes_through_all_mixtures() -> None:
    filter = upscale()
    coded, clean = enlarged(filter, 0), enlarged(filter, 1)
    assert np.abs(coded - clean).max() > 4 / 255
    for share in (0.04, 0.5, 0.96):
        assert np.abs(enlarged(filter, share) - coded - share * (clean - coded)).max() < 1e-5


def test_streams_of_a_batch_have_their_own_weights() -> None:
    filter, picture = upscale(), photograph()
    states = [filter.init_state() for _ in range(3)]
    for state, share in zip(states, (0.0, 1.0, 0.3), strict=True):
        state.condition = Fixed(share)
    together = filter(np.concatenate([picture] * 3), states)
    for one, share in zip(together, (0.0, 1.0, 0.3), strict=True):
        assert np.abs(one - enlarged(filter, share)[0]).max() < 1e-5


def test_weights_are_opened_when_a_picture_wants_them() -> None:
    filter = Upscale()
    filter.to(Device("cpu"))
    assert (filter.coded.name != "", filter.clean.name) == (True, "")
    state = filter.init_state()
    for coding, both in ((quantised(40), False), (LOSSLESS, True)):
        frame = replace(clip(1, 64, 48)[0], coding=coding)
        filter.tell(state, [frame])
        filter(np.full((1, 1, 6, 24, 32), 0.5, np.float32), [state])
        assert (filter.clean.name != "") == both
        state = filter.init_state()
    filter.close()
    assert filter.coded.name == filter.clean.name == ""
