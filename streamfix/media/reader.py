"""Demuxes and decodes: the source of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import StreamfixError
from ..frame import Frame, VideoInfo
from .specs import InputSpec

__all__ = ["InputSpec", "Reader"]


class Reader:
    """Frames of one video stream and the packets of all streams that go along, in order.

    A source that dies midway (truncated file, I/O error, too many damaged
    packets) ends the iteration, so that what was decoded is still written;
    `failure` then holds the error, the writer keeps its result as incomplete,
    and `close` raises it: the job never succeeds.

    Raises InputError or UsageError when an input cannot be opened.
    """

    name = "decode"

    def __init__(
        self,
        inputs: Sequence[InputSpec],
        maps: Sequence[str] = (),
        *,
        audio: bool = True,
        subtitles: bool = True,
        data: bool = True,
    ) -> None:
        self.info: VideoInfo
        self.streams: Sequence[Any]  # MappedStream, in output order
        self.chapters: list[dict[str, Any]]  # of the first input, as PyAV gives them
        self.metadata: dict[str, str]  # of the first input
        self.frames_read: int = 0
        self.errors: int = 0
        self.position_s: float = 0.0
        self.failure: StreamfixError | None = None
        raise NotImplementedError

    def __iter__(self) -> Iterator[Frame | Any]:
        raise NotImplementedError

    def stop(self) -> None:
        """End the iteration soon; may be called from any thread and from a signal handler."""

    def close(self) -> None:
        """Release everything; raises `failure` if there is one."""
