"""Streams that outlive the input they were found in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import av
from av.stream import Disposition

from .streams import MappedStream


def detach(streams: Sequence[MappedStream]) -> list[MappedStream]:
    """The same streams, none of which points into an open input.

    Their `stream` has the parameters, the decoder and the tags of the original; packets may be given to it,
    outputs made like it, after the input has been closed.
    """
    home = av.open("detached", "w", format="null")  # never opened for writing: a place for streams to be in
    detached = []
    for mapped in streams:
        stream = home.add_stream_from_template(mapped.stream, opaque=True)
        stream.metadata.update(mapped.metadata)
        stream.disposition = Disposition(mapped.disposition)
        detached.append(replace(mapped, stream=stream))
    return detached
