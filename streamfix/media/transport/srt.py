"""SRT by the ffmpeg command: libav as PyAV ships it speaks no SRT."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import IO

from ...errors import InputError, OutputError
from .child import Child
from .redact import redact

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
PAYLOAD = 1316  # bytes a packet carries: seven of MPEG-TS


def is_srt(url: str) -> bool:
    """True for a URL that a `Bridge` is needed for."""
    return url.lower().startswith("srt://")


def is_listening(url: str) -> bool:
    """True where it is the other side that connects, whenever it likes."""
    return is_srt(url) and "mode=listener" in url.partition("?")[2].lower().split("&")


class Bridge:
    """Carries the bytes of an SRT connection, which are MPEG-TS, through a pipe.

    options: those of the SRT protocol by name (latency, passphrase, mode ...), as ffmpeg takes them; `rest` are the
    others, which are for whoever reads or writes the bytes.

    The bytes are taken as they are, nothing is demuxed or probed. A passphrase is seen in the machine's process list,
    as it is with ffmpeg itself.

    Raises InputError or OutputError where the ffmpeg command is missing or speaks no SRT.
    """

    def __init__(self, url: str, options: Mapping[str, str] | None = None) -> None:
        self.url = url
        given = options or {}
        self._options = [word for k, v in given.items() if k in OPTIONS for word in (f"-{k}", v)]
        self.rest = {k: v for k, v in given.items() if k not in OPTIONS}
        self._child: Child | None = None

    @property
    def reason(self) -> str:
        """Why the connection ended or did not come about, with no secrets in it; "" while nothing is wrong."""
        return "" if self._child is None else self._child.reason

    @property
    def connected(self) -> bool:
        """True of an output once there is somebody who takes it, as long as nothing is wrong."""
        return self._child is not None and self._child.ready and self._child.running

    @property
    def answered(self) -> bool:
        """True of an output once there was somebody who takes it, although all may be over."""
        return self._child is not None and self._child.ready

    @property
    def failed(self) -> bool:
        """True once the connection has ended for another reason than ours."""
        return self._child is not None and self._child.exit_code != 0

    def open_input(self) -> str:
        """Begin to receive: the URL that libav reads MPEG-TS from. It ends when the connection does."""
        source = ("-f", "data", "-raw_packet_size", str(PAYLOAD), *self._options, "-i", self.url)
        sink = ("-map", "0", "-c", "copy", "-f", "data", "-flush_packets", "1", "pipe:1")
        child = self._child = Child((*_ffmpeg(InputError, self.url), *source, *sink), writes=True)
        assert child.output is not None
        return f"pipe:{child.output.fileno()}"

    def open_output(self) -> IO[bytes]:
        """Begin to send: what is written to this file goes out. Writing raises BrokenPipeError after the end."""
        source = ("-f", "data", "-raw_packet_size", str(PAYLOAD), "-blocksize", str(PAYLOAD), "-i", "pipe:0")
        sink = ("-map", "0", "-c", "copy", "-f", "data", "-flush_packets", "1", *self._options, self.url)
        command = (*_ffmpeg(OutputError, self.url, "level+info"), *source, *sink)
        child = self._child = Child(command, reads=True, sign="Output #0")  # it names what it has opened
        assert child.input is not None
        return child.input

    def kill(self) -> None:
        """End it now, from any thread."""
        if self._child is not None:
            self._child.kill()

    def close(self) -> None:
        """End the connection; what was written is still sent. May be called again."""
        if self._child is not None:
            self._child.close()


def _ffmpeg(error: type[InputError] | type[OutputError], url: str, level: str = "error") -> tuple[str, ...]:
    path = shutil.which("ffmpeg")
    if path is None:
        raise error(f"{redact(url)}: SRT needs the ffmpeg command, which is not there; install ffmpeg")
    return path, "-nostdin", "-nostats", "-hide_banner", "-v", level
