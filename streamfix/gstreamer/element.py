"""The element itself: pads, events, queries and properties around a `Stream`.

GStreamer's scanner reads this file: it imports no network, no torch and no numpy. These come with the first element
that leaves the state NULL.
"""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GObject, Gst, GstVideo  # noqa: E402 - the versions come first

from ..chainspec import parse_chain  # noqa: E402
from ..errors import StreamfixError, UsageError  # noqa: E402

if TYPE_CHECKING:
    from ..frame import Color, Frame, Planes
    from ..stream import Stream
    from .buffers import PlaneLayout, RawFormat

if not Gst.is_initialized():
    Gst.init(None)

_NS = Fraction(1, 1_000_000_000)
_USUAL_DURATION = 40_000_000  # ns, of pictures without times or a rate

# As in `buffers`, which is too heavy to import here; a test compares them.
FORMATS = (
    *("I420", "NV12", "YV12", "NV21", "Y42B", "Y444", "I420_10LE", "P010_10LE", "I422_10LE", "Y444_10LE"),
    *("I420_12LE", "I422_12LE", "Y444_12LE", "GRAY8", "GRAY16_LE"),
)
_CAPS = Gst.Caps.from_string(
    f"video/x-raw,format={{{','.join(FORMATS)}}},width=[1,32767],height=[1,32767],framerate=[0/1,2147483647/1]"
)
_ABOUT = Gst.BufferCopyFlags.FLAGS | Gst.BufferCopyFlags.TIMESTAMPS | Gst.BufferCopyFlags.META
_FLAGS = GObject.ParamFlags.READWRITE | Gst.PARAM_MUTABLE_READY


class Streamfix(Gst.Element):  # type: ignore[misc]
    """One stream's filters: one buffer out for each in, with its times, flags and metadata.

    Not a GstBaseTransform: filters that look ahead give a frame when later ones have come.

    A frame is worked on in the upstream element's thread. What is live, by the LATENCY query or the property, gets the
    options that filters set for live streams, and `max-latency` seconds: they are told downstream as this element's
    latency, and lighter filters take the whole chain's place while pictures are older than that, or too late for the
    sink. QoS events end here: a decoder that leaves pictures out for us would leave holes in what filters remember.
    """

    __gtype_name__ = "GstStreamfix"
    __gstmetadata__ = (
        "streamfix",
        "Filter/Effect/Video",
        "Restores video: denoise, deblock, upscale, deblur, libavfilter's filters",
        "The streamfix authors",
    )
    __gsttemplates__ = (
        Gst.PadTemplate.new("sink", Gst.PadDirection.SINK, Gst.PadPresence.ALWAYS, _CAPS),
        Gst.PadTemplate.new("src", Gst.PadDirection.SRC, Gst.PadPresence.ALWAYS, _CAPS),
    )
    __gproperties__ = {  # noqa: RUF012 - PyGObject reads it
        "filter": (str, "filter", "Filters as after streamfix's -vf", "denoise", _FLAGS),
        "device": (str, "device", "auto, cpu, cuda or cuda:N", "auto", _FLAGS),
        "live": (int, "live", "1: live, 0: a recording, -1: as upstream says", -1, 1, -1, _FLAGS),
        "max-latency": (
            *(float, "max-latency", "Seconds that a live picture may take; 0: never lighter filters"),
            *(0.0, 60.0, 0.2, _FLAGS),
        ),
        "stats": (Gst.Structure, "stats", "Frames, latency, step, what filters measure", GObject.ParamFlags.READABLE),
    }

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[str, Any] = {"filter": "denoise", "device": "auto", "live": -1, "max-latency": 0.2}
        self._sink = Gst.Pad.new_from_template(self.get_pad_template("sink"), "sink")
        self._src = Gst.Pad.new_from_template(self.get_pad_template("src"), "src")
        self._sink.set_chain_function_full(self._chain, None)
        self._sink.set_event_function_full(self._sink_event, None)
        self._sink.set_query_function_full(self._sink_query, None)
        self._src.set_event_function_full(self._src_event, None)
        self._src.set_query_function_full(self._src_query, None)
        self.add_pad(self._sink)
        self.add_pad(self._src)
        self._stream: Stream | None = None
        self._only_ours = True  # no libavfilter's filter, which may change size, format and rate
        self._scale: int | Fraction = 1
        self._forget()

    # -- properties and states

    def do_get_property(self, property: Any) -> Any:
        """A property's value."""
        return self._stats() if property.name == "stats" else self._settings[property.name]

    def do_set_property(self, property: Any, value: Any) -> None:
        """Set one; it counts from the next time on that the element leaves READY."""
        self._settings[property.name] = value

    def do_change_state(self, transition: Any) -> Any:
        """Check the settings on the way up, release the filters on the way down."""
        if transition == Gst.StateChange.NULL_TO_READY and not self._checked():
            return Gst.StateChangeReturn.FAILURE
        result = Gst.Element.do_change_state(self, transition)
        if transition == Gst.StateChange.PAUSED_TO_READY:  # the pads are inactive: nobody is in the stream
            if self._stream is not None:
                self._stream.close()
                self._stream = None
            self._forget()
        return result

    def _forget(self) -> None:
        """Everything about one stream."""
        self._caps: Any = None
        self._info: Any = None
        self._raw: RawFormat | None = None
        self._color: Color | None = None
        self._out: tuple[Any, Any, RawFormat, Any] | None = None  # of frames of which kind, caps, format, VideoInfo
        self._waiting: list[Any] = []  # events that come behind the caps, which are known with the first frame
        self._segment = Gst.Segment()
        self._segment.init(Gst.Format.TIME)
        self._cut = True
        self._held = 0
        self._last_ns = -1
        self._late_s = 0.0
        self._warned = False

    def _checked(self) -> bool:
        """True if the settings can be used; else an error is on the bus."""
        try:
            from ..filters import FILTERS
            from ..jobs import check_chain, split_privacy

            chain = parse_chain(self._settings["filter"]) if self._settings["filter"] else []
            check_chain(chain)
            self._only_ours, self._scale = True, 1
            for spec in split_privacy(chain)[1]:
                if spec.name in FILTERS:
                    made = FILTERS.create(spec.name, spec.options)
                    self._scale *= made.scale
                    made.close()
                elif spec.name != "null":
                    self._only_ours = False
        except (StreamfixError, ImportError) as error:
            self._fail(Gst.ResourceError.quark(), Gst.ResourceError.SETTINGS, str(error))
            return False
        return True

    def _fail(self, domain: Any, code: Any, text: str) -> None:
        """Put an error on the bus, in our words."""
        name = f"{self.get_name()}: filter={self._settings['filter']!r}"
        self.message_full(Gst.MessageType.ERROR, domain, int(code), text, name, __file__, "streamfix", 0)

    def _stats(self) -> Any:
        found = Gst.Structure.new_empty("streamfix")
        stream = self._stream
        if stream is None:
            return found
        report = stream.report()
        counts = report.counts
        for name, number in (
            *(("received", counts.received), ("written", counts.written), ("dropped", counts.dropped_total)),
            *(("damaged", counts.damaged), ("step", report.step)),
        ):
            found.set_value(name, number)
        found.set_value("step-name", report.step_name)
        for name, seconds in report.latency_s.items():
            found.set_value(f"latency-{name}", float(seconds))
        for name, value in report.figures.items():
            found.set_value(name.replace("_", "-"), float(value))
        return found

    # -- queries

    def _sink_query(self, pad: Any, parent: Any, query: Any) -> bool:
        if query.type == Gst.QueryType.CAPS:
            return self._answer_caps(query, self._src)
        if query.type == Gst.QueryType.ALLOCATION:
            query.add_allocation_meta(GstVideo.video_meta_api_get_type(), None)
            return True
        if query.type == Gst.QueryType.DRAIN:
            self._drain()
        return bool(Gst.Pad.query_default(pad, parent, query))

    def _src_query(self, pad: Any, parent: Any, query: Any) -> bool:
        if query.type == Gst.QueryType.CAPS:
            return self._answer_caps(query, self._sink)
        if query.type == Gst.QueryType.LATENCY:
            if not self._sink.peer_query(query):
                return False
            live, least, most = query.parse_latency()
            own = self._latency_ns(live)
            query.set_latency(live, least + own, most if most == Gst.CLOCK_TIME_NONE else most + own)
            return True
        return bool(Gst.Pad.query_default(pad, parent, query))

    def _answer_caps(self, query: Any, other: Any) -> bool:
        """What one pad takes is what goes on at the other one, as far as the filters leave it alone."""
        limits = query.parse_caps()
        caps = _CAPS
        if other.is_linked():
            caps = other.peer_query_caps(_CAPS)
            if not self._only_ours:
                caps = _CAPS if not caps.is_empty() else caps
            elif self._scale != 1:
                caps = _without_size(caps).intersect(_CAPS)
        query.set_caps_result(caps if limits is None else limits.intersect_full(caps, Gst.CapsIntersectMode.FIRST))
        return True

    def _latency_ns(self, live: bool) -> int:
        """How much later than without this element a picture may be: what it may take, or waits for."""
        if (live or self._settings["live"] == 1) and self._settings["live"] != 0 and self._settings["max-latency"]:
            return int(self._settings["max-latency"] * Gst.SECOND)
        try:
            ahead = self._stream.latency_frames if self._stream else 0
        except UsageError:  # of a chain that holds everything back, there is no such number
            ahead = 0
        return ahead * self._duration_ns()

    def _duration_ns(self) -> int:
        if self._info is None or not self._info.fps_n:
            return _USUAL_DURATION
        return int(Gst.SECOND * self._info.fps_d // self._info.fps_n)

    # -- events

    def _src_event(self, pad: Any, parent: Any, event: Any) -> bool:
        if event.type == Gst.EventType.QOS:
            _, _, late_ns, _ = event.parse_qos()
            self._late_s = max(late_ns, 0) / Gst.SECOND
            return True
        return bool(Gst.Pad.event_default(pad, parent, event))

    def _sink_event(self, pad: Any, parent: Any, event: Any) -> bool:
        kind = event.type
        if kind == Gst.EventType.FLUSH_STOP:
            self._waiting.clear()
            if self._stream is not None:
                self._stream.reset()
            self._segment.init(Gst.Format.TIME)
            self._cut, self._held, self._late_s = True, 0, 0.0
        elif kind == Gst.EventType.CAPS:
            if self._drain() != Gst.FlowReturn.OK:
                return False
            return self._set_caps(event.parse_caps())
        elif kind in (
            *(Gst.EventType.SEGMENT, Gst.EventType.STREAM_START, Gst.EventType.EOS),
            *(Gst.EventType.SEGMENT_DONE, Gst.EventType.GAP),
        ):
            if kind != Gst.EventType.GAP or self._held:
                self._drain()
            if kind == Gst.EventType.SEGMENT:
                self._segment = event.parse_segment()
        waits = int(kind) & int(Gst.EventTypeFlags.SERIALIZED) and kind not in (
            Gst.EventType.STREAM_START,
            Gst.EventType.FLUSH_STOP,
        )
        if waits and self._out is None and kind != Gst.EventType.EOS:
            self._waiting.append(event)
            return True
        if kind == Gst.EventType.EOS:
            self._let_go()
        return bool(Gst.Pad.event_default(pad, parent, event))

    def _let_go(self) -> None:
        """Send on what waited for the caps."""
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._src.push_event(event)

    def _set_caps(self, caps: Any) -> bool:
        from ..frame import Color
        from .buffers import FORMATS as RAW

        info = GstVideo.VideoInfo.new_from_caps(caps)
        if info is None or info.finfo.name not in RAW:
            return False
        self._caps, self._info, self._raw = caps, info, RAW[info.finfo.name]
        tags = info.colorimetry
        self._color = Color(
            GstVideo.video_color_primaries_to_iso(tags.primaries) or 2,
            GstVideo.video_transfer_function_to_iso(tags.transfer) or 2,
            _matrix(tags.matrix),
            {1: True, 2: False}.get(int(tags.range)),  # 0..255, 16..235: Python cannot spell these names
        )
        if info.interlace_mode != GstVideo.VideoInterlaceMode.PROGRESSIVE and not self._warned:
            self._warned = True
            self._warn("the video is interlaced: filters see both fields of a frame at once; put `deinterlace` before")
        if self._stream is None and not self._made():
            return False
        self._cut = True
        if self._only_ours and self._scale == 1:
            self._announce(caps, self._raw, (info.width, info.height, self._raw.pixels.name))
        self.post_message(Gst.Message.new_latency(self))
        return True

    def _warn(self, text: str) -> None:
        domain, code = Gst.StreamError.quark(), int(Gst.StreamError.FORMAT)
        self.message_full(Gst.MessageType.WARNING, domain, code, text, None, __file__, "streamfix", 0)

    def _made(self) -> bool:
        """True if the filters could be loaded; else an error is on the bus."""
        from ..frame import VideoInfo
        from ..stream import Stream

        assert self._raw is not None and self._color is not None
        self._is_live = self._asked_live()
        budget_s = self._settings["max-latency"]
        rate = Fraction(self._info.fps_n, self._info.fps_d) if self._info.fps_n else None
        about = VideoInfo(self._info.width, self._info.height, self._raw.pixels.name, _NS, rate=rate, color=self._color)
        try:
            self._stream = Stream(
                *(self._settings["filter"], about),
                device=self._settings["device"],
                live=self._is_live,
                max_latency=budget_s if self._is_live and budget_s else None,
            )
        except StreamfixError as error:
            self._fail(Gst.ResourceError.quark(), Gst.ResourceError.SETTINGS, str(error))
            return False
        return True

    def _asked_live(self) -> bool:
        """As the property says, else as upstream does. Notes how late upstream's pictures are when they come."""
        self._upstream_ns = 0
        query = Gst.Query.new_latency()
        live = False
        if self._sink.peer_query(query):
            live, self._upstream_ns, _ = query.parse_latency()
        return bool(live) if self._settings["live"] < 0 else bool(self._settings["live"])

    # -- frames

    def _chain(self, pad: Any, parent: Any, buffer: Any) -> Any:
        if self._stream is None or self._raw is None:
            return Gst.FlowReturn.NOT_NEGOTIATED
        try:
            frames = self._stream.push(self._frame(buffer))
        except Exception as error:  # an exception that leaves this call is printed, and the frame lost
            return self._broken(error)
        self._held += 1
        return self._deliver(frames)

    def _frame(self, buffer: Any) -> Frame:
        from ..frame import Frame

        assert self._color is not None
        duration = self._duration_ns()
        at_ns = self._last_ns + duration if buffer.pts == Gst.CLOCK_TIME_NONE else buffer.pts
        self._last_ns = at_ns
        # Not by the flag DISCONT: a leaky queue sets it wherever it has left pictures out, which is no reason to forget
        # anything, and would keep the ladder at its beginning. Filters see long gaps by the times.
        cut, self._cut = self._cut, False
        return Frame(
            self._read(buffer),
            at_ns,
            _NS,
            duration=duration if buffer.duration == Gst.CLOCK_TIME_NONE else buffer.duration,
            color=self._color,
            cut=cut,
            damaged=buffer.has_flags(Gst.BufferFlags.CORRUPTED),
            origin=_without_picture(buffer),
            received_s=self._arrived_s(at_ns),
        )

    def _arrived_s(self, at_ns: int) -> float:
        """When the picture came into the pipeline, by `time.monotonic()`, as far as the clock can tell.

        It may have waited before this element since, or the sink says that pictures reach it too late.
        """
        now_s = time.monotonic()
        clock = self.get_clock()
        if not self._is_live or clock is None:
            return now_s
        running_ns = self._segment.to_running_time(Gst.Format.TIME, at_ns)
        if running_ns == Gst.CLOCK_TIME_NONE:
            return now_s
        waited_s: float = (clock.get_time() - self.get_base_time() - running_ns - self._upstream_ns) / Gst.SECOND
        if self._late_s:
            waited_s = max(waited_s, self._settings["max-latency"] + self._late_s)
        return now_s - max(waited_s, 0.0)

    def _deliver(self, frames: list[Frame]) -> Any:
        for frame in frames:
            self._held -= 1
            try:
                buffer = self._written(frame)
            except Exception as error:
                return self._broken(error)
            flow = self._src.push(buffer)
            if flow != Gst.FlowReturn.OK:
                return flow
        return Gst.FlowReturn.OK

    def _drain(self) -> Any:
        """Send on what is held; what comes next begins anew."""
        self._cut = True
        if self._stream is None:
            return Gst.FlowReturn.OK
        try:
            frames = self._stream.flush()
        except Exception as error:
            return self._broken(error)
        flow = self._deliver(frames)
        self._held = 0
        return flow

    def _broken(self, error: Exception) -> Any:
        """Put what went wrong on the bus; a fault that is not of our own words says its kind."""
        text = str(error) if isinstance(error, StreamfixError) else f"a fault in streamfix: {error!r}"
        self._fail(Gst.StreamError.quark(), Gst.StreamError.FAILED, text)
        return Gst.FlowReturn.ERROR

    def _read(self, buffer: Any) -> Planes:
        from .buffers import planes_of

        assert self._raw is not None
        meta = GstVideo.buffer_get_video_meta(buffer)
        with buffer.map(Gst.MapFlags.READ) as mapped:
            layout = _layout(meta or self._info, self._raw)
            return planes_of(mapped.data, self._raw, self._info.width, self._info.height, layout)

    def _written(self, frame: Frame) -> Any:
        from .buffers import format_of, write_planes

        assert self._raw is not None
        planes = frame.picture.planes(frame.color)
        kind = (planes.width, planes.height, planes.format.name)
        if self._out is None or self._out[0] != kind:
            raw = format_of(planes.format, self._raw)
            caps = self._caps.copy()
            for name, value in (("format", raw.name), ("width", planes.width), ("height", planes.height)):
                caps.set_value(name, value)
            self._announce(caps, raw, kind)
        assert self._out is not None
        _, _, raw, info = self._out
        buffer = Gst.Buffer.new_allocate(None, info.size, None)
        with buffer.map(Gst.MapFlags.WRITE) as mapped:
            write_planes(planes, mapped.data, raw, _layout(info, raw))
        self._copy_about(frame, buffer, same_size=kind[:2] == (self._info.width, self._info.height))
        return buffer

    def _copy_about(self, frame: Frame, buffer: Any, same_size: bool) -> None:
        """Times, flags, captions, time codes: all that the frame's buffer had besides the picture."""
        came = frame.origin if isinstance(frame.origin, Gst.Buffer) else None
        if came is not None:
            buffer.copy_into(came, _ABOUT, 0, 0)
        buffer.pts, buffer.duration = frame.pts, frame.duration or Gst.CLOCK_TIME_NONE
        buffer.unset_flags(Gst.BufferFlags.TAG_MEMORY)
        places = [GstVideo.video_meta_api_get_type()]  # how it lay in memory
        if not same_size:
            places.append(GstVideo.video_region_of_interest_meta_api_get_type())
        for place in places:
            while (meta := buffer.get_meta(place)) is not None:
                buffer.remove_meta(meta)

    def _announce(self, caps: Any, raw: RawFormat, kind: Any) -> None:
        """Tell downstream what comes from now on, and then what waited for that."""
        self._out = (kind, caps, raw, GstVideo.VideoInfo.new_from_caps(caps))
        self._src.push_event(Gst.Event.new_caps(caps))
        self._let_go()


def _layout(about: Any, raw: RawFormat) -> list[PlaneLayout]:
    """about: a VideoMeta or VideoInfo."""
    from .buffers import PlaneLayout

    return [PlaneLayout(about.offset[i], about.stride[i]) for i in range(raw.planes)]


def _without_picture(buffer: Any) -> Any:
    """All that a buffer has besides its memory, which may be one of a few that the decoder or the camera waits for."""
    about = Gst.Buffer.new()
    about.copy_into(buffer, _ABOUT, 0, 0)
    return about


def _matrix(matrix: Any) -> int:
    """The code point; GStreamer's RGB and UNKNOWN both give 0 there, and such video has no R'G'B'."""
    return int(GstVideo.video_color_matrix_to_iso(matrix)) or 2


def _without_size(caps: Any) -> Any:
    caps = caps.copy()
    for index in range(caps.get_size()):
        caps.get_structure(index).remove_fields(["width", "height"])
    return caps


GObject.type_register(Streamfix)
FACTORY = ("streamfix", Gst.Rank.NONE, Streamfix)  # what GStreamer's loader looks for, under a name of its own
