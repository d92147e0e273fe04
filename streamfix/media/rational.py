"""Exact arithmetic of timestamps."""

from __future__ import annotations

from fractions import Fraction


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
