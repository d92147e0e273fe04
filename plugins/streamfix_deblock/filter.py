"""The filter `deblock`, as streamfix's command line and library see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from streamfix import BackendName, BadOption, Device, Filter, Frame, FrameCoding, Maps
from streamfix.analysis import block_contrast
from streamfix.fusion import Floats, Noise, unpack420
from streamfix.models import (
    Front,
    Fronts,
    Fusions,
    Tier,
    TieredRunner,
    WeightsStore,
    array_library,
    corrected,
    correction_network,
    example,
    per_plane,
    seen,
    sigma_left,
    trusted,
)

from . import levels, told

if TYPE_CHECKING:
    import torch

WEIGHTS = WeightsStore(Path(__file__).parent / "weights", "deblock", correction_network)

# strength=auto: macroblocks whose artifacts are below the one level stay as they are, above the other as much as can be
# is undone.
_GOOD, _BAD = 0.6 / 255, 1.2 / 255
_FOLLOWS = 0.2  # share of a frame in the level that the fuser is told: keyframes must not pump
# At a keyframe the artifacts change all at once. It is fused with what was before as if it had so many times its level:
# behind x264 at crf 32 with a keyframe at each twelfth picture, what stands still changed by 2.03 codes there, by 1.83
# and 1.63 with 1.5 and 2.5 times the level, and all of it came 0.01 dB nearer to the original.
_AT_KEYFRAMES = 2.0
_LOOKAHEAD, _MOST_LOOKAHEAD = 2, 8


@dataclass(slots=True)
class Shot:
    """A stream's state since the last cut.

    level: of its artifacts, averaged over frames; None before the first. coding: of the frame that is next; keyframe:
    it is one, and the frame before was none. contrast: of block borders, averaged over frames; None before it is
    measured. found: levels of the last frame's macroblocks, (2, H/16, W/16), where somebody will ask for them.
    """

    front: Any = field(default_factory=lambda: Fronts().new(Noise(0.0, 0.0)))
    level: Noise | None = None
    coding: FrameCoding | None = None
    keyframe: bool = False
    contrast: float | None = None
    found: Floats | None = None

    def tell(self, now: Noise) -> None:
        """Take the next frame's level in, before the frame is fused."""
        then = self.level or now
        self.level = Noise(_mixed(then.luma, now.luma), _mixed(then.chroma, now.chroma))
        times = _AT_KEYFRAMES if self.keyframe else 1.0
        self.front.tell(Noise(self.level.luma * times, self.level.chroma * times))

    def saved(self) -> dict[str, Any]:
        """All that it knows, as `Filter.save_state` wants it. Of how the last frame was coded, what `hear` looks at."""
        return {
            "front": self.front.saved(),
            "level": None if self.level is None else [self.level.luma, self.level.chroma],
            "coded": self.coding is not None,
            "since_key": None if self.coding is None else self.coding.since_key,
            "keyframe": self.keyframe,
            "contrast": self.contrast,
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what another one gave."""
        self.front.load(saved["front"])
        self.level = None if saved["level"] is None else Noise(*saved["level"])
        self.coding = FrameCoding(since_key=saved["since_key"]) if saved["coded"] else None
        self.keyframe, self.contrast = saved["keyframe"], saved["contrast"]

    def hear(self, coding: FrameCoding | None) -> None:
        """Take in how the next frame was coded, None if nobody knows."""
        before, self.coding = self.coding, coding
        since = [one.since_key for one in (before, coding) if one is not None]
        self.keyframe = len(since) == 2 and since[1] == 0 != since[0]


class Deblock(Filter[Shot]):
    """Undo what a codec did: blocks, ringing, mosquito noise, flicker between keyframes.

    How strong the artifacts are is measured from the picture, for each macroblock, whatever the codec, and however
    often the video was transcoded; a codec that tells its quantisers is listened to. What was coded well stays as it
    is. Frames are fused along their motion, then a small network that was trained on coded video restores them. Trained
    for fidelity alone: it invents nothing. Put it before other filters; noise that a codec has smeared goes with the
    artifacts.

    strength: 0 leaves every frame as it is, 1 restores all of it, whatever the codec says; auto leaves macroblocks
    alone that are good already.
    tier: size of the network: xs, s, m; auto: the best one for the device that there are weights for.
    backend: how the networks run: torch, openvino, or another that is installed; auto: OpenVINO on a CPU that has it.
    precision: fp32, bf16, int8; auto: what costs no quality to speak of.
    lookahead: frames to come that are averaged in as well, 0 to 8; each delays the picture by one. Live streams have 0
    unless you say more.
    """

    layout = "yuv420"
    arrays: Literal["torch", "numpy"] = "numpy"  # on a CPU; see `to`
    multiple = levels.CELL
    future = _LOOKAHEAD
    batch_tolerance = 1e-4
    thread_safe = True
    two_parts = True
    wants_coding = True
    live_options = MappingProxyType({"lookahead": 0})
    evidence_options = MappingProxyType({"strength": 1.0})
    literature = (
        "T. Kroeger et al.: Fast optical flow using dense inverse search. ECCV (2016)",
        "R. E. Kalman: A new approach to linear filtering and prediction problems. J. Basic Eng. 82 (1960)",
        "O. Ronneberger, P. Fischer, T. Brox: U-Net: convolutional networks for image segmentation. MICCAI (2015)",
        "B. Lim et al.: Enhanced deep residual networks for single image super-resolution. CVPR workshops (2017)",
    )

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
        self._fronts = Fronts()
        self.network = TieredRunner(WEIGHTS, example, tier=tier, backend=backend, precision=precision)
        self.levels = TieredRunner(levels.store(), levels.example, backend=backend, precision="fp32")

    def to(self, device: torch.device | Device) -> None:
        self.arrays = self._fronts.to(device)
        self.network.to(device)
        self.levels.to(device)

    def close(self) -> None:
        self._fronts.close()
        self.network.close()
        self.levels.close()

    def init_state(self) -> Shot:
        state = Shot(self._fronts.new(Noise(0.0, 0.0)))
        if isinstance(state.front, Front):
            state.front.keeps = self.explaining
        return state

    def explain(self, x: Any, result: Any, state: Shot, before: Maps | None) -> Maps | None:
        kept = state.front.kept if isinstance(state.front, Front) else None
        if kept is None or state.found is None or self.strength == "auto":
            return None
        recorded, fused, luma = (unpack420(one)[0] for one in (x[0, 0], kept.packed, result[0, 0]))
        sigma = levels.level_map(state.found[None], (recorded.shape[0] // 2, recorded.shape[1] // 2))[0, 0]
        return trusted(recorded, fused, luma, kept.variance, sigma, self.strength, coded=True, earlier=before)

    def resolved(self) -> Mapping[str, str]:
        return {**self.network.resolved(), "levels": self.levels.resolved()["weights"]}

    def save_state(self, state: Shot) -> Mapping[str, Any]:
        return state.saved()

    def load_state(self, saved: Mapping[str, Any]) -> Shot:
        state = self.init_state()
        state.load(saved)
        return state

    def report(self, state: Shot) -> Mapping[str, float]:
        level = state.level or Noise(0.0, 0.0)
        return {"artifacts_luma": level.luma * 255, "artifacts_chroma": level.chroma * 255}

    def tell(self, state: Shot, frames: Sequence[Frame]) -> None:
        state.hear(frames[0].coding)

    def __call__(self, x: Any, states: Sequence[Shot]) -> Any:
        """x: (B, 1 + lookahead, 6, H/2, W/2) in [0, 1], packed 4:2:0; NumPy on a CPU, a tensor on a GPU.

        Returns (B, 1, 6, H/2, W/2) of the same kind.
        """
        return self.begin(x, states)()

    def begin(self, x: Any, states: Sequence[Shot]) -> Callable[[], Any]:
        """The artifacts are measured and the frames fused; what is left is the network's part."""
        if self.strength == 0:
            return lambda: x[:, :1]
        # What is measured of each macroblock is looked at in NumPy, also where all else is on a GPU.
        if isinstance(x, np.ndarray):
            recorded = x[:, 0].copy()  # the frames ahead are done with
            answer = self.levels.array(recorded)
        else:
            recorded = x[:, 0].clone()
            answer = self.levels(recorded.float()).cpu().numpy()
        share: Floats | None = None
        if self.strength == "auto":
            heard = [listen(*one) for one in zip(answer, recorded, states, strict=True)]
            answer, share = (np.stack(parts) for parts in zip(*heard, strict=True))
        for state, level in zip(states, levels.mean_level(answer), strict=True):
            state.tell(level)
        if self.explaining:
            for state, found in zip(states, answer, strict=True):
                state.found = found
        fusions = self._fronts.step(x, [state.front for state in states])
        return partial(self._restored, recorded, answer, share, fusions)

    def _restored(self, recorded: Any, answer: Floats, worth: Floats | None, fusions: Fusions) -> Any:
        """The network's part: (B, 1, 6, H/2, W/2) for recorded frames (B, 6, H/2, W/2), and what is known of them."""
        known: tuple[Any, ...] = (answer,) if worth is None else (answer, worth)
        if not isinstance(recorded, np.ndarray):
            import torch

            known = tuple(torch.from_numpy(array).to(recorded.device) for array in known)
        sigma = levels.level_map(known[0], (recorded.shape[-2], recorded.shape[-1]))
        known = fusions.packed, fusions.variance, sigma, self._share(sigma, *known[1:])
        if isinstance(recorded, np.ndarray):
            return _computed(recorded, *known, network=self.network.array)[:, None]
        return _computed(recorded.float(), *known, network=self.network)[:, None].to(recorded.dtype)

    def _share(self, sigma: Any, worth: Any | None = None) -> Any:
        """Share of the restored picture in the result, (B, 2, H, W), for levels (B, 2, H, W).

        worth: what the codec's word leaves of it, (B, 1, H/8, W/8).
        """
        lib = array_library(sigma)
        if self.strength != "auto":
            return lib.full_like(sigma, self.strength)
        share = (sigma - _GOOD) * (1 / (_BAD - _GOOD))
        lib.clip(share, 0, 1, out=share)
        if worth is not None:
            share *= levels.interpolated(worth, (sigma.shape[2], sigma.shape[3]))
        return share


def _computed(frame: Any, fused: Any, variance: Any, sigma: Any, share: Any, *, network: Callable[[Any], Any]) -> Any:
    """The restored frames (B, 6, H/2, W/2). All are NumPy arrays or all tensors."""
    left = sigma_left(variance, sigma)
    restored = corrected(fused, left, network(seen(fused, frame, left, sigma, reuse=True)))
    restored -= frame
    restored *= per_plane(share)
    restored += frame
    return restored


def listen(answer: Floats, frame: Any, state: Shot) -> tuple[Floats, Floats]:
    """What the network answers for a frame, (2, H/16, W/16), with what its codec says; the share that is worth undoing.

    frame: (6, H/2, W/2), packed, an array or a tensor. The share is (1, H/16, W/16), all 1 where the codec says
    nothing.
    """
    qp = None if state.coding is None else state.coding.qp
    if qp is None or qp.shape != answer.shape[1:]:
        return answer, np.ones_like(answer[:1])
    found = block_contrast(frame if isinstance(frame, np.ndarray) else frame.float().cpu().numpy())
    state.contrast = found if state.contrast is None else _mixed(state.contrast, found)
    word = told.word(qp, state.contrast)
    most = levels.encode(word.most)
    return np.where(answer > most, most + np.float32(word.doubt) * (answer - most), answer), word.share()


def _mixed(then: float, now: float) -> float:
    return then + _FOLLOWS * (now - then)
