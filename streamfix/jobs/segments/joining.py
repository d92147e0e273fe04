"""Makes one stream of a restored video's segments and of all that lies beside it in the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from ...errors import OutputError
from ...frame import Frame
from ...media.input.beside import BesideReader
from ...media.output.joining import Encoded, JoiningWriter, in_decoding_order
from ...media.output.packet_file import facts_of, packets_of, times_of
from ...media.output.segment_writer import EncodedOutput
from ...media.timestamps import time_of
from ...pipeline import Pipeline

if TYPE_CHECKING:
    from ..job import JobSpec

_PACKETS = 64  # that wait between two threads while segments are joined: they are small


class JoinSource:
    """The packets of the streams beside the video, and between them, in order of time, those of the segments.

    beside: has not been read yet. segments: the files, in order.
    frames: in all of them. extradata: of their encoder.
    Raises OutputError for a file that is damaged, or does not fit the others.
    """

    name = "read"

    def __init__(self, beside: BesideReader, segments: Sequence[Path]) -> None:
        self.beside = beside
        self._stopped = False
        facts = [(path, facts_of(path)) for path in segments]
        own = facts[0][1]
        for path, found in facts[1:]:
            if (found["extradata"], found["time_base"]) != (own["extradata"], own["time_base"]):
                raise OutputError(f"{path}: it was encoded in another way than those before it; delete it")
        self.frames = sum(found["frames"] for _, found in facts)
        self.extradata = bytes.fromhex(own["extradata"])
        base = Fraction(*own["time_base"])
        self._video = in_decoding_order(
            chain.from_iterable(packets_of(path, base) for path in segments),
            [pts for path in segments for pts in times_of(path)],
            max(found["delay"] for _, found in facts),
        )

    def __iter__(self) -> Iterator[av.Packet[Any] | Encoded]:
        items = iter(self.beside)
        for item in items:
            if isinstance(item, Frame):
                break
            yield item  # covers among them, which an output must have when it is opened
        waiting = next(self._video, None)
        for item in items:
            assert isinstance(item, av.Packet), "the video is decoded no further than to its first frame"
            at_s = time_of(item)
            while waiting is not None and at_s is not None and (time_of(waiting) or at_s) <= at_s:
                yield Encoded(waiting)
                waiting = next(self._video, None)
            yield item
        while waiting is not None and not self._stopped:
            yield Encoded(waiting)
            waiting = next(self._video, None)

    def stop(self) -> None:
        self._stopped = True
        self.beside.stop()

    def close(self) -> None:
        self.beside.close()


def joining(
    spec: JobSpec, encoded: EncodedOutput, segments: Sequence[Path], writes: Callable[[str], None]
) -> tuple[Pipeline, JoiningWriter]:
    """A pipeline that makes the output of its segments' files and of what lies beside the video in the input.

    writes: is told the file that is written until the output is complete; the writer's `path` is its own name then.
    Raises a StreamfixError; nothing stays open then.
    """
    beside = BesideReader(
        *([replace(each, realtime=False) for each in spec.inputs], spec.maps),
        audio=spec.audio,
        subtitles=spec.subtitles,
        data=spec.data,
        privacy=spec.privacy and replace(spec.privacy, audit=None),
    )
    try:
        source = JoinSource(beside, segments)
        output = replace(spec.outputs[0], video_options=encoded.request.video)
        writer = JoiningWriter(output, beside, encoded.first, source.extradata)
        writes(writer.path)
    except BaseException:
        beside.close()
        raise
    return Pipeline(source, writer, depth=_PACKETS), writer
