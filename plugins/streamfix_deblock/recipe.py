"""How `deblock` is trained: coded clips go through the filter's own front and are cut into samples.

The network begins with the weights of `denoise`, whose inputs and arithmetic it shares, and is told the levels that
`LevelNetwork` measures, which is trained first: `levels_recipe`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from streamfix import BadOption
from streamfix.fusion import pack420
from streamfix.models import Tier, corrected, correction_network, fused_sample, seen, sigma_left, wanted
from streamfix.training import BaseRecipe, Batch, Sample, latest

from . import levels
from .clips import KINDS, CodedClip
from .filter import Shot

_PAIRS = 9  # samples taken from a clip, besides one of its first frame
_AHEAD = {0: 0.35, 2: 0.65}  # frames, and the shares of clips that are looked at so far ahead


class Recipe(BaseRecipe[CodedClip]):
    """The task `deblock`.

    tier: of the network. crop: side of a sample in pixels of luma. margin: pixels around it that the front sees as
    well, so that motion has somewhere to come from. frames: length of the clips.
    """

    task = "deblock"
    kinds = KINDS
    turned = ("frame", "fused", "target", "variance")

    def __init__(self, tier: Tier = "s", crop: int = 128, margin: int = 16, frames: int = 20) -> None:
        if crop % 16 or margin % 2:
            raise BadOption(f"deblock recipe: crop={crop} must be a multiple of 16, margin={margin} of 2")
        if (crop + 2 * margin) % 16:
            raise BadOption(f"deblock recipe: crop={crop} and margin={margin} on both sides must make a multiple of 16")
        if frames <= _PAIRS:
            raise BadOption(f"deblock recipe: frames={frames} must be over {_PAIRS}")
        self.tier, self.crop, self.margin, self.side = tier, crop, margin, crop + 2 * margin
        self.frames = frames
        self._levels: nn.Module | None = None

    def network(self) -> nn.Module:
        return correction_network(self.tier)

    def clip_frames(self, rng: np.random.Generator) -> int:
        return self.frames

    def cut(self, clip: CodedClip, rng: np.random.Generator) -> Iterator[Sample]:
        frames = [pack420(y, uv) for y, uv in zip(clip.coded.y, clip.coded.uv, strict=True)]
        targets = [pack420(y, uv) for y, uv in zip(clip.clean.y, clip.clean.uv, strict=True)]
        later = 1 + rng.choice(len(frames) - 1, _PAIRS, replace=False)
        wanted = {0, *later, *(later - 1)}
        ahead = int(rng.choice(list(_AHEAD), p=list(_AHEAD.values())))
        shot, fusions = Shot(), []
        for t, (frame, level) in enumerate(zip(frames, levels.mean_level(self._answer(frames)), strict=True)):
            shot.tell(level)
            fusions.append(shot.front.step(frame, frames[t + 1 : t + 1 + ahead] if t in wanted else ()))
        for t in (0, *later):
            top, left = rng.integers(0, self.margin + 1, 2)
            at = (slice(top, top + self.crop // 2), slice(left, left + self.crop // 2))
            two = max(t - 1, 0), t
            yield fused_sample([frames[i] for i in two], [targets[i] for i in two], [fusions[i] for i in two], at)

    def restored(self, network: nn.Module, one: Batch) -> Tensor:
        inputs, left = self._seen(one)
        correction: Tensor = network(inputs)
        return corrected(one["fused"], left, correction.float())

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        one = latest(batch)
        inputs, left = self._seen(one)
        return inputs, wanted(one["fused"], left, one["target"])

    def shown(self, one: Batch) -> Sequence[tuple[str, Tensor]]:
        return [("frame", one["frame"]), ("fused", one["fused"])]

    def _seen(self, one: Batch) -> tuple[Tensor, Tensor]:
        """What the network is given, and the level that is left in the fused frame, (B, 2, H, W)."""
        frame = one["frame"]
        sigma = levels.level_map(self._measured(frame), (frame.shape[-2], frame.shape[-1]))
        left = sigma_left(one["variance"], sigma)
        return seen(one["fused"], frame, left, sigma), left

    def _answer(self, frames: Sequence[NDArray[np.float32]]) -> Tensor:
        return self._measured(torch.from_numpy(np.stack(frames)))

    def _measured(self, frames: Tensor) -> Tensor:
        if self._levels is None:
            self._levels, _ = levels.store().load("s")
        network = self._levels.to(frames.device)
        with torch.no_grad(), torch.autocast(frames.device.type, enabled=False):
            answer: Tensor = network(frames.float())
        return answer
