"""From frames to the stacked picture: register, choose, average, back-project, and register again by the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from ..errors import BadOption, InputError
from ..frame import Frame, Planes
from . import deblur as wiener
from .backprojection import Plane, backproject, shares
from .choice import Candidate, candidates, simplest, weight_map
from .doubt import doubt
from .frames import Source, given
from .region import Floats, Matrix, Region, luma_to_plane, region
from .registration import MOTIONS, Motion, refined
from .sensor import View, view
from .stacked import Stacked, StackedFrame

MOST_FRAMES, ITERATIONS, SMOOTH, MIN_CORRELATION = 100, 20, 1.0, 0.7
_MOST_ITERATIONS = 200
ROUNDS = 2  # of registering again
_FIRST_ITERATIONS = 4  # before frames are registered again


def stack(
    source: Source,
    roi: Sequence[int] | None = None,
    scale: int = 4,
    *,
    corners: Sequence[float] | None = None,
    reference: int = 0,
    motion: Motion | Literal["auto"] = "auto",
    iterations: int = ITERATIONS,
    smooth: float = SMOOTH,
    deblur: str | None = None,
    min_correlation: float = MIN_CORRELATION,
    most_frames: int = MOST_FRAMES,
) -> Stacked:
    """Make one good picture of a region from many frames that show it.

        stacked = streamfix.stack("in.mp4", roi=(410, 220, 80, 32), scale=4)
        picture = stacked.rgb()  # (128, 320, 3) uint8

    The region is tracked and registered to a fraction of a pixel; frames that do not fit are left out, and
    `Stacked.frames` says which and why. What is left is averaged robustly and brought onto a finer grid by iterative
    back-projection: the picture is looked for that, seen by a sensor whose pixels average over their squares, gives
    the recorded frames. There is no learnt prior. The same input gives the same picture, bit for bit, however many
    threads there are.

    source: a path, URL or InputSpec (which says the time span), or frames: `Frame`s of one size, or arrays as OpenCV
    has them, (H, W, 3) BGR or (H, W) grey, uint8. Frames are taken in the order of their times.
    roi: (x, y, width, height) in pixels of the reference frame; the whole picture without it.
    scale: pixels of the result for each recorded one, on a side: 1 to 8.
    corners: x1, y1, ..., x4, y4 of something flat, in place of roi: from its top left clockwise, in pixels of the
    reference frame. The result shows it from the front.
    reference: which frame, in the order of their times, says where the region is and how it lies: 0 is the first.
    motion: how the region may move: "translation", "affine" or "homography"; "auto" takes the simplest that explains
    the frames.
    iterations: of back-projection, 0 to 200; 0 gives the average.
    smooth: how far steps between pixels are made smaller that the measured noise explains; 0 for not at all.
    deblur: a blur to undo by Wiener's filter, in recorded pixels: "gauss:SIGMA", "disc:RADIUS", "line:LENGTH:DEGREES".
    min_correlation: a frame whose region correlates less with the reference's is left out, 0 to 1.
    most_frames: with more the source is refused.

    Raises BadOption for a value that cannot be, InputError (DecodeError) if the source cannot be read or if no frame
    but the reference fits, UsageError if it holds no video.
    """
    _check(motion, iterations, smooth, min_correlation, most_frames)
    kernel = None if deblur is None else wiener.kernel(deblur)
    frames = given(source, most_frames)
    if not 0 <= reference < len(frames):
        raise BadOption(f"reference={reference}: there are frames 0 to {len(frames) - 1}")
    where = region((frames[0].frame.width, frames[0].frame.height), roi, corners, scale)
    with _one_thread():
        if motion == "auto":
            motion, found = simplest(frames, reference, where, min_correlation)
        else:
            found = candidates(frames, reference, where, motion, min_correlation)
        kept = [one for one in found if not one.reason]
        if len(frames) > 1 and sum(one is not found[reference] for one in kept) == 0:
            raise InputError(_no_frame_fits(found, reference))
        if not kept:
            raise InputError("the only frame is damaged; nothing can be made of it")
        for _ in range(ROUNDS):
            kept = _registered_again(kept, found[reference], where, motion)
        made = _Making(kept, where)
        planes = [made.plane(number, iterations, smooth) for number in range(made.planes)]
        values = [plane.values for plane in planes]
        if kernel is not None:
            sides = [(where.scale * m[0, 0], where.scale * m[1, 1]) for m in made.to_planes]
            # Chroma's finer grid has as many pixels for a recorded one of its own, which is larger.
            values = [wiener.undone(v, kernel.drawn(*side)) for v, side in zip(values, sides, strict=True)]
        return Stacked(
            frame=made.frame(values, frames[reference].frame),
            average=made.frame([plane.average for plane in planes], frames[reference].frame),
            single=made.resampled(found[reference]),
            registered=[made.resampled(one) for one in kept],
            planes=[made.cut(v, number) for number, v in enumerate(values)],
            error=made.cut(made.doubt(planes[0], values[0]), 0),
            frames=_accounts(found, kept, planes[0], made.unit),
            reference=reference,
            region=where,
            parameters={
                "roi": list(where.roi),
                "corners": None if where.corners is None else [list(point) for point in where.corners],
                "scale": where.scale,
                "reference": reference,
                "motion": motion,
                "iterations": iterations,
                "smooth": float(smooth),
                "deblur": None if kernel is None else str(kernel),
                "deblur_noise": wiener.NOISE,
                "min_correlation": float(min_correlation),
                "most_frames": most_frames,
                "sensor": "area",
            },
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Making:
    """The kept frames' planes, as they lie on the region's finer grid."""

    kept: Sequence[Candidate]
    region: Region

    @property
    def planes(self) -> int:
        return 1 if self.kept[0].given.frame.picture.format.kind == "gray" else 3

    @property
    def unit(self) -> float:
        """Codes of the recording for one of 8 bits."""
        return float(1 << (self.kept[0].given.frame.picture.format.depth - 8))

    @property
    def to_planes(self) -> list[Matrix]:
        return [luma_to_plane(self.kept[0].given.frame.picture.format, number) for number in range(self.planes)]

    def plane(self, number: int, iterations: int, smooth: float) -> Plane:
        return backproject(self.views(number), iterations, smooth, self.unit)

    def doubt(self, luma: Plane, values: Floats) -> Floats:
        """Of the luma, 8-bit codes. values: as they are in the result."""
        codings = [one.given.frame.coding for one in self.kept]
        quantisers = [float(np.mean(c.qp)) for c in codings if c is not None and c.qp is not None]
        unit = np.float32(self.unit)
        return doubt(luma.error / unit, values / unit, self.region.scale, quantisers)

    def views(self, number: int) -> list[View]:
        return [self.view(one, number) for one in self.kept]

    def view(self, one: Candidate, number: int) -> View:
        """A plane of a kept frame. Those lie in the frame for the most part, so there always is one."""
        assert one.to_frame is not None
        recorded = np.asarray(one.given.frame.picture.planes(one.given.frame.color).data[number], np.float32)
        to_plane = self.to_planes[number]
        across = to_plane @ one.to_frame @ self.region.to_reference() @ np.linalg.inv(to_plane)
        most = max(other.believed for other in self.kept)
        believed = one.believed / most
        weight = weight_map(one.given.frame.coding, one.given.luma.shape, believed)
        if weight is None:
            weight = np.full(recorded.shape, believed, np.float32)
        elif weight.shape != recorded.shape:
            size = recorded.shape[1], recorded.shape[0]
            weight = np.asarray(cv2.resize(weight, size, interpolation=cv2.INTER_NEAREST), np.float32)
        found = view(recorded, across, self._grid(number), self.region.scale, weight)
        assert found is not None
        return found

    def resampled(self, one: Candidate) -> Frame:
        """A frame on the finer grid by bicubic interpolation."""
        return self.frame([self.view(one, number).resampled() for number in range(self.planes)], one.given.frame)

    def frame(self, values: Sequence[Floats], like: Frame) -> Frame:
        """Planes on the finer grid as a picture, without their margin, rounded."""
        format = like.picture.format
        dtype = np.uint8 if format.depth == 8 else np.uint16
        data = tuple(
            np.clip(np.rint(self.cut(plane, number)), 0, format.max_code).astype(dtype)
            for number, plane in enumerate(values)
        )
        picture = Planes(format, *self.region.size, data)
        return replace(like.with_picture(picture), cut=False, damaged=False, origin=None)

    def cut(self, plane: Floats, number: int) -> Floats:
        """A plane without its margin."""
        format = self.kept[0].given.frame.picture.format
        height, width = format.plane_shapes(*self.region.size)[number]
        top, left = ((plane.shape[0] - height) + 1) // 2, ((plane.shape[1] - width) + 1) // 2
        return np.ascontiguousarray(plane[top : top + height, left : left + width])

    def _grid(self, number: int) -> tuple[int, int]:
        height, width = self.kept[0].given.frame.picture.format.plane_shapes(*self.region.grid)[number]
        return width, height


def _registered_again(
    kept: Sequence[Candidate], reference: Candidate, region: Region, motion: Motion
) -> list[Candidate]:
    """The frames, each registered to what all of them show: that has less noise and more detail than the reference."""
    if len(kept) < 3:
        return list(kept)
    made = _Making(kept, region)
    views = [replace(one, recorded=one.recorded / np.float32(made.unit)) for one in made.views(0)]
    fine = backproject(views, _FIRST_ITERATIONS, SMOOTH).values
    moved = [refined(one, fine, motion) for one in views]
    by_frame = dict(zip((one.given.number for one in kept), moved, strict=True))
    anchor = by_frame.get(reference.given.number)
    back = np.eye(3) if anchor is None else np.linalg.inv(anchor)
    again = []
    for one, move in zip(kept, moved, strict=True):
        assert one.to_frame is not None
        to_frame = (np.eye(3) if move is None else move) @ one.to_frame @ back
        again.append(replace(one, to_frame=to_frame / to_frame[2, 2]))
    return again


def _accounts(found: Sequence[Candidate], kept: Sequence[Candidate], luma: Plane, unit: float) -> list[StackedFrame]:
    residuals = dict(zip((one.given.number for one in kept), luma.sigmas, strict=True))
    final = {one.given.number: one for one in kept}
    counts = [one.believed * share for one, share in zip(kept, shares(luma.sigmas), strict=True)]
    weights = dict(zip((one.given.number for one in kept), counts, strict=True))
    rows = []
    for one in found:
        number, frame = one.given.number, one.given.frame
        one = final.get(number, one)
        coding = frame.coding
        rows.append(
            StackedFrame(
                number=number,
                pts=frame.pts,
                time_base=frame.time_base,
                reason=one.reason,
                to_frame=one.to_frame,
                correlation=one.correlation,
                sharpness=one.sharpness,
                weight=weights.get(number, 0.0) / max(counts),
                residual=residuals[number] / unit if number in residuals else None,
                picture_type=None if coding is None else coding.picture_type,
                qp=None if coding is None or coding.qp is None else float(np.mean(coding.qp)),
            )
        )
    return rows


def _no_frame_fits(found: Sequence[Candidate], reference: int) -> str:
    others = [one for i, one in enumerate(found) if i != reference]
    counts = {reason: sum(one.reason == reason for one in others) for reason in dict.fromkeys(o.reason for o in others)}
    best = max(one.correlation for one in others)
    shown = ", ".join(f"{reason} {count}" for reason, count in counts.items())
    return (
        f"none of the {len(others)} other frames fits the region of frame {reference} ({shown}; best correlation "
        f"{best:.2f}): look at the region and the time span, or lower min_correlation"
    )


def _check(motion: str, iterations: int, smooth: float, min_correlation: float, most_frames: int) -> None:
    if motion not in ("auto", *MOTIONS):
        raise BadOption(f"motion={motion}: it takes auto, {', '.join(MOTIONS)}")
    if iterations != int(iterations) or not 0 <= iterations <= _MOST_ITERATIONS:
        raise BadOption(f"iterations={iterations}: it takes a whole number from 0 to {_MOST_ITERATIONS}")
    if not 0 <= smooth <= 10:
        raise BadOption(f"smooth={smooth}: it takes 0 to 10")
    if not 0 <= min_correlation <= 1:
        raise BadOption(f"min_correlation={min_correlation}: it takes 0 to 1")
    if most_frames < 1:
        raise BadOption(f"most_frames={most_frames}: it takes 1 or more")


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV with one thread, so that sums are added in one order; then as it was."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
