"""How `upscale` is trained: clips at two sizes; the filter's own history; samples cut from both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from streamfix import BadOption
from streamfix.fusion import pack420
from streamfix.training import BaseRecipe, Batch, Sample, copy_fitting, latest

from . import arithmetic, bicubic
from .arithmetic import Scale, Tier
from .clips import TwoSizes, kinds
from .history import History

_FIRST = 0.25  # of the samples are a shot's first frame, which has no history


class Recipe(BaseRecipe[TwoSizes]):
    """The task `upscale`.

    scale: 2 or 4. tier: s, q. crop: side of a sample in pixels of the smaller size. margin: pixels around it that the
    history sees as well. frames, samples: length of a clip, and how many samples are cut from it. clean: the network
    is the one for clean pictures.
    """

    task = "upscale"
    turned = ("low", "target", "history", "trust")

    def __init__(
        self,
        scale: Scale = 2,
        tier: Tier = "s",
        crop: int = 48,
        margin: int = 16,
        frames: int = 8,
        samples: int = 4,
        clean: bool = False,
    ) -> None:
        if scale not in (2, 4) or tier not in ("s", "q"):
            raise BadOption(f"upscale recipe: there is no tier {tier!r} of scale {scale!r}: s and q, 2 and 4")
        if crop % 8 or margin % 2 or (crop + 2 * margin) % 16:
            raise BadOption(
                f"upscale recipe: crop={crop} must be a multiple of 8, margin={margin} of 2, both sides and the crop "
                "together of 16"
            )
        if not 1 <= samples < frames:
            raise BadOption(f"upscale recipe: samples={samples} must be from 1 to one less than frames={frames}")
        self.scale, self.tier, self.crop, self.margin = scale, tier, crop, margin
        self.side = (crop + 2 * margin) * scale
        self.frames, self.count, self.clean = frames, samples, clean
        self.kinds = kinds(scale)

    def network(self) -> nn.Module:
        return arithmetic.network(f"x{self.scale}-{self.tier}" + "-clean" * self.clean)

    def begin_with(self, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        """With weights for any picture, also those of another scale: the first and last layers are then new."""
        copy_fitting(network, arithmetic.adapted_for_clean(weights, 3 + self.scale**2) if self.clean else weights)

    def clip_frames(self, rng: np.random.Generator) -> int:
        return self.frames

    def cut(self, clip: TwoSizes, rng: np.random.Generator) -> Iterator[Sample]:
        scale, frames = self.scale, len(clip.low.y)
        low = [pack420(y, uv) for y, uv in zip(clip.low.y, clip.low.uv, strict=True)]
        high = [pack420(y, uv) for y, uv in zip(clip.high.y, clip.high.uv, strict=True)]
        still = bool((clip.low.y == clip.low.y[:1]).all())
        later = [] if still else sorted(1 + rng.choice(frames - 1, self.count, replace=False))
        history, made = History(scale), []
        for y in clip.low.y[: later[-1] + 1 if later else 1]:
            enlarged = bicubic.interleave(bicubic.luma_planes(y[None, None], scale), scale)[0, 0]
            remembered = history.step(y, enlarged)
            made.append((remembered.more, remembered.trust))
        first = still or rng.random() < self.count * _FIRST
        for t in ([0] if first else []) + list(later):
            corner = 2 * rng.integers(0, self.margin + 1, 2)
            two = max(t - 1, 0), t

            yield {
                "low": np.stack([low[i][:, *self._part(corner, 0.5)] for i in two]),
                "target": np.stack([high[i][:, *self._part(corner, scale / 2)] for i in two]),
                "history": np.stack([made[i][0][None, *self._part(corner, scale)] for i in two]),
                "trust": np.stack([made[i][1][None, *self._part(corner, 1)] for i in two]),
            }

    def _part(self, corner: NDArray[np.int64], by: float) -> tuple[slice, slice]:
        """The sample's place in a picture that is `by` times as large as the recorded luma."""
        top, left = (int(at * by) for at in corner)
        side = int(self.crop * by)
        return slice(top, top + side), slice(left, left + side)

    def restored(self, network: nn.Module, one: Batch) -> Tensor:
        enlarged = bicubic.enlarged(one["low"], self.scale)
        answer: Tensor = network(self._inputs(one))
        picture: Tensor = arithmetic.picture(enlarged, answer.float(), self.scale)
        return picture

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        one = latest(batch)
        enlarged = bicubic.enlarged(one["low"], self.scale)
        return self._inputs(one), arithmetic.answer_for(enlarged, one["target"], self.scale)

    def _inputs(self, one: Batch) -> Tensor:
        inputs: Tensor = arithmetic.seen(bicubic.luma_of(one["low"]), one["history"], one["trust"], self.scale)
        return arithmetic.for_clean(inputs) if self.clean else inputs

    def shown(self, one: Batch) -> Sequence[tuple[str, Tensor]]:
        return [("low", one["low"]), ("bicubic", bicubic.enlarged(one["low"], self.scale))]
