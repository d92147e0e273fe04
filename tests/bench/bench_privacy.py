"""What zones cost: CPU time of a frame at 1920x1080, of the copy alone and of what is painted over it.

`python -m tests.bench.bench_privacy`
"""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from typing import get_args

import numpy as np

from streamfix.media.privacy.burner import Burner
from streamfix.media.privacy.zones import Mode, Privacy, Zone
from tests.bench.processor import processor
from tests.media.secrets import show

_ZONES = (
    ((0.1, 0.2), (0.4, 0.15), (0.35, 0.6)),
    ((0.6, 0.5), (0.9, 0.5), (0.9, 0.9), (0.6, 0.9)),
)
_FRAMES, _ROUNDS = 60, 8


def cost_ms(work: Callable[[], object]) -> float:
    """CPU time of a call in the best of several rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        began_s = time.process_time()
        for _ in range(_FRAMES):
            work()
        best = min(best, time.process_time() - began_s)
    return best / _FRAMES * 1e3


def main() -> None:
    """Print a line for each pixel format."""
    print(f"{processor()}, NumPy {np.__version__}, 1920x1080, 19 percent covered")
    for pix_fmt in ("yuv420p", "yuv420p10le"):
        frame = show(0, np.zeros((1080, 1920), bool), pix_fmt, 0)
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        bare = Burner(Privacy(()))
        copy = cost_ms(lambda frame=frame, bare=bare: bare.burn(frame))  # type: ignore[misc]
        parts = [f"copy {copy:.2f} ms"]
        for mode in get_args(Mode):
            burner = Burner(Privacy(tuple(Zone(points, "z", mode) for points in _ZONES)))
            took = cost_ms(lambda frame=frame, burner=burner: burner.burn(frame))  # type: ignore[misc]
            parts.append(f"{mode} {took - copy:.2f} ms more")
        print(f"{pix_fmt}: {', '.join(parts)}")


if __name__ == "__main__":
    main()
