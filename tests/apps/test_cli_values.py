"""Times, numbers, rates and sizes as ffmpeg writes them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from streamfix.apps.cli import values as v


@pytest.mark.parametrize(
    ("parse", "text", "want"),
    [
        (v.parse_time, "12", Fraction(12)),
        (v.parse_time, "12.5", Fraction(25, 2)),
        (v.parse_time, ".5", Fraction(1, 2)),
        (v.parse_time, "-3", Fraction(-3)),
        (v.parse_time, "200ms", Fraction(1, 5)),
        (v.parse_time, "1500us", Fraction(3, 2000)),
        (v.parse_time, "2.5s", Fraction(5, 2)),
        (v.parse_time, "01:02:03.045", Fraction(3723045, 1000)),
        (v.parse_time, "90:05", Fraction(5405)),
        (v.parse_time, "-00:00:01.5", Fraction(-3, 2)),
        (v.parse_time, "100:00:00", Fraction(360000)),
        (v.parse_number, "20", Fraction(20)),
        (v.parse_number, "1.5M", Fraction(1500000)),
        (v.parse_number, "128k", Fraction(128000)),
        (v.parse_number, "64Ki", Fraction(65536)),
        (v.parse_number, "8kB", Fraction(64000)),
        (v.parse_number, "1e3", Fraction(1000)),
        (v.parse_number, "-5m", Fraction(-5, 1000)),
        (v.parse_integer, "2k", 2000),
        (v.parse_rate, "25", Fraction(25)),
        (v.parse_rate, "23.976", Fraction(2997, 125)),
        (v.parse_rate, "30000/1001", Fraction(30000, 1001)),
        (v.parse_rate, "30000:1001", Fraction(30000, 1001)),
        (v.parse_rate, "ntsc", Fraction(30000, 1001)),
        (v.parse_size, "1280x720", (1280, 720)),
        (v.parse_size, "hd720", (1280, 720)),
        (v.parse_ratio, "0.5", 0.5),
    ],
)
def test_read(parse: Callable[[str], Any], text: str, want: Any) -> None:
    assert parse(text) == want


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *((v.parse_time, t) for t in ("", "x", "1:2:3:4", "00:60:00", "00:00:60", "5m", "1 s", "nan")),
        *((v.parse_duration, t) for t in ("-1", "-00:00:01")),
        *((v.parse_number, t) for t in ("", "-preset", "5x", "M", "0x10", "inf")),
        *((v.parse_integer, t) for t in ("1.5", "1e-3")),
        *((v.parse_count, t) for t in ("0", "-1")),
        *((v.parse_rate, t) for t in ("", "0", "-25", "30/0", "fast")),
        *((v.parse_size, t) for t in ("", "1280", "0x10", "10x-2", "hd7200")),
        *((v.parse_ratio, t) for t in ("1.1", "-0.1")),
    ],
)
def test_refused(parse: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(text)


@pytest.mark.parametrize(
    ("seconds", "digits", "want"),
    [
        (0, 2, "00:00:00.00"),
        (3723.045, 2, "01:02:03.04"),
        (59.999, 2, "00:01:00.00"),
        (-1.5, 2, "-00:00:01.50"),
        (-0.001, 2, "00:00:00.00"),
        (360000, 6, "100:00:00.000000"),
    ],
)
def test_clock(seconds: float, digits: int, want: str) -> None:
    assert v.format_clock(seconds, digits) == want
