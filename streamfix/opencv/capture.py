"""`VideoCapture` itself: methods and properties as cv2 has them."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2

from ..chainspec import parse_chain
from ..errors import BadOption, StreamfixError
from ..frame import Frame
from ..live.policy import LivePolicy, is_live
from ..live_video import open_live
from ..stream import Stream
from .opened import OpenedCamera, OpenedFile
from .request import pairs_of, spec_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..jobs.pool import FilterPool

log = logging.getLogger("streamfix.opencv")

_APIS = {cv2.CAP_ANY, cv2.CAP_FFMPEG, cv2.CAP_V4L2}
_TIMEOUT_S = 30.0  # cv2's own, for opening and for reading


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
        self._opened: OpenedFile | OpenedCamera | None = None
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
            self._settings |= pairs_of(params or ())
            spec = spec_of(filename, self._settings)
            timeout_s = self._settings.get(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 0) / 1000 or _TIMEOUT_S
            if is_live(spec.url, spec.format):
                chain = parse_chain(self.chain) if self.chain else []
                device = self._device if self._pool is None else self._pool.device_for(self._device)
                video = open_live(spec, chain, self._policy, device=device, pool=self._pool)
                self._opened = OpenedCamera(video, timeout_s)
            else:
                if self._stream is None:
                    self._stream = Stream(self.chain, device=self._device, live=False, pool=self._pool)
                self._opened = OpenedFile(spec, self._stream, self.chain)
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
        if not isinstance(opened, OpenedFile) or not rate:
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


def _unknown(property: int) -> float:
    return float(cv2.VideoCapture().get(property))
