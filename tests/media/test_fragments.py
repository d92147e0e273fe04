"""What of an MP4 libav has let go of is known while it is written."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.media.output.fragments import Fragments
from tests.media.make import picture

HYBRID = "+hybrid_fragmented+delay_moov+frag_keyframe"
STREAMED = "+frag_keyframe+empty_moov+delay_moov"


class Watched(io.BytesIO):
    """A file that tells a counter what is written to it, and where."""

    def __init__(self) -> None:
        super().__init__()
        self.fragments = Fragments()
        self.writes: list[tuple[int, bytes]] = []

    def write(self, data: Any) -> int:
        self.writes.append((self.tell(), bytes(data)))
        self.fragments.write(self.tell(), bytes(data))
        return super().write(data)


def readable(data: bytes) -> int:
    """How many pictures of a file that was cut off can be read."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))
    except av.FFmpegError:
        return 0


def written(flags: str, frames: int = 33) -> tuple[Watched, list[tuple[int, int]]]:
    """A file, and after each picture but the last: how many are said to be in it, how many can be read."""
    file, found = Watched(), []
    options = {"movflags": flags, "frag_duration": "400000", "flush_packets": "1"}
    with av.open(file, "w", format="mp4", options=options) as out:
        stream: Any = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.options = {"g": "15", "bf": "0", "tune": "zerolatency"}
        for n in range(frames):
            frame = picture(n, 64, 48)
            frame.pts, frame.time_base = n, Fraction(1, 25)
            out.mux(stream.encode(frame))
            found.append((file.fragments.samples[1], readable(file.getvalue())))
        out.mux(stream.encode(None))
    return file, found


@pytest.mark.parametrize("flags", [HYBRID, STREAMED])
def test_what_is_said_to_be_in_the_file_can_be_read(flags: str) -> None:
    file, found = written(flags)
    assert all(said <= there for said, there in found)
    assert found[-1][0] >= 20
    assert file.fragments.samples == {1: 33}
    assert readable(file.getvalue()) == 33


@given(st.data())
def test_however_its_bytes_come(data: st.DataObject) -> None:
    counter = Fragments()
    for at, written in WRITES:
        cut = data.draw(st.integers(0, len(written)))
        counter.write(at, written[:cut])
        counter.write(at + cut, written[cut:])
    assert counter.samples == {1: 33}


WRITES = written(HYBRID)[0].writes
