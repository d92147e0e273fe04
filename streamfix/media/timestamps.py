"""Timestamps: exact arithmetic, and moving packets and chapters in time."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import av


def rescale(value: int, old: Fraction, new: Fraction) -> int:
    """`value` units of `old` in units of `new`, rounded to nearest, halves away from zero (as av_rescale_q)."""
    if old == new:
        return value
    top = value * old.numerator * new.denominator
    bottom = old.denominator * new.numerator
    half = bottom // 2
    return (top + half) // bottom if top >= 0 else -((-top + half) // bottom)


def to_units(seconds: Fraction, time_base: Fraction) -> int:
    """Seconds in units of `time_base`, rounded to nearest."""
    return round(seconds / time_base)


def pts_or_dts(packet: av.Packet[Any]) -> int | None:
    """When a packet is shown; when it is decoded where it does not say; None where it says neither."""
    return packet.pts if packet.pts is not None else packet.dts


def dts_or_pts(packet: av.Packet[Any]) -> int | None:
    """When a packet is decoded; when it is shown where it does not say; None where it says neither."""
    return packet.dts if packet.dts is not None else packet.pts


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
