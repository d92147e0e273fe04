"""How `denoise` is trained: clips are degraded, run through the very front of the filter, and cut into samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from streamfix import BadOption
from streamfix.fusion import pack420
from streamfix.models import Front, Fusion, Tier, corrected, correction_network, seen, sigma_left, wanted
from streamfix.training.dataset.dataset import Decoded
from streamfix.training.recipe import Batch, Sample

from . import clips
from .clips import Degraded

_PAIRS = 9  # samples taken from a clip
# and as many of its first frame, where nothing is averaged yet: without them the network does not learn what to do
# where motion cannot be followed, and left four tenths of the noise there
_FIRST = 2
_LONG = 0.2  # the share of clips of `long_frames`
_AHEAD = {0: 0.2, 1: 0.05, 2: 0.15, 8: 0.6}  # frames, and the shares of clips that are looked at so far ahead


class Recipe:
    """The task `denoise`.

    tier: of the network. crop: side of a sample in pixels of luma. margin: pixels around it that the front sees as
    well, so that motion has somewhere to come from. frames, long_frames: length of most clips, and of some.
    """

    def __init__(
        self, tier: Tier = "s", crop: int = 128, margin: int = 16, frames: int = 20, long_frames: int = 32
    ) -> None:
        if crop % 8 or margin % 2:
            raise BadOption(f"denoise recipe: crop={crop} must be a multiple of 8, margin={margin} of 2")
        if min(frames, long_frames) <= _PAIRS:
            raise BadOption(f"denoise recipe: frames={frames}, long_frames={long_frames} must be over {_PAIRS}")
        self.tier, self.crop, self.margin = tier, crop, margin
        self.frames, self.long_frames = frames, long_frames

    def network(self) -> nn.Module:
        return correction_network(self.tier)

    def check(self, mix: Mapping[str, float]) -> None:
        clips.check(mix)

    def samples(self, material: Decoded, rng: np.random.Generator, mix: Mapping[str, float]) -> Iterator[Sample]:
        side = self.crop + 2 * self.margin
        kinds = clips.check(mix)
        while True:
            frames = self.long_frames if rng.random() < _LONG else self.frames
            kind = rng.choice(list(kinds), p=np.array(list(kinds.values())) / sum(kinds.values()))
            degraded = clips.make(str(kind), material, rng, frames, side)
            yield from self._cut(degraded, rng)

    def _cut(self, clip: Degraded, rng: np.random.Generator) -> Iterator[Sample]:
        frames = [pack420(y, uv) for y, uv in zip(clip.noisy.y, clip.noisy.uv, strict=True)]
        targets = [pack420(y, uv) for y, uv in zip(clip.clean.y, clip.clean.uv, strict=True)]
        front = Front(clip.told)
        late = np.linspace(1, 2, len(frames) - 1)  # a stream is mostly past its beginning
        later = 1 + rng.choice(len(frames) - 1, _PAIRS, replace=False, p=late / late.sum())
        wanted = {0, *later, *(later - 1)}
        ahead = int(rng.choice(list(_AHEAD), p=list(_AHEAD.values())))
        fusions = [
            front.step(frame, frames[t + 1 : t + 1 + ahead] if t in wanted else ()) for t, frame in enumerate(frames)
        ]
        for t in (*[0] * _FIRST, *later):
            top, left = rng.integers(0, self.margin + 1, 2)
            at = (slice(top, top + self.crop // 2), slice(left, left + self.crop // 2))
            two = max(t - 1, 0), t
            yield _sample([frames[i] for i in two], [targets[i] for i in two], [fusions[i] for i in two], at)

    def augment(self, batch: Batch, rng: np.random.Generator) -> Batch:
        turned = dict(batch)
        across, down, swap = rng.integers(0, 2, 3)
        for name in ("frame", "fused", "target", "variance"):
            turned[name] = turn(batch[name], bool(across), bool(down), bool(swap))
        return turned

    def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
        if pairs:
            flat = {name: values.flatten(0, 1) for name, values in batch.items()}
            return _restore(network, flat).view_as(batch["target"]), batch["target"]
        one = {name: values[:, 1] for name, values in batch.items()}
        return _restore(network, one), one["target"]

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        one = {name: values[:, 1] for name, values in batch.items()}
        left = sigma_left(one["variance"], one["sigma"])
        return seen(one["fused"], one["frame"], left, one["sigma"]), wanted(one["fused"], left, one["target"])

    def figures(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        one = {name: values[:, 1] for name, values in batch.items()}
        restored, target = _restore(network, one), one["target"]
        planes = {"y": slice(0, 4), "uv": slice(4, 6)}
        return {
            f"psnr_{name}_{plane}": float(_psnr(pictures[:, at], target[:, at]))
            for name, pictures in (("frame", one["frame"]), ("fused", one["fused"]), ("restored", restored))
            for plane, at in planes.items()
        }

    def pictures(self, network: nn.Module, batch: Batch) -> Sequence[tuple[str, Tensor]]:
        one = {name: values[:, 1] for name, values in batch.items()}
        restored = _restore(network, one)
        return [("frame", one["frame"]), ("fused", one["fused"]), ("restored", restored), ("clean", one["target"])]


def turn(packed: Tensor, across: bool, down: bool, swap: bool) -> Tensor:
    """Mirror left-right, up-down, and along the diagonal. packed: (..., C, H, W); C = 6 is packed 4:2:0.

    The luma's sub-pixels change their places with the picture.
    """
    order = torch.arange(packed.shape[-3])
    if across:
        packed, order = packed.flip(-1), _moved(order, (1, 0, 3, 2))
    if down:
        packed, order = packed.flip(-2), _moved(order, (2, 3, 0, 1))
    if swap:
        packed, order = packed.transpose(-1, -2), _moved(order, (0, 2, 1, 3))
    return packed.index_select(-3, order.to(packed.device))


def _moved(order: Tensor, places: tuple[int, int, int, int]) -> Tensor:
    """The order of planes after the four sub-pixels have changed places; other counts of planes have none."""
    if len(order) < 4:
        return order
    return torch.cat((order[list(places)], order[4:]))


def _restore(network: nn.Module, batch: Batch) -> Tensor:
    left = sigma_left(batch["variance"], batch["sigma"])
    correction: Tensor = network(seen(batch["fused"], batch["frame"], left, batch["sigma"]))
    return corrected(batch["fused"], left, correction.float())


def _psnr(x: Tensor, y: Tensor) -> Tensor:
    """Mean over the samples, dB; at most 60."""
    return (-10 * torch.log10(((x - y) ** 2).mean((1, 2, 3)).clamp_min(1e-6))).mean()


def _sample(
    frames: Sequence[NDArray[np.float32]],
    targets: Sequence[NDArray[np.float32]],
    fusions: Sequence[Fusion],
    at: tuple[slice, slice],
) -> Sample:
    """Two consecutive frames, the later one last; each array is (2, planes, H, W), sigma (2, 2)."""
    return {
        "frame": np.stack([f[:, *at] for f in frames]),
        "target": np.stack([t[:, *at] for t in targets]),
        "fused": np.stack([f.packed[:, *at] for f in fusions]),
        "variance": np.stack([f.variance[None, *at] for f in fusions]),
        "sigma": np.array([[f.noise.luma, f.noise.chroma] for f in fusions], np.float32),
    }
