"""Runs GStreamer pipelines around the element. For /usr/bin/python3 with Debian's GStreamer.

python3 pipelines.py OUT.json CASE...: cases are the functions below; OUT.json has what each of them returned.
"""

from __future__ import annotations

import base64
import json
import random
import sys
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstApp, GstVideo  # noqa: E402, F401 - the versions come first

_LIMIT = 300 * Gst.SECOND
BARS = "videotestsrc pattern=smpte num-buffers=12 ! video/x-raw,format=%s,width=%d,height=%d,framerate=10/1"


class Run:
    """A pipeline's samples at its appsink `s`, and what came on its bus."""

    def __init__(self, text: str) -> None:
        self.pipeline = Gst.parse_launch(text)
        self.sink = self.pipeline.get_by_name("s")
        if self.sink is not None:
            self.sink.set_property("sync", False)
        self.frames: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.error = ""
        self.pipeline.set_state(Gst.State.PLAYING)

    def pull(self) -> bool:
        """Take one sample; False at the end."""
        sample = self.sink.emit("try-pull-sample", _LIMIT)
        self._read_bus(0)
        if sample is None:
            return False
        buffer = sample.get_buffer()
        structure = sample.get_caps().get_structure(0)
        info = GstVideo.VideoInfo.new_from_caps(sample.get_caps())
        self.frames.append(
            {
                "pts": buffer.pts,
                "duration": buffer.duration,
                "format": structure.get_string("format"),
                "size": [info.width, info.height],
                "colorimetry": structure.get_string("colorimetry"),
                "corrupted": buffer.has_flags(Gst.BufferFlags.CORRUPTED),
                "captions": buffer.get_meta(GstVideo.video_caption_meta_api_get_type()) is not None,
                "data": base64.b64encode(buffer.extract_dup(0, buffer.get_size())).decode(),
            }
        )
        return True

    def to_end(self) -> dict[str, Any]:
        """Everything until the end or an error."""
        if self.sink is None:
            self._read_bus(_LIMIT)
        else:
            while not self.error and self.pull():
                pass
            self._read_bus(0)
        return self.close()

    def close(self) -> dict[str, Any]:
        element = self.pipeline.get_by_name("f")
        stats = element.get_property("stats").to_string() if element else ""
        self.pipeline.set_state(Gst.State.NULL)
        return {"frames": self.frames, "warnings": self.warnings, "error": self.error, "stats": stats}

    def _read_bus(self, wait_ns: int) -> None:
        kinds = Gst.MessageType.EOS | Gst.MessageType.ERROR | Gst.MessageType.WARNING
        while (message := self.pipeline.get_bus().timed_pop_filtered(wait_ns, kinds)) is not None:
            if message.type == Gst.MessageType.EOS:
                return
            if message.type == Gst.MessageType.WARNING:
                self.warnings.append(message.parse_warning()[0].message)
            else:
                self.error = message.parse_error()[0].message
                return


def recorded(format: str, width: int, height: int, chain: str) -> dict[str, Any]:
    """Twelve frames of colour bars with a noisy part, as they are and restored."""
    source = BARS % (format, width, height)
    plain = Run(f"{source} ! appsink name=s").to_end()
    return {"plain": plain, "restored": Run(f"{source} ! streamfix name=f filter={chain} ! appsink name=s").to_end()}


def i420() -> Any:
    return recorded("I420", 64, 48, "smooth=sigma=8")


def nv12() -> Any:
    return recorded("NV12", 64, 48, "smooth=sigma=8")


def yv12_odd() -> Any:
    return recorded("YV12", 65, 49, "smooth=sigma=8")


def ten_bit() -> Any:
    return recorded("I420_10LE", 62, 46, "smooth=sigma=8")


def p010() -> Any:
    return recorded("P010_10LE", 64, 48, "smooth=sigma=8")


def grey() -> Any:
    return recorded("GRAY8", 61, 47, "smooth=sigma=8")


def enlarged() -> Any:
    return recorded("I420", 64, 48, "scale=2*iw:2*ih:flags=neighbor")


def other_format() -> Any:
    return recorded("I420", 64, 48, "format=yuv444p")


def padded() -> Any:
    """Rows longer than the picture, as hardware gives them, said by a VideoMeta; captions, and one damaged frame."""
    run = Run(
        "appsrc name=a format=time caps=video/x-raw,format=I420,width=20,height=12,framerate=10/1 "
        "! streamfix filter=null name=f ! appsink name=s"
    )
    source = run.pipeline.get_by_name("a")
    stride, rows = 48, 16
    size = stride * rows * 2
    for number in range(3):
        memory = bytearray(b"\xee" * size)
        offsets, strides = [7, stride * rows, stride * rows + 24 * 8], [stride, 24, 24]
        for plane, (height, width) in enumerate(((12, 20), (6, 10), (6, 10))):
            for row in range(height):
                at = offsets[plane] + row * strides[plane]
                memory[at : at + width] = bytes((number * 50 + plane * 16 + row + x) % 256 for x in range(width))
        buffer = Gst.Buffer.new_wrapped(bytes(memory))
        buffer.pts, buffer.duration = number * Gst.SECOND // 10, Gst.SECOND // 10
        GstVideo.buffer_add_video_meta_full(
            buffer, 0, GstVideo.VideoFormat.I420, 20, 12, 3, [*offsets, 0], [*strides, 0]
        )
        GstVideo.buffer_add_video_caption_meta(buffer, GstVideo.VideoCaptionType.CEA708_RAW, [1, 2, 3])
        if number == 1:
            buffer.set_flags(Gst.BufferFlags.CORRUPTED)
        source.emit("push-buffer", buffer)
    source.emit("end-of-stream")
    return run.to_end()


def gaps() -> Any:
    """Nine noisy pictures; the fourth and the seventh are DISCONT, the latter five seconds later."""
    caps = "video/x-raw,format=GRAY8,width=64,height=48,framerate=10/1"
    run = Run(f"appsrc name=a format=time caps={caps} ! streamfix filter=smooth name=f ! appsink name=s")
    source = run.pipeline.get_by_name("a")
    noise = random.Random(0)
    given = []
    for number in range(9):
        memory = bytes(60 + (at % 64 + at // 64) % 100 + round(noise.gauss(0, 6)) for at in range(64 * 48))
        buffer = Gst.Buffer.new_wrapped(memory)
        buffer.pts, buffer.duration = number * Gst.SECOND // 10 + (number >= 6) * 5 * Gst.SECOND, Gst.SECOND // 10
        if number in (3, 6):
            buffer.set_flags(Gst.BufferFlags.DISCONT)
        given.append(
            {
                "pts": buffer.pts,
                "duration": buffer.duration,
                "format": "GRAY8",
                "size": [64, 48],
                "colorimetry": "",
                "data": base64.b64encode(memory).decode(),
            }
        )
        source.emit("push-buffer", buffer)
    source.emit("end-of-stream")
    return {"given": given, **run.to_end()}


def sought() -> Any:
    """A seek with a flush, from the sixth frame back to the third; the filter mixes each frame with two before."""
    source = "videotestsrc pattern=ball ! video/x-raw,format=I420,width=64,height=48,framerate=10/1"
    run = Run(f"{source} ! streamfix name=f filter=tmix=frames=3 ! appsink name=s max-buffers=1")
    while len(run.frames) < 6:
        run.pull()
    flags = Gst.SeekFlags.FLUSH | Gst.SeekFlags.ACCURATE
    done = run.pipeline.seek_simple(Gst.Format.TIME, flags, 2 * Gst.SECOND // 10)
    while len(run.frames) < 9:
        run.pull()
    plain = Run(f"{source.replace('ball', 'ball num-buffers=3')} ! appsink name=s").to_end()
    return {"done": done, "plain": plain, **run.close()}


def new_caps() -> Any:
    """Two streams, one after the other, of other sizes and formats."""
    first, second = BARS % ("I420", 64, 48), BARS % ("NV12", 80, 64)
    return Run(f"concat name=c ! streamfix name=f filter=smooth ! appsink name=s {first} ! c. {second} ! c.").to_end()


def interlaced() -> Any:
    return Run(
        f"{BARS % ('I420', 64, 48)} ! capssetter caps=video/x-raw,interlace-mode=interleaved "
        "! streamfix name=f filter=null ! appsink name=s"
    ).to_end()


def wrong() -> Any:
    chains = ("nonsense", "smooth=strength=banana", "model=/nowhere.pth")
    return {
        chain: Run(f"{BARS % ('I420', 64, 48)} ! streamfix name=f filter={chain} ! fakesink").to_end()["error"]
        for chain in chains
    }


def live() -> Any:
    """The latency that a live pipeline is told, and what becomes of the sink's QoS."""
    source = BARS % ("I420", 64, 48)
    text = source.replace("videotestsrc", "videotestsrc is-live=true")
    run = Run(f"{text} ! identity name=i ! streamfix name=f filter=smooth max-latency=0.3 ! fakesink name=k sync=true")
    seen: list[str] = []

    def came(pad: Any, info: Any) -> Any:
        seen.append(info.get_event().type.value_nick)
        return Gst.PadProbeReturn.OK

    run.pipeline.get_by_name("i").get_static_pad("src").add_probe(Gst.PadProbeType.EVENT_UPSTREAM, came)
    run.pipeline.get_state(_LIMIT)
    query = Gst.Query.new_latency()
    run.pipeline.query(query)
    is_live, least_ns, _ = query.parse_latency()
    sent = (
        run.pipeline.get_by_name("k")
        .get_static_pad("sink")
        .push_event(Gst.Event.new_qos(Gst.QOSType.UNDERFLOW, 2.0, Gst.SECOND, Gst.SECOND))
    )
    return {"is_live": is_live, "least_s": least_ns / Gst.SECOND, "sent": sent, "seen": seen, **run.to_end()}


def formats() -> Any:
    Gst.ElementFactory.make("streamfix", None)
    light = "torch" not in sys.modules and "numpy" not in sys.modules
    from streamfix.gstreamer import buffers, caps

    Run(BARS % ("I420", 64, 48) + ' ! streamfix filter="null,smooth" ! appsink name=s').to_end()
    lighter = "torch" not in sys.modules
    return {"light": light, "lighter": lighter, "element": list(caps.FORMATS), "buffers": list(buffers.FORMATS)}


if __name__ == "__main__":
    Gst.init(None)
    out, *cases = sys.argv[1:]
    Path(out).write_text(json.dumps({case: globals()[case]() for case in cases}))
