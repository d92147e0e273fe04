"""Which options libavformat did not take is told of the output that had them, also where two begin at once."""

from __future__ import annotations

import io
import threading

import av

from streamfix.media.output.options import unused_options
from tests.fakes.waiting import LONG_S, joined


def begin(options: dict[str, str], meanwhile: threading.Barrier) -> dict[str, str]:
    """Write the header of a container with these options while another does; what was not used."""
    with av.open(io.BytesIO(), "w", format="matroska", options=options) as out:
        out.add_stream("mpeg4", rate=25)
        with unused_options() as unused:
            meanwhile.wait(LONG_S)
            out.start_encoding()
            meanwhile.wait(LONG_S)
    return dict(unused)


def test_each_output_is_told_of_its_own() -> None:
    both, found = threading.Barrier(2), {}

    def one(name: str, options: dict[str, str]) -> None:
        found[name] = begin(options, both)

    work = {"fine": {}, "wrong": {"nonsense": "1"}}
    threads = [threading.Thread(target=one, args=each) for each in work.items()]
    for thread in threads:
        thread.start()
    joined(*threads)
    assert found == {"fine": {}, "wrong": {"nonsense": "1"}}
