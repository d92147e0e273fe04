"""The filter `auto` as the command line and the library see it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import lcm, prod
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from streamfix import FILTERS, BackendName, BadOption, Device, Filter, Frame
from streamfix.analysis import Analyser, Findings, shares
from streamfix.fusion import Floats, unpack420
from streamfix.models import array_library, arrays_on

from .choice import Choice
from .later import Later, now
from .link import Link

_log = logging.getLogger("streamfix.auto")

_LOOKAHEAD, _MOST_LOOKAHEAD = 10, 18
_ARTIFACTS_LOOKAHEAD = 2  # of it; the rest is the denoiser's
_STRIDE = 8  # frames from one judgement to the next
_TRIAL_STRIDE = 32  # the same, of what only a filter's own measurement tells
_DOUBTFUL = 0.01 / 255  # block edges from which on it is worth asking


@dataclass(slots=True)
class Shot:
    """A stream's state since the last cut. links: one for each filter, in the chain's order."""

    links: list[Link]
    analyser: Analyser = field(default_factory=Analyser)
    choice: Choice = field(default_factory=Choice)
    findings: Findings | None = None
    frames: int = 0
    known: Sequence[Frame | None] = ()  # of the window that comes next
    told: Mapping[str, float] = field(default_factory=dict)  # what `deblock` has measured


class Auto(Filter[Shot]):
    """Find out what the pictures need, and do that: codec artifacts, then noise; nothing where they are good.

    Noise, block edges and more are measured on the first frames of each shot, and then on. Filters that are called for
    are mixed in as far as they are; within a shot that changes only slowly, and what it chose is said in a line. It
    never deblurs, brightens or deinterlaces. The filters that it chooses from are `deblock` and `denoise` (`smooth`
    where that is not installed), and `upscale` where it is to enlarge.

    strength: 0 leaves every frame as it is, 1 does all that is called for.
    scale: how many times larger the result is: 1, or what `upscale` offers, such as 2.
    lookahead: frames to come that filters may average in, 0 to 18; each delays the picture by one, whatever is chosen.
    Live streams use 0 unless you set it.
    backend: how the networks run: torch, openvino, or another that is installed; auto: OpenVINO on a CPU, if installed.
    """

    layout = "yuv420"
    arrays: Literal["torch", "numpy"] = "numpy"  # on a CPU; see `to`
    adaptive = True
    wants_coding = True
    future = _LOOKAHEAD
    batch_tolerance = 1e-4
    two_parts = True
    live_options = MappingProxyType({"lookahead": 0})

    def __init__(
        self,
        strength: float = 1.0,
        scale: float = 1,
        lookahead: int = _LOOKAHEAD,
        backend: BackendName = "auto",
    ) -> None:
        if not 0 <= strength <= 1:
            raise BadOption(f"auto=strength: {strength} is not between 0 and 1")
        if not 0 <= lookahead <= _MOST_LOOKAHEAD:
            raise BadOption(f"auto=lookahead: {lookahead} is not a number of frames from 0 to {_MOST_LOOKAHEAD}")
        if scale < 1:
            raise BadOption(f"auto=scale: {scale:g} is not 1 or more; libavfilter's scale makes pictures smaller")
        if scale > 1 and "upscale" not in FILTERS:
            raise BadOption(f"auto=scale: {scale:g} needs the filter upscale, which is not installed; leave scale out")
        self.strength = strength
        mine = min(lookahead, _ARTIFACTS_LOOKAHEAD)
        self._filters: dict[str, Filter[Any]] = {}
        self._add("deblock", lookahead=mine, backend=backend)
        self._add("denoise", lookahead=lookahead - mine, backend=backend)
        if "denoise" not in self._filters:
            self._add("smooth")
        if scale > 1:
            self._add("upscale", scale=scale, backend=backend)
        chosen = list(self._filters.values())
        self.future = sum(f.future for f in chosen)
        self.scale = prod(f.scale for f in chosen)
        # Each link pads for its filter, so that none sees more of what is no picture than it would by itself. What
        # enlarges by a fraction needs sizes that it gives a whole number of pixels for.
        self.multiple = 1 if isinstance(self.scale, int) else lcm(*(f.multiple for f in chosen))
        self.thread_safe = all(f.thread_safe for f in chosen)
        self.generative = any(f.generative for f in chosen)
        self._said = ""

    def _add(self, name: str, **options: Any) -> None:
        """Make the filter, with those of the options that it has, if it is installed."""
        if name not in FILTERS:
            return
        known = FILTERS.options(name)
        made = FILTERS.create(name, {key: value for key, value in options.items() if key in known})
        if made.layout != self.layout or made.step != 1:
            made.close()
            raise BadOption(f"auto: the filter {name} that is installed does not see single frames of 4:2:0 video")
        self._filters[name] = made

    def to(self, device: Any) -> None:
        """device: a `streamfix.Device` or a torch.device."""
        self.arrays = arrays_on(device)
        for made in self._filters.values():
            made.to(device.for_torch() if made.arrays == "torch" and isinstance(device, Device) else device)

    def close(self) -> None:
        for made in self._filters.values():
            made.close()

    def init_state(self) -> Shot:
        return Shot([Link(made) for made in self._filters.values()])

    def tell(self, state: Shot, frames: Sequence[Frame]) -> None:
        state.known = list(frames)

    def lighter(self) -> Sequence[str]:
        """Fusion without a network; what enlarges has nothing lighter."""
        return ["smooth"] if "smooth" in FILTERS and self.scale == 1 else []

    def report(self, state: Shot) -> Mapping[str, float]:
        found = {} if state.findings is None else {k: v for k, v in state.findings.numbers().items() if v is not None}
        kept = ("noise_luma", "noise_chroma", "blockiness", "blur", "qp_mean", "brightness")
        numbers = {name: float(found[name]) for name in kept if name in found}
        return numbers | {f"share_{name}": share for name, share in self._shares(state).items()} | dict(state.told)

    def __call__(self, x: Any, states: Sequence[Shot]) -> Any:
        """x: (B, 1 + lookahead, 6, H/2, W/2) in [0, 1], packed 4:2:0; NumPy on a CPU, a tensor on a GPU.

        Returns (B, 1, 6, H/2 * scale, W/2 * scale) of the same kind. Streams are worked on one by one: each
        has its own chain.
        """
        return self.begin(x, states)()

    def begin(self, x: Any, states: Sequence[Shot]) -> Callable[[], Any]:
        """The pictures are measured, and the filters that are called for begin; what is left is their second parts."""
        rests = [self._begun(window, state) for window, state in zip(x, states, strict=True)]
        return lambda: array_library(x).stack([rest() for rest in rests])[:, None]

    def _begun(self, window: Any, shot: Shot) -> Callable[[], Any]:
        """What is left to do for the shot's next picture. window: (T, 6, H/2, W/2)."""
        known = shot.known if len(shot.known) == len(window) else [None] * len(window)
        shot.known = ()
        if self.strength > 0:
            self._measure(window, known, shot)
        begun: list[Later] = []
        for i in range(len(window) - 1 if shot.frames else 0, len(window)):
            begun += self._through(_copied(window[i]), known[i], shot)  # it is kept beyond this call
        shot.frames += 1

        def rest() -> Any:
            for later in begun:
                later.picture()
            return begun[-1].picture()  # the links hold back as many frames as this filter looks ahead

        return rest

    def _through(self, picture: Any, frame: Frame | None, shot: Shot) -> list[Later]:
        """What each link gives once the next frame has gone in; the last one's is what comes out of the chain."""
        later = now(picture)
        given: list[Later] = []
        for link, share in zip(shot.links, self._shares(shot).values(), strict=True):
            passed = link.push(later, frame, share)
            if passed is None:
                return given
            later, frame = passed
            given.append(later)
        return given or [later]

    def _shares(self, shot: Shot) -> dict[str, float]:
        """How much of each filter is taken now."""
        now, enlarging = shot.choice.now, 1.0
        by_name = {"deblock": now.artifacts, "denoise": now.noise, "smooth": now.noise}
        return {name: self.strength * by_name[name] if name in by_name else enlarging for name in self._filters}

    def _measure(self, window: Any, known: Sequence[Frame | None], shot: Shot) -> None:
        """Take in what is new of the window, and judge anew from time to time."""
        begin = len(window) - 1 if shot.frames else 0
        for i in range(begin, len(window)):
            if i and bool((window[i] == window[i - 1]).all()):
                continue  # beyond the shot's end its last frame stands: that tells nothing of the stream
            shot.analyser.add(*unpack420(_array(window[i])), _quantiser(known[i]))
        if shot.frames % _STRIDE:
            shot.choice.follow(None)
            return
        findings = shot.analyser.findings
        shot.told = self._told(window, known, shot, findings)
        shot.findings = findings = findings.told_by(shot.told)
        shot.choice.follow(shares(findings))
        self._say(findings, shot)

    def _told(self, window: Any, known: Sequence[Frame | None], shot: Shot, findings: Findings) -> Mapping[str, float]:
        """What `deblock` measures: where it runs of this shot, else of this window, if there may be artifacts."""
        deblock = self._filters.get("deblock")
        if deblock is None:
            return {}
        state = shot.links[0].state
        if state is None:
            if findings.blocks.step < _DOUBTFUL or shot.frames % _TRIAL_STRIDE:
                return shot.told
            trial = Link(deblock)
            for i in range(1 + deblock.future):
                trial.push(now(window[i]), known[i], 1.0)  # what it gives is not wanted
            state = trial.state
        return {name: value for name, value in deblock.report(state).items() if name.startswith("artifacts_")}

    def _say(self, findings: Findings, shot: Shot) -> None:
        """Say what was found and chosen, if it is not what was chosen last."""
        wanted = {"deblock": shot.choice.wanted.artifacts}
        wanted |= dict.fromkeys(("denoise", "smooth"), shot.choice.wanted.noise)
        chosen = [name for name in self._filters if wanted.get(name, 1.0) > 0]
        said = ",".join(chosen) or "nothing: they are good as they are"
        if said != self._said:
            self._said = said
            hint = "; interlaced: put bwdif=mode=send_frame before auto" if findings.interlaced else ""
            _log.info("%s; the pictures get %s%s", findings, said, hint)


def _quantiser(frame: Frame | None) -> float | None:
    """The mean QP that the frame's codec told."""
    if frame is None or frame.coding is None or frame.coding.qp is None:
        return None
    return float(frame.coding.qp.mean())


def _copied(picture: Any) -> Any:
    return picture.copy() if isinstance(picture, np.ndarray) else picture.clone()


def _array(frame: Any) -> Floats:
    return frame if isinstance(frame, np.ndarray) else np.asarray(frame.detach().float().cpu().numpy())
