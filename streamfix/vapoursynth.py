"""streamfix in VapourSynth: a clip, restored.

    import vapoursynth as vs
    import streamfix.vapoursynth

    clip = streamfix.vapoursynth.restore(clip, "denoise")

`pip install 'streamfix[vapoursynth]'`, Python 3.12 or later.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

try:
    import vapoursynth as vs
except ImportError as error:
    raise ImportError(
        "VapourSynth is not installed for this Python: pip install 'streamfix[vapoursynth]' (Python 3.12 or later), "
        "then `vapoursynth config`"
    ) from error

from .chainspec import parse_chain
from .errors import BadOption, UsageError
from .filters import FILTERS
from .frame import UNSPECIFIED, Color, Frame, PixelFormat, Planes, scaled
from .jobs import check_chain, split_osd, split_privacy
from .stream import Stream

_SUBSAMPLINGS = {(1, 1): "420", (1, 0): "422", (0, 0): "444"}
_DEPTHS = (8, 9, 10, 12, 14, 16)
_USUAL_RATE = Fraction(25)


def restore(clip: Any, chain: str = "denoise", *, warmup: int = 16, cache: int = 64, device: str = "auto") -> Any:
    """The clip with its pictures restored; as many frames, with their properties.

    clip: a `vapoursynth.VideoNode` of constant format and size: YUV 4:2:0, 4:2:2, 4:4:4 or grey, 8 to 16 bit integers.
    chain: our filters as after -vf (VapourSynth has the others). device: "auto", "cpu", "cuda" or "cuda:N".
    warmup: frames before the one that is asked for with which filters begin after a jump; they remember what came
    before, so the first frames behind a jump differ from those of a run from the beginning, less the more there are.
    cache: restored frames that are kept for whoever asks again.

    Frames that are asked for in order, from the first one on, are what the library gives, bit for bit. A scene change
    that `_SceneChangePrev` tells of is one for the filters too.

    Raises UsageError (UnknownName, BadOption) for a wrong chain or clip, DeviceError, or ModelError.
    """
    for name, value, least in (("warmup", warmup, 0), ("cache", cache, 1)):
        if value < least:
            raise BadOption(f"{name}={value}: must be at least {least}")
    filters = parse_chain(chain)
    check_chain(filters)
    for spec in split_osd(split_privacy(filters)[1])[1]:
        if spec.name != "null" and spec.name not in FILTERS:
            raise UsageError(f"{spec.name!r} is no filter of streamfix; use VapourSynth's own before or behind it")
    server = _Server(clip, _format_of(clip), chain, warmup, cache, device)
    scale = server.scale
    if scale == 1:
        target = clip
    else:
        width, height = scaled(clip.width, scale), scaled(clip.height, scale)
        target = vs.core.std.BlankClip(clip, width=width, height=height, keep=True)

    def fill(n: int, f: list[Any]) -> Any:
        blank, came = f
        made = blank.copy()
        for index, plane in enumerate(server.take(n).data):
            np.asarray(made[index])[:] = plane
        made.props.update(came.props)
        return made

    return vs.core.std.ModifyFrame(target, [target, clip], fill)


class _Server:
    """Frames by number from a chain that wants them in order. VapourSynth calls it in any thread, one at a time."""

    def __init__(self, clip: Any, format: PixelFormat, chain: str, warmup: int, cache: int, device: str) -> None:
        self._clip, self._format, self._warmup, self._cache = clip, format, warmup, cache
        self._stream = Stream(chain, device=device, live=False)
        weakref.finalize(self, self._stream.close)
        self.scale = self._stream.scale
        self._unit = 1 / (Fraction(clip.fps) if clip.fps else _USUAL_RATE)
        self._lock = threading.Lock()
        self._done: OrderedDict[int, Planes] = OrderedDict()
        self._next_in: int | None = None  # the number of the frame to push next; None: nothing was pushed
        self._next_out = 0  # and of the one that comes out next

    def take(self, number: int) -> Planes:
        """The restored picture of that number."""
        with self._lock:
            if number in self._done:
                self._done.move_to_end(number)
                return self._done[number]
            goes_on = self._next_in is not None and self._next_out <= number <= self._next_in + self._warmup
            if not goes_on:
                self._stream.reset()
                self._next_in = self._next_out = max(0, number - self._warmup)
            wanted: Planes | None = None
            while wanted is None:
                for frame in self._pushed():
                    planes = self._done[frame.pts] = frame.picture.planes(frame.color)
                    self._next_out = frame.pts + 1
                    if frame.pts == number:
                        wanted = planes
            while len(self._done) > self._cache:
                self._done.popitem(last=False)
            return wanted

    def _pushed(self) -> list[Frame]:
        """What becomes ready with the next frame, or at the end of the clip."""
        assert self._next_in is not None
        if self._next_in >= self._clip.num_frames:
            self._next_in, held = None, self._stream.flush()
            return held
        self._next_in += 1
        return self._stream.push(self._frame(self._next_in - 1))

    def _frame(self, number: int) -> Frame:
        with self._clip.get_frame(number) as came:
            data = tuple(np.array(came[index]) for index in range(came.format.num_planes))
            about = dict(came.props)
        planes = Planes(self._format, self._clip.width, self._clip.height, data)
        cut = about.get("_SceneChangePrev", 0) == 1
        return Frame(planes, number, self._unit, duration=1, color=_color_of(about), cut=cut)


def _format_of(clip: Any) -> PixelFormat:
    """How the clip's pictures are stored. Raises UsageError for a clip that cannot be restored."""
    format = clip.format
    if format is None or not clip.width or not clip.height:
        raise UsageError("the clip changes its format or size on the way; split it, or resize it to one")
    name = format.name
    grey, yuv = format.color_family == vs.GRAY, format.color_family == vs.YUV
    depth = format.bits_per_sample
    subsampling = (format.subsampling_w, format.subsampling_h)
    known = format.sample_type == vs.INTEGER and depth in _DEPTHS
    if not known or not (grey or (yuv and subsampling in _SUBSAMPLINGS)):
        raise UsageError(
            f"the clip is {name}; streamfix takes YUV420, YUV422, YUV444 and GRAY of 8 to 16 bits: "
            "clip.resize.Bicubic(format=vs.YUV420P10), for example"
        )
    stem = "gray" if grey else f"yuv{_SUBSAMPLINGS[subsampling]}p"
    return PixelFormat(
        stem if depth == 8 else f"{stem}{depth}le", "gray" if grey else "yuv", depth, *(subsampling if yuv else (0, 0))
    )


def _color_of(about: Mapping[str, Any]) -> Color:
    """The colour that a frame's properties tell. `_Range` is newer, and `_ColorRange` its opposite."""
    full: bool | None = None
    if "_Range" in about:
        full = about["_Range"] == 1
    elif "_ColorRange" in about:
        full = about["_ColorRange"] == 0
    primaries, transfer, matrix = (int(about.get(name, UNSPECIFIED)) for name in ("_Primaries", "_Transfer", "_Matrix"))
    return Color(primaries, transfer, matrix, full)
