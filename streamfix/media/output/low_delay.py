"""What encoders are told of live video where the user says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

_KEYFRAMES_S = 2  # whoever joins waits half as long on average; segments begin at keyframes
# No picture held back for a look ahead or for B-frames; a preset that keeps up on a small machine.
_LOW_DELAY: Mapping[str, Mapping[str, str]] = {
    "libx264": {"preset": "veryfast", "tune": "zerolatency"},
    "libx265": {"preset": "ultrafast", "tune": "zerolatency"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "row-mt": "1"},
}


def low_delay_options(encoder: str, rate: Fraction | None) -> dict[str, str]:
    """Options of an encoder for live video, none of one that is not known here.

    rate: frames a second, None where nobody knows. A keyframe comes every two seconds.
    """
    known = _LOW_DELAY.get(encoder)
    if known is None:
        return {}
    return {**known, "g": str(max(1, round(_KEYFRAMES_S * (rate or 25))))}
