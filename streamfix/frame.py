"""Frames: pictures with their time and colour; and what is known of a whole stream.

torch is imported only when a tensor is asked for, so that a pass-through job
and the command line's own messages do not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from .coding import FrameCoding
from .errors import BadOption
from .provenance import Provenance

if TYPE_CHECKING:
    import numpy as np
    import torch
    from av import VideoFrame
    from numpy.typing import NDArray
    from torch import Tensor

Layout = Literal["yuv420", "rgb", "luma"]
LAYOUTS: tuple[Layout, ...] = ("yuv420", "rgb", "luma")

ArrayFormat = Literal["bgr24", "rgb24", "i420", "nv12", "gray"]
ARRAY_FORMATS: tuple[ArrayFormat, ...] = ("bgr24", "rgb24", "i420", "nv12", "gray")


def check_array_format(format: str) -> ArrayFormat:
    """The format. Raises BadOption for a name that is none."""
    for known in ARRAY_FORMATS:
        if known == format:
            return known
    raise BadOption(f"no array format {format!r}; there are {', '.join(ARRAY_FORMATS)}")


# Code points of ITU-T H.273 (the same numbers as in FFmpeg's pixfmt.h).
UNSPECIFIED = 2
_KR_KB = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.470 BG, that is BT.601 625
    6: (0.299, 0.114),  # SMPTE 170M, that is BT.601 525
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020 non-constant luminance
}


def usual_matrix(height: int) -> int:
    """The matrix of video that names none: BT.709 from 720 lines on, else BT.601."""
    return 1 if height >= 720 else 6


@dataclass(frozen=True, slots=True)
class Color:
    """Colour tags as the stream carries them, in code points of ITU-T H.273; 2 is "unspecified".

    matrix: 1 BT.709, 5 and 6 BT.601, 9 BT.2020 NCL, 0 is R'G'B'.
    full_range: None is "unspecified".
    """

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    full_range: bool | None = None

    def kr_kb(self, height: int) -> tuple[float, float]:
        """Luma weights of red and blue.

        height: lines of the picture, which decide where the stream says
        nothing (or something with no weights, such as ICtCp): BT.709 from
        720 lines on, else BT.601.
        """
        return _KR_KB.get(self.matrix) or _KR_KB[usual_matrix(height)]

    def is_full(self, default: bool = False) -> bool:
        """True if codes span 0 to the maximum; untagged Y'CbCr is limited."""
        return default if self.full_range is None else self.full_range


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How a planar picture is stored. `name` is FFmpeg's.

    kind: "yuv" (planes Y, U, V), "gray" (Y) or "rgb" (planes G, B, R).
    depth: bits of a code value, 8 to 16.
    log2_w, log2_h: chroma is 2**log2_w narrower and 2**log2_h lower.
    """

    name: str
    kind: Literal["yuv", "gray", "rgb"]
    depth: int
    log2_w: int = 0
    log2_h: int = 0

    @property
    def max_code(self) -> int:
        """The largest code value, 255 at 8 bit."""
        return (1 << self.depth) - 1

    def plane_shapes(self, width: int, height: int) -> list[tuple[int, int]]:
        """(height, width) of each plane of a width x height picture."""
        if self.kind == "gray":
            return [(height, width)]
        chroma = (-(-height >> self.log2_h), -(-width >> self.log2_w))
        return [(height, width), chroma, chroma]


def scaled(length: int, scale: int | Fraction) -> int:
    """Width or height of a picture that is made `scale` times as large.

    A whole number is exact. A fraction gives even numbers, which 4:2:0 and most encoders need: the nearest, halves up.
    """
    if isinstance(scale, int):
        return length * scale
    return 2 * floor(length * scale / 2 + Fraction(1, 2))


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """A picture as code values: one (H, W) NumPy array a plane, uint8, or uint16 above 8 bit."""

    format: PixelFormat
    width: int
    height: int
    data: tuple[NDArray[Any], ...]

    def __post_init__(self) -> None:
        import numpy as np

        object.__setattr__(self, "data", tuple(np.asarray(plane) for plane in self.data))  # tensors as well
        want = self.format.plane_shapes(self.width, self.height)
        got = [plane.shape for plane in self.data]
        if got != want:
            raise ValueError(f"planes of {self.width}x{self.height} {self.format.name} are {want}, got {got}")

    def planes(self, color: Color) -> Planes:
        """These planes: they are a `Picture` themselves."""
        return self


@runtime_checkable
class Picture(Protocol):
    """A frame's picture, made by the decoder or by a filter; read through `streamfix.layout`."""

    @property
    def format(self) -> PixelFormat: ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    def planes(self, color: Color) -> Planes:
        """The picture as code values; `color` is the frame's own."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a stream and all that is known of it.

    pts: presentation time in units of time_base, exactly as the input had it.
    duration: in units of time_base, 0 if unknown.
    cut: the only discontinuity signal: a scene cut, seek, reconnect or format
    change lies between the frame before and this one.
    damaged: the decoder says the picture is not what was sent; it never
    enters temporal state.
    origin: the decoder's own object, from which the writer takes side data.
    received_s: `time.monotonic()` when its packet had come, of a live input; None of a file.
    standing_in: not from the camera, but shown while it is away; it goes around all filters.
    coding: how it was coded, if somebody asked the decoder for it; None also once the picture has another size.
    provenance: what each filter that it has passed tells of it, if somebody asked for that.
    """

    picture: Picture
    pts: int
    time_base: Fraction
    duration: int = 0
    color: Color = field(default_factory=Color)
    sample_aspect_ratio: Fraction | None = None
    cut: bool = False
    damaged: bool = False
    origin: Any = None
    received_s: float | None = None
    standing_in: bool = False
    coding: FrameCoding | None = None
    provenance: tuple[Provenance, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it: the picture as code values or as a tensor, without `origin`, which lives in this process alone."""
        kept = not hasattr(self.picture, "av_frame")  # the decoder's own object cannot leave this process
        own = {"picture": self.picture if kept else self.picture.planes(self.color), "origin": None}
        return _frame, ({f.name: own.get(f.name, getattr(self, f.name)) for f in fields(self)},)

    def __copy__(self) -> Frame:
        return replace(self)

    def __repr__(self) -> str:
        marks = "".join(f" {m}" for m in ("cut", "damaged", "standing_in") if getattr(self, m))
        return f"<Frame {self.width}x{self.height} {self.picture.format.name} at {self.time_s:.3f} s{marks}>"

    @property
    def width(self) -> int:
        return self.picture.width

    @property
    def height(self) -> int:
        return self.picture.height

    @property
    def time_s(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    def with_picture(self, picture: Picture) -> Frame:
        """The same moment with another picture; one of another size was not coded as `coding` says."""
        same = (picture.width, picture.height) == (self.width, self.height)
        return replace(self, picture=picture, coding=self.coding if same else None)

    def tensor(
        self, layout: Layout = "rgb", device: torch.device | str = "cpu", dtype: torch.dtype | None = None
    ) -> Tensor:
        """The picture as a floating-point tensor (C, H, W) in [0, 1].

        layout: "rgb" (3, H, W), "luma" (1, H, W) or "yuv420" (6, ceil H/2, ceil W/2);
        see `streamfix.layout`. dtype: float32 by default.
        """
        from .layout import to_layout

        return to_layout(self, layout, device=device, dtype=dtype)

    def rgb(self) -> NDArray[np.uint8]:
        """The picture as (H, W, 3) uint8 R'G'B', full range, rounded; the same as `array("rgb24")`."""
        return self.array("rgb24")

    def array(self, format: ArrayFormat) -> NDArray[np.uint8]:
        """The picture as a new array of 8 bits, contiguous, yours to write to.

        format: "bgr24" as OpenCV has it, or "rgb24": (H, W, 3), full range, rounded once. "i420" or "nv12": 4:2:0,
        (H * 3/2, W), and "gray": luma, (H, W): codes as recorded, nothing converted where the video is 4:2:0.
        Raises BadOption for another format, and for "i420" and "nv12" of an odd size.
        """
        from .arrays import array_of

        return array_of(self, format)

    def av(self) -> VideoFrame:
        """The picture as PyAV has it, in its own pixel format, with time and colour; aiortc takes that.

        A picture that no filter has touched is the decoder's own: read it, do not write to it.
        """
        from .media.picture.planes import to_av

        return to_av(self)


def _frame(values: dict[str, Any]) -> Frame:
    """The frame that was pickled."""
    return Frame(**values)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video stream before its first frame.

    rate: average frames a second, None if the container does not say.
    duration_s: None for live input. frames: an estimate, None if unknown.
    """

    width: int
    height: int
    pix_fmt: str
    time_base: Fraction
    rate: Fraction | None = None
    color: Color = field(default_factory=Color)
    sample_aspect_ratio: Fraction | None = None
    duration_s: float | None = None
    frames: int | None = None


def bytes_of(item: object) -> int:
    """Memory that a frame's picture takes, 0 for what is no frame."""
    if not isinstance(item, Frame):
        return 0
    picture = item.picture
    made = getattr(picture, "array", getattr(picture, "tensor", None))  # by a filter
    if made is not None:
        return int(made.nbytes)
    samples = sum(h * w for h, w in picture.format.plane_shapes(picture.width, picture.height))
    return samples * (2 if picture.format.depth > 8 else 1)
