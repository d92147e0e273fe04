"""An RTSP camera that a test scripts: what it stamps, when it sends, and what its clock says of the time of day."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Self

import av
import numpy as np

CLOCK = 90000
_MTU = 1400
_UNIX_TO_NTP_S = 2_208_988_800


def pictures(count: int, size: tuple[int, int] = (160, 96), gop: int = 10) -> list[list[bytes]]:
    """So many H.264 pictures of moving noise, each as its NAL units."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.gop_size = Fraction(1, 25), Fraction(25), gop
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "bf": "0", "threads": "1"}
    noise = np.random.default_rng(1).integers(16, 235, (size[1] * 3 // 2, size[0] + count), np.uint8)
    made = []
    for n in range(count):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(noise[:, n : n + size[0]]), "yuv420p")
        frame.pts = n
        made += [_nals(bytes(packet)) for packet in encoder.encode(frame)]
    made += [_nals(bytes(packet)) for packet in encoder.encode(None)]
    return made


def _nals(stream: bytes) -> list[bytes]:
    return [nal.rstrip(b"\0") for nal in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if nal]


@dataclass
class RtspCamera:
    """One camera, which sends its pictures to each client from the beginning and then goes on with the first.

    stamped_fps: what its timestamps say. sent_fps: how many it sends a second. count: pictures a client gets, None for
    as long as it stays. pause: (before which picture, seconds): nothing is sent for so long, then all that has
    gathered at once. clock_s: Unix time that its sender reports give for now; None sends none.
    """

    stamped_fps: float = 25
    sent_fps: float = 25
    count: int | None = None
    pause: tuple[int, float] | None = None
    clock_s: Callable[[], float] | None = None
    size: tuple[int, int] = (160, 96)
    sent: list[float] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._pictures = pictures(50, self.size)
        self._ended = threading.Event()

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Listen; the URL is known inside."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.url = f"rtsp://127.0.0.1:{server.getsockname()[1]}/cam"
            threading.Thread(target=self._accept, args=(server,), daemon=True).start()
            try:
                yield self
            finally:
                self._ended.set()
                server.shutdown(socket.SHUT_RDWR)

    def _accept(self, server: socket.socket) -> None:
        while not self._ended.is_set():
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as asked:
            try:
                while (request := _request(asked)) is not None:
                    method, cseq = request
                    client.sendall(self._answer(method, cseq))
                    if method == "PLAY":
                        self._play(client)
                        return
            except OSError:
                return  # the client has gone

    def _answer(self, method: str, cseq: str) -> bytes:
        body, more = "", ""
        if method == "OPTIONS":
            more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
                f"a=rtpmap:96 H264/{CLOCK}\r\na=fmtp:96 packetization-mode=1\r\na=control:v\r\n"
            )
            more = "Content-Type: application/sdp\r\n"
        elif method == "SETUP":
            more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        elif method == "PLAY":
            more = "Session: 1\r\n"
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        return f"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{more}{length}\r\n{body}".encode()

    def _play(self, client: socket.socket) -> None:
        begin_s, sequence, first, extra_s = time.monotonic(), 0, random.Random(7).getrandbits(31), 0.0
        number = 0
        while not self._ended.is_set() and (self.count is None or number < self.count):
            if self.pause is not None and number == self.pause[0]:
                self._ended.wait(self.pause[1])
            due_s = begin_s + number / self.sent_fps + extra_s
            if (wait_s := due_s - time.monotonic()) > 0 and self._ended.wait(wait_s):
                return
            stamp = (first + round(number * CLOCK / self.stamped_fps)) & 0xFFFFFFFF
            if self.clock_s is not None and number % 25 == 0:
                send_report(client, self.clock_s(), stamp)
            sequence = send_picture(client, self._pictures[number % len(self._pictures)], sequence, stamp)
            self.sent.append(time.monotonic())
            number += 1


def _request(asked: object) -> tuple[str, str] | None:
    line = asked.readline().decode()  # type: ignore[attr-defined]
    if not line:
        return None
    cseq = ""
    while (header := asked.readline().decode().strip()) != "":  # type: ignore[attr-defined]
        if header.lower().startswith("cseq:"):
            cseq = header.partition(":")[2].strip()
    return line.split()[0], cseq


def send_picture(
    client: socket.socket, nals: Sequence[bytes], sequence: int, stamp: int, lost: Container[int] = ()
) -> int:
    """Send a picture's NAL units as RTP in RTSP's connection; returns the sequence number that comes next.

    stamp: in units of `CLOCK`. lost: which of its RTP packets, counted from 0, are left out as if they were lost.
    """
    payloads = [(payload, ends and nal is nals[-1]) for nal in nals for payload, ends in _payloads(nal)]
    for i, (payload, last) in enumerate(payloads):
        if i not in lost:
            header = struct.pack("!BBHII", 0x80, 96 | last << 7, (sequence + i) & 0xFFFF, stamp & 0xFFFFFFFF, 1)
            _interleaved(client, 0, header + payload)
    return sequence + len(payloads)


def send_report(client: socket.socket, unix_s: float, stamp: int) -> None:
    """Send an RTCP sender report (RFC 3550): at this time of day the timestamp was so."""
    ntp = round((unix_s + _UNIX_TO_NTP_S) * 2**32)
    values = (0x80, 200, 6, 1, ntp & (2**64 - 1), stamp & 0xFFFFFFFF, 0, 0)
    _interleaved(client, 1, struct.pack("!BBHIQIII", *values))


def _payloads(nal: bytes) -> Iterator[tuple[bytes, bool]]:
    """RTP payloads of a NAL unit (RFC 6184: single, or FU-A), and whether each is the last."""
    if len(nal) <= _MTU:
        yield nal, True
        return
    indicator, kind, rest = nal[0] & 0xE0 | 28, nal[0] & 0x1F, nal[1:]
    for at in range(0, len(rest), _MTU):
        begins, ends = at == 0, at + _MTU >= len(rest)
        yield bytes([indicator, begins << 7 | ends << 6 | kind]) + rest[at : at + _MTU], ends


def _interleaved(client: socket.socket, channel: int, data: bytes) -> None:
    client.sendall(struct.pack("!cBH", b"$", channel, len(data)) + data)
