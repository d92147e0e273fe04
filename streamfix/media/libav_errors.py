"""libav's errors as ours: one line that names the value, the place and the remedy."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import av
import av.logging
from av.container import InputContainer

from ..errors import DecodeError, InputError, LoginRefused, OutputError, UnusableInput
from .printable import printable
from .redact import redact
from .streams import is_mp4

log = logging.getLogger("streamfix.media")

# What libav finds wrong before it asks anybody: a URL's form, a value that an option does not take; and the answer of a
# server that has none of the transports that it was asked for (RTSP's 461).
_UNUSABLE = {errno.EINVAL, errno.ERANGE, errno.EPROTONOSUPPORT}
_REFUSED = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)

_OPEN_REMEDIES: tuple[tuple[type[BaseException], str], ...] = (
    (FileNotFoundError, "check the name"),
    (IsADirectoryError, "name a file in it"),
    (PermissionError, "check its permissions"),
)


def message_of(error: BaseException) -> str:
    """The message of libav or the system, without error numbers, Python's decoration or secrets."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    last = getattr(error, "log", None)
    if last and last[2].strip() and last[2].strip() not in text:
        text += f" ({last[1]}: {last[2].strip()})"
    return printable(redact(" ".join(str(text).split())))


def cannot_open(url: str, error: BaseException) -> InputError:
    """The error for an input that cannot be opened."""
    remedy = next((text for kind, text in _OPEN_REMEDIES if isinstance(error, kind)), "")
    if isinstance(error, av.error.InvalidDataError):
        remedy = _no_video(url)
    elif isinstance(error, av.error.ProtocolNotFoundError):
        return UnusableInput(f"{redact(url)}: {message_of(error)}; {_before_the_colon(url)}")
    elif isinstance(error, _REFUSED):
        return LoginRefused(f"{redact(url)}: {message_of(error)}; {_login_remedy(url, error)}")
    elif "Picture size 0x0" in message_of(error):
        remedy = "raw video has no header; describe it: -f rawvideo -video_size WxH -pix_fmt yuv420p -framerate 25"
    kind: type[InputError] = InputError
    if getattr(error, "errno", None) in _UNUSABLE:
        kind, remedy = UnusableInput, remedy or _usable(url, error)
    return kind(f"{redact(url)}: {message_of(error)}" + (f"; {remedy}" if remedy else ""))


def _no_video(url: str) -> str:
    if url.partition("://")[0].lower() in ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "tcp"):
        return "the server has ended the connection, or what it sends is no video"
    return "it is not a video, or it was cut off before its index was written (an MP4 without moov)"


def _login_remedy(url: str, error: BaseException) -> str:
    if "@" not in url.partition("://")[2].partition("/")[0]:
        return "put a user and a password before the host, as in user:password@host"
    if isinstance(error, av.error.HTTPForbiddenError):
        return "this user may not see it, or the account is locked; check its rights"
    return "check user and password; cameras lock an account after a few wrong ones"


def _usable(url: str, error: BaseException) -> str:
    """The remedy for an input that no other attempt can open."""
    if getattr(error, "errno", None) == errno.EPROTONOSUPPORT:
        return "the server has no such transport; choose another rtsp_transport, or leave it out"
    return f"check {'the form of the URL, its port, and ' if '://' in url else ''}the values of the options"


def _before_the_colon(url: str) -> str:
    """The remedy for a file name that libav read as a URL."""
    if os.path.exists(url):
        return f"its name has a colon; write it as file:{redact(url)}"
    return f"the part before the colon is read as a protocol; write a file of that name as file:{redact(url)}"


def reading_failed(url: str, at_s: float | None, error: BaseException, container: InputContainer) -> InputError:
    """The error for an input that breaks off. at_s: the time of its last packet, None if there was none."""
    invalid = isinstance(error, av.error.InvalidDataError)
    if at_s is None and invalid and is_mp4(container) and container.size <= 0:  # 0: a named pipe
        return InputError(
            f"{url}: this MP4 has its index at the end, and a pipe cannot be read twice; give the file's name, "
            "or move the index to the front: ffmpeg -i IN.mp4 -c copy -movflags +faststart OUT.mp4"
        )
    place = "at the first packet" if at_s is None else f"at {at_s:.3f} s"
    return (DecodeError if invalid else InputError)(f"{redact(url)}: reading failed {place}: {message_of(error)}")


def cannot_write(url: str, place: str, error: BaseException) -> OutputError:
    """The error for an output that cannot be opened or written. place: where in it, such as "at 3.200 s"."""
    remedy = "; free some space" if getattr(error, "errno", None) in (28, 122) else ""  # ENOSPC, EDQUOT
    if isinstance(error, av.error.ProtocolNotFoundError):
        remedy, place = f"; {_before_the_colon(url)}", ""
    return OutputError(f"{redact(url)}: {message_of(error)}{' ' + place if place else ''}{remedy}")


_shown: int | None = None


def show_libav(level: int) -> None:
    """From now on let libav write its own messages of at least `level` (av.logging.INFO, ...) to stderr."""
    global _shown  # libav has one callback a process
    _shown = level
    av.logging.set_libav_level(level)
    av.logging.restore_default_callback()


@contextmanager
def libav_is_quiet() -> Iterator[None]:
    """Hide libav's messages about something the user has not asked for, even after `show_libav`."""
    if _shown is not None:
        av.logging.set_libav_level(av.logging.PANIC)
    try:
        yield
    finally:
        if _shown is not None:
            av.logging.set_libav_level(_shown)


@contextmanager
def libav_explains() -> Iterator[None]:
    """Keep libav's last error message for `message_of` while something is opened.

    It must not stay on: libav's threads would then wait for Python's lock to log, and a thread that frees a decoder
    waits for them while it holds that lock.
    """
    with _heard(av.logging.ERROR):
        yield


class _Listeners:
    """The threads that listen to libav just now. It has one level for the whole process: the host's, before and after.

    One level for each thread, put back by each, would leave the last one's predecessor on for good.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._levels: list[int] = []
        self._before: int | None = None

    def add(self, level: int) -> None:
        with self._lock:
            if not self._levels:
                self._before = av.logging.get_level()
            self._levels.append(level)
            self._set()

    def remove(self, level: int) -> None:
        with self._lock:
            self._levels.remove(level)
            self._set()
            if not self._levels and self._before is None and _shown is not None:
                av.logging.restore_default_callback()

    def _set(self) -> None:
        if self._levels:
            av.logging.set_level(max(*self._levels, self._before or 0))
        else:
            av.logging.set_level(self._before)


_listeners = _Listeners()


@contextmanager
def _heard(least: int) -> Iterator[list[tuple[int, str, str]]]:
    """What libav says in this thread, from that level on: (level, name, text)."""
    _listeners.add(least)
    try:
        with av.logging.Capture(local=True) as said:
            yield said
    finally:
        _listeners.remove(least)


@contextmanager
def libav_answers() -> Iterator[list[tuple[int, str, str]]]:
    """What libav tells in this thread, of which nothing is shown: (level, name, text). As short as `libav_explains`."""
    with _heard(av.logging.INFO) as said:
        yield said
