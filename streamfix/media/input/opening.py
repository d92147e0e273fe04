"""Opens an input for reading, by libav or, where libav cannot, through the ffmpeg command."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, cast

import av
import av.error
from av.container import Flags, InputContainer

from ...errors import InputError, UnknownName
from ..interruption import Interruption
from ..libav_errors import cannot_open, libav_explains
from ..specs import InputSpec
from ..transport.output_kind import usual_format
from ..transport.protocols import needs_ffmpeg, scheme_of
from ..transport.srt import Bridge
from .playlists import check_playlists

log = logging.getLogger("streamfix.media")

# How far libav looks for the beginning of each stream, if 5 s were not enough in a file, which can be read again.
_FAR = {"analyzeduration": "120000000", "probesize": "100000000"}  # microseconds, bytes
# A server's playlist that names itself is followed without end, and memory grows by 20 MB a second.
OPENING_S = 60.0
_FAR_OPTIONS = "-analyzeduration 120M -probesize 100M"


class Opening:
    """Opens one input, again for each round of -stream_loop.

    live: a camera, which may take long to answer.
    url: what libav opens; for SRT the pipe of the process that receives it.
    Raises InputError if that process cannot be started.
    """

    def __init__(self, spec: InputSpec, stopped: Interruption, *, live: bool) -> None:
        self._spec, self._live = spec, live
        self._format, self._options = spec.format, dict(spec.options)
        self._bridge: Bridge | None = None
        self.url = "pipe:0" if spec.url in ("-", "pipe:") else spec.url
        if needs_ffmpeg(spec.url):
            self._bridge = Bridge(spec.url, spec.options)
            self._format, self._options = spec.format or usual_format(spec.url), dict(self._bridge.rest)
            self.url = self._bridge.open_input()
            stopped.calls(self._bridge.kill)

    def open(self) -> InputContainer:
        """Open the input. Raises InputError or UnknownName.

        A stream whose beginning libav has not seen is looked for further on in a file, and told elsewhere.
        """
        if self._bridge is None:
            check_playlists(self.url, self._format)
        container = self._open(self._options)
        silent = [] if self._live else _unseen(container)
        if silent and os.path.isfile(self.url) and not (_FAR.keys() & self._options.keys()):
            container.close()
            container = self._open({**self._options, **_FAR})
            silent = _unseen(container)
        for index in silent:
            log.warning(
                "%s: stream %d (%s): nothing of it was found at the beginning; give %s before -i to look further",
                *(self._spec.shown, index, container.streams[index].type, _FAR_OPTIONS),
            )
        return container

    def _open(self, options: Mapping[str, str]) -> InputContainer:
        spec, begin_s = self._spec, time.monotonic()
        try:
            # Not for a camera, which may take long to answer: while libav logs to Python, other decoders can block.
            with nullcontext() if self._live else libav_explains():
                container = av.open(
                    self.url,
                    "r",
                    format=self._format,
                    options=dict(options),
                    metadata_errors="surrogateescape",
                    timeout=(self._opening_s(), spec.timeout_s),
                )
        except ValueError as error:
            if isinstance(error, av.FFmpegError):
                raise self._why(begin_s) or cannot_open(spec.url, error) from error
            raise UnknownName(f"{spec.shown}: -f {spec.format}: no demuxer of that name") from error
        except (av.FFmpegError, OSError) as error:
            raise self._why(begin_s) or cannot_open(spec.url, error) from error
        if not len(container.streams) and (late := self._late(begin_s)) is not None:
            container.close()  # libav gave up looking for streams, and says nothing of it
            raise late
        if container.format.name == "tty" and spec.format is None:
            container.close()  # libavformat takes every .txt for the recording of a terminal
            raise InputError(f"{spec.shown}: it is text, not video; -f tty reads it as a terminal's output")
        # As ffmpeg does: where B-frames have no pts (H.264 in AVI), generated ones are in the wrong order.
        container.flags &= ~int(cast(int, Flags.gen_pts.value))
        return container

    def check_end(self) -> None:
        """Raise InputError if, after the last packet, the connection turns out to have failed."""
        if (why := self._why()) is not None:
            raise why

    def close(self) -> None:
        """Stop the receiving process, if there is one."""
        if self._bridge is not None:
            self._bridge.close()

    def _opening_s(self) -> float | None:
        """The time in which the input must be open, None for any."""
        if self._spec.timeout_s is None and scheme_of(self.url) in ("http", "https"):
            return OPENING_S
        return self._spec.timeout_s

    def _late(self, begin_s: float) -> InputError | None:
        """What to say where the time to open the input is over; begin_s: when that began."""
        limit_s = self._opening_s()
        if limit_s is None or time.monotonic() - begin_s < limit_s:
            return None
        if self._spec.timeout_s is not None:
            return InputError(f"{self._spec.shown}: no answer for {limit_s:g} s")
        return InputError(
            f"{self._spec.shown}: after {limit_s:g} s nothing that can be read has come of it: a slow server, or a "
            "playlist that names itself; download it first"
        )

    def _why(self, begin_s: float | None = None) -> InputError | None:
        """Why it failed: the time was up, for which libav has many messages, or what the receiving process reported."""
        if begin_s is not None and (late := self._late(begin_s)) is not None:
            return late
        if self._bridge is None:
            return None
        self._bridge.close()
        reason = self._bridge.reason
        return InputError(f"{self._spec.shown}: {reason}") if reason else None


def _unseen(container: InputContainer) -> list[int]:
    """The indices of streams of sound and pictures of which libav knows the codec and nothing else."""
    found = []
    for stream in container.streams:
        context: Any = stream.codec_context
        if context is None:
            continue
        if (stream.type == "audio" and not context.sample_rate) or (stream.type == "video" and not context.width):
            found.append(stream.index)
    return found
