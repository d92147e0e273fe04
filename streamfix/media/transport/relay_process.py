"""The program behind `relay`: takes a stream from stdin and delivers it to a server.

The first line of stdin is JSON: `url`, and `format` and `options` of the muxer; a null format passes the bytes on as
they are. It writes "ready" to stdout once the server has answered, and an error as the last line to stderr.

It imports nothing of streamfix, so that it starts fast and runs by its path.
"""

from __future__ import annotations

import ast
import json
import logging
import os
import sys
from typing import NoReturn

import av
import av.error
import av.logging
from av.stream import Stream

BAD_OPTION = 2  # exit code
_CHUNK = 1316 * 8  # whole packets, if it is MPEG-TS
_unused: dict[str, str] = {}


class _Unused(logging.Handler):
    """Collects options that the muxer did not take: PyAV reports them only in a log message."""

    def emit(self, record: logging.LogRecord) -> None:
        _, found, rest = record.getMessage().partition("not used: ")
        if found:
            _unused.update(ast.literal_eval(rest))


def carry_bytes(url: str) -> None:
    """Pass bytes on. Of libav only the connection is used."""
    out = av.open(url, "w", format="data", options={"flush_packets": "1"})
    stream = out.add_data_stream()
    out.start_encoding()
    _say_ready()
    at = 0
    while data := os.read(0, _CHUNK):
        packet = av.Packet(data)
        packet.stream, packet.pts, packet.dts = stream, at, at
        out.mux_one(packet)
        at += 1
    out.close()


def carry_packets(url: str, format: str, options: dict[str, str]) -> None:
    """Mux the packets that arrive in NUT with a muxer that makes the connection itself."""
    source = av.open("pipe:0", format="nut", options={"probesize": "32", "analyzeduration": "0", "fflags": "nobuffer"})
    out = av.open(url, "w", format=format, options=options)
    streams: dict[int, Stream] = {
        s.index: out.add_stream_from_template(s, opaque=True) for s in source.streams if s.type != "unknown"
    }
    out.start_encoding()
    if _unused:
        name = next(iter(_unused))
        _fail(f"Unrecognized option {name!r} ({name}={_unused[name]}): the muxer {format} has none", BAD_OPTION)
    _say_ready()
    for packet in source.demux():
        if packet.size and packet.stream.index in streams:
            packet.stream = streams[packet.stream.index]
            out.mux_one(packet)
    out.close()


def main() -> int:
    order = json.loads(_first_line())
    try:
        if order["format"] is None:
            carry_bytes(order["url"])
        else:
            carry_packets(order["url"], order["format"], order["options"])
    except (av.FFmpegError, OSError, ValueError) as error:
        _fail(str(getattr(error, "strerror", None) or error), 1)
    return 0


def _fail(reason: str, code: int) -> NoReturn:
    sys.stderr.write(f"{reason}\n")
    sys.stderr.flush()
    os._exit(code)  # at a normal exit an open muxer would still talk to a server that does not answer


def _first_line() -> bytes:
    """The first line, and not a byte more: libav reads the rest."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            break
        line += byte
    return line


def _say_ready() -> None:
    os.write(1, b"ready\n")


if __name__ == "__main__":
    av.logging.set_libav_level(av.logging.ERROR)
    av.logging.restore_default_callback()
    logging.getLogger("av.container.output").addHandler(_Unused())
    sys.exit(main())
