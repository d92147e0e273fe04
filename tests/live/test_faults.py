"""A real output that fails does not disturb the others: a full disk, a reader that does not read."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from streamfix.errors import IncompleteOutput
from streamfix.frame import Frame
from streamfix.live.health import Health
from streamfix.live.outputs.fanout import Fanout
from streamfix.live.policy import LivePolicy
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.specs import OutputSpec
from tests.fakes.waiting import joined, until
from tests.media.make import clip, times

FRAMES = 40


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("source") / "in.mkv", frames=FRAMES, size=(128, 96))


def give_all(fanout: Fanout, reader: Reader, outlet: int) -> None:
    """All of a clip, at the pace of one of the outputs."""
    frames = 0
    for item in reader:
        fanout.push(item)
        frames += isinstance(item, Frame)
        until(lambda: fanout.outlets[outlet].written.counts.written >= frames)  # noqa: B023 - called here


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize("first", [True, False], ids=["the first output", "another"])
def test_a_full_disk_ends_one_recording(source: Path, tmp_path: Path, first: bool) -> None:
    full, well = OutputSpec("/dev/full", format="mpegts"), OutputSpec(str(tmp_path / "well.mkv"))
    health, reader = Health(), Reader([InputSpec(str(source))])
    fanout = Fanout([full, well] if first else [well, full], reader, policy=LivePolicy(), health=health)
    health.connected()
    give_all(fanout, reader, int(first))
    assert health.report().state == "degraded"
    assert "No space left on device" in health.report().outputs[0 if first else 1].trouble
    assert "free some space" in health.report().reason
    with pytest.raises(IncompleteOutput, match="No space left"):
        list(fanout.flush())
    fanout.close()
    reader.close()
    assert times(tmp_path / "well.mkv") == times(source)


def test_a_reader_that_does_not_read_holds_up_nobody(source: Path, tmp_path: Path) -> None:
    taken, given = os.pipe()
    slow = OutputSpec(f"pipe:{given}", format="rawvideo", video_codec="rawvideo")  # fills a pipe with a few pictures
    health, reader = Health(), Reader([InputSpec(str(source))])
    fanout = Fanout([OutputSpec(str(tmp_path / "well.mkv")), slow], reader, policy=LivePolicy(), health=health)
    give_all(fanout, reader, 0)
    assert fanout.outlets[1].written.counts.written < FRAMES - 8
    assert health.report().outputs[1].trouble == "too slow, pictures are left out"
    os.close(given)  # the output has its own
    drain = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(taken, 1 << 16), b"")])
    drain.start()
    list(fanout.flush())
    fanout.close()
    joined(drain)
    os.close(taken)
    reader.close()
    assert times(tmp_path / "well.mkv") == times(source)
    live = fanout.outlets[1].live
    assert live is not None
    assert fanout.outlets[1].written.counts.written < FRAMES
