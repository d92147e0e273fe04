"""Exact arithmetic of timestamps."""

from __future__ import annotations

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
