"""What a file or stream says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....frame import Frame
from ....media.input.reader import Reader
from ....media.printable import printable

Facts = Mapping[str, str | float | int | bool | None]


def facts(reader: Reader, first: Frame) -> Facts:
    """Container and video stream, by name; None for what they do not say.

    reader: open, with `first` as its first frame.
    """
    info = reader.info
    mapped = next(stream for stream in reader.streams if stream.restored)
    container: Any = mapped.stream.container
    context: Any = mapped.stream.codec_context
    aspect = info.sample_aspect_ratio
    return {
        "container": printable(container.format.name),
        "codec": printable(mapped.codec),
        "profile": printable(str(context.profile)) if context.profile else None,
        "width": info.width,
        "height": info.height,
        "sample_aspect_ratio": None if aspect is None else f"{aspect.numerator}:{aspect.denominator}",
        "pix_fmt": info.pix_fmt,
        "fps": None if info.rate is None else round(float(info.rate), 3),
        "bitrate_bps": context.bit_rate or container.bit_rate or None,
        "duration_s": None if info.duration_s is None else round(info.duration_s, 3),
        "marked_interlaced": bool(getattr(first.origin, "interlaced_frame", False)),
    }


def line(of: Facts) -> str:
    """The facts as one line of text."""
    parts = [str(of["container"]), str(of["codec"]) + (f" ({of['profile']})" if of["profile"] else "")]
    parts.append(f"{of['width']}x{of['height']} {of['pix_fmt']}")
    if of["sample_aspect_ratio"] not in (None, "1:1"):
        parts.append(f"SAR {of['sample_aspect_ratio']}")
    if of["fps"] is not None:
        parts.append(f"{of['fps']:g} fps")
    if of["bitrate_bps"]:
        parts.append(f"{float(of['bitrate_bps']) / 1000:.0f} kb/s")
    if of["duration_s"] is not None:
        parts.append(f"{of['duration_s']:g} s")
    if of["marked_interlaced"]:
        parts.append("marked as interlaced")
    return ", ".join(parts)
