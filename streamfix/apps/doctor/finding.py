"""What the doctor finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "missing", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact. state: "missing" is optional, "wrong" is not. remedy: the command, or what to do; "" for nothing."""

    state: State
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Facts of one kind."""

    title: str
    findings: Sequence[Finding]
