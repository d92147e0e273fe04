"""Every frame is told of once, whatever an encoder makes of the order; copies are apart where they must be."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.conformance.fakes import clip as fake_clip
from streamfix.frame import Frame
from streamfix.media.detached import detach
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.frame_ledger import Delivery
from streamfix.media.output.writer import Writer
from streamfix.media.picture.clone import FrameCopies, copy_packet
from streamfix.media.picture.planes import DecodedPicture, frame_from_av
from streamfix.media.source_info import DetachedFootage
from streamfix.media.specs import OutputSpec
from streamfix.pipeline import Pipeline
from tests.media.make import clip, digest

_PICTURE = fake_clip(1, 8, 8)[0].picture


def frames(count: int) -> list[Frame]:
    return [Frame(_PICTURE, i, Fraction(1, 25)) for i in range(count)]


@given(st.integers(0, 12), st.data())
def test_each_frame_is_told_of_once(count: int, data: st.DataObject) -> None:
    """Packets come in any order, and some never; what is left at the end is given up."""
    written: list[Frame] = []
    left: list[Frame] = []
    delivery = Delivery(written.append, lambda frame, why: left.append(frame))
    given = frames(count)
    inside: list[int] = []
    for frame in given:
        delivery.accept(frame)
        fate = data.draw(st.sampled_from(["encode", "leave out", "nothing"]))
        if fate == "encode":
            delivery.encoding(frame, frame.pts)
            inside.append(frame.pts)
        elif fate == "leave out":
            delivery.left_out(frame, "rate")
        out = data.draw(st.lists(st.sampled_from(inside), unique=True)) if inside else []
        for pts in out:
            delivery.muxed(pts)
            inside.remove(pts)
    delivery.give_up("output")
    delivery.give_up("output")
    told = [*written, *left]
    assert len(told) == len({id(f) for f in told}) == count
    assert all(f.pts not in inside for f in written)


def test_what_nobody_has_answered_to_is_not_written() -> None:
    written: list[Frame] = []
    left: list[Frame] = []
    delivery = Delivery(written.append, lambda frame, why: left.append(frame))
    given = frames(4)
    for frame in given:
        delivery.accept(frame)
        delivery.encoding(frame, frame.pts)
    delivery.muxed(0, arrives=False)
    delivery.muxed(1, arrives=False)
    assert written == []
    delivery.muxed(2)
    assert written == given[:3], "the answer holds for what was sent before"
    delivery.muxed(3, arrives=False)
    delivery.give_up("output")
    assert (written, left) == (given[:3], given[3:])


def test_an_encoder_with_times_of_its_own_counts_its_oldest_frame() -> None:
    written: list[int] = []
    delivery = Delivery(lambda frame: written.append(frame.pts), lambda frame, why: None)
    for frame in frames(3):
        delivery.accept(frame)
        delivery.encoding(frame, frame.pts)
    delivery.muxed(None)
    delivery.muxed(99)
    delivery.muxed(2)
    delivery.muxed(2)
    assert written == [0, 1, 2]


@pytest.mark.parametrize(("rate", "reasons"), [(None, {}), (50, {}), (10, {"rate": 9}), (25, {})])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_writer_tells_of_every_frame(tmp_path: Path, rate: int | None, reasons: dict[str, int], codec: str) -> None:
    """With B-frames and look-ahead too; frames that -r repeats count once, those that it drops are told of."""
    source = clip(tmp_path / "in.mkv", frames=15)
    written: list[Frame] = []
    left: list[str] = []
    reader = Reader([InputSpec(str(source))])
    spec = OutputSpec(
        str(tmp_path / "out.mkv"), video_codec=codec, rate=Fraction(rate) if rate else None, video_options={"bf": "2"}
    )
    Pipeline(reader, Writer(spec, reader, delivery=Delivery(written.append, lambda f, why: left.append(why)))).run()
    assert len(written) + len(left) == 15
    assert {why: left.count(why) for why in set(left)} == reasons


def test_a_writer_tells_of_what_lies_outside(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=15)
    left: list[str] = []
    written: list[Frame] = []
    reader = Reader([InputSpec(str(source))])
    spec = OutputSpec(str(tmp_path / "out.mkv"), start_s=Fraction(1, 5), max_frames=4)
    Pipeline(
        reader, Writer(spec, reader, delivery=Delivery(written.append, lambda f, why: left.append(why)))
    ).run_inline()
    assert len(written) == 4
    assert set(left) == {"outside"}
    assert left.count("outside") >= 5


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "nv12", "gbrp"])
def test_copies_of_a_frame_share_its_values_and_nothing_else(pix_fmt: str) -> None:
    copies = FrameCopies()
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
    (copy,) = FrameCopies().of(frame, 1)
    want, got = frame.picture.planes(frame.color), copy.picture.planes(copy.color)
    assert all((a == b).all() for a, b in zip(want.data, got.data, strict=True))


def test_copies_of_packets(tmp_path: Path) -> None:
    with av.open(str(clip(tmp_path / "in.mkv", frames=5, audio="libopus"))) as container:
        packets = [p for p in container.demux() if p.size]
        for packet in packets:
            copy = copy_packet(packet)
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
    one, two = DetachedFootage(reader), DetachedFootage(reader)
    mapped = [f.stream_of(packets[0]) for f in (one, two)]
    assert mapped[0] is not None
    assert mapped[1] is not None
    assert mapped[0].stream is not mapped[1].stream
    copies = [copy_packet(packet) for packet in packets]
    reader.close()
    again = detach(one.streams)
    decoder = again[1].stream.codec_context
    assert isinstance(decoder, av.AudioCodecContext)
    assert sum(frame.samples for packet in copies for frame in decoder.decode(packet)) > 4000
    assert one.info == reader.info
    assert one.begin_s == 0
