"""Cameras in a process of their own: clips that play for ever, at their rate, as MPEG-TS to whoever connects.

    python -m tests.bench.live.camera CLIP WIDTHxHEIGHT LOG URL [URL ...] [--loop 250] [--rate 25] [--gop 25]

The loop is encoded once; then its packets are sent with new timestamps, so that cameras cost hardly any CPU. LOG gets
a line for each frame sent: the camera's place, the number drawn into the picture, CLOCK_MONOTONIC in seconds. A file
of its name that ends in .ready is made when the cameras begin to listen.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import av
import numpy as np

from . import marks


def encode(clip: str, width: int, height: int, loop: int, rate: int, gop: int) -> tuple[list[bytes], list[bool], Any]:
    """The loop as H.264 packets of one frame each, which of them are keyframes, and the encoder they are from."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.gop_size = Fraction(1, rate), Fraction(rate), gop
    encoder.options = {"preset": "veryfast", "tune": "zerolatency", "crf": "24", "forced-idr": "1"}
    pictures = []
    with av.open(clip) as container:
        for frame in container.decode(video=0):
            pictures.append(frame.reformat(width, height, "yuv420p").to_ndarray())
            if len(pictures) == loop:
                break
    there_and_back = pictures + pictures[-2:0:-1]
    packets, keys = [], []
    for n in range(loop):
        picture = np.array(there_and_back[n % len(there_and_back)], np.uint8)
        marks.write(picture[:height], n)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = n, encoder.time_base
        for packet in encoder.encode(frame):
            packets.append(bytes(packet))
            keys.append(packet.is_keyframe)
    return packets, keys, encoder


def viewer(url: str) -> Any:
    """Where the next viewer is written to. tcp://HOST:PORT?listen=1 waits for one in Python, any other is libav's.

    libav waits with the interpreter's lock held: all other cameras would stand still meanwhile, and then send what they
    owe at once.
    """
    parts = urlsplit(url)
    if parts.scheme != "tcp" or "listen=1" not in parts.query or parts.port is None:
        return url
    with socket.create_server((parts.hostname or "", parts.port)) as server:
        connection, _ = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection:
        return connection.makefile("wb", buffering=0)


def play(
    place: int, url: str, loop: tuple[list[bytes], list[bool], Any], rate: int, log: TextIO, lock: threading.Lock
) -> None:
    """Send the loop until the viewer leaves, and wait for the next viewer."""
    packets, keys, encoder = loop
    while True:
        try:
            container = av.open(viewer(url), "w", format="mpegts", options={"flush_packets": "1"})
            stream = container.add_stream("libx264", rate=rate)
            stream.codec_context.width, stream.codec_context.height = encoder.width, encoder.height
            stream.codec_context.pix_fmt = "yuv420p"
            stream.time_base = Fraction(1, 90_000)
            n, began_s = 0, time.monotonic()
            while True:
                time.sleep(max(0.0, began_s + n / rate - time.monotonic()))
                packet = av.Packet(packets[n % len(packets)])
                packet.stream, packet.time_base = stream, Fraction(1, rate)
                packet.pts = packet.dts = n
                packet.is_keyframe = keys[n % len(keys)]
                sent_s = time.monotonic()
                container.mux_one(packet)
                with lock:
                    log.write(f"{place} {n % len(packets)} {sent_s:.6f}\n")
                    log.flush()
                n += 1
        except (av.FFmpegError, OSError):
            time.sleep(0.05)  # the viewer has left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("size")
    parser.add_argument("log", type=Path)
    parser.add_argument("urls", nargs="+")
    parser.add_argument("--loop", type=int, default=250)
    parser.add_argument("--rate", type=int, default=25)
    parser.add_argument("--gop", type=int, default=25)
    a = parser.parse_args()
    width, height = map(int, a.size.split("x"))
    loop = encode(a.clip, width, height, a.loop, a.rate, a.gop)
    lock = threading.Lock()
    a.log.with_suffix(".ready").touch()
    with a.log.open("w") as log:
        threads = [
            threading.Thread(target=play, args=(i, url, loop, a.rate, log, lock), daemon=True)
            for i, url in enumerate(a.urls)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
