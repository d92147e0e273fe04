"""libavfilter's filters (`bwdif`, `crop`, `scale` ...) as a pipeline stage."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

import av
from av.filter import Filter, Graph

from ...boundary import Boundary
from ...chainspec import FilterSpec
from ...coding import FrameCoding
from ...errors import BadOption, FilterError, UnknownName
from ...frame import Frame
from ...pipeline import Stage
from ...provenance import Provenance
from ..libav_errors import message_of
from .places import Places, only_move, places
from .planes import frame_from_av, to_av

# Filters that set the sample aspect ratio without changing the picture's size.
_SET_ASPECT = {"setsar", "setdar", "setparams"}
# Filters behind which what a frame shows is where it was, and about as it was: how it was coded still tells of it.
_KEEP_PLACE = {
    *("bwdif", "estdif", "w3fdif", "yadif", "atadenoise", "hqdn3d", "nlmeans", "drawbox", "drawtext", "delogo"),
    *("copy", "null", "format", "noformat", "fps", "framestep", "select", "trim", "realtime", "metadata", "showinfo"),
    *("setdar", "setfield", "setparams", "setpts", "setrange", "setsar", "settb", "sidedata"),
}
# Filters that see each picture by itself: a segment of a video passes them as it does within the whole.
_ALONE = {
    *("avgblur", "bilateral", "boxblur", "cas", "chromahold", "chromanr", "chromashift", "colorbalance"),
    *("colorchannelmixer",),
    *("colorcontrast", "colorcorrect", "colorize", "colorlevels", "colormatrix", "colorspace", "colortemperature"),
    *("convolution", "copy", "crop", "curves", "dblur", "dctdnoiz", "deband", "deblock", "delogo", "dilation"),
    *("drawbox", "drawgrid", "eq", "erosion", "exposure", "fftdnoiz", "fieldorder", "fillborders", "format", "fspp"),
    *(
        "gblur",
        "gradfun",
        "greyedge",
        "hflip",
        "histeq",
        "hqx",
        "hue",
        "il",
        "lenscorrection",
        "limiter",
        "lut",
        "lut1d",
    ),
    *("lut3d", "lutrgb", "lutyuv", "median", "monochrome", "negate", "nlmeans", "noformat", "null"),
    *("owdenoise", "pad", "perspective", "pixscope", "pp", "pp7", "prewitt", "removelogo", "rotate", "sab", "scale"),
    *("setdar", "setfield", "setparams", "setrange", "setsar", "shear", "smartblur", "sobel", "spp", "super2xsai"),
    *("swapuv", "tonemap", "transpose", "unsharp", "uspp", "v360", "vaguedenoiser", "vflip", "vibrance", "vignette"),
    *("xbr", "yaepblur", "zscale"),
}
# Filters that also see pictures before and behind, fewer than a warm-up has, or that forget what is longer ago.
_NEAR = {"atadenoise", "bwdif", "deflicker", "estdif", "hqdn3d", "tmedian", "w3fdif", "yadif"}
_USUAL = tuple((*size, "yuv420p") for size in ((1920, 1080), (7680, 4320), (640, 360), (352, 288)))
_ASPECTS = 16  # measured aspect ratios that are kept, also when the graph is built anew


def exists(name: str) -> bool:
    """True if this libavfilter has a filter of that name with one video input and one video output."""
    try:
        found: Any = Filter(name)  # its pads are missing from PyAV's stubs
    except ValueError:
        return False
    if len(found.inputs or ()) != 1 or len(found.outputs or ()) != 1:
        return False
    graph = Graph()
    source = graph.add("buffer", "video_size=64x64:pix_fmt=yuv420p:time_base=1/25")
    try:
        node = graph.add(name)
    except (av.FFmpegError, ValueError):
        return True  # it needs arguments: `check` tells
    try:
        graph.link_nodes(source, node, graph.add("buffersink"))
    except (av.FFmpegError, ValueError):
        return False  # pads of another kind than video; PyAV does not show a pad's kind
    return True


def memory(name: str) -> Literal["none", "short", "long"]:
    """What a filter knows of other pictures than the one it is given: nothing; those near; or it may count them all."""
    return "none" if name in _ALONE else "short" if name in _NEAR else "long"


def names() -> list[str]:
    """The names of all libavfilter filters that can stand in a chain."""
    return sorted(name for name in av.filter.filters_available if exists(name))


def check(spec: FilterSpec) -> None:
    """Raise UnknownName or BadOption if libavfilter does not have this filter or does not take its arguments."""
    if not exists(spec.name):
        raise UnknownName(f"libavfilter has no filter {spec.name!r} with one video input and one video output")
    try:
        _add(Graph(), spec)
    except (av.FFmpegError, ValueError) as error:
        raise BadOption(
            f"libavfilter does not take {spec.name}={spec.arguments}: {message_of(error)}; "
            f"'ffmpeg -h filter={spec.name}' lists its options"
        ) from error


@dataclass(frozen=True, slots=True)
class _Shape:
    """The properties of the frames that a graph is built for; frames with others need another graph."""

    width: int
    height: int
    pix_fmt: str
    time_base: Fraction
    sample_aspect_ratio: Fraction | None
    colorspace: int
    color_range: int


class GraphStage(Stage):
    """Runs frames through a chain of libavfilter filters.

    The chain may change size, pixel format, rate and time base. A cut or damaged
    mark goes to the first output frame that is not earlier than the marked input
    frame. Frames say how they were coded as long as it is known where every filter leaves things. If the frames change
    their size or format, the graph is flushed and built anew.
    """

    def __init__(self, specs: Sequence[FilterSpec]) -> None:
        for spec in specs:
            check(spec)
        self.specs = tuple(specs)
        self.name = ",".join(spec.name for spec in specs)
        self._graph: Graph | None = None
        self._shape: _Shape | None = None
        self._in: deque[Frame] = deque()
        self._last: Frame | None = None
        self._movers = [spec for spec in specs if spec.name not in _KEEP_PLACE]
        self._moves = only_move((spec.name, spec.arguments) for spec in self._movers)
        self._places: Places | None = None  # of what `_movers` move
        self._aspects: dict[tuple[_Shape, int, int], Fraction | None] = {}  # of a shape in and a size out

    def try_sizes(self, shapes: Sequence[tuple[int, int, str]] = ()) -> None:
        """Raise FilterError if the chain takes no picture of these widths, heights and formats; () tries usual ones."""
        error: FilterError | None = None
        rest = f"{'' if shapes else ', nor on any other usual size of a camera'}; change its options"
        for width, height, pix_fmt in shapes or _USUAL:
            try:
                _build(self.specs, _Shape(width, height, pix_fmt, Fraction(1, 90000), None, 2, 0))
                return
            except FilterError as failed:
                error = error or failed
        raise FilterError(f"{error}{rest}") from error

    def push(self, item: Any) -> Iterator[Any]:
        if isinstance(item, Boundary):
            yield from self.flush()  # expressions may count frames: the next segment is as if it were alone
        if not isinstance(item, Frame):
            yield item
            return
        picture = to_av(item)
        shape = _Shape(
            picture.width,
            picture.height,
            picture.format.name,
            item.time_base,
            item.sample_aspect_ratio,
            picture.colorspace,
            picture.color_range,
        )
        if shape != self._shape:
            yield from self.flush()
            self._graph, self._shape = _build(self.specs, shape), shape
            self._places = self._places_in(shape) if item.coding is not None else None
        assert self._graph is not None
        self._in.append(item)
        try:
            self._graph.push(picture)
        except av.FFmpegError as error:
            raise FilterError(f"{self.name} at pts {item.pts} ({item.time_s:.3f} s): {message_of(error)}") from error
        yield from self._pull()

    def flush(self) -> Iterator[Frame]:
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()
            self._graph = self._shape = None
            self._in.clear()

    def reset(self) -> None:
        self._graph = self._shape = self._last = None
        self._in.clear()

    def close(self) -> None:
        self._graph = None
        self._in.clear()

    def _pull(self) -> Iterator[Frame]:
        assert self._graph is not None
        while True:
            try:
                picture = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            except av.FFmpegError as error:
                raise FilterError(f"{self.name}: {message_of(error)}") from error
            assert isinstance(picture, av.VideoFrame)
            yield self._frame(picture)

    def _frame(self, picture: av.VideoFrame) -> Frame:
        """The picture as a Frame, with the marks of the input frames that it stands for."""
        cut = damaged = False
        if picture.pts is not None and picture.time_base is not None:
            time = picture.pts * picture.time_base
            while self._in and self._in[0].pts * self._in[0].time_base <= time:
                self._last = self._in.popleft()
                cut |= self._last.cut
                damaged |= self._last.damaged
        base = self._last or self._in[0]
        return replace(
            frame_from_av(picture, base.time_base, (base.color.primaries, base.color.transfer)),
            sample_aspect_ratio=self._aspect(picture),
            cut=cut,
            damaged=damaged or (base.damaged and not cut),
            coding=self._coding(base.coding),
            provenance=self._told(base),
        )

    def _told(self, base: Frame) -> tuple[Provenance, ...]:
        """What was told of the input; its maps are not of this picture."""
        own = Provenance(",".join(spec.name for spec in self.specs), {})
        return (*base.provenance, own) if base.provenance else ()

    def _coding(self, coding: FrameCoding | None) -> FrameCoding | None:
        if not self._movers or coding is None:
            return coding
        return None if self._places is None else self._places.of(coding)

    def _places_in(self, shape: _Shape) -> Places | None:
        """Where macroblocks are behind the filters, None if that is not known."""
        if not self._movers or not self._moves:
            return None

        def move(frame: av.VideoFrame) -> av.VideoFrame:
            frame.time_base, frame.colorspace, frame.color_range = shape.time_base, shape.colorspace, shape.color_range
            graph = _build(self._movers, shape)
            graph.push(frame)
            moved = graph.pull()
            assert isinstance(moved, av.VideoFrame)
            return moved

        return places(move, shape.width, shape.height, shape.pix_fmt)

    def _aspect(self, picture: av.VideoFrame) -> Fraction | None:
        """The sample aspect ratio, which PyAV does not show: the input's if nothing changes it, else measured."""
        assert self._shape is not None
        size = (picture.width, picture.height)
        if size == (self._shape.width, self._shape.height) and not any(s.name in _SET_ASPECT for s in self.specs):
            return self._shape.sample_aspect_ratio
        key = (self._shape, *size)
        if key not in self._aspects:
            while len(self._aspects) >= _ASPECTS:
                del self._aspects[next(iter(self._aspects))]
            self._aspects[key] = measure_aspect(self.specs, self._shape)
        return self._aspects[key]


def measure_aspect(specs: Sequence[FilterSpec], shape: _Shape) -> Fraction | None:
    """The sample aspect ratio that a chain gives, None if it is unknown.

    PyAV shows neither a link's nor a frame's ratio, but `scale` can use it in an
    expression: a blank frame passes the chain and is scaled to a width of 50000
    times the ratio.
    """
    probe = FilterSpec("scale", "w=max(1\\,round(sar*50000)):h=1")
    graph = _build([*specs, FilterSpec("format", "gray"), probe], shape)
    for i in range(8):
        blank = av.VideoFrame(shape.width, shape.height, shape.pix_fmt)
        blank.pts, blank.time_base = i, shape.time_base
        blank.colorspace, blank.color_range = shape.colorspace, shape.color_range
        graph.push(blank)
    graph.push(None)
    try:
        width = graph.pull().width  # type: ignore[union-attr]  # a video graph gives video
    except (av.BlockingIOError, av.EOFError):
        return None
    return Fraction(width, 50000).limit_denominator(150) if width > 1 else None


def _build(specs: Sequence[FilterSpec], shape: _Shape) -> Graph:
    graph = Graph()
    aspect = shape.sample_aspect_ratio or Fraction(0)
    source = (
        f"video_size={shape.width}x{shape.height}:pix_fmt={shape.pix_fmt}"
        f":time_base={shape.time_base.numerator}/{shape.time_base.denominator}"
        f":pixel_aspect={aspect.numerator}/{aspect.denominator}"
        f":colorspace={shape.colorspace}:range={shape.color_range}"
    )
    try:
        nodes = [graph.add("buffer", source), *(_add(graph, s) for s in specs), graph.add("buffersink")]
        graph.link_nodes(*nodes)
        graph.configure()
    except (av.FFmpegError, ValueError) as error:
        chain = ",".join(f"{s.name}={s.arguments}" if s.arguments else s.name for s in specs)
        raise FilterError(
            f"libavfilter cannot run {chain!r} on {shape.width}x{shape.height} {shape.pix_fmt}: {message_of(error)}"
        ) from error
    return graph


def _add(graph: Graph, spec: FilterSpec) -> Any:
    return graph.add(spec.name, spec.arguments) if spec.arguments else graph.add(spec.name)
