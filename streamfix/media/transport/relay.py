"""Sending to servers from a process of its own: one that does not answer keeps nobody waiting but its own output.

libav connects, says hello and goodbye while PyAV holds Python's lock, and with it every thread of every stream.
"""

from __future__ import annotations

import io
import json
import os
import selectors
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from ...errors import BadOption, OutputError
from .child import Child
from .output_kind import connects, connects_itself, place_of
from .redact import redact
from .srt import OPTIONS, Bridge, is_srt

_PROGRAM = Path(__file__).with_name("relay_process.py")
_CONNECT_S = 20.0
_LAST_S = 5.0  # for a server to take what was written
_BAD_OPTION = 2  # its exit code


class Sink(Protocol):
    """Takes what a muxer writes to where libav does not write by itself.

    file: for `av.open`, to write `format` to. takes_options: the muxer's options are the sink's, not those of `format`.
    """

    file: Any
    format: str
    takes_options: bool

    @property
    def settled(self) -> bool:
        """True once the server has answered, as far as can be known."""

    def left(self, options: Mapping[str, str]) -> dict[str, str]:
        """Those of the options that are the muxer's."""

    def connect(self) -> None:
        """Before anything is written: wait for a server. Raises OutputError or BadOption if it does not answer."""

    def settle(self) -> None:
        """After the header and each packet: see that a server has answered. Raises OutputError if it does not."""

    def failure(self) -> OutputError | BadOption | None:
        """Why it takes no more, None while nothing is wrong."""

    def kill(self) -> None:
        """End it now, from any thread; who writes gets BrokenPipeError."""

    def close(self) -> None:
        """Deliver what was written and end. Raises what `failure` gives."""


def sink_for(url: str, format: str, options: Mapping[str, str], *, live: bool) -> Sink | None:
    """What an output is written to; None where libav writes by itself. live: no server may hold us up."""
    if is_srt(url):
        return _Srt(url, format, options)
    if live and place_of(url, format) == "pipe":
        return _Pipe(url, format)
    return _Relay(url, format, options) if live and connects(url, format) else None


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


class _Pipe:
    """A pipe whose reader may take his time: Python's own writing lets everybody else work meanwhile."""

    takes_options = False
    settled = True

    def __init__(self, url: str, format: str) -> None:
        self.url, self.format = url, format
        number = url.rpartition(":")[2]
        descriptor = os.dup(int(number or 1)) if number.isdigit() or not number else os.open(url, os.O_WRONLY)
        self._pipe = os.fdopen(descriptor, "wb", buffering=0)
        self.file = _File(self._pipe, url)

    def left(self, options: Mapping[str, str]) -> dict[str, str]:
        return dict(options)

    def connect(self) -> None:
        """There is nobody to connect to."""

    def settle(self) -> None:
        """Nobody answers."""

    def failure(self) -> None:
        """It says so itself."""

    def kill(self) -> None:
        """A reader that does not read can only be waited for."""

    def close(self) -> None:
        self._pipe.close()


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
        """It connects when it likes."""

    def settle(self) -> None:
        """It connects when it likes."""

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
    """Our own program that writes to a server: bytes as they are, or as NUT the packets for a muxer that connects."""

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
        # NUT's header says nothing without the first packet: the program cannot connect before it.
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
        """Wait for the server's answer. Raises OutputError or BadOption where there is none."""
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
