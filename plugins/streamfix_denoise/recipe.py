"""How `denoise` is trained: noisy clips run through the filter's own front and are cut into samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor, nn

from streamfix import BadOption
from streamfix.fusion import Floats, pack420
from streamfix.models import (
    Front,
    Tier,
    WeightsStore,
    corrected,
    correction_network,
    fused_sample,
    seen,
    sigma_left,
    wanted,
)
from streamfix.training import BaseRecipe, Batch, Sample, latest

from .clips import KINDS, NoisyClip

_SAMPLES = 9  # samples from each clip
# Extra samples of its first frame, where nothing has been averaged yet. Without them the network did not learn what to
# do where motion cannot be followed, and left 40 % of the noise there.
_FIRST = 2
_LONG = 0.2  # share of clips with `long_frames` frames
_AHEAD = {0: 0.2, 1: 0.05, 2: 0.15, 8: 0.6}  # frames of look-ahead, and the share of clips that use each


class Recipe(BaseRecipe[NoisyClip]):
    """The task `denoise`.

    tier: of the network. crop: side of a sample in luma pixels. margin: pixels around it that the front also sees, so
    that motion has somewhere to come from. frames, long_frames: length of most clips, and of the long ones.
    """

    task = "denoise"
    kinds = KINDS
    turned = ("frame", "fused", "target", "variance")

    def __init__(
        self, tier: Tier = "s", crop: int = 128, margin: int = 16, frames: int = 20, long_frames: int = 32
    ) -> None:
        if crop % 8 or margin % 2:
            raise BadOption(f"denoise recipe: crop={crop} must be a multiple of 8, margin={margin} of 2")
        if min(frames, long_frames) <= _SAMPLES:
            raise BadOption(f"denoise recipe: frames={frames}, long_frames={long_frames} must be over {_SAMPLES}")
        self.tier, self.crop, self.margin, self.side = tier, crop, margin, crop + 2 * margin
        self.frames, self.long_frames = frames, long_frames

    def network(self) -> nn.Module:
        return correction_network(self.tier)

    def clip_frames(self, rng: np.random.Generator) -> int:
        return self.long_frames if rng.random() < _LONG else self.frames

    def cut(self, clip: NoisyClip, rng: np.random.Generator) -> Iterator[Sample]:
        frames = [pack420(y, uv) for y, uv in zip(clip.noisy.y, clip.noisy.uv, strict=True)]
        targets = [pack420(y, uv) for y, uv in zip(clip.clean.y, clip.clean.uv, strict=True)]
        front = Front(clip.told)
        late = np.linspace(1, 2, len(frames) - 1)  # favours later frames: a stream is mostly past its beginning
        later = 1 + rng.choice(len(frames) - 1, _SAMPLES, replace=False, p=late / late.sum())
        wanted = {0, *later, *(later - 1)}
        ahead = int(rng.choice(list(_AHEAD), p=list(_AHEAD.values())))
        fusions = [
            front.step(frame, frames[t + 1 : t + 1 + ahead] if t in wanted else ()) for t, frame in enumerate(frames)
        ]
        for t in (*[0] * _FIRST, *later):
            top, left = rng.integers(0, self.margin + 1, 2)
            at = (slice(top, top + self.crop // 2), slice(left, left + self.crop // 2))
            two = max(t - 1, 0), t
            fused = [fusions[i] for i in two]
            sigma = np.array([[f.noise.luma, f.noise.chroma] for f in fused], np.float32)  # (2, 2)
            yield {**fused_sample([frames[i] for i in two], [targets[i] for i in two], fused, at), "sigma": sigma}

    @property
    def store(self) -> WeightsStore:
        """The shipped weights, with which adaptation begins."""
        from .filter import WEIGHTS

        return WEIGHTS

    def inputs(self, frames: Sequence[Floats]) -> Iterator[Sample]:
        """What the network sees of each frame (6, H/2, W/2) of a stream, without look-ahead; for adaptation."""
        front = Front()
        for frame in frames:
            fusion = front.step(frame)
            yield {
                "frame": frame,
                "fused": fusion.packed.copy(),
                "variance": fusion.variance[None],
                "sigma": np.array([fusion.noise.luma, fusion.noise.chroma], np.float32),
            }

    def restored(self, network: nn.Module, one: Batch) -> Tensor:
        left = sigma_left(one["variance"], one["sigma"])
        correction: Tensor = network(seen(one["fused"], one["frame"], left, one["sigma"]))
        return corrected(one["fused"], left, correction.float())

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return self.asked(latest(batch))

    def asked(self, one: Batch) -> tuple[Tensor, Tensor]:
        """The same for a batch of single pictures."""
        left = sigma_left(one["variance"], one["sigma"])
        return seen(one["fused"], one["frame"], left, one["sigma"]), wanted(one["fused"], left, one["target"])

    def shown(self, one: Batch) -> Sequence[tuple[str, Tensor]]:
        return [("frame", one["frame"]), ("fused", one["fused"])]
