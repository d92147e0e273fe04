"""Timestamps: exact arithmetic, and moving packets and chapters in time."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import av


def rescale(value: int, old: Fraction, new: Fraction) -> int:
    """Convert a timestamp between time bases, rounded to nearest, halves away from zero (as av_rescale_q)."""
    if old == new:
        return value
    top = value * old.numerator * new.denominator
    bottom = old.denominator * new.numerator
    half = bottom // 2
    return (top + half) // bottom if top >= 0 else -((-top + half) // bottom)


def to_units(seconds: Fraction, time_base: Fraction) -> int:
    """Convert seconds to units of `time_base`, rounded to nearest."""
    return round(seconds / time_base)


def pts_or_dts(packet: av.Packet[Any]) -> int | None:
    """The packet's pts, else its dts, else None."""
    return packet.pts if packet.pts is not None else packet.dts


def dts_or_pts(packet: av.Packet[Any]) -> int | None:
    """The packet's dts, else its pts, else None."""
    return packet.dts if packet.dts is not None else packet.pts


def time_of(packet: av.Packet[Any]) -> Fraction | None:
    """A packet's dts, else its pts, in seconds; None if it has neither."""
    at = dts_or_pts(packet)
    return None if at is None or not packet.time_base else at * packet.time_base


def shift_packet(packet: av.Packet[Any], by: int) -> None:
    """Add `by` units of its own time base to a packet's timestamps."""
    if by:
        if packet.pts is not None:
            packet.pts += by
        if packet.dts is not None:
            packet.dts += by


def shift_chapters(chapters: Iterable[Any], by_s: Fraction) -> list[Any]:
    """Move chapters, as PyAV gives them, by `by_s`. One that ends by 0 is dropped, one that begins before 0 is cut."""
    moved = []
    for chapter in chapters:
        by = to_units(by_s, chapter["time_base"])
        start, end = chapter["start"] + by, chapter["end"] + by
        if end > 0:
            moved.append({**chapter, "start": max(0, start), "end": end})
    return moved
