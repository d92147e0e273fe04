"""The filter `upscale`, as streamfix's command line and library see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamfix import BackendName, BadOption, Filter, Tiler
from streamfix.models import TieredRunner, WeightsStore
from streamfix.motion import Floats

from . import arithmetic, bicubic
from .arithmetic import Tier
from .history import History, Remembered

_NAMES = ("x2-s", "x2-q", "x4-s", "x4-q")
WEIGHTS = WeightsStore(Path(__file__).parent / "weights", "upscale", arithmetic.network, _NAMES)

# what may be asked for: the network's scale, and what its result is then reduced by
_SCALES = MappingProxyType({Fraction(2): 2, Fraction(4): 4, Fraction(3, 2): 2, Fraction(3): 4})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of frames (B, 6, H, W) before the network looks at them."""

    packed: Tensor
    enlarged: Tensor
    remembered: Tensor
    trust: Tensor


class Upscale(Filter[History]):
    """Enlarge by 1.5, 2, 3 or 4, with more detail than interpolation has.

    A small network corrects bicubic interpolation. It was trained on what cameras record, noise and codecs included,
    and it sees besides each frame what earlier frames have shown of the same places, moved along with the scene.
    Trained for fidelity alone: letters and faces become sharper, not other ones. Put it last, after what removes
    artifacts and noise.

    scale: 1.5, 2, 3 or 4; 1.5 and 3 are made from the next larger one. The sample aspect ratio stays.
    tier: s keeps up with a camera; q gives better pictures, at several times the cost. Chroma is interpolated by both.
    history: off looks at each frame alone.
    average: keep makes the mean over each recorded pixel equal to that pixel, codec's errors included; free lets the
    network correct it as well.
    backend: how the networks run: torch, openvino, or another that is installed; auto: OpenVINO on a CPU that has it.
    precision: fp32, bf16, int8; auto: what costs no quality to speak of.
    """

    layout = "yuv420"
    multiple = 4
    scale: int | Fraction = 2
    batch_tolerance = 1e-4
    thread_safe = True
    two_parts = True

    def __init__(
        self,
        scale: float = 2,
        tier: Tier | Literal["auto"] = "auto",
        history: bool = True,
        average: Literal["free", "keep"] = "free",
        backend: BackendName = "auto",
        precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
    ) -> None:
        wanted = Fraction(scale).limit_denominator(1000) if isfinite(scale) else Fraction(0)
        if wanted not in _SCALES:
            raise BadOption(f"upscale=scale: {scale:g} is none of 1.5, 2, 3 and 4; other sizes: upscale,scale=WIDTH:-2")
        self.tier: Tier = "s" if tier == "auto" else tier
        self.history, self.average, self._trained = history, average, _SCALES[wanted]
        self.scale = int(wanted) if wanted.denominator == 1 else wanted
        name = f"x{self._trained}-{self.tier}"
        example = partial(arithmetic.example, name)
        self.network = TieredRunner(WEIGHTS, example, tier=name, backend=backend, precision=precision)
        self._tiled = Tiler(self.network, arithmetic.info(name))

    def to(self, device: torch.device) -> None:
        self.network.to(device)

    def close(self) -> None:
        self.network.close()

    def init_state(self) -> History:
        return History(self._trained, fine=self.tier == "q")

    def lighter(self) -> Sequence[str]:
        if self.tier == "q" and f"x{self._trained}-s" in WEIGHTS.shipped():
            return (f"upscale=scale={float(self.scale):g}:tier=s",)
        return ()

    def __call__(self, x: Tensor, states: Sequence[History]) -> Tensor:
        """x: (B, 1, 6, H, W) in [0, 1], packed 4:2:0; H and W multiples of 4.

        Returns (B, 1, 6, H * scale, W * scale) of the same dtype and device.
        """
        return self.begin(x, states)()

    def begin(self, x: Tensor, states: Sequence[History]) -> Callable[[], Tensor]:
        """Frames are interpolated and their histories moved along; the rest is the network's part."""
        self.network.open(x.device)
        packed = x[:, 0].float().clone()
        enlarged = bicubic.enlarged(packed, self._trained)
        batch, _, height, width = packed.shape
        if not self.history:
            none = packed.new_zeros(1, 1, 1, 1)
            remembered = none.expand(batch, 1, 2 * height * self._trained, 2 * width * self._trained)
            seen = _Seen(packed, enlarged, remembered, none.expand(batch, 1, 2 * height, 2 * width))
        else:
            low, high = (bicubic.luma_of(picture).detach().cpu().numpy()[:, 0] for picture in (packed, enlarged))
            found = [state.step(y, large) for state, y, large in zip(states, low, high, strict=True)]
            seen = _Seen(packed, enlarged, *_stacked(found, high, x.device))
        return partial(self._finished, seen, x.dtype)

    def _finished(self, seen: _Seen, dtype: torch.dtype) -> Tensor:
        scale = self._trained
        answer = self._tiled(arithmetic.seen(seen.packed, seen.remembered, seen.trust, scale))
        result = arithmetic.picture(seen.enlarged, answer, scale)
        if self.average == "keep":
            result = arithmetic.kept(result, seen.packed, scale)
        if self.scale != scale:
            result = _reduced(result, Fraction(self.scale) / scale)
        return result[:, None].to(dtype)


def _stacked(found: Sequence[Remembered], enlarged: Floats, device: torch.device) -> tuple[Tensor, Tensor]:
    """What histories add to the enlarged luma (B, 1, H * scale, W * scale), and their trust (B, 1, H, W)."""
    more = np.stack([one.picture - large for one, large in zip(found, enlarged, strict=True)])
    trust = np.stack([one.trust for one in found])
    return torch.from_numpy(more)[:, None].to(device), torch.from_numpy(trust)[:, None].to(device)


def _reduced(packed: Tensor, by: Fraction) -> Tensor:
    """Packed pictures reduced by cubic interpolation, antialiased; chroma keeps its place to a tenth of a pixel."""
    height, width = (int(side * by) for side in packed.shape[-2:])
    luma = F.interpolate(
        bicubic.luma_of(packed), (2 * height, 2 * width), mode="bicubic", antialias=True, align_corners=False
    )
    chroma = F.interpolate(packed[:, 4:], (height, width), mode="bicubic", antialias=True, align_corners=False)
    return torch.cat((F.pixel_unshuffle(luma, 2), chroma), 1)
