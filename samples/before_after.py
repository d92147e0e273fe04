#!/usr/bin/env python3
"""Show the same part of one frame from two clips side by side in a PNG, with labels.

    python samples/before_after.py noisy.mp4 restored.mp4 before_after.png
    python samples/before_after.py noisy.mp4 restored.mp4 sign.png --at 2.5 --crop 200x150+380+180 --zoom 3

Frames are matched by time, not by number. The second clip may be larger (super-resolution): the crop is
given in pixels of the first one and both are shown at the same size.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

LABEL_HEIGHT = 28


def times(clip: Path) -> list[float]:
    """Presentation times of a clip's frames in seconds, ascending, read from its packets without decoding."""
    with av.open(clip) as reader:
        video = reader.streams.video[0]
        return sorted(float(p.pts * p.time_base) for p in reader.demux(video) if p.pts is not None)


def frame_at(clip: Path, at_s: float) -> Picture:
    """Decode the last frame shown at or before at_s; (H, W, 3) uint8 BGR. Raises ValueError if there is none."""
    found: av.VideoFrame | None = None
    with av.open(clip) as reader:
        for frame in reader.decode(video=0):
            # Half a millisecond of tolerance: Matroska rounds times to milliseconds.
            if found is not None and frame.time > at_s + 0.0005:
                break
            found = frame
    if found is None:
        raise ValueError(f"{clip}: no frame could be decoded")
    return np.asarray(found.to_ndarray(format="bgr24"), np.uint8)


def parse_crop(text: str) -> tuple[int, int, int, int]:
    """Read WIDTHxHEIGHT+LEFT+TOP, the notation of X11 and ImageMagick."""
    match = re.fullmatch(r"(\d+)x(\d+)\+(\d+)\+(\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT+LEFT+TOP, e.g. 320x240+100+50")
    width, height, left, top = (int(group) for group in match.groups())
    return width, height, left, top


def cut_out(picture: Picture, crop: tuple[int, int, int, int], scale: float, size: tuple[int, int]) -> Picture:
    """Cut crop * scale out of a picture and resize it to size (width, height) without smoothing the pixels."""
    width, height, left, top = (round(value * scale) for value in crop)
    part = picture[top : top + height, left : left + width]
    if part.shape[:2] != (height, width):
        raise ValueError(
            f"crop {width}x{height}+{left}+{top} does not lie inside {picture.shape[1]}x{picture.shape[0]}"
        )
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def labelled(picture: Picture, label: str) -> Picture:
    """Put a bar with a label above a picture."""
    bar = np.zeros((LABEL_HEIGHT, picture.shape[1], 3), np.uint8)
    cv2.putText(bar, label, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([bar, picture])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("png", type=Path)
    parser.add_argument("--at", type=float, metavar="SECONDS", help="time of the frame (default: the middle one)")
    parser.add_argument(
        "--crop", type=parse_crop, metavar="WxH+X+Y", help="default: half the width and height, centred"
    )
    parser.add_argument("--zoom", type=int, default=2, help="pixels per pixel of the first clip (default: %(default)s)")
    parser.add_argument("--labels", nargs=2, default=("before", "after"), metavar=("BEFORE", "AFTER"))
    args = parser.parse_args()
    shown = times(args.before)
    if not shown:
        parser.error(f"{args.before}: no video packets")
    at_s = args.at if args.at is not None else shown[len(shown) // 2]
    before, after = frame_at(args.before, at_s), frame_at(args.after, at_s)
    height, width = before.shape[:2]
    crop = args.crop or (width // 2, height // 2, width // 4, height // 4)
    size = (crop[0] * args.zoom, crop[1] * args.zoom)
    parts = [cut_out(before, crop, 1, size), cut_out(after, crop, after.shape[1] / width, size)]
    sheet = np.hstack([labelled(part, label) for part, label in zip(parts, args.labels, strict=True)])
    if not cv2.imwrite(str(args.png), sheet):
        raise OSError(f"{args.png}: could not be written")
    print(f"{args.png}: frame at {at_s:.3f} s")


if __name__ == "__main__":
    main()
