"""cv2.VideoCapture with a chain of filters: the same methods, and restored pictures.

cap = streamfix.opencv.VideoCapture("in.mp4", chain="denoise")
while True:
    ok, picture = cap.read()
    if not ok:
        break
    ...
cap.release()
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from .chainspec import parse_chain
from .errors import BadOption, InputError, StreamfixError
from .filters import FILTERS
from .frame import Frame, VideoInfo, scaled
from .jobs import split_privacy
from .live.policy import LivePolicy, is_live
from .live_video import LiveVideo, open_live
from .media.input.reader import Reader
from .media.specs import InputSpec
from .stream import Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .jobs.pool import FilterPool

__all__ = ["VideoCapture"]

log = logging.getLogger("streamfix.opencv")

_APIS = {cv2.CAP_ANY, cv2.CAP_FFMPEG, cv2.CAP_V4L2}
_TIMEOUT_S = 30.0  # cv2's own, for opening and for reading
_DEVICE_OPTIONS = {cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS}
_PARAMS = {
    *_DEVICE_OPTIONS,
    *(cv2.CAP_PROP_CONVERT_RGB, cv2.CAP_PROP_N_THREADS, cv2.CAP_PROP_ORIENTATION_AUTO),
    *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC, cv2.CAP_PROP_BUFFERSIZE),
}


class VideoCapture:
    """A file, URL or camera as `cv2.VideoCapture` opens it, with restored pictures.

        cap = streamfix.opencv.VideoCapture("in.mp4", chain="denoise")
        ok, picture = cap.read()  # (H, W, 3) uint8 B'G'R'

    For a program or a library that makes its captures itself, give cv2 a class of yours before that is imported:

        class Denoised(streamfix.opencv.VideoCapture):
            chain = "denoise"

        cv2.VideoCapture = Denoised

    filename: a path, a URL, or the number of a camera (/dev/videoN). apiPreference: CAP_ANY, CAP_FFMPEG or CAP_V4L2.
    params: pairs of property and value to open with. chain: filters as after -vf; "" for none. device, pool,
    max_latency: as for `Stream` and `live`.

    What differs from cv2: filters that look ahead do so in files. Of a camera (rtsp:, udp:, a device) `grab` takes the
    newest picture, not the oldest that waits, and one that goes away is connected again. With CAP_PROP_CONVERT_RGB 0
    pictures are I420, (H * 3/2, W). Width and height are those of the pictures that come. After a seek, which is exact
    where the frame rate is constant, filters begin anew. Why something failed is logged, and in exception mode it is
    what cv2.error says.
    """

    chain: str = "denoise"

    def __init__(
        self,
        filename: str | os.PathLike[str] | int | None = None,
        apiPreference: int = cv2.CAP_ANY,
        params: Sequence[int] | None = None,
        *,
        chain: str | None = None,
        device: str = "auto",
        max_latency: float = 0.2,
        pool: FilterPool | None = None,
    ) -> None:
        self.chain = type(self).chain if chain is None else chain
        self._device, self._pool = device, pool
        self._policy = LivePolicy(max_latency_s=max_latency)
        self._stream: Stream | None = None
        self._raises = False
        self._opened: _File | _Camera | None = None
        self._frame: Frame | None = None
        self._settings: dict[int, float] = {}
        if filename is not None:
            self.open(filename, apiPreference, params)

    def open(
        self,
        filename: str | os.PathLike[str] | int,
        apiPreference: int = cv2.CAP_ANY,
        params: Sequence[int] | None = None,
    ) -> bool:
        """Open it; False if that fails, for a wrong chain too. Raises cv2.error instead in exception mode."""
        self.release()
        self._settings = {cv2.CAP_PROP_CONVERT_RGB: 1.0}
        try:
            if apiPreference not in _APIS:
                raise BadOption(f"apiPreference={apiPreference}: it reads by CAP_FFMPEG and CAP_V4L2; take CAP_ANY")
            self._settings |= _pairs(params or ())
            spec = _spec(filename, self._settings)
            timeout_s = self._settings.get(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 0) / 1000 or _TIMEOUT_S
            if is_live(spec.url, spec.format):
                chain = parse_chain(self.chain) if self.chain else []
                device = self._device if self._pool is None else self._pool.device_for(self._device)
                video = open_live(spec, chain, self._policy, device=device, pool=self._pool)
                self._opened = _Camera(video, timeout_s)
            else:
                if self._stream is None:
                    self._stream = Stream(self.chain, device=self._device, live=False, pool=self._pool)
                self._opened = _File(spec, self._stream, self.chain)
        except StreamfixError as error:
            return self._failed(f"could not open {filename!r}", error)
        return True

    def isOpened(self) -> bool:
        """True from a successful `open` to `release`."""
        return self._opened is not None

    def grab(self) -> bool:
        """Go to the next picture; False if there is none."""
        self._frame = None
        if self._opened is None:
            return False
        try:
            self._frame = self._opened.next(self._settings.get(cv2.CAP_PROP_READ_TIMEOUT_MSEC, 0) / 1000 or _TIMEOUT_S)
        except StreamfixError as error:
            return self._failed("no picture", error)
        if self._frame is None and self._raises:
            raise cv2.error("grab: there are no more pictures")
        return self._frame is not None

    def retrieve(self, image: NDArray[Any] | None = None, flag: int = 0) -> tuple[bool, NDArray[Any] | None]:
        """The picture that was grabbed; written into `image` if that has its shape."""
        if self._frame is None:
            return False, None
        found = self._frame.array("bgr24" if self._settings[cv2.CAP_PROP_CONVERT_RGB] else "i420")
        if image is not None and image.shape == found.shape and image.dtype == found.dtype:
            image[...] = found
            found = image
        return True, found

    def read(self, image: NDArray[Any] | None = None) -> tuple[bool, NDArray[Any] | None]:
        """`grab` and `retrieve`."""
        return self.retrieve(image) if self.grab() else (False, None)

    def release(self) -> None:
        """Close it; the filters stay loaded for another `open`."""
        opened, self._opened, self._frame = self._opened, None, None
        if opened is not None:
            opened.close()
        if self._stream is not None:
            self._stream.reset()

    def get(self, propId: int) -> float:
        """A property; what this build of cv2 gives for one that there is not."""
        if self._opened is None:
            return _unknown(propId)
        info = self._opened.info
        aspect = info.sample_aspect_ratio or Fraction(0)
        known: dict[int, Any] = {
            cv2.CAP_PROP_ORIENTATION_AUTO: 1,
            **self._settings,
            cv2.CAP_PROP_POS_MSEC: self._opened.position_s * 1000,
            cv2.CAP_PROP_POS_FRAMES: self._opened.number,
            cv2.CAP_PROP_FPS: info.rate or 0,
            cv2.CAP_PROP_FRAME_COUNT: info.frames or 0,
            cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*self._opened.fourcc),
            cv2.CAP_PROP_SAR_NUM: aspect.numerator,
            cv2.CAP_PROP_SAR_DEN: aspect.denominator,
            cv2.CAP_PROP_FORMAT: 0 if not self._settings[cv2.CAP_PROP_CONVERT_RGB] else cv2.CV_8UC3,
            cv2.CAP_PROP_BACKEND: cv2.CAP_FFMPEG,
        }
        if propId in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            return float(self._opened.size[propId == cv2.CAP_PROP_FRAME_HEIGHT])
        return float(known[propId]) if propId in known else _unknown(propId)

    def set(self, propId: int, value: float) -> bool:
        """Seek, or turn the conversion to B'G'R' on and off; False for what cannot be set."""
        opened = self._opened
        if opened is None:
            return False
        if propId == cv2.CAP_PROP_CONVERT_RGB:
            self._settings[propId] = float(bool(value))
            return True
        if propId == cv2.CAP_PROP_READ_TIMEOUT_MSEC:
            self._settings[propId] = float(value)
            return True
        rate = opened.info.rate
        if not isinstance(opened, _File) or not rate:
            return False
        if propId == cv2.CAP_PROP_POS_FRAMES:
            number = round(value)
        elif propId == cv2.CAP_PROP_POS_MSEC:
            number = round(value / 1000 * rate)
        elif propId == cv2.CAP_PROP_POS_AVI_RATIO and opened.info.frames:
            number = round(value * opened.info.frames)
        else:
            return False
        self._frame = None
        try:
            opened.seek(max(number, 0))
        except StreamfixError as error:
            return self._failed(f"could not go to picture {number}", error)
        return True

    def getBackendName(self) -> str:
        """ "STREAMFIX". Raises cv2.error while nothing is open, as cv2 does."""
        if self._opened is None:
            raise cv2.error("getBackendName: nothing is open")
        return "STREAMFIX"

    def setExceptionMode(self, enable: bool) -> None:
        """Whether a failure raises cv2.error."""
        self._raises = bool(enable)

    def getExceptionMode(self) -> bool:
        """Whether a failure raises cv2.error."""
        return self._raises

    def __del__(self) -> None:
        with suppress(Exception):
            self.release()
            if self._stream is not None:
                self._stream.close()

    def _failed(self, what: str, error: StreamfixError) -> bool:
        if self._raises:
            raise cv2.error(f"{what}: {error}") from error
        log.warning("%s: %s", what, error)
        return False


class _File:
    """A file's restored frames, from any of them on. number: of frames that were taken; position_s: of the last."""

    def __init__(self, spec: InputSpec, stream: Stream, chain: str) -> None:
        self._spec, self._stream = spec, stream
        self._reader = self._open(spec)
        self.info: VideoInfo = self._reader.info
        self.fourcc = _fourcc(self._reader)
        self.number, self.position_s = 0, 0.0
        self._begin_s, self._sought = 0.0, False
        self._ahead: Frame | None = None
        filters = split_privacy(parse_chain(chain) if chain else [])[1]
        self._sized = all(one.name in FILTERS or one.name == "null" for one in filters)
        self._frames = self._restored(self._reader)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures that come."""
        if self._sized:
            return scaled(self.info.width, self._stream.scale), scaled(self.info.height, self._stream.scale)
        self._ahead = self._ahead or next(self._frames, None)
        return (self._ahead.width, self._ahead.height) if self._ahead else (self.info.width, self.info.height)

    def next(self, timeout_s: float) -> Frame | None:
        ahead, self._ahead = self._ahead, None
        frame = ahead or next(self._frames, None)
        if frame is not None:
            if self._sought:  # -ss counts times from itself, rounded to the container's time base
                self._sought, self._begin_s = False, float(self.number / (self.info.rate or 1)) - frame.time_s
            self.number += 1
            self.position_s = self._begin_s + frame.time_s
        return frame

    def seek(self, number: int) -> None:
        """Go to where the frame of that number is next."""
        self._close()
        rate, count = self.info.rate, self.info.frames
        assert rate
        number = min(number, count) if count else number
        self.number, self.position_s = number, max(float((number - 1) / rate), 0.0)
        self._begin_s, self._sought = 0.0, number > 0
        spec = self._spec
        if number and count and number >= count:
            self._frames = iter(())
            return
        if number:
            # between two frames, whichever way their times are rounded
            spec = replace(spec, start_s=(number - Fraction(1, 2)) / rate)
        self._reader = self._open(spec)
        self._frames = self._restored(self._reader)

    def close(self) -> None:
        self._close()

    def _close(self) -> None:
        self._frames, self._ahead = iter(()), None
        self._stream.reset()
        with suppress(StreamfixError):  # of what is not read to its end
            self._reader.close()

    def _open(self, spec: InputSpec) -> Reader:
        return Reader((spec,), audio=False, subtitles=False, data=False, coding=self._stream.wants_coding)

    def _restored(self, reader: Reader) -> Iterator[Frame]:
        for item in reader:
            if isinstance(item, Frame):
                yield from self._stream.push(item)
        yield from self._stream.flush()


class _Camera:
    """A camera's newest frame. The first one waits to be taken, so that its properties are known."""

    def __init__(self, video: LiveVideo, timeout_s: float) -> None:
        self._video = video
        self.number, self.position_s, self._begin_s = 0, 0.0, 0.0
        try:
            self._ahead = video.read(timeout_s)
        except BaseException:
            video.close()
            raise
        if self._ahead is None or video.info is None:
            video.close()
            raise InputError(f"no picture within {timeout_s:g} s")
        self.info: VideoInfo = video.info
        self.size = self._ahead.width, self._ahead.height
        self.fourcc = _letters(video.codec or "")
        self._begin_s = self._ahead.time_s

    def next(self, timeout_s: float) -> Frame | None:
        ahead, self._ahead = self._ahead, None
        frame = ahead or self._video.read(timeout_s)
        if frame is not None:
            self.number += 1
            self.position_s = frame.time_s - self._begin_s
        return frame

    def close(self) -> None:
        self._video.close()


def _spec(filename: str | os.PathLike[str] | int, settings: dict[int, float]) -> InputSpec:
    """What is to be read."""
    threads = int(settings.get(cv2.CAP_PROP_N_THREADS, 0))
    upright = bool(settings.get(cv2.CAP_PROP_ORIENTATION_AUTO, 1))
    if not isinstance(filename, int):
        return InputSpec(os.fspath(filename), thread_count=threads, autorotate=upright)
    options: dict[str, str] = {}
    width, height = (settings.get(p, 0) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if width and height:
        options["video_size"] = f"{int(width)}x{int(height)}"
    if rate := settings.get(cv2.CAP_PROP_FPS, 0):
        options["framerate"] = f"{rate:g}"
    return InputSpec(f"/dev/video{filename}", format="v4l2", options=options, thread_count=threads)


def _pairs(params: Sequence[int]) -> dict[int, float]:
    """Property and value by turns. Raises BadOption for one that cannot be opened with."""
    values = np.asarray(params).reshape(-1).tolist()
    if len(values) % 2:
        raise BadOption(f"params={values}: a value is missing; they are property and value by turns")
    pairs = dict(zip(values[::2], map(float, values[1::2]), strict=True))
    if unknown := set(pairs) - _PARAMS:
        raise BadOption(f"params={values}: property {min(unknown)} cannot be opened with")
    return pairs


def _fourcc(reader: Reader) -> str:
    """Four letters for the codec, as cv2 has them: its name if that has four, else the container's tag."""
    video = next(s for s in reader.streams if s.restored)
    tag: Any = getattr(video.stream.codec_context, "codec_tag", "")
    name = video.codec if len(video.codec) == 4 else tag if isinstance(tag, str) else ""
    return _letters(name)


def _letters(name: str) -> str:
    return (name + "\0\0\0\0")[:4]


def _unknown(property: int) -> float:
    return float(cv2.VideoCapture().get(property))
