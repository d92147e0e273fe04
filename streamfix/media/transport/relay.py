"""Writes to a server from a process of its own, so that one that does not answer blocks only its own output.

PyAV holds Python's lock while libav connects and disconnects, and so would stop every thread of every stream.
"""

from __future__ import annotations

import errno
import io
import json
import os
import selectors
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from ...errors import BadOption, OutputError
from ..redact import redact
from .child import Child
from .output_kind import connects, connects_itself, is_fifo, open_fifo, output_kind
from .protocols import needs_ffmpeg
from .srt import OPTIONS, Bridge

_PROGRAM = Path(__file__).with_name("relay_process.py")
_CONNECT_S = 20.0
_LOOK_S = 0.1  # between two looks whether a write to a named pipe is given up
_LAST_S = 5.0  # that a server has at the end to take what was written
_BAD_OPTION = 2  # its exit code


class Sink(Protocol):
    """Carries what a muxer writes, where libav does not write to the output itself.

    file: what `av.open` writes to. format: what it writes there. takes_options: the sink passes the muxer's options to
    the muxer in its own process; `format` takes none of them.
    """

    file: Any
    format: str
    takes_options: bool

    @property
    def settled(self) -> bool:
        """True once the server has answered, as far as the protocol shows it."""

    def left(self, options: Mapping[str, str]) -> dict[str, str]:
        """The options that are left for the muxer once the sink has taken its own."""

    def connect(self) -> None:
        """Before anything is written: wait for the server. Raises OutputError or BadOption if it does not answer."""

    def settle(self) -> None:
        """After the header and after each packet: wait until the server has answered. Raises as `connect` does."""

    def failure(self) -> OutputError | BadOption | None:
        """The error that ended the connection, None while nothing is wrong."""

    def kill(self) -> None:
        """End the connection at once, from any thread; a blocked write raises BrokenPipeError."""

    def close(self) -> None:
        """Deliver what was written, then disconnect. Raises the error of `failure`."""


def sink_for(url: str, format: str, options: Mapping[str, str], *, live: bool) -> Sink | None:
    """The sink for an output, None if libav writes to it directly. live: no server may block this process."""
    if is_fifo(url):
        return _Fifo(url, format)
    if needs_ffmpeg(url):
        return _Srt(url, format, options)
    if live and output_kind(url, format) == "pipe":
        return _Pipe(url, format)
    return _Relay(url, format, options) if live and connects(url, format) else None


def written_here(url: str, format: str) -> Sink | None:
    """A sink for a file or a pipe that Python writes to; None for what is neither."""
    return _Pipe(url, format) if output_kind(url, format) in ("file", "pipe") else None


class _File(io.RawIOBase):
    """The writing end of a child's pipe. written: bytes so far."""

    def __init__(self, pipe: IO[bytes], name: str) -> None:
        self._pipe, self.name = pipe, name
        self.written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[self._pipe.write(rest) :]
        self.written += len(data)
        return len(data)


class WithoutServer:
    """What sinks have in common that connect to nobody: writing itself raises what goes wrong."""

    takes_options = False
    settled = True

    def left(self, options: Mapping[str, str]) -> dict[str, str]:
        return dict(options)

    def connect(self) -> None:
        """There is nobody."""

    def settle(self) -> None:
        """There is nobody."""

    def failure(self) -> None:
        """Writing raises the error itself."""

    def kill(self) -> None:
        """Nothing can be done: a reader that does not read can only be waited for."""


class _Pipe(WithoutServer):
    """A pipe with a slow reader: unlike libav's, Python's own writing lets the other threads run in between."""

    def __init__(self, url: str, format: str) -> None:
        self.url, self.format = url, format
        scheme, _, number = url.rpartition(":")
        given = url == "-" or scheme in ("pipe", "fd")
        descriptor = os.dup(int(number.strip("-") or 1)) if given else os.open(url, os.O_WRONLY)
        self._pipe = os.fdopen(descriptor, "wb", buffering=0)
        self.file = _File(self._pipe, url)

    def close(self) -> None:
        self._pipe.close()


class _Fifo:
    """A named pipe, whose reader may come late, read slowly or not at all: `kill` ends every wait for it."""

    takes_options = False

    def __init__(self, url: str, format: str) -> None:
        self.url, self.format = url, format
        self.file = _FifoFile(url.removeprefix("file:"))

    @property
    def settled(self) -> bool:
        return self.file.connected

    def left(self, options: Mapping[str, str]) -> dict[str, str]:
        return dict(options)

    def connect(self) -> None:
        self.file.connect()

    def settle(self) -> None:
        """It is open before anything is written."""

    def failure(self) -> None:
        """Writing to it raises the error itself."""

    def kill(self) -> None:
        self.file.give_up()

    def close(self) -> None:
        self.file.close()


class _FifoFile(io.RawIOBase):
    """The writing end of a named pipe."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._descriptor: int | None = None
        self._given_up = threading.Event()

    @property
    def connected(self) -> bool:
        return self._descriptor is not None

    def connect(self) -> None:
        """Wait for a reader. Raises OutputError."""
        self._descriptor = open_fifo(self.name, self.name, self._given_up.is_set)

    def give_up(self) -> None:
        """End every wait. From any thread."""
        self._given_up.set()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        assert self._descriptor is not None
        rest = memoryview(data)
        with selectors.DefaultSelector() as selector:  # select itself takes no handle from 1024 on
            selector.register(self._descriptor, selectors.EVENT_WRITE)
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:
                    selector.select(_LOOK_S)
                if rest and self._given_up.is_set():
                    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        return len(data)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        super().close()


class _Srt:
    """MPEG-TS by SRT."""

    takes_options = False

    def __init__(self, url: str, format: str, options: Mapping[str, str]) -> None:
        self.url, self.format = url, format
        self._bridge = Bridge(url, options)
        self.file = _File(self._bridge.open_output(), redact(url))

    @property
    def settled(self) -> bool:
        return self._bridge.connected

    def left(self, options: Mapping[str, str]) -> dict[str, str]:
        return {k: v for k, v in options.items() if k not in OPTIONS}

    def connect(self) -> None:
        """ffmpeg connects in its own time; `settled` says when it has."""

    def settle(self) -> None:
        """See `connect`."""

    def failure(self) -> OutputError | None:
        reason = self._bridge.reason
        return OutputError(f"{redact(self.url)}: {reason}") if reason else None

    def kill(self) -> None:
        self._bridge.kill()

    def close(self) -> None:
        self._bridge.close()
        if not self._bridge.failed:
            return
        if (error := self.failure()) is not None:
            raise error
        if not self._bridge.answered:
            raise OutputError(f"{redact(self.url)}: no server answered before the end; is one listening there?")


class _Relay:
    """The program `relay_process`, which gets the muxer's bytes, or packets in NUT where the muxer itself connects."""

    def __init__(self, url: str, format: str, options: Mapping[str, str]) -> None:
        self.url = url
        self.takes_options = connects_itself(format)
        self.format = "nut" if self.takes_options else format
        self._child = Child((sys.executable, "-P", str(_PROGRAM)), reads=True, writes=True)
        assert self._child.input is not None
        self.file = _File(self._child.input, redact(url))
        order = {"url": url, "format": format if self.takes_options else None, "options": dict(options)}
        self.file.write(json.dumps(order).encode() + b"\n")
        self._ready = False
        self._header: int | None = None

    @property
    def settled(self) -> bool:
        return self._ready

    def left(self, options: Mapping[str, str]) -> dict[str, str]:
        return dict(options)

    def connect(self) -> None:
        if not self.takes_options:
            self._wait()

    def settle(self) -> None:
        # The program cannot connect before it has the first packet: NUT's header alone does not describe the streams.
        if self._header is None:
            self._header = self.file.written
        if not self._ready and self.file.written > self._header:
            self._wait()

    def failure(self) -> OutputError | BadOption | None:
        if self._child.running:
            return None
        kind = BadOption if self._child.exit_code == _BAD_OPTION else OutputError
        return kind(f"{redact(self.url)}: {self._child.reason or 'the connection ended'}")

    def kill(self) -> None:
        self._child.kill()

    def close(self) -> None:
        self._child.close(_LAST_S)
        if self._child.exit_code and (error := self.failure()) is not None:
            raise error

    def _wait(self) -> None:
        """Wait for the server's answer. Raises OutputError or BadOption if none comes."""
        assert self._child.output is not None
        with selectors.DefaultSelector() as selector:  # select itself takes no handle from 1024 on
            selector.register(self._child.output, selectors.EVENT_READ)
            ready = bool(selector.select(_CONNECT_S))
        if ready and self._child.output.read(6):
            self._ready = True
            return
        self.kill()
        self._child.wait()
        error = self.failure() if ready else None
        raise error or OutputError(f"{redact(self.url)}: no answer for {_CONNECT_S:g} s")
