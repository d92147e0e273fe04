"""Values as ffmpeg writes them: times, numbers with SI suffixes, rates, sizes."""

from __future__ import annotations

import re
from fractions import Fraction

_CLOCK = re.compile(r"(-?)(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d*)?)")
_SECONDS = re.compile(r"(-?)(\d+\.?\d*|\.\d+)(s|ms|us)?")
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?:([kKMGTmun])(i?))?(B?)")
_SI = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "m": -1, "u": -2, "n": -3}
_UNIT_S = {None: Fraction(1), "s": Fraction(1), "ms": Fraction(1, 1000), "us": Fraction(1, 1000_000)}
_RATES = {
    "ntsc": Fraction(30000, 1001),
    "qntsc": Fraction(30000, 1001),
    "sntsc": Fraction(30000, 1001),
    "ntsc-film": Fraction(24000, 1001),
    "film": Fraction(24),
    "pal": Fraction(25),
    "qpal": Fraction(25),
    "spal": Fraction(25),
}
_SIZES = {
    "qcif": (176, 144),
    "cif": (352, 288),
    "4cif": (704, 576),
    "qvga": (320, 240),
    "vga": (640, 480),
    "svga": (800, 600),
    "xga": (1024, 768),
    "ntsc": (720, 480),
    "pal": (720, 576),
    "nhd": (640, 360),
    "hd480": (852, 480),
    "hd720": (1280, 720),
    "hd1080": (1920, 1080),
    "2k": (2048, 1080),
    "uhd2160": (3840, 2160),
    "4k": (4096, 2160),
}


def parse_time(text: str) -> Fraction:
    """Seconds from `[-][HH:]MM:SS[.m...]` or `[-]S[.m...][s|ms|us]`, exactly. Raises ValueError."""
    if clock := _CLOCK.fullmatch(text):
        sign, hours, minutes, seconds = clock.groups()
        if (int(minutes) > 59 and hours) or float(seconds) >= 60:
            raise ValueError("minutes and seconds go to 59")
        value = (int(hours or 0) * 60 + int(minutes)) * 60 + Fraction(seconds)
    elif plain := _SECONDS.fullmatch(text):
        sign, digits, unit = plain.groups()
        value = Fraction(digits) * _UNIT_S[unit]
    else:
        raise ValueError("a time is [-][HH:]MM:SS[.mmm] or seconds, also with ms or us")
    return -value if sign else value


def parse_duration(text: str) -> Fraction:
    """A time that is not negative. Raises ValueError."""
    value = parse_time(text)
    if value < 0:
        raise ValueError("a duration cannot be negative")
    return value


def parse_time_span(text: str) -> float:
    """Seconds, above 0. Raises ValueError."""
    value = float(parse_duration(text))
    if value <= 0:
        raise ValueError("expected a time above 0, as in 200ms")
    return value


def parse_number(text: str) -> Fraction:
    """A number, also with an SI suffix: 2M, 1.5k, 64Ki (1024s), 8kB (times 8). Raises ValueError."""
    match = _NUMBER.fullmatch(text)
    if not match:
        raise ValueError("expected a number, as in 20, 1.5 or 2M")
    digits, suffix, binary, byte = match.groups()
    power = _SI[suffix or ""]
    scale = Fraction(1024 if binary else 1000) ** power
    return Fraction(digits) * scale * (8 if byte else 1)


def parse_integer(text: str) -> int:
    """A whole number, also with an SI suffix. Raises ValueError."""
    value = parse_number(text)
    if value.denominator != 1:
        raise ValueError("expected a whole number")
    return int(value)


def parse_count(text: str) -> int:
    """A whole number of at least 1. Raises ValueError."""
    value = parse_integer(text)
    if value < 1:
        raise ValueError("expected a whole number of at least 1")
    return value


def parse_rate(text: str) -> Fraction:
    """Frames a second: 25, 23.976, 30000/1001, 30000:1001 or a name such as ntsc. Raises ValueError."""
    if text in _RATES:
        return _RATES[text]
    above, _, below = text.replace(":", "/").partition("/")
    try:
        rate = (Fraction(above) / Fraction(below or 1)).limit_denominator(1001000)
    except (ValueError, ZeroDivisionError):
        raise ValueError("a rate is a number, a fraction such as 30000/1001, or ntsc, pal, film") from None
    if rate <= 0:
        raise ValueError("a rate must be above zero")
    return rate


def parse_size(text: str) -> tuple[int, int]:
    """Width and height from 1280x720 or a name such as hd720. Raises ValueError."""
    if text in _SIZES:
        return _SIZES[text]
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or not (int(match[1]) and int(match[2])):
        raise ValueError("a size is WIDTHxHEIGHT, as in 1280x720, or a name such as hd720")
    return int(match[1]), int(match[2])


def parse_ratio(text: str) -> float:
    """A number from 0 to 1. Raises ValueError."""
    value = float(parse_number(text))
    if not 0 <= value <= 1:
        raise ValueError("expected a number from 0 to 1")
    return value


def parse_ladder(text: str) -> tuple[str, ...]:
    """Filter chains, each lighter than the one before, with | between them; a quoted | is part of a chain.

    An empty text is a ladder without steps. Raises ValueError.
    """
    chains, quoted = [""], False
    for letter in text:
        quoted ^= letter == "'"
        if letter == "|" and not quoted:
            chains.append("")
        else:
            chains[-1] += letter
    if text and not all(chain.strip() for chain in chains):
        raise ValueError("expected filter chains with | between them, as in 'smooth|null'")
    return tuple(chain.strip() for chain in chains) if text else ()


def format_clock(seconds: float, digits: int = 2) -> str:
    """HH:MM:SS.cc, as ffmpeg prints times. seconds: may be negative."""
    units = 10**digits
    total = round(abs(seconds) * units)
    whole, part = divmod(total, units)
    sign = "-" if seconds < 0 and total else ""
    return f"{sign}{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{part:0{digits}d}"
