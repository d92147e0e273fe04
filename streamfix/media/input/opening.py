"""Opens an input for reading, by libav or, where libav cannot, through the ffmpeg command."""

from __future__ import annotations

import logging
import os
import re
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
_WEB = ("http", "https")
_JPEG_PART = re.compile(rb"content-type:[ \t]*image/jpe?g", re.IGNORECASE)
_WEB_PAGE = re.compile(rb"\s*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_AT_ONCE = {"fpsprobesize": "0", "probesize": "32"}  # what is read to probe comes all at once, at no time of its own
_LOOK, _LOOK_STEP = 2**20, 2**16  # bytes that are looked at of an answer that is no video: one picture and its header
_FAR_OPTIONS = "-analyzeduration 120M -probesize 100M"


class Opening:
    """Opens one input, again for each round of -stream_loop.

    live: a camera, which may take long to answer.
    url: what libav opens; for SRT the pipe of the process that receives it.
    pushed: motion JPEG that a server sends picture by picture (multipart/x-mixed-replace), as cameras do: it has no
    times of its own, and comes at its true speed. Known once it is open.
    Raises InputError if that process cannot be started.
    """

    def __init__(self, spec: InputSpec, stopped: Interruption, *, live: bool) -> None:
        self._spec, self._live = spec, live
        self._format, self._options = spec.format, dict(spec.options)
        self._bridge: Bridge | None = None
        self.url = "pipe:0" if spec.url in ("-", "pipe:") else spec.url
        self.pushed = False
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
            container = self._open_as(self._format, options)
            if self._is_pushed(container) and container.format.name == "mjpeg":
                container.close()
                container = self._open_as("mjpeg", {**options, **_AT_ONCE})
        except av.error.InvalidDataError as error:
            if (found := self._by_marks(options)) is not None:
                return found
            raise self._why(begin_s) or cannot_open(spec.url, error) from error
        except ValueError as error:
            if isinstance(error, av.FFmpegError):
                raise self._why(begin_s) or cannot_open(spec.url, error) from error
            raise UnknownName(f"{spec.shown}: -f {spec.format}: no demuxer of that name") from error
        except (av.FFmpegError, OSError) as error:
            raise self._why(begin_s) or cannot_open(spec.url, error) from error
        self.pushed = self._is_pushed(container)
        if not len(container.streams) and (late := self._late(begin_s)) is not None:
            container.close()  # libav gave up looking for streams, and says nothing of it
            raise late
        if container.format.name == "tty" and spec.format is None:
            container.close()  # libavformat takes every .txt for the recording of a terminal
            raise InputError(f"{spec.shown}: it is text, not video; -f tty reads it as a terminal's output")
        # As ffmpeg does: where B-frames have no pts (H.264 in AVI), generated ones are in the wrong order.
        container.flags &= ~int(cast(int, Flags.gen_pts.value))
        return container

    def _open_as(self, format: str | None, options: Mapping[str, str]) -> InputContainer:
        # Not for a camera, which may take long to answer: while libav logs to Python, other decoders can block.
        with nullcontext() if self._live else libav_explains():
            return av.open(
                self.url,
                "r",
                format=format,
                options=dict(options),
                metadata_errors="surrogateescape",
                timeout=(self._opening_s(), self._spec.timeout_s),
            )

    def _is_pushed(self, container: InputContainer) -> bool:
        """True for motion JPEG from a server that does not say how much will come: a camera's, and no file."""
        name = container.format.name
        return scheme_of(self.url) in _WEB and (name == "mpjpeg" or (name == "mjpeg" and container.size <= 0))

    def _by_marks(self, options: Mapping[str, str]) -> InputContainer | None:
        """A camera's multipart stream that does not begin with its boundary, where libav gives up; None if it is none.

        Its pictures are found by their own marks. Raises InputError if it is a web page.
        """
        if scheme_of(self.url) not in _WEB or self._format is not None:
            return None
        begin = self._beginning(options)
        if _WEB_PAGE.match(begin):
            raise InputError(f"{self._spec.shown}: it is a web page, not a video; give the stream's own address")
        if not _JPEG_PART.search(begin):
            return None
        try:
            container = self._open_as("mjpeg", {**options, **_AT_ONCE})
        except (av.FFmpegError, OSError) as error:
            raise cannot_open(self._spec.url, error) from error
        log.warning(
            "%s: a multipart stream that does not begin with its boundary; its pictures are found by their own marks",
            self._spec.shown,
        )
        self.pushed = True
        return container

    def _beginning(self, options: Mapping[str, str]) -> bytes:
        """What the server sends first, without reading anything into it; b"" if that cannot be had."""
        given, found = {k: v for k, v in options.items() if k != "format_whitelist"}, b""
        try:
            with self._open_as("data", given) as container:
                for packet in container.demux():
                    found += bytes(packet)
                    if len(found) > _LOOK or _JPEG_PART.search(found, max(0, len(found) - 2 * _LOOK_STEP)):
                        break
        except (av.FFmpegError, OSError, ValueError) as error:
            log.debug("%s: its beginning cannot be read: %s", self._spec.shown, error)
        return found

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
        if self._spec.timeout_s is None and scheme_of(self.url) in _WEB:
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
