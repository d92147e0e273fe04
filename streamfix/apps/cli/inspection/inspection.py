"""Inspects one input: reads its first seconds, measures, advises, and tries the advice on some frames."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ....analysis import Advice, Analyser, Findings, advise
from ....chainspec import parse_chain
from ....errors import InputError
from ....filters import FILTERS
from ....frame import Frame
from ....fusion import unpack420
from ....jobs import restore_stage
from ....layout import to_layout
from ....media.input.reader import Reader
from ....media.specs import InputSpec
from .facts import Facts, facts

_KEPT = 16  # consecutive frames on which filters are tried
_KEPT_FROM = 4  # the first frame of an encoder is often better than those after it


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """What there is to tell of one input.

    shown: its name without secrets. after: the pictures behind the chain, None if it is `null`.
    before_frames, after_frames: some consecutive frames, and what the chain makes of them.
    """

    shown: str
    facts: Facts
    findings: Findings
    advice: Advice
    after: Findings | None
    before_frames: Sequence[Frame]
    after_frames: Sequence[Frame]

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "input": self.shown,
            "file": dict(self.facts),
            "measured": self.findings.numbers(),
            "recommended": {"vf": self.advice.chain, "notes": list(self.advice.notes)},
            "after": None if self.after is None else self.after.numbers(),
        }


def inspect(spec: InputSpec, most_frames: int, device: str = "auto") -> Inspection:
    """Read up to `most_frames` frames of an input and tell what it is like.

    Raises InputError (DecodeError), UsageError, or what a filter raises.
    """
    analyser, kept, told = Analyser(), [], None
    with closing(Reader((spec,), audio=False, subtitles=False, data=False, coding=True)) as reader:
        sound = 0
        for item in reader:
            if not isinstance(item, Frame) or item.damaged:
                continue
            told = told or facts(reader, item)
            _add(analyser, item)
            if sound < _KEPT_FROM:
                kept = [item]
            elif len(kept) < _KEPT:
                kept.append(item)
            sound += 1
            if sound == most_frames:
                break
    if told is None:
        raise InputError(f"{spec.shown}: all its frames are damaged; nothing can be measured")
    findings = analyser.findings
    if "deblock" in FILTERS:
        findings = findings.told_by(_run("deblock", kept, device)[1])
    advice = advise(findings, list(FILTERS))
    after_frames: Sequence[Frame] = kept
    after = None
    if advice.chain != "null":
        after_frames, _ = _run(advice.chain, kept, device)
        behind = Analyser()
        for frame in after_frames:
            _add(behind, frame)
        after = behind.findings
    return Inspection(spec.shown, told, findings, advice, after, kept, after_frames)


def _add(analyser: Analyser, frame: Frame) -> None:
    qp = None if frame.coding is None else frame.coding.qp
    analyser.add(*unpack420(to_layout(frame, "yuv420").numpy()), None if qp is None else float(qp.mean()))


def _run(chain: str, frames: Sequence[Frame], device: str) -> tuple[list[Frame], dict[str, float]]:
    """What a chain makes of the frames, and what its filters have measured."""
    stage = restore_stage(parse_chain(chain), device)
    assert stage is not None
    with closing(stage):
        found = [frame for given in frames for frame in stage.push(given)]
        found += list(stage.flush())
        return found, stage.report()
