"""The filter `match` as the command line and the library see it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from streamfix import BadOption, Color, Filter, Frame, InputError, Maps
from streamfix.fusion import Floats, pack420, shrink, unpack420

from .transport import Transport, transport

_BLACK, _RANGE, _CHROMA_RANGE, _GREY = 16 / 255, 219 / 255, 224 / 255, 128 / 255  # limited range, 8-bit codes
_MOST = 512  # pixels on a side that the reference is looked at with


class State:
    """Of one shot: color and height of its frames, and its transport once there is one."""

    def __init__(self) -> None:
        self.color, self.height = Color(), 0
        self.transport: Transport | None = None


class Match(Filter[State]):
    """Bring tone and colour to those of a reference picture, so that cameras of one site look alike.

    One monotone curve for the luma and one linear map for the chroma, found in the first frame of a shot and held until
    the next: nothing flickers. Both are bounded and can be undone where nothing is cut off. The pictures should show
    about the same; what is in them is not looked at.

    reference: a picture file, of the camera that the others are to look like.
    strength: 0 leaves every frame as it is, 1 goes all the way.
    """

    layout = "yuv420"
    arrays = "numpy"
    keeps_level = False
    thread_safe = True
    literature = (
        "F. Pitié, A. Kokaram: The linear Monge-Kantorovitch mapping for example-based colour transfer. CVMP (2007)",
    )

    def __init__(self, reference: str, strength: float = 1.0) -> None:
        if not 0 <= strength <= 1:
            raise BadOption(f"match=strength: {strength} is not between 0 and 1")
        self.strength, self._rgb, self._sha256 = strength, *_read(reference)

    def resolved(self) -> Mapping[str, str]:
        return {"reference_picture": self._sha256}

    def init_state(self) -> State:
        return State()

    def tell(self, state: State, frames: Sequence[Frame]) -> None:
        if state.transport is None:
            state.color, state.height = frames[0].color, frames[0].height

    def save_state(self, state: State) -> Mapping[str, Any]:
        known = None if state.transport is None else asdict(state.transport)
        return {"transport": known, "color": list(_plain(state.color)), "height": state.height}

    def load_state(self, saved: Mapping[str, Any]) -> State:
        state = self.init_state()
        state.color, state.height = Color(*saved["color"]), saved["height"]
        state.transport = None if saved["transport"] is None else Transport(**saved["transport"])
        return state

    def report(self, state: State) -> Mapping[str, float]:
        known = state.transport
        if known is None:
            return {}
        return {
            "luma_at_quarter": float(known.luma(np.float64(0.25))),
            "luma_at_half": float(known.luma(np.float64(0.5))),
        }

    def explain(self, x: Any, result: Any, state: State, before: Maps | None) -> Maps | None:
        """The noise grows with the curve's slope; where it comes from stays as it is."""
        if before is None or state.transport is None:
            return None
        level = shrink(_level(unpack420(x[0, 0])[0], state.color.is_full()), *before.noise_left.shape)
        slope = 1 + self.strength * (state.transport.slope(level) - 1)
        return Maps(np.asarray(before.noise_left * slope, np.float32), before.own, before.neighbours)

    def __call__(self, x: Any, states: Sequence[State]) -> Any:
        """x: (B, 1, 6, H/2, W/2) float32 in [0, 1], packed 4:2:0. Returns the same shape."""
        result = np.empty_like(x)
        for picture, state, out in zip(x[:, 0], states, result[:, 0], strict=True):
            self._match(picture, state, out)
        return result

    def _match(self, packed: Floats, state: State, out: Floats) -> None:
        luma, chroma = unpack420(packed)
        full = state.color.is_full()
        level, colour = _level(luma, full), (chroma - np.float32(_GREY)) * np.float32(1 if full else 1 / _CHROMA_RANGE)
        if state.transport is None:
            height = state.height or luma.shape[0]
            state.transport = transport(level, colour, *_ycbcr(self._rgb, *state.color.kr_kb(height)))
        share = np.float32(self.strength)
        level = level + share * (state.transport.luma(level) - level)
        colour = colour + share * (state.transport.chroma(colour) - colour)
        if not full:
            level, colour = level * np.float32(_RANGE) + np.float32(_BLACK), colour * np.float32(_CHROMA_RANGE)
        pack420(level, colour + np.float32(_GREY), out)


def _read(path: str) -> tuple[Floats, str]:
    """R'G'B' (h, w, 3) in [0, 1], made smaller, and the file's sha256. Raises InputError."""
    file = Path(path).expanduser()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"match=reference: {file}: {error.strerror}; name a picture") from error
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if bgr is None:
        raise InputError(f"match=reference: {file}: it is no picture that OpenCV reads; save it as PNG")
    height, width = bgr.shape[:2]
    scale = min(1.0, _MOST / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.ascontiguousarray(small[..., ::-1]) / np.float32(255), hashlib.sha256(data).hexdigest()


def _ycbcr(rgb: Floats, kr: float, kb: float) -> tuple[Floats, Floats]:
    """Luma (h, w) 0 to 1, and chroma (h, w, 2) -0.5 to 0.5: ITU-R BT.709-6, item 3.3, for these weights."""
    luma = kr * rgb[..., 0] + (1 - kr - kb) * rgb[..., 1] + kb * rgb[..., 2]
    blue, red = (rgb[..., 2] - luma) / (2 * (1 - kb)), (rgb[..., 0] - luma) / (2 * (1 - kr))
    return np.asarray(luma, np.float32), np.stack([blue, red], -1).astype(np.float32)


def _level(luma: Floats, full: bool) -> Floats:
    """0 for black, 1 for white."""
    return luma if full else (luma - np.float32(_BLACK)) * np.float32(1 / _RANGE)


def _plain(color: Color) -> tuple[int, int, int, bool | None]:
    return color.primaries, color.transfer, color.matrix, color.full_range
