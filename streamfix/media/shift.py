"""Moving packets and chapters in time."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import av

from .rational import to_units


def shift_packet(packet: av.Packet[Any], by: int) -> None:
    """Add `by` units of its own time base to a packet's timestamps."""
    if by:
        if packet.pts is not None:
            packet.pts += by
        if packet.dts is not None:
            packet.dts += by


def shift_chapters(chapters: Iterable[Any], by_s: Fraction) -> list[Any]:
    """Chapters, as PyAV gives them, `by_s` later; those that end before 0 are left out, none begins before."""
    moved = []
    for chapter in chapters:
        by = to_units(by_s, chapter["time_base"])
        start, end = chapter["start"] + by, chapter["end"] + by
        if end > 0:
            moved.append({**chapter, "start": max(0, start), "end": end})
    return moved
