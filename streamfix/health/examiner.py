"""Judges one camera's sight, picture by picture. It has no clock: whoever shows the pictures says when they were."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .edges import SAME, Blocks, Edges, Likeness
from .faults import Alarm, Change, Fault, Kind, Limits
from .freezing import Freezing
from .lens import Lens
from .references import Mode, Reference, References
from .shift import shifted_back
from .sight import WIDTH, Luma, Mask, Sight

_RECENT = 5  # pictures whose median counts: what passes by covers a block in fewer
_GAP_S = 5.0  # without a picture: what was about to begin begins anew
_TURNS = 6  # pictures in a row without colour, or with it, until the mode is another
_NORMAL = 0.75  # a ratio of the median block from which on a picture needs no second look, and may be learnt
_STILL_SHOWS = 0.6  # own edges of another view over the reference's, in the median block
_THERE = 0.6  # ratio of a block that still shows what it did
_ANOTHER = 0.15  # share of such blocks up to which a camera looks elsewhere: what covers it leaves more, or no edges
_FITS = 0.4  # ratio of the median block in a picture that was moved back rightly
_GAINS = 0.15  # and by how much it has to be better than before


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said of the last picture.

    faults: that last now. mode: by day or under infrared light. unjudged: why focus, covers, moves and dirt cannot be
    judged, empty if they are. ratio: of the median block's edges to the reference's, None if unjudged. gain: the
    contrast over the reference's. shift: pixels of the small picture, to the right and down. blocks: that are judged.
    """

    faults: tuple[Fault, ...] = ()
    mode: Mode = "day"
    unjudged: str = "no picture yet"
    ratio: float | None = None
    gain: float | None = None
    shift: tuple[float, float] | None = None
    blocks: int = 0


class Examiner:
    """One camera's. hidden: pixels of small pictures that are not judged. Call it from one thread.

    verdict: may be read from any thread. references: what the camera usually sees.
    """

    def __init__(self, limits: Limits | None = None, hidden: Mask | None = None) -> None:
        self.limits = limits or Limits()
        self._hidden = hidden
        self.references = References(self.limits.learn_s, hidden)
        kinds: tuple[Kind, ...] = ("blank", "frozen?", "frozen", "moved", "covered", "defocused", "dirty")
        self._alarms = {kind: Alarm(kind, self.limits.hold_s(kind)) for kind in kinds}
        self._freezing = Freezing()
        self._lens = Lens(self.limits.dirty_ratio, self.limits.dirty_s)
        self._recent: deque[Likeness] = deque(maxlen=_RECENT)
        self._mode: Mode | None = None
        self._turned = 0
        self._last_s: float | None = None
        self._forget = False
        self.verdict = Verdict()

    def adopt(self, limits: Limits) -> None:
        """Judge by other limits from now on; what was learnt stays. From the thread that shows the pictures."""
        if limits == self.limits:
            return
        self.limits = limits
        for kind, alarm in self._alarms.items():
            alarm.hold(limits.hold_s(kind))
        self._lens.hold(limits.dirty_ratio, limits.dirty_s)
        self.references.span(limits.learn_s)

    def relearn(self) -> None:
        """Begin anew with the next picture: the camera was given another view on purpose. From any thread."""
        self._forget = True

    def see(self, sight: Sight, at_s: float, objects: Mask | None = None) -> list[Change]:
        """Judge a picture. at_s: seconds, never less than before. Returns what has begun and what is over.

        objects: blocks that an object known to be one stands in, (9, 16): what it covers is no cover.
        """
        return list(self._changes(sight, at_s, objects))

    def _changes(self, sight: Sight, at_s: float, objects: Mask | None) -> Iterator[Change]:
        if self._forget:
            self._forget = False
            self.references.forget()
            self._begin_anew()
            yield from self._over(("moved", "covered", "defocused", "dirty"), at_s)
        if self._last_s is not None and at_s - self._last_s > _GAP_S:
            self._begin_anew()
            self._freezing.restart()
        self._last_s = at_s
        yield from self._told(self._freezing.look(sight, self._hidden), at_s)
        spread = self._spread(sight.luma)
        blank = spread < self.limits.blank_codes
        yield from self._look("blank", blank, at_s, f"mean {sight.luma.mean():.0f} of 255")
        self._turn(sight.grey and not blank)
        mode = self._mode or "day"
        reference = self.references.get(mode)
        if blank or self._turned:
            self._doubt()
            self._conclude(mode, "the picture is blank" if blank else "day and night change", None)
        elif reference is None:
            if not self._told_of("frozen?", "frozen"):
                self.references.learn(mode, sight.luma, at_s)
            share = self.references.learnt(mode)
            self._conclude(mode, f"it learns what it usually sees: {share:.0%}", None)
        else:
            yield from self._judge(sight.luma, mode, reference, at_s, objects)

    # -- against the reference

    def _judge(
        self, luma: Luma, mode: Mode, reference: Reference, at_s: float, objects: Mask | None
    ) -> Iterator[Change]:
        edges = reference.edges
        judged = edges.judged if objects is None else edges.judged & ~objects
        if judged.sum() < self.limits.least_blocks:
            self._doubt()
            self.references.learn(mode, luma, at_s)
            few = f"only {judged.sum()} of 144 parts of the picture have edges; {self.limits.least_blocks} are needed"
            self._conclude(mode, few, None, blocks=int(judged.sum()))
            return
        shift = None
        seen = edges.likeness(luma)
        if np.median(seen.ratios[judged]) < _NORMAL:
            shift = reference.shifts.find(luma)
            back = edges.likeness(shifted_back(luma, shift))
            gained = np.median(back.ratios[judged]) - np.median(seen.ratios[judged])
            seen, shift = (back, shift) if gained > _GAINS and np.median(back.ratios[judged]) > _FITS else (seen, None)
        self._recent.append(seen)
        ratios, matches = self._usual()
        ratio = float(np.median(ratios[judged]))
        different = (matches < SAME) | ~edges.coarse_judged
        lost = judged & different & (ratios < self.limits.covered_ratio)
        share = float(lost.sum() / judged.sum())
        lost_too_many = share >= self.limits.covered_share * self._ease("covered", 0.75)
        there = float((judged & (ratios >= _THERE) & ~different).sum() / judged.sum())
        elsewhere = lost_too_many and there <= _ANOTHER and self._shows_another(luma, edges, judged)
        far = 0.0 if shift is None else float(np.hypot(*shift)) / WIDTH
        has_moved = elsewhere or far > self.limits.moved_share * self._ease("moved", 0.67)
        yield from self._look("moved", has_moved, at_s, "it looks elsewhere" if elsewhere else f"by {far:.1%}")
        covered = lost_too_many and not elsewhere
        yield from self._look("covered", covered, at_s, f"{share:.0%} of it")
        if lost_too_many:
            self._alarms["defocused"].doubt()
        else:
            limit = self.limits.defocused_ratio * self._ease("defocused", 1.18)
            yield from self._look("defocused", ratio < limit, at_s, f"{ratio:.2f} of its usual edges")
        if ratio >= _NORMAL and shift is None:
            self._lens.look(luma, edges, judged, at_s)
            yield from self._look("dirty", self._lens.blocks > 0, at_s, f"{self._lens.blocks} of 144 parts")
        quiet = not any(alarm.fault or alarm.pending for alarm in self._alarms.values())
        if quiet and ratio >= _NORMAL and shift is None:
            self.references.learn(mode, luma, at_s)
        elif not quiet:
            self.references.doubt(mode)
        self._conclude(mode, "", ratio, seen.gain, shift, int(judged.sum()))

    def _usual(self) -> tuple[Blocks, Blocks]:
        """Of the last pictures the median of each block: ratios and matches."""
        ratios = np.median(np.stack([each.ratios for each in self._recent]), axis=0)
        return ratios, np.median(np.stack([each.matches for each in self._recent]), axis=0)

    @staticmethod
    def _shows_another(luma: Luma, edges: Edges, judged: Mask) -> bool:
        own = edges.own_strength(luma)
        return float(np.median(own[judged])) >= _STILL_SHOWS

    # -- the whole

    def _spread(self, luma: Luma) -> float:
        return float(luma.std() if self._hidden is None else luma[~self._hidden].std()) if luma.size else 0.0

    def _turn(self, grey: bool) -> None:
        """Notice that infrared light went on or off, once it stays so."""
        wanted: Mode = "infrared" if grey else "day"
        if self._mode is None:
            self._mode = wanted
        if wanted == self._mode:
            self._turned = 0
            return
        self._turned += 1
        if self._turned >= _TURNS:
            self._mode, self._turned = wanted, 0
            self._begin_anew()

    def _ease(self, kind: Kind, factor: float) -> float:
        """A fault that lasts has to be over by a margin."""
        return factor if self._alarms[kind].fault is not None else 1.0

    def _told_of(self, *kinds: Kind) -> bool:
        return any(self._alarms[kind].fault is not None for kind in kinds)

    def _told(self, found: dict[Kind, bool | None], at_s: float) -> Iterator[Change]:
        for kind, condition in found.items():
            if condition is None:
                self._alarms[kind].doubt()
            else:
                yield from self._look(kind, condition, at_s)

    def _look(self, kind: Kind, condition: bool, at_s: float, text: str = "") -> Iterator[Change]:
        change = self._alarms[kind].look(condition, at_s, text)
        if change is not None:
            yield change

    def _over(self, kinds: tuple[Kind, ...], at_s: float) -> Iterator[Change]:
        for kind in kinds:
            change = self._alarms[kind].drop(at_s)
            if change is not None:
                yield change

    def _doubt(self) -> None:
        for kind in ("moved", "covered", "defocused", "dirty"):
            self._alarms[kind].doubt()

    def _begin_anew(self) -> None:
        self._recent.clear()
        self._lens.restart()
        for alarm in self._alarms.values():
            alarm.doubt()

    def _conclude(
        self,
        mode: Mode,
        unjudged: str,
        ratio: float | None,
        gain: float | None = None,
        shift: tuple[float, float] | None = None,
        blocks: int = 0,
    ) -> None:
        faults = tuple(alarm.fault for alarm in self._alarms.values() if alarm.fault is not None)
        self.verdict = Verdict(faults, mode, unjudged, ratio, gain, shift, blocks)
