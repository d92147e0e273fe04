"""What the user sees while a job runs: key=value blocks, ffmpeg's status line, or a bar on a terminal."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from ...errors import OutputError, UsageError
from ...jobs import Progress
from .live import live_fields, live_words
from .values import format_clock

if TYPE_CHECKING:
    from http.client import HTTPConnection


class ProgressView(Protocol):
    """Shows a job's progress."""

    def show(self, progress: Progress, last: bool = False) -> None:
        """Show it. last: True exactly once, at the end, also after an error. Raises OSError once nobody reads it."""


class Blocks:
    """ffmpeg's -progress: a block of key=value lines each time, the last one with progress=end."""

    def __init__(self, stream: io.RawIOBase | io.BufferedIOBase) -> None:
        self._stream = stream

    def show(self, progress: Progress, last: bool = False) -> None:
        text = "".join(f"{key}={value}\n" for key, value in fields(progress, last).items())
        self._stream.write(text.encode())
        self._stream.flush()
        if last:
            self._stream.close()


def fields(p: Progress, last: bool) -> dict[str, str]:
    """The keys and values of one block, named as ffmpeg names them, and those of a live stream."""
    time_us = None if p.time_s is None else round(p.time_s * 1_000_000)
    return {
        "frame": f"{p.frames}",
        "fps": f"{p.fps:.2f}",
        "bitrate": "N/A" if p.bitrate_bps is None else f"{p.bitrate_bps / 1000:.1f}kbits/s",
        "total_size": f"{p.bytes}",
        "out_time_us": "N/A" if time_us is None else f"{time_us}",
        "out_time_ms": "N/A" if time_us is None else f"{time_us}",  # microseconds in ffmpeg too, for historic reasons
        "out_time": "N/A" if p.time_s is None else format_clock(p.time_s, 6),
        "dup_frames": f"{p.counts.duplicated}",
        "drop_frames": f"{p.counts.dropped_total}",
        "speed": "N/A" if p.speed is None else f"{p.speed:.3g}x",
        **({} if p.health is None else live_fields(p.health)),
        "progress": "end" if last else "continue",
    }


class StatusLine:
    """ffmpeg's -stats: one line that ends in a carriage return, the last one in a line feed."""

    def show(self, progress: Progress, last: bool = False) -> None:
        sys.stderr.write(status_line(progress, last) + ("\n" if last else "\r"))
        sys.stderr.flush()


def status_line(p: Progress, last: bool) -> str:
    """The line's text, without its end."""
    time = "N/A" if p.time_s is None else format_clock(p.time_s)
    bitrate = "N/A" if p.bitrate_bps is None else f"{p.bitrate_bps / 1000:6.1f}kbits/s"
    speed = "N/A" if p.speed is None else f"{p.speed:4.3g}x"
    losses = "".join(f" {key}={n}" for key, n in _losses(p, "drop"))
    live = "" if p.health is None else f" {live_words(p.health)}"
    size = f"{'L' if last else ''}size={p.bytes / 1024:8.0f}KiB"
    return f"frame={p.frames:5d} fps={p.fps:3.0f} {size} time={time} bitrate={bitrate}{losses} speed={speed}{live}    "


def _losses(p: Progress, dropped: str) -> list[tuple[str, int]]:
    """Words and counts, above 0, of what went wrong with pictures. dropped: the word for those left out."""
    found = (("dup", p.counts.duplicated), (dropped, p.counts.dropped_total), ("errors", p.errors))
    return [(word, count) for word, count in found if count]


class Bar(AbstractContextManager["Bar"]):
    """A progress bar on a terminal: part done, fps, speed, time left, losses, and how busy each thread is."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._rich = RichProgress(
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[text]}"),
            console=Console(stderr=True),
            auto_refresh=False,
            redirect_stdout=False,  # stdout is for data
        )
        self._task = self._rich.add_task("", total=None, text="")
        self._busy_s: Mapping[str, float] = {}
        self._elapsed_s = 0.0

    def __enter__(self) -> Bar:
        self._rich.start()
        return self

    def __exit__(self, *_: Any) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone
            self._rich.stop()

    def show(self, progress: Progress, last: bool = False) -> None:
        total = 1.0 if progress.part is not None or last else None
        done = progress.part or 0.0
        self._rich.update(self._task, total=total, completed=done, text=self._text(progress, last), refresh=True)

    def _text(self, p: Progress, last: bool) -> str:
        parts = [f"{p.frames} frames", f"{p.fps:.1f} fps"]
        if p.speed is not None:
            parts.append(f"{p.speed:.3g}x")
        if last:
            parts.append(f"{p.bytes / 1024:.0f} KiB in {format_clock(p.elapsed_s, 1)}")
        elif p.left_s is not None:
            parts.append(f"{format_clock(p.left_s, 0).removesuffix('.0')} left")
        parts += [f"{n} {word}" for word, n in _losses(p, "dropped")]
        if p.health is not None:
            parts.append(live_words(p.health))
        span = p.elapsed_s - self._elapsed_s
        if not last and span > 0:
            busy = {k: (s - self._busy_s.get(k, 0.0)) / span for k, s in p.busy_s.items()}
            parts.append(" ".join(f"{name} {min(part, 1):.0%}" for name, part in busy.items()))
            self._busy_s, self._elapsed_s = dict(p.busy_s), p.elapsed_s
        return "  ".join(parts)


def open_url(url: str) -> io.RawIOBase | io.BufferedIOBase:
    """Open the -progress URL: a file, `-`, pipe:N, tcp://host:port or http://host/path. Raises one of ours."""
    parts = urlsplit(url)
    if parts.scheme == "http":
        return _posted(url, parts.netloc, parts.path or "/")
    try:
        if url == "-":
            return os.fdopen(os.dup(1), "wb", buffering=0)
        if parts.scheme == "pipe":
            return os.fdopen(os.dup(int(parts.path or 1)), "wb", buffering=0)
        if parts.scheme == "tcp":
            return socket.create_connection((parts.hostname or "localhost", parts.port or 0), 10).makefile("wb")
        return open(parts.path if parts.scheme == "file" else url, "wb", buffering=0)
    except ValueError as error:
        raise UsageError(f"-progress {url}: pipe:N and tcp://host:port take a number ({error})") from None
    except OSError as error:
        raise OutputError(f"-progress {url}: {error.strerror or error}") from error


def _posted(url: str, host: str, path: str) -> _HttpBody:
    import http.client  # loads OpenSSL: milliseconds that nearly no start needs

    try:
        return _HttpBody(http.client.HTTPConnection(host, timeout=10), path)
    except (OSError, http.client.HTTPException) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise OutputError(f"-progress {url}: {reason or error}") from error


class _HttpBody(io.RawIOBase):
    """The body of an HTTP POST, sent in chunks as it is written: what ffmpeg does with an http URL."""

    def __init__(self, connection: HTTPConnection, path: str) -> None:
        self._connection = connection
        self._connection.putrequest("POST", path)
        self._connection.putheader("Transfer-Encoding", "chunked")
        self._connection.endheaders()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._connection.send(b"%x\r\n%s\r\n" % (len(data), bytes(data)))
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._connection.send(b"0\r\n\r\n")
            self._connection.close()
        super().close()
