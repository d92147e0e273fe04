"""libav is listened to only while somebody asks, and a decoder that is let go meanwhile stops nobody."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from pathlib import Path

import av
import av.logging
import pytest

from streamfix.media.input.idle import settle
from streamfix.media.libav_errors import libav_answers, libav_explains
from tests.apps.material import environment
from tests.fakes.waiting import LONG_S
from tests.media.make import clip

_PROGRAM = """
import sys, threading
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.libav_errors import libav_explains

def work():
    for _ in range(40):
        reader = Reader([InputSpec(sys.argv[1], thread_count=4)])
        for _, item in zip(range(3), reader):
            pass
        try:
            reader.close()
        except Exception:
            pass  # too much is damaged

thread = threading.Thread(target=work)
with libav_explains():
    thread.start()
    thread.join()
"""


def test_nobody_waits_for_a_decoder_that_waits_for_python(tmp_path: Path) -> None:
    """Seen as a whole process that stood still: its threads report damage while another stream is being opened."""
    path = clip(tmp_path / "in.mkv", frames=60, size=(320, 240))
    data, random_ = bytearray(path.read_bytes()), random.Random(0)
    for _ in range(len(data) // 400):
        data[random_.randrange(len(data) // 8, len(data))] ^= 0xFF
    path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(path)], env=environment(), capture_output=True, timeout=LONG_S
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("before", [None, av.logging.WARNING])
def test_whoever_stops_listening_last_the_level_is_as_before(order: tuple[int, ...], before: int | None) -> None:
    """Two threads that put back what each had found left the first one's level on for good."""
    kept = av.logging.get_level()
    av.logging.set_level(before)
    try:
        listening = [libav_explains(), libav_answers(), libav_explains()]
        for one in listening:
            one.__enter__()
        for number in order:
            assert av.logging.get_level() is not None
            listening[number].__exit__(None, None, None)
        assert av.logging.get_level() == before
    finally:
        av.logging.set_level(kept)


def test_what_is_heard_is_at_least_what_each_has_asked_for() -> None:
    with libav_answers(), libav_explains():
        assert av.logging.get_level() == av.logging.INFO
    with libav_explains():
        assert av.logging.get_level() == av.logging.ERROR


def test_any_decoder_can_be_settled_at_any_time(tmp_path: Path) -> None:
    with av.open(str(clip(tmp_path / "in.mkv", frames=12))) as container:
        context = container.streams.video[0].codec_context
        context.thread_type = "FRAME"
        settle(context)
        context.flush_buffers()
        assert context.decode(next(container.demux(video=0))) is not None
        for _ in range(2):
            settle(context)
        with pytest.raises(av.error.EOFError):
            context.decode(None)
