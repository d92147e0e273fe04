"""A job that has ended leaves nothing behind that waits for Python's collector of cycles."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from streamfix.chainspec import parse_chain
from streamfix.jobs import Hosting, JobSpec, build_job
from streamfix.live.health import Health
from streamfix.live.policy import LivePolicy
from streamfix.media.input.reader import Reader
from streamfix.media.output.writer import Writer
from streamfix.media.specs import InputSpec, OutputSpec
from tests.media.make import clip


def test_a_live_job_lets_go_of_its_decoders_and_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has threads and megabytes. A daemon whose streams were changed often had a hundred threads by that."""
    made: list[weakref.ref[Any]] = []
    for kind in (Reader, Writer):

        def begin(self: Any, *words: Any, real: Any = kind.__init__, **options: Any) -> None:
            made.append(weakref.ref(self))
            real(self, *words, **options)

        monkeypatch.setattr(kind, "__init__", begin)
    source = clip(tmp_path / "in.mkv", frames=12)
    spec = JobSpec(
        [InputSpec(str(source))],
        [OutputSpec(str(tmp_path / "r%d.mkv"), format="segment")],
        filters=parse_chain("smooth"),
        live=LivePolicy(),
    )

    def run() -> None:
        build_job(spec, Hosting(health=Health())).run()

    thread = threading.Thread(target=run)
    gc.collect()
    gc.disable()
    try:
        thread.start()
        thread.join()
        assert len(made) >= 2
        assert [ref() for ref in made] == [None] * len(made)
    finally:
        gc.enable()
