"""The element itself: pads, events, queries and properties around a `Stream`.

GStreamer's scanner reads this file: it imports no network, no torch and no numpy. These come with the first element
that leaves the state NULL.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GObject, Gst, GstVideo  # noqa: E402 - the versions come first

from ..errors import StreamfixError, UsageError  # noqa: E402
from .bus import tell_failure, tell_refusal, warn  # noqa: E402
from .caps import CAPS, answer_caps, color_of  # noqa: E402
from .contents import buffer_of, copy_about, picture_in, without_picture  # noqa: E402
from .settings import PROPERTIES, USUAL, checked, stats_of  # noqa: E402
from .timing import arrived_s, said_by_upstream, waited_s  # noqa: E402

if TYPE_CHECKING:
    from ..frame import Color, Frame
    from ..stream import Stream
    from .buffers import RawFormat

_NS = Fraction(1, 1_000_000_000)
_USUAL_DURATION = 40_000_000  # ns, of pictures without times or a rate


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
        Gst.PadTemplate.new("sink", Gst.PadDirection.SINK, Gst.PadPresence.ALWAYS, CAPS),
        Gst.PadTemplate.new("src", Gst.PadDirection.SRC, Gst.PadPresence.ALWAYS, CAPS),
    )
    __gproperties__ = PROPERTIES

    def __init__(self) -> None:
        super().__init__()
        self._settings = dict(USUAL)
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
            self._only_ours, self._scale = checked(self._settings["filter"])
        except (StreamfixError, ImportError) as error:
            tell_refusal(self, self._settings["filter"], str(error))
            return False
        return True

    def _stats(self) -> Any:
        return stats_of(None if self._stream is None else self._stream.report())

    # -- queries

    def _sink_query(self, pad: Any, parent: Any, query: Any) -> bool:
        if query.type == Gst.QueryType.CAPS:
            return answer_caps(query, self._src, self._only_ours, self._scale)
        if query.type == Gst.QueryType.ALLOCATION:
            query.add_allocation_meta(GstVideo.video_meta_api_get_type(), None)
            return True
        if query.type == Gst.QueryType.DRAIN:
            self._drain()
        return bool(Gst.Pad.query_default(pad, parent, query))

    def _src_query(self, pad: Any, parent: Any, query: Any) -> bool:
        if query.type == Gst.QueryType.CAPS:
            return answer_caps(query, self._sink, self._only_ours, self._scale)
        if query.type == Gst.QueryType.LATENCY:
            if not self._sink.peer_query(query):
                return False
            live, least, most = query.parse_latency()
            own = self._latency_ns(live)
            query.set_latency(live, least + own, most if most == Gst.CLOCK_TIME_NONE else most + own)
            return True
        return bool(Gst.Pad.query_default(pad, parent, query))

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
        from .buffers import FORMATS as RAW

        info = GstVideo.VideoInfo.new_from_caps(caps)
        if info is None or info.finfo.name not in RAW:
            return False
        self._caps, self._info, self._raw = caps, info, RAW[info.finfo.name]
        self._color = color_of(info)
        if info.interlace_mode != GstVideo.VideoInterlaceMode.PROGRESSIVE and not self._warned:
            self._warned = True
            warn(self, "the video is interlaced: filters see both fields of a frame at once; put `deinterlace` before")
        if self._stream is None and not self._made():
            return False
        self._cut = True
        if self._only_ours and self._scale == 1:
            self._announce(caps, self._raw, (info.width, info.height, self._raw.pixels.name))
        self.post_message(Gst.Message.new_latency(self))
        return True

    def _made(self) -> bool:
        """True if the filters could be loaded; else an error is on the bus."""
        from ..frame import VideoInfo
        from ..stream import Stream

        assert self._raw is not None and self._color is not None
        live, self._upstream_ns = said_by_upstream(self._sink)
        self._is_live = live if self._settings["live"] < 0 else bool(self._settings["live"])
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
            tell_refusal(self, self._settings["filter"], str(error))
            return False
        return True

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

        assert self._color is not None and self._raw is not None
        duration = self._duration_ns()
        at_ns = self._last_ns + duration if buffer.pts == Gst.CLOCK_TIME_NONE else buffer.pts
        self._last_ns = at_ns
        # Not by the flag DISCONT: a leaky queue sets it wherever it has left pictures out, which is no reason to forget
        # anything, and would keep the ladder at its beginning. Filters see long gaps by the times.
        cut, self._cut = self._cut, False
        return Frame(
            picture_in(buffer, self._raw, self._info),
            at_ns,
            _NS,
            duration=duration if buffer.duration == Gst.CLOCK_TIME_NONE else buffer.duration,
            color=self._color,
            cut=cut,
            damaged=buffer.has_flags(Gst.BufferFlags.CORRUPTED),
            origin=without_picture(buffer),
            received_s=self._arrived_s(at_ns),
        )

    def _arrived_s(self, at_ns: int) -> float:
        """When the picture came. It may have waited before, or be too late for the sink."""
        waited = waited_s(self, self._segment, at_ns, self._upstream_ns) if self._is_live else None
        return arrived_s(waited, self._settings["max-latency"] + self._late_s if self._late_s else 0.0)

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
        tell_failure(self, self._settings["filter"], text)
        return Gst.FlowReturn.ERROR

    def _written(self, frame: Frame) -> Any:
        from .buffers import format_of

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
        buffer = buffer_of(planes, raw, info)
        copy_about(frame, buffer, same_size=kind[:2] == (self._info.width, self._info.height))
        return buffer

    def _announce(self, caps: Any, raw: RawFormat, kind: Any) -> None:
        """Tell downstream what comes from now on, and then what waited for that."""
        self._out = (kind, caps, raw, GstVideo.VideoInfo.new_from_caps(caps))
        self._src.push_event(Gst.Event.new_caps(caps))
        self._let_go()


GObject.type_register(Streamfix)
FACTORY = ("streamfix", Gst.Rank.NONE, Streamfix)  # what GStreamer's loader looks for, under a name of its own
