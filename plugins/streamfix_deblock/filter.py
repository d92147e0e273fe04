"""The filter `deblock`, as streamfix's command line and library see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor

from streamfix import BackendName, BadOption, Filter
from streamfix.fusion import Noise
from streamfix.models import (
    Front,
    Fusion,
    Tier,
    TieredRunner,
    WeightsStore,
    corrected,
    correction_network,
    example,
    per_plane,
    seen,
    sigma_left,
    stacked,
)

from . import levels

WEIGHTS = WeightsStore(Path(__file__).parent / "weights", "deblock", correction_network)

# strength=auto: macroblocks whose artifacts are below the one level stay as they are, above the other as much as can be
# is undone.
_GOOD, _BAD = 0.6 / 255, 1.2 / 255
_FOLLOWS = 0.2  # share of a frame in the level that the fuser is told: keyframes must not pump
_LOOKAHEAD, _MOST_LOOKAHEAD = 2, 8


@dataclass(slots=True)
class Shot:
    """A stream's state since the last cut. level: of its artifacts, averaged over frames; None before the first."""

    front: Front = field(default_factory=lambda: Front(Noise(0.0, 0.0)))
    level: Noise | None = None

    def tell(self, now: Noise) -> None:
        """Take the next frame's level in, before the frame is fused."""
        then = self.level or now
        self.level = Noise(_mixed(then.luma, now.luma), _mixed(then.chroma, now.chroma))
        self.front.tell(self.level)


class Deblock(Filter[Shot]):
    """Undo what a codec did: blocks, ringing, mosquito noise, flicker between keyframes.

    How strong the artifacts are is measured from the picture, for each macroblock, whatever the codec, and however
    often the video was transcoded; what was coded well stays as it is. Frames are fused along their motion, then a
    small network that was trained on coded video restores them. Trained for fidelity alone: it invents nothing. Put it
    before other filters; noise that a codec has smeared goes with the artifacts.

    strength: 0 leaves every frame as it is, 1 restores all of it; auto leaves macroblocks alone that are good already.
    tier: size of the network: xs, s, m; auto: the best one for the device that there are weights for.
    backend: how the networks run: torch, openvino, or another that is installed; auto: OpenVINO on a CPU that has it.
    precision: fp32, bf16, int8; auto: what costs no quality to speak of.
    lookahead: frames to come that are averaged in as well, 0 to 8; each delays the picture by one. Live streams have 0
    unless you say more.
    """

    layout = "yuv420"
    multiple = levels.CELL
    future = _LOOKAHEAD
    batch_tolerance = 1e-4
    thread_safe = True
    two_parts = True
    live_options = MappingProxyType({"lookahead": 0})

    def __init__(
        self,
        strength: float | Literal["auto"] = "auto",
        tier: Tier | Literal["auto"] = "auto",
        backend: BackendName = "auto",
        precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
        lookahead: int = _LOOKAHEAD,
    ) -> None:
        if strength != "auto" and not 0 <= strength <= 1:
            raise BadOption(f"deblock=strength: {strength} is not between 0 and 1; or say auto")
        if not 0 <= lookahead <= _MOST_LOOKAHEAD:
            raise BadOption(f"deblock=lookahead: {lookahead} is not a number of frames from 0 to {_MOST_LOOKAHEAD}")
        self.strength, self.future = strength, lookahead
        self.network = TieredRunner(WEIGHTS, example, tier=tier, backend=backend, precision=precision)
        self.levels = TieredRunner(levels.store(), levels.example, backend=backend, precision="fp32")

    def to(self, device: torch.device) -> None:
        self.network.to(device)
        self.levels.to(device)

    def close(self) -> None:
        self.network.close()
        self.levels.close()

    def init_state(self) -> Shot:
        return Shot()

    def report(self, state: Shot) -> Mapping[str, float]:
        level = state.level or Noise(0.0, 0.0)
        return {"artifacts_luma": level.luma * 255, "artifacts_chroma": level.chroma * 255}

    def __call__(self, x: Tensor, states: Sequence[Shot]) -> Tensor:
        """x: (B, 1 + lookahead, 6, H/2, W/2) in [0, 1], packed 4:2:0.

        Returns (B, 1, 6, H/2, W/2) of the same dtype and device.
        """
        return self.begin(x, states)()

    def begin(self, x: Tensor, states: Sequence[Shot]) -> Callable[[], Tensor]:
        """The artifacts are measured and the frames fused; what is left is the network's part."""
        if self.strength == 0:
            return lambda: x[:, :1]
        self.network.open(x.device)
        frame = x[:, 0].float()
        answer = self.levels(frame)
        windows = x.detach().float().cpu().numpy()
        fusions = []
        for state, level, window in zip(states, levels.mean_level(answer), windows, strict=True):
            state.tell(level)
            fusions.append(state.front.step(window[0], window[1:]))
        return partial(self._restored, x[:, 0].clone(), answer, fusions)  # the frames ahead are done with

    def _restored(self, recorded: Tensor, answer: Tensor, fusions: Sequence[Fusion]) -> Tensor:
        """The network's part: (B, 1, 6, H/2, W/2) for recorded frames (B, 6, H/2, W/2), and what is known of them."""
        frame = recorded.float()
        sigma = levels.level_map(answer, (frame.shape[-2], frame.shape[-1]))
        fused, variance = stacked(fusions, frame.device)
        left = sigma_left(variance, sigma)
        restored = corrected(fused, left, self.network(seen(fused, frame, left, sigma, reuse=True)))
        result = torch.lerp(frame, restored, self._share(sigma))
        return result[:, None].to(recorded.dtype)

    def _share(self, sigma: Tensor) -> Tensor:
        """Share of the restored picture in the result, (B, 6, H, W), for levels (B, 2, H, W)."""
        if self.strength == "auto":
            share = ((sigma - _GOOD) / (_BAD - _GOOD)).clamp(0, 1)
        else:
            share = torch.full_like(sigma, self.strength)
        return per_plane(share)


def _mixed(then: float, now: float) -> float:
    return then + _FOLLOWS * (now - then)
