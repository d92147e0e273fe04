"""Clones share their data and nothing else; detached streams outlive their input."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from streamfix.conformance.fakes import clip as fake_clip
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.picture.clone import FrameCloner, clone_packet
from streamfix.media.picture.planes import DecodedPicture, frame_from_av
from streamfix.media.source_info import DetachedSourceInfo, detach
from tests.media.make import clip, digest


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "nv12", "gbrp"])
def test_copies_of_a_frame_share_its_values_and_nothing_else(pix_fmt: str) -> None:
    copies = FrameCloner()
    for width in (16, 24):
        decoded = av.VideoFrame(width, 16, pix_fmt)
        for i, plane in enumerate(decoded.planes):
            plane.update(bytes([i * 3 + width]) * plane.buffer_size)
        decoded.pts, decoded.time_base, decoded.colorspace, decoded.color_range = 7, Fraction(1, 25), 1, 2
        frame = frame_from_av(decoded, Fraction(1, 25))
        one, two = copies.of(frame, 2)
        assert isinstance(one.picture, DecodedPicture)
        assert isinstance(two.picture, DecodedPicture)
        a, b = one.picture.av_frame, two.picture.av_frame
        a.pts, a.time_base, a.pict_type = 99, Fraction(1, 1000), 1
        assert (b.pts, decoded.pts, b.time_base) == (7, 7, Fraction(1, 25))
        assert digest(a) == digest(b) == digest(decoded)
        assert (int(b.colorspace), int(b.color_range)) == (1, 2)
        assert a.planes[0].buffer_ptr == decoded.planes[0].buffer_ptr, "the data is not copied"
        assert one.origin is a
        assert (one.pts, one.color) == (frame.pts, frame.color)


def test_copies_of_a_filters_picture() -> None:
    frame = fake_clip(1)[0]
    (copy,) = FrameCloner().of(frame, 1)
    want, got = frame.picture.planes(frame.color), copy.picture.planes(copy.color)
    assert all((a == b).all() for a, b in zip(want.data, got.data, strict=True))


def test_copies_of_packets(tmp_path: Path) -> None:
    with av.open(str(clip(tmp_path / "in.mkv", frames=5, audio="libopus"))) as container:
        packets = [p for p in container.demux() if p.size]
        for packet in packets:
            copy = clone_packet(packet)
            before = (packet.pts, packet.dts, packet.duration, packet.time_base, packet.is_keyframe, bytes(packet))
            assert (copy.pts, copy.dts, copy.duration, copy.time_base, copy.is_keyframe, bytes(copy)) == before
            assert copy.stream is packet.stream
            assert {s.data_type: bytes(s) for s in copy.iter_sidedata()} == {
                s.data_type: bytes(s) for s in packet.iter_sidedata()
            }
            copy.pts = copy.dts = 12345
            assert (packet.pts, packet.dts) == before[:2]
        assert any(list(p.iter_sidedata()) for p in packets), "Opus says how much to skip"


def test_detached_streams_outlive_their_input(tmp_path: Path) -> None:
    reader = Reader([InputSpec(str(clip(tmp_path / "in.mkv", frames=5, audio="aac")))])
    packets = [item for item in reader if isinstance(item, av.Packet)]
    one, two = DetachedSourceInfo(reader), DetachedSourceInfo(reader)
    mapped = [f.stream_of(packets[0]) for f in (one, two)]
    assert mapped[0] is not None
    assert mapped[1] is not None
    assert mapped[0].stream is not mapped[1].stream
    copies = [clone_packet(packet) for packet in packets]
    reader.close()
    again = detach(one.streams)
    decoder = again[1].stream.codec_context
    assert isinstance(decoder, av.AudioCodecContext)
    assert sum(frame.samples for packet in copies for frame in decoder.decode(packet)) > 4000
    assert one.info == reader.info
    assert one.begin_s == 0
