"""Which frames can be trusted: in decoding order, whatever the order they come out in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.media.input.damage import Damage
from streamfix.media.input.h264_frame_num import FrameNumChecker
from tests.media.make import picture


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40), st.integers(0, 4))
def test_a_frame_is_sound_if_its_keyframe_and_all_since_are(packets: list[tuple[bool, bool]], delay: int) -> None:
    """packets: (key, bad) each; frames come out `delay` packets later."""
    damage = Damage()
    got: list[tuple[bool, float | None]] = []

    def out(i: int) -> None:
        got.append(damage.frame(i, key=packets[i][0], corrupt=False))

    for i, (_, bad) in enumerate(packets):
        damage.packet(i, float(i))
        if bad:
            damage.packet_is_bad()
        if i >= delay:
            out(i - delay)
    for i in range(max(0, len(packets) - delay), len(packets)):
        out(i)
    expected, sound = [], False
    for key, bad in packets:
        sound = (key or sound) and not bad
        expected.append(not sound)
    assert [d for d, _ in got] == expected
    assert [s for _, s in got] == [float(i) for i in range(len(packets))]


def test_what_the_decoder_calls_corrupt_is_damaged_until_the_next_keyframe() -> None:
    damage = Damage()
    seen = []
    for i, (key, corrupt) in enumerate([(True, False), (False, True), (False, False), (True, True), (True, False)]):
        damage.packet(i)
        seen.append(damage.frame(i, key=key, corrupt=corrupt)[0])
    assert seen == [False, True, True, True, False]


def test_a_mark_that_lags_may_be_meant_for_the_next_packet() -> None:
    damage = Damage(flags_lag=True)
    seen = []
    for i, (key, flagged) in enumerate([(True, False), (False, True), (True, False), (False, False), (True, False)]):
        damage.packet(i)
        if flagged:
            damage.packet_is_bad(flagged=True)
        seen.append(damage.frame(i, key=key, corrupt=False)[0])
    assert seen == [False, True, True, True, False]


@pytest.fixture(scope="module", params=["", "bframes=2:b-pyramid=normal", "interlaced=1", "weightp=2:ref=4:bframes=3"])
def h264(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Packets of raw H.264, two groups of pictures."""
    path: Path = tmp_path_factory.mktemp("h264") / "clip.h264"
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.options = {"preset": "veryfast", "x264-params": f"keyint=20:scenecut=0:{request.param}"}
        for n in range(40):
            frame = picture(n, 64, 48)
            frame.pts = n
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    with av.open(str(path)) as container:
        return [p for p in container.demux(video=0) if p.size]


def is_reference(packet: Any) -> bool:
    data = bytes(packet)
    at = data.find(b"\0\0\1")
    while at >= 0:
        if data[at + 3] & 31 in (1, 5):
            return bool(data[at + 3] & 0x60)
        at = data.find(b"\0\0\1", at + 3)
    raise AssertionError("no picture")


def test_a_whole_stream_has_no_gap(h264: list[Any]) -> None:
    continuity = FrameNumChecker(None)
    assert [continuity.gap_before(p) for p in h264] == [False] * len(h264)


def test_each_reference_picture_that_is_missing_is_noticed_at_the_next_picture(h264: list[Any]) -> None:
    for lost in range(1, len(h264) - 1):
        continuity = FrameNumChecker(None)
        rest = [p for i, p in enumerate(h264) if i != lost]
        gaps = [i for i, p in enumerate(rest) if continuity.gap_before(p) and not p.is_keyframe]
        noticed = is_reference(h264[lost]) and not h264[lost + 1].is_keyframe
        assert gaps[:1] == ([lost] if noticed else []), lost


def test_what_is_no_h264_is_no_gap() -> None:
    continuity = FrameNumChecker(None)
    for data in (b"", b"\0\0\1", b"\0\0\1\x67", b"\0\0\1\x65\x88", b"\0\0\1\x68\x00\x00", b"\xff" * 300):
        assert not continuity.gap_before(av.Packet(data) if data else av.Packet())


@given(st.binary(max_size=200))
def test_noise_never_raises(noise: bytes) -> None:
    continuity = FrameNumChecker(b"\0\0\1\x67" + noise)
    for kind in (b"\x67", b"\x68", b"\x41", b"\x65"):
        continuity.gap_before(av.Packet(b"\0\0\1" + kind + noise))
