"""Passes the HDR10 metadata of frames to encoders.

PyAV cannot attach side data to an encoder, so mastering display and light
levels go through the encoder's own parameters.
"""

from __future__ import annotations

import logging
import struct

import av

from .side_data import side_data_of_type

log = logging.getLogger("streamfix.media")


def hdr_options(encoder: str, frame: av.VideoFrame, given: dict[str, str]) -> dict[str, str]:
    """Encoder options with the frame's HDR10 metadata, joined to those `given`; warns if the encoder has none."""
    mastering, light = _mastering(frame), _light(frame)
    if mastering is None and light is None:
        return {}
    names = {
        "libx265": ("x265-params", "master-display", "max-cll", ":"),
        "libx264": ("x264-params", "mastering-display", "cll", ":"),
        "libsvtav1": ("svtav1-params", "mastering-display", "content-light", ":"),
    }
    if encoder not in names:
        log.warning("HDR10 metadata is not carried by %s; -c:v libx265 carries it", encoder)
        return {}
    option, display_name, light_name, separator = names[encoder]
    before = given.get(option, "")
    parts = [before] if before else []
    if mastering is not None and display_name not in before:
        parts.append(f"{display_name}={_display(mastering, real=encoder == 'libsvtav1')}")
    if light is not None and light_name not in before:
        parts.append(f"{light_name}={light[0]},{light[1]}")
    return {option: separator.join(parts)}


def _mastering(frame: av.VideoFrame) -> list[tuple[int, int]] | None:
    """AVMasteringDisplayMetadata's ten rationals: r, g, b and white (x, y), minimum and maximum luminance."""
    data = side_data_of_type(frame, "MASTERING_DISPLAY_METADATA")
    if data is None or len(data) < 88:
        return None
    numbers = struct.unpack("=22i", data[:88])
    if not (numbers[20] and numbers[21]):  # has_primaries, has_luminance
        return None
    return list(zip(numbers[0:20:2], numbers[1:20:2], strict=True))


def _light(frame: av.VideoFrame) -> tuple[int, int] | None:
    """MaxCLL and MaxFALL, candela a square metre."""
    data = side_data_of_type(frame, "CONTENT_LIGHT_LEVEL")
    return None if data is None else struct.unpack("=2I", data[:8])


def _display(values: list[tuple[int, int]], real: bool) -> str:
    """SMPTE ST 2086 as the encoders take it: x265 and x264 in units of 1/50000 and 1/10000, SVT-AV1 in decimals."""

    def number(i: int, unit: int) -> str:
        top, bottom = values[i]
        exact = top / bottom if bottom else 0.0
        return f"{exact:.6f}" if real else str(round(exact * unit))

    def pair(i: int) -> str:
        return f"({number(i, 50000)},{number(i + 1, 50000)})"

    luminance = f"({number(9, 10000)},{number(8, 10000)})"
    return f"G{pair(2)}B{pair(4)}R{pair(0)}WP{pair(6)}L{luminance}"
