"""Turns decoded frames upright, and scales those of another size to the first one's."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

import av
from av.video.stream import VideoStream

from ...coding import FrameCoding
from ..picture import convert
from ..picture import planes as picture
from ..picture.autorotate import AutorotateGraph, Matrix, display_matrix, places_turned, rotation_filters
from ..picture.places import Places
from ..streams import MappedStream

if TYPE_CHECKING:
    from ..privacy.burner import Burner

Shape: TypeAlias = tuple[int, int, str]  # width, height, pixel format

log = logging.getLogger("streamfix.media")


class Shaping:
    """What all frames of one stream have in common: upright, of one size and pixel format.

    burner: covers what nobody may see, before a picture is turned or scaled, and again behind that: zones are of the
    picture that is shown.
    first: what they are scaled to; None takes that of the first frame. coding: frames come with how they were coded.

    changed: the frame before it was of another size than this one. aspect: of the pixels, as they are now.
    """

    def __init__(
        self,
        mapped: MappedStream,
        first: Shape | None,
        *,
        autorotate: bool,
        coding: bool,
        burner: Burner | None = None,
    ) -> None:
        assert isinstance(mapped.stream, VideoStream)
        self._mapped, self._first, self._autorotate, self._coding = mapped, first, autorotate, coding
        self.burner = burner
        self._stated_aspect = mapped.stream.sample_aspect_ratio or None
        self._shape: Shape | None = None
        self._warned: Shape | None = None
        self._matrix: Matrix | None = None
        self._graph: AutorotateGraph | None = None
        self._places: Places | None = None  # of macroblocks that were turned
        self.changed = False

    @property
    def aspect(self) -> Fraction | None:
        turned = self._matrix is not None and any(name == "transpose" for name, _ in rotation_filters(self._matrix))
        return 1 / self._stated_aspect if self._stated_aspect and turned else self._stated_aspect

    def shape(
        self, frame: av.VideoFrame, coding: FrameCoding | None, at_s: float
    ) -> tuple[av.VideoFrame, FrameCoding | None]:
        """The frame in the common shape, and how it was coded; None for a frame that was scaled. at_s: its time."""
        given = frame if self.burner is None else self.burner.burn(frame)
        turned = self._turn(given)
        shaped = self._to_first_shape(turned, at_s)
        if coding is not None and turned is not given:
            coding = None if self._places is None else self._places.of(coding)
        if shaped is not turned:
            coding = None
        if self.burner is not None and (shaped is not given or (self._autorotate and display_matrix(given))):
            # A matrix that comes late turns nothing, and the zones of the picture as it is shown count too.
            shaped = self.burner.burn(shaped, upright=self._autorotate, record=False)
        return shaped, coding

    def _turn(self, frame: av.VideoFrame) -> av.VideoFrame:
        shape = (frame.width, frame.height, frame.format.name)
        if shape != self._shape or self._graph is not None:
            matrix = display_matrix(frame) if self._autorotate else None
            if shape != self._shape or matrix != self._matrix:
                self._matrix = matrix
                self._graph = AutorotateGraph(frame, matrix) if matrix and rotation_filters(matrix) else None
                self._places = None
                if self._coding and matrix is not None and self._graph is not None:
                    self._places = places_turned(frame, matrix)
            self._shape = shape
        return frame if self._graph is None else self._graph.turn(frame)

    def _to_first_shape(self, frame: av.VideoFrame, at_s: float) -> av.VideoFrame:
        """Scale the frame to the size and format that the stream began with, as ffmpeg does."""
        shape = (frame.width, frame.height, frame.format.name)
        self.changed = False
        if self._first is None:
            self._first = shape
        if shape == self._first:
            return frame
        width, height, pix_fmt = self._first
        if shape != self._warned:
            self._warned = shape
            self.changed = True
            log.warning(
                "%s: the picture changes from %dx%d %s to %dx%d %s at %.3f s; it is scaled to the first size",
                self._mapped, width, height, pix_fmt, *shape, at_s,
            )  # fmt: skip
        return convert.reformat(frame, pix_fmt, width, height, color=picture.color_of(frame))
