"""A decoder that is let go in the middle of its work stops nobody, whatever it has to say and whoever listens."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import av
import pytest

from streamfix.media.input.idle import settle
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
