#!/usr/bin/env python3
"""streamfix as a library: a whole file at once, then frame by frame.

python samples/library_use.py samples/campus.avi restored.mp4
"""

from __future__ import annotations

import sys

import streamfix


def main(source: str, target: str) -> None:
    # A whole file: the chain is what -vf takes; audio and everything else is copied.
    streamfix.restore(source, target, "denoise")

    # Frame by frame, for your own loop: rgb() is a (height, width, 3) uint8 array.
    for number, frame in enumerate(streamfix.open(source).filter("smooth")):
        picture = frame.rgb()
        print(number, frame.pts, picture.shape, f"mean {picture.mean():.1f}")
        if number == 4:
            break


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
