"""The filter `upscale`, as streamfix's command line and library see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from streamfix import BackendName, BadOption, Device, Filter, Frame, Tiler
from streamfix.models import TieredRunner, WeightsStore, arrays_on

from . import arithmetic, bicubic
from .arithmetic import Tier
from .condition import Condition
from .history import Floats, History
from .three_quarters import reduced

if TYPE_CHECKING:
    import torch

_CLEAN = "-clean"  # behind the name of weights for pictures that no codec has touched
_NAMES = tuple(f"x{scale}-{tier}{of}" for scale in (2, 4) for tier in ("s", "q") for of in ("", _CLEAN))
WEIGHTS = WeightsStore(Path(__file__).parent / "weights", "upscale", arithmetic.network, _NAMES)

# what may be asked for: the network's scale, and what its result is then reduced by
_SCALES = MappingProxyType({Fraction(2): 2, Fraction(4): 4, Fraction(3, 2): 2, Fraction(3): 4})


@dataclass(slots=True)
class Shot:
    """A stream's state since the last cut. history: a `History`, or a `TensorHistory` for tensors."""

    history: Any
    condition: Condition = field(default_factory=Condition)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of frames (B, 6, H, W) before the network looks at them, all of one kind of array.

    luma: (B, 1, 2H, 2W). packed: the frames, where they are needed again. more, trust: of the histories, if there are.
    clean: the share of the network for clean pictures in each frame's answer.
    """

    luma: Any
    enlarged: Any
    packed: Any | None
    more: Any | None
    trust: Any | None
    clean: Sequence[float]


class Upscale(Filter[Shot]):
    """Enlarge by 1.5, 2, 3 or 4, with more detail than interpolation has.

    A small network corrects bicubic interpolation. It was trained on what cameras record, noise and codecs included,
    and it sees besides each frame what earlier frames have shown of the same places, moved along with the scene. Where
    no codec has taken anything away, the network has other weights, which sharpen more. Trained for fidelity alone:
    letters and faces become sharper, not other ones. Put it last, after what removes artifacts and noise.

    scale: 1.5, 2, 3 or 4; 1.5 and 3 are made from the next larger one. The sample aspect ratio stays.
    tier: s keeps up with a camera; q gives better pictures, at several times the cost. Chroma is interpolated by both.
    history: off looks at each frame alone.
    input: clean, coded, or auto, which goes by what the decoder tells and the pictures show.
    average: keep makes the mean over each recorded pixel equal to that pixel, codec's errors included; free lets the
    network correct it as well.
    backend: how the networks run: torch, openvino, or another that is installed; auto: OpenVINO on a CPU that has it.
    precision: fp32, bf16, int8; auto: what costs no quality to speak of.
    """

    layout = "yuv420"
    arrays: Literal["torch", "numpy"] = "numpy"  # on a CPU; see `to`
    multiple = 4
    scale: int | Fraction = 2
    batch_tolerance = 1e-4
    thread_safe = True
    two_parts = True
    wants_coding = True
    evidence_options = MappingProxyType({"input": "coded"})
    literature = (
        "B. Lim et al.: Enhanced deep residual networks for single image super-resolution. CVPR workshops (2017)",
        "R. G. Keys: Cubic convolution interpolation for digital image processing. IEEE TASSP 29 (1981)",
    )

    def __init__(
        self,
        scale: float = 2,
        tier: Tier | Literal["auto"] = "auto",
        history: bool = True,
        input: Literal["auto", "clean", "coded"] = "auto",
        average: Literal["free", "keep"] = "free",
        backend: BackendName = "auto",
        precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
    ) -> None:
        wanted = Fraction(scale).limit_denominator(1000) if isfinite(scale) else Fraction(0)
        if wanted not in _SCALES:
            raise BadOption(f"upscale=scale: {scale:g} is none of 1.5, 2, 3 and 4; other sizes: upscale,scale=WIDTH:-2")
        self.tier: Tier = "s" if tier == "auto" else tier
        self.history, self.input, self.average, self._trained = history, input, average, _SCALES[wanted]
        self.scale = int(wanted) if wanted.denominator == 1 else wanted
        name = f"x{self._trained}-{self.tier}"
        runner = partial(TieredRunner, WEIGHTS, partial(arithmetic.example, name), backend=backend, precision=precision)
        self.coded, self.clean = runner(tier=name), runner(tier=name + _CLEAN)
        self._tiled = [Tiler(partial(_run, of), arithmetic.info(name)) for of in (self.coded, self.clean)]

    def to(self, device: torch.device | Device) -> None:
        self.arrays = arrays_on(device)
        self.close()
        # The other one is opened by the first picture that wants it: most streams want one.
        (self.clean if self.input == "clean" else self.coded).open(device)

    def close(self) -> None:
        self.coded.close()
        self.clean.close()

    def init_state(self) -> Shot:
        if self.arrays == "torch":
            from .history_tensors import TensorHistory

            return Shot(TensorHistory())
        return Shot(History(self._trained, fine=self.tier == "q"))

    def tell(self, state: Shot, frames: Sequence[Frame]) -> None:
        state.condition.hear(frames[0].coding)

    def report(self, state: Shot) -> Mapping[str, float]:
        return {"clean": state.condition.share}

    def resolved(self) -> Mapping[str, str]:
        return {**self.coded.resolved(), "clean": self.clean.resolved()["weights"], "tier": self.tier}

    def save_state(self, state: Shot) -> Mapping[str, Any]:
        return {"history": state.history.saved(), "condition": state.condition.saved()}

    def load_state(self, saved: Mapping[str, Any]) -> Shot:
        state = self.init_state()
        state.history.load(saved["history"])
        state.condition.load(saved["condition"])
        return state

    def lighter(self) -> Sequence[str]:
        if self.tier == "q" and f"x{self._trained}-s" in WEIGHTS.shipped():
            return (f"upscale=scale={float(self.scale):g}:tier=s",)
        return ()

    def __call__(self, x: Any, states: Sequence[Shot]) -> Any:
        """x: (B, 1, 6, H, W) in [0, 1], packed 4:2:0; H and W multiples of 4. NumPy on a CPU, a tensor on a GPU.

        Returns (B, 1, 6, H * scale, W * scale) of the same kind.
        """
        return self.begin(x, states)()

    def begin(self, x: Any, states: Sequence[Shot]) -> Callable[[], Any]:
        """Frames are interpolated, looked at, and their histories moved along; the rest is the network's part."""
        packed = x[:, 0]
        if not isinstance(x, np.ndarray):
            packed = packed.float()
        luma, enlarged = bicubic.luma_of(packed), bicubic.enlarged(packed, self._trained)
        more = trust = None
        if self.history:
            large = bicubic.luma_of(enlarged)
            histories = [state.history for state in states]
            if self.arrays == "torch":
                from . import history_tensors

                more, trust = history_tensors.step(histories, luma, large)
            else:
                given = zip(histories, _array(luma)[:, 0], _array(large)[:, 0], strict=True)
                found = [history.step(y, z) for history, y, z in given]
                more, trust = _stacked([one.more for one in found], x), _stacked([one.trust for one in found], x)
        again = None
        if self.average == "keep":
            again = bicubic.empty(packed, tuple(packed.shape))
            again[...] = packed
        rest = partial(self._finished, _Seen(luma, enlarged, again, more, trust, self._look(packed, states)))
        return rest if isinstance(x, np.ndarray) else lambda: rest().to(x.dtype)

    def _look(self, packed: Any, states: Sequence[Shot]) -> Sequence[float]:
        """The share of the network for clean pictures in each answer for frames (B, 6, H, W)."""
        if self.input != "auto":
            return [float(self.input == "clean")] * len(states)
        pictures = _array(packed)
        return [state.condition.look(picture) for state, picture in zip(states, pictures, strict=True)]

    def _answer(self, x: Any, clean: Sequence[float]) -> Any:
        """What the networks make of their input x (B, C, H, W), mixed by the shares of the one for clean pictures.

        x is changed.
        """
        of_coded, of_clean = self._tiled
        if max(clean) <= 0:
            return of_coded(x)
        if min(clean) >= 1:
            return of_clean(arithmetic.for_clean(x))
        answer = of_coded(x)
        other = of_clean(arithmetic.for_clean(x))
        for one, more, share in zip(answer, other, clean, strict=True):
            one += share * (more - one)
        return answer

    def _finished(self, seen: _Seen) -> Any:
        scale = self._trained
        x = arithmetic.seen(seen.luma, seen.more, seen.trust, scale, reuse=True)
        answer = self._answer(x, seen.clean)
        result = arithmetic.picture(seen.enlarged, answer, scale, reuse=True)
        if seen.packed is not None:
            arithmetic.keep_means(result, seen.packed, scale)
        if self.scale != scale:
            result = reduced(result)
        return result[:, None]


def _run(network: TieredRunner, x: Any) -> Any:
    return network.array(x) if isinstance(x, np.ndarray) else network(x)


def _array(planes: Any) -> Floats:
    return planes if isinstance(planes, np.ndarray) else np.asarray(planes.detach().cpu().numpy())


def _stacked(planes: Sequence[Floats], like: Any) -> Any:
    """Planes (H, W) of each stream, (B, 1, H, W), as the kind of array that `like` is."""
    together = planes[0][None, None] if len(planes) == 1 else np.stack(planes)[:, None]
    if isinstance(like, np.ndarray):
        return together
    import torch

    return torch.from_numpy(together).to(like.device)
