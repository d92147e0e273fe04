"""A named pipe as output: nothing waits for its reader but its own job, and that job can be stopped."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamfix.errors import Cancelled, OutputError, StreamfixError
from streamfix.live.outputs.fanout import Fanout
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.writer import OutputSpec, Writer
from streamfix.pipeline import Pipeline
from tests.fakes.waiting import LONG_S, until
from tests.media.make import clip, shown


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("source") / "in.mkv", frames=12, size=(320, 240), codec="ffv1")


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo.mkv")
    return tmp_path / "fifo.mkv"


def started(source: Path, *outputs: OutputSpec) -> Pipeline:
    reader = Reader([InputSpec(str(source))])
    pipeline = Pipeline(reader, Writer(outputs[0], reader) if len(outputs) == 1 else Fanout(outputs, reader))
    pipeline.start()
    return pipeline


def ends_as(pipeline: Pipeline, wanted: type[BaseException], said: str) -> None:
    """The run ends by itself within the time limit, in another thread: one that hangs fails the test."""
    found: list[BaseException] = []

    def wait() -> None:
        try:
            pipeline.wait()
        except BaseException as error:  # noqa: BLE001 - looked at below
            found.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(LONG_S)
    assert [type(error) for error in found] == [wanted]
    assert said in str(found[0])


def test_a_late_reader_gets_everything_and_python_goes_on_meanwhile(source: Path, fifo: Path, tmp_path: Path) -> None:
    pipeline = started(source, OutputSpec(str(fifo), video_codec="ffv1"))
    until(lambda: pipeline._threads[-1].is_alive())  # this thread runs, so Python's lock is free
    got: list[bytes] = []
    reading = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reading.start()
    pipeline.wait()
    reading.join(LONG_S)
    (tmp_path / "got.mkv").write_bytes(got[0])
    assert shown(tmp_path / "got.mkv") == shown(source)


@pytest.mark.parametrize(
    ("end", "wanted", "said"),
    [
        (Pipeline.stop, Cancelled, "nobody reads this named pipe"),
        (Pipeline.cancel, Cancelled, "cancelled before the end"),
    ],
)
def test_a_pipe_that_nobody_reads_can_be_given_up(
    source: Path, fifo: Path, end: Callable[[Pipeline], Any], wanted: type[StreamfixError], said: str
) -> None:
    pipeline = started(source, OutputSpec(str(fifo)))
    end(pipeline)
    ends_as(pipeline, wanted, said)


def test_a_reader_that_does_not_read_can_be_given_up(source: Path, fifo: Path) -> None:
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    pipeline = started(source, OutputSpec(str(fifo), video_codec="rawvideo", format="rawvideo"))
    # More than a pipe holds is to be written, so the job cannot end by itself.
    pipeline.cancel()
    ends_as(pipeline, Cancelled, "cancelled")
    os.close(held)


def test_one_of_several_outputs(source: Path, fifo: Path, tmp_path: Path) -> None:
    """A decode error, or the failure of another output, does not wait for a reader either."""
    pipeline = started(source, OutputSpec(str(tmp_path / "out.mkv")), OutputSpec(str(fifo)))
    pipeline.cancel(OutputError("the other one failed"))
    ends_as(pipeline, OutputError, "the other one failed")
