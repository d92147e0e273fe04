"""Encoder options for live video, which those of the user override."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

_KEYFRAMES_S = 2  # a player that joins waits half of it on average; segments begin at keyframes
# No frame is held back for look-ahead or B-frames; the preset keeps up on a small machine.
_LOW_DELAY: Mapping[str, Mapping[str, str]] = {
    "libx264": {"preset": "veryfast", "tune": "zerolatency"},
    "libx265": {"preset": "ultrafast", "tune": "zerolatency"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "row-mt": "1"},
}


def low_delay_options(encoder: str, rate: Fraction | None) -> dict[str, str]:
    """An encoder's options for live video; empty for an encoder that is not known here.

    rate: frames a second, None if unknown. There is a keyframe every two seconds.
    """
    known = _LOW_DELAY.get(encoder)
    if known is None:
        return {}
    return {**known, "g": str(max(1, round(_KEYFRAMES_S * (rate or 25))))}
