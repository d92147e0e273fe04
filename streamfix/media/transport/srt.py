"""SRT through the ffmpeg command: PyAV's libav is built without it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import IO

from ...errors import InputError, OutputError
from ..redact import redact
from .child import Child

# Options of libav's libsrt protocol (libavformat/libsrt.c).
OPTIONS = frozenset(
    {
        *("connect_timeout", "enforced_encryption", "ffs", "inputbw", "iptos", "ipttl", "kmpreannounce"),
        *("kmrefreshrate", "latency", "linger", "listen_timeout", "lossmaxttl", "maxbw", "messageapi"),
        *("minversion", "mode", "mss", "nakreport", "oheadbw", "passphrase", "payload_size", "pbkeylen"),
        *("peerlatency", "pkt_size", "rcvbuf", "rcvlatency", "recv_buffer_size", "send_buffer_size", "smoother"),
        *("snddropdelay", "sndbuf", "srt_streamid", "streamid", "timeout", "tlpktdrop", "transtype", "tsbpd"),
        "tsbpddelay",
    }
)
PAYLOAD = 1316  # bytes in a packet of SRT: seven packets of MPEG-TS


class Bridge:
    """Carries the bytes of an SRT connection, which are MPEG-TS, through a pipe. They are not demuxed or probed here.

    options: SRT's own by name (latency, passphrase, mode ...), as ffmpeg takes them, and others; the others are in
    `rest`, for the demuxer or muxer of the bytes. A passphrase shows in the machine's list of processes, as it does
    with ffmpeg itself.

    Raises InputError or OutputError if there is no ffmpeg command.
    """

    def __init__(self, url: str, options: Mapping[str, str] | None = None) -> None:
        self.url = url
        given = options or {}
        self._options = [word for k, v in given.items() if k in OPTIONS for word in (f"-{k}", v)]
        self.rest = {k: v for k, v in given.items() if k not in OPTIONS}
        self._child: Child | None = None

    @property
    def reason(self) -> str:
        """Why the connection failed or ended, without secrets; "" while nothing is wrong."""
        return "" if self._child is None else self._child.reason

    @property
    def connected(self) -> bool:
        """True once an output has a receiver, as long as nothing is wrong."""
        return self._child is not None and self._child.ready and self._child.running

    @property
    def answered(self) -> bool:
        """True of an output once there was somebody who takes it, although all may be over."""
        return self._child is not None and self._child.ready

    @property
    def failed(self) -> bool:
        """True once the connection has ended without our closing it."""
        return self._child is not None and self._child.exit_code != 0

    def open_input(self) -> str:
        """Begin to receive; returns the URL where libav reads MPEG-TS, which ends with the connection."""
        source = ("-f", "data", "-raw_packet_size", str(PAYLOAD), *self._options, "-i", self.url)
        sink = ("-map", "0", "-c", "copy", "-f", "data", "-flush_packets", "1", "pipe:1")
        child = self._child = Child((*_ffmpeg(InputError, self.url), *source, *sink), writes=True)
        assert child.output is not None
        return f"pipe:{child.output.fileno()}"

    def open_output(self) -> IO[bytes]:
        """Begin to send; returns the file to write to. After the connection's end writing raises BrokenPipeError."""
        source = ("-f", "data", "-raw_packet_size", str(PAYLOAD), "-blocksize", str(PAYLOAD), "-i", "pipe:0")
        sink = ("-map", "0", "-c", "copy", "-f", "data", "-flush_packets", "1", *self._options, self.url)
        command = (*_ffmpeg(OutputError, self.url, "level+info"), *source, *sink)
        child = self._child = Child(command, reads=True, sign="Output #0")  # ffmpeg prints it once the output is open
        assert child.input is not None
        return child.input

    def kill(self) -> None:
        """Break the connection off at once, from any thread."""
        if self._child is not None:
            self._child.kill()

    def close(self) -> None:
        """Close the connection after sending what was written. May be called again."""
        if self._child is not None:
            self._child.close()


def _ffmpeg(error: type[InputError] | type[OutputError], url: str, level: str = "error") -> tuple[str, ...]:
    path = shutil.which("ffmpeg")
    if path is None:
        raise error(f"{redact(url)}: SRT needs the ffmpeg command, which is not installed; install ffmpeg")
    return path, "-nostdin", "-nostats", "-hide_banner", "-v", level
