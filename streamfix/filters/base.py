"""What a restoration filter is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from ..frame import Frame, Layout
from ..provenance import Maps
from . import FILTERS as FILTERS  # part of this module's interface

if TYPE_CHECKING:
    pass

S = TypeVar("S")


class Filter(ABC, Generic[S]):
    """A restoration filter. One object serves all streams; what belongs to a stream is in its state.

        class Echo(streamfix.Filter[list[Tensor]]):
            "Mix each frame with the result before it."  # -filters shows the first line, -h the whole

            layout = "rgb"

            def __init__(self, weight: float = 0.5) -> None:  # options on the command line: echo=weight=0.3
                self.weight = weight

            def init_state(self) -> list[Tensor]:
                return []

            def __call__(self, x: Tensor, states: Sequence[list[Tensor]]) -> Tensor:
                results = []
                for frame, last in zip(x[:, 0], states):  # x: (B, 1, 3, H, W)
                    last[:] = [torch.lerp(frame, last[0], self.weight) if last else frame]
                    results.append(last[0])
                return torch.stack(results)[:, None]

    A subclass's keyword arguments are its options; their annotations say how text is read (int, float, bool, str,
    Literal, and unions of these with None), the docstring is the help. A package announces it under the entry-point
    group `streamfix.filters` and imports nothing but `streamfix`'s public names. The laws that every filter keeps are
    stated and tested by `streamfix.conformance`.

    A class sets these, or its objects do in `__init__`; a call changes none of them:

    layout: what `__call__` sees: "yuv420" (6, H/2, W/2), "rgb" (3, H, W) or "luma" (1, H, W); see `streamfix.layout`.
    arrays: what these are: "torch" tensors, or "numpy" arrays of float32 on the CPU. A job of 4:2:0 video whose filters
    all take NumPy starts without torch. `to` may change it to "torch", for a GPU.
    past, step, future: frames before, restored by, and after a call. A window never crosses a cut; the first and last
    frame of a shot are repeated beyond its ends.
    scale: how many times larger the result is, a whole number or a Fraction, which rounds sizes to even
    numbers: `multiple` times it is then even as well.
    multiple: height and width of what `__call__` sees are multiples of this; the caller pads and crops.
    generative: True if it may invent detail; its results are "reconstructed", not "restored".
    adaptive: True if it decides by what it sees which filters run; its results do not follow from its options alone.
    batch_tolerance: how far a batch's result may lie from each stream's alone, in [0, 1] units; 0 is bit-exact.
    keeps_level: False if it is meant to change brightness or hue (low light, white balance).
    thread_safe: True if several threads may call it at once, each with states of its own.
    two_parts: True if `begin` does a good part of the work, or if what it leaves uses fewer than all cores at times.
    ends_apart: True if the second parts of two windows of one stream may run at the same time.
    wants_coding: True if `tell` looks at how frames were coded; the decoder is asked for it then.
    live_options: options that a live stream sets where the user does not, such as no look-ahead, which would delay it.
    evidence_options: options that evidence sets where the user does not, in the place of "auto": what decides by itself
    whether and how it works cannot be defended. measured_options: those that may stay "auto" there: `report` tells for
    each frame what was measured.
    literature: what its method is published in, as a report cites it.
    explaining: set where `explain` will be called behind each call: what that needs may then be kept.
    """

    layout: Layout = "yuv420"
    arrays: Literal["torch", "numpy"] = "torch"
    past: int = 0
    step: int = 1
    future: int = 0
    scale: int | Fraction = 1
    multiple: int = 1
    generative: bool = False
    adaptive: bool = False
    batch_tolerance: float = 0.0
    keeps_level: bool = True
    thread_safe: bool = False
    two_parts: bool = False
    ends_apart: bool = False
    wants_coding: bool = False
    live_options: Mapping[str, Any] = MappingProxyType({})
    evidence_options: Mapping[str, Any] = MappingProxyType({})
    measured_options: frozenset[str] = frozenset()
    literature: Sequence[str] = ()
    explaining: bool = False

    def init_state(self) -> S:
        """The state of a stream before the first frame of a shot, a new object each time; None if there is none."""
        return None  # type: ignore[return-value]  # S is None for a filter without state

    def tell(self, state: S, frames: Sequence[Frame]) -> None:
        """Hear of the frames that the next call will see, such as how they were coded (`Frame.coding`).

        Called before each call with that stream's state, which alone is to be changed. frames: past + step + future, as
        in x; their pictures are in the filter's own layout. What is known differs from input to input, and may be
        missing; a result must not depend on a frame's times or on its `origin`.
        """

    @abstractmethod
    def __call__(self, x: Any, states: Sequence[S]) -> Any:
        """Restore one window of each of B streams.

        x: (B, T, C, H, W) floating point in [0, 1], T = past + step + future, see `arrays`; not to be changed.
        states: one for each stream, changed in place. Damaged frames come with a state that is thrown away.
        Returns (B, step, C, H * scale, W * scale) of x's dtype and device; the caller clips it.
        What it raises ends the job as a FilterError that names the frame.
        """

    def begin(self, x: Any, states: Sequence[S]) -> Callable[[], Any]:
        """Do a call's first part; return its second part, a function that gives the result of `__call__`.

        The first part makes all changes to the states. The second runs once, perhaps in another thread, while the next
        window's first part is under way.
        """
        return partial(self, x, states)

    def save_state(self, state: S) -> Mapping[str, Any]:
        """A stream's state as NumPy arrays, numbers, strings, booleans and None, in lists and mappings.

        It is put into a file that a later run reads, so nothing else can be in it. With it a job that was killed goes
        on where it was (`-resume`); a filter that has state and does not save it is shown some frames in front of each
        segment in place of that. `state` stays as it is, and shares nothing with what is given.
        """
        if type(self).init_state is not Filter.init_state:
            raise NotImplementedError(f"{type(self).__name__} does not save its state")
        return {}

    def load_state(self, saved: Mapping[str, Any]) -> S:
        """A state that goes on as the one which `save_state` was given. `saved` is not to be changed, later neither."""
        return self.init_state()

    @property
    def saves(self) -> bool:
        """True if a stream can go on in another process as if nothing had happened: all that it knows can be saved.

        A filter that sees frames before those it restores would need these as well, and so counts as one that cannot;
        and so does one that computes with other arrays on this device than it says of itself.
        """
        own = type(self)
        saves = own.init_state is Filter.init_state or (
            own.save_state is not Filter.save_state and self.arrays == own.arrays
        )
        return self.past == 0 and self.step == 1 and saves

    def lighter(self) -> Sequence[str]:
        """Chains, as after -vf, that a live stream steps down to where this filter is too slow, the best first.

        Each is made of registered filters and has the same `scale` in total. None is needed: leaving the filter out is
        always tried last.
        """
        return ()

    def report(self, state: S) -> Mapping[str, float]:
        """What it has measured of a stream so far, by name, such as noise_luma in 8-bit codes; finite numbers."""
        return {}

    def explain(self, x: Any, result: Any, state: S, before: Maps | None) -> Maps | None:
        """Where a result comes from and how far to trust it; None if it cannot tell.

        Called right behind a call, with its x, its result and its state of one stream; not during live video. It must
        not change the state. before: what the filter in front has told of x.
        """
        return None

    def resolved(self) -> Mapping[str, str]:
        """What it has settled by itself, by name, once it is on its device: options that were left to it, such as tier.

        A later run that is to give the same results gives it these options. What is no option, such as the hash of its
        weights, is compared.
        """
        return {}

    def to(self, device: Any) -> None:
        """Move what the filter computes with to `device`. Called once, before the first frame.

        device: a torch.device; a `streamfix.Device` where `arrays` is "numpy".
        """

    def close(self) -> None:
        """Release what the filter holds."""
