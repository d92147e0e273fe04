"""How the classics are trained: photographs made small by bicubic interpolation, or noisy, luma alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from streamfix import BadOption, ModelError
from streamfix.networks import VDSR, DnCNN, bicubic_reduced, deepened
from streamfix.training import Batch, Material, Sample, check_mix, psnr, turn_batch

from .classics import CLASSICS, SIGMA, Name, corrected, wanted

_MARGIN = 8  # pixels around a crop that are made small with it: its border is not the picture's
_SIZES = (1.0, 0.8, 0.6)  # photographs are taken smaller as well (Kim et al., "VDSR"), and are sharper then
_PLACES = 4
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_BLACK, _SPAN = 16 / 255, 219 / 255  # limited range
_DEEP = {"vdsr": VDSR, "dncnn": DnCNN}
_KIND = {True: "shrunk", False: "noisy"}


class Recipe:
    """The task `classic`.

    network: which of the classics. crop: side of a sample's target, in pixels. depth: layers of vdsr and dncnn, fewer
    than the published ones to begin with; a deeper run takes the weights of a shallower one (`--weights`).
    """

    task = "classic"

    def __init__(self, network: Name, crop: int = 48, depth: int | None = None) -> None:
        if network not in CLASSICS:
            raise BadOption(f"classic recipe: no network {network!r}; there are: {', '.join(CLASSICS)}")
        if crop % 16 or crop < 16:
            raise BadOption(f"classic recipe: crop={crop} must be a multiple of 16")
        if depth is not None and (network not in _DEEP or depth < 3):
            raise BadOption(f"classic recipe: depth={depth} is for vdsr and dncnn, and at least 3")
        self.name, self.crop, self.depth = network, crop, depth
        self.entry = CLASSICS[network]
        self.kind = _KIND[self.entry.scale > 1]

    def network(self) -> nn.Module:
        return self.entry.make() if self.depth is None else _DEEP[self.name](self.depth)

    def begin_with(self, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        if isinstance(network, VDSR | DnCNN):
            try:
                weights = deepened(weights, len(network.layers))
            except (ValueError, LookupError) as error:
                raise ModelError(str(error)) from error
        network.load_state_dict(dict(weights))

    def check(self, mix: Mapping[str, float]) -> None:
        check_mix(self.task, mix, (self.kind,))

    def samples(self, material: Material, rng: np.random.Generator, mix: Mapping[str, float]) -> Iterator[Sample]:
        """target: luma (1, crop, crop). seen: what it becomes, (1, crop / scale, crop / scale)."""
        self.check(mix)
        while True:
            target = self._target(material, rng)
            if self.entry.scale == 1:
                seen, target = noisy(target, rng), target
            else:
                seen, target = self._shrunk(target)
            yield {"target": target.numpy(), "seen": seen.numpy()}

    def augment(self, batch: Batch, rng: np.random.Generator) -> Batch:
        batch = turn_batch(batch, ("target", "seen"), rng)
        if self.entry.scale == 1:  # a picture has other noise each time
            batch["seen"] = noisy(batch["target"], rng)
        return batch

    def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
        base = self.entry.base(batch["seen"])
        return corrected(base, network(self.entry.seen(batch["seen"], base)).float()), batch["target"]

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        base = self.entry.base(batch["seen"])
        return self.entry.seen(batch["seen"], base), wanted(base, batch["target"])

    def figures(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        """PSNR (dB) of the picture before its correction, and after."""
        restored, target = self.predict(network, batch, pairs=False)
        base = self.entry.base(batch["seen"])
        return {"psnr_before": float(psnr(base, target)), "psnr_restored": float(psnr(restored, target))}

    def pictures(self, network: nn.Module, batch: Batch) -> Sequence[tuple[str, Tensor]]:
        restored, target = self.predict(network, batch, pairs=False)
        return [("seen", batch["seen"]), ("restored", restored), ("clean", target)]

    def _target(self, material: Material, rng: np.random.Generator) -> Tensor:
        """Luma of a part of a photograph, (1, side, side) in [0, 1], with a margin where it is to be shrunk."""
        side = self.crop + 2 * _MARGIN if self.entry.scale > 1 else self.crop
        stills = list(material.stills.values())
        if not stills:
            raise ModelError("classic recipe: the dataset has no photographs; make one with: streamfix train data")
        area = np.array([still.size for still in stills], np.float64)
        still = stills[int(rng.choice(len(stills), p=area / area.sum()))]
        most = min(still.shape[:2])
        taken = min(round(side / rng.choice(_SIZES)), most)
        # Of some places the one with most detail: flat ones teach nothing about enlarging, but much about noise.
        places = [_part(still, taken, rng) for _ in range(_PLACES if self.entry.scale > 1 else 1)]
        luma = torch.from_numpy(max(places, key=lambda p: float(np.abs(np.diff(p)).mean())))
        # The literature enlarges luma of limited range, and takes noise out of pictures of full range; video has both.
        if self.entry.scale > 1 or rng.random() < 0.5:
            luma = luma * _SPAN + _BLACK
        if taken != side:
            luma = F.interpolate(luma[None, None], size=(side, side), mode="bicubic", antialias=True)[0, 0]
        return luma[None]

    def _shrunk(self, large: Tensor) -> tuple[Tensor, Tensor]:
        """(small, target) of a part with margins; small is in whole codes, as video is."""
        scale, edge = self.entry.scale, _MARGIN // self.entry.scale
        small = bicubic_reduced(large[None], scale)[0, :, edge:-edge, edge:-edge]
        return (small * 255).round() / 255, large[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN].contiguous()


def noisy(luma: Tensor, rng: np.random.Generator) -> Tensor:
    """Luma with white noise of `SIGMA`, not clipped, as the literature has it."""
    drawn = torch.Generator().manual_seed(int(rng.integers(2**62)))
    return luma + torch.randn(luma.shape, generator=drawn).to(luma.device) * (SIGMA / 255)


def _part(still: NDArray[Any], side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    top, left = (int(rng.integers(size - side + 1)) for size in still.shape[:2])
    part = still[top : top + side, left : left + side].astype(np.float32) / np.float32(255)
    return np.asarray(part @ _LUMA, np.float32)
