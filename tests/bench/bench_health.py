"""Whether the examiner finds each fault of a camera in its time, and stays silent for a day. On clips of fixed cameras.

`python -m tests.bench.bench_health CLIP ...` prints the ratios of each disturbance, when each fault was told, what a
day of looped pictures with two twilights and a night under infrared light told, and what a look costs.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from streamfix.health import HEIGHT, WIDTH, Edges, Examiner, Kind, Sight, sight_of
from streamfix.media.picture.planes import frame_from_av
from tests.bench.processor import processor

Luma = NDArray[np.uint8]
Change = Callable[[Luma], Luma]
_STEP_S = 0.5
_PICTURE_S = 0.2  # a clip's time between two pictures that follow each other here
_LEARN_S = 680.0
_DAY_S = 24 * 3600.0
_FEW = 6  # full pictures that the ratios are of
_random = np.random.default_rng(1)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--step", type=float, default=_STEP_S, help="seconds between two pictures of the day")
    arguments = parser.parse_args()
    clips = [(path.stem[:12], *pictures(path)) for path in arguments.clips]
    print(f"{processor()}, NumPy {np.__version__}, OpenCV {cv2.__version__}")
    print(f"\n| disturbance | {' | '.join(name for name, *_ in clips)} |\n|---|{'---|' * len(clips)}")
    for what, change in DISTURBANCES.items():
        print(f"| {what} | {' | '.join(ratio(small, full, change) for _, small, full in clips)} |")
    print(f"\n| fault | {' | '.join(name for name, *_ in clips)} |\n|---|{'---|' * len(clips)}")
    for fault, (change, kind, within_s) in FAULTS.items():
        print(f"| {fault} | {' | '.join(found(small, change, kind, within_s) for _, small, _ in clips)} |")
    print("\n| a day | told | lowest ratio | judged of the time | CPU s |\n|---|---|---|---|---|")
    for name, small, _ in clips:
        print(f"| {name} | {day(small, arguments.step)} |", flush=True)
    print(f"\na look: {cost(arguments.clips[0])}")


def pictures(path: Path) -> tuple[list[Luma], list[Luma]]:
    """A clip's luma: all pictures small, and a few as they are."""
    small, full = list[Luma](), list[Luma]()
    with av.open(path) as container:
        for i, frame in enumerate(container.decode(video=0)):
            luma = np.asarray(frame.to_ndarray(format="gray"), np.uint8)
            small.append(_small(luma))
            if i % 60 == 0 and len(full) < _FEW:
                full.append(luma)
    return small, full


def _small(luma: Luma) -> Luma:
    return np.asarray(cv2.resize(luma, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _codes(values: NDArray[np.floating]) -> Luma:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _blurred(sigma: float) -> Change:
    """Out of focus. sigma: in pixels of a picture that is 640 wide."""
    return lambda luma: np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma * luma.shape[1] / 640), np.uint8)


def _noisy(sigma: float) -> Change:
    return lambda luma: _codes(luma + _random.normal(0, sigma, luma.shape))


def _jpeg(luma: Luma) -> Luma:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", luma, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], 0), np.uint8)


def infrared(luma: Luma) -> Luma:
    """A lamp beside the lens: another tone curve, darker towards the corners, noise."""
    height, width = luma.shape
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    lit = (luma / 255.0) ** 0.7 * (1.1 - 0.5 * (across**2 + down**2))
    return _codes(lit * 204 + _random.normal(0, 6 * width / 1280, luma.shape))


def _fog(share: float) -> Change:
    return lambda luma: _codes(luma * (1 - share) + 200.0 * share)


DISTURBANCES: dict[str, Change] = {
    "none": lambda luma: luma,
    "light x0.6": lambda luma: _codes(luma * 0.6),
    "light x1.4": lambda luma: _codes(luma * 1.4),
    "infrared, against the day": infrared,
    "noise 10": _noisy(10),
    "noise 20": _noisy(20),
    "fog 50 %": _fog(0.5),
    "fog 80 %": _fog(0.8),
    "JPEG quality 20": _jpeg,
    "defocus sigma 1.5": _blurred(1.5),
    "defocus sigma 3": _blurred(3),
    "defocus sigma 6": _blurred(6),
    "cover": lambda luma: np.full_like(luma, 60),
}


def ratio(small: list[Luma], full: list[Luma], change: Change) -> str:
    """The median block's ratio against the clip's median picture."""
    at = np.linspace(0, len(small) - 1, 60).astype(int)
    edges = Edges(np.median(np.stack([small[i] for i in at]), axis=0))
    if not edges.judged.any():
        return "no edges"
    ratios = [np.median(edges.likeness(_small(change(luma))).ratios[edges.judged]) for luma in full]
    return f"{np.median(ratios):.2f}"


def _covered(luma: Luma) -> Luma:
    made = luma.copy()
    made[:, : WIDTH * 6 // 10] = 40
    return made


def _dirty(luma: Luma) -> Luma:
    made = luma.copy()
    made[60:140, 100:200] = cv2.GaussianBlur(luma, (0, 0), 8)[60:140, 100:200]
    return made


#: name -> what it does to a small picture, what it has to be called, and within how many seconds
FAULTS: dict[str, tuple[Change, Kind, float]] = {
    "out of focus (sigma 3)": (lambda luma: np.asarray(cv2.GaussianBlur(luma, (0, 0), 2.0), np.uint8), "defocused", 60),
    "60 % covered": (_covered, "covered", 10),
    "all covered, with noise": (lambda luma: _codes(_random.normal(70, 4, luma.shape)), "covered", 10),
    "moved by 2 %": (lambda luma: np.roll(luma, 6, 1), "moved", 10),
    "moved by 6 %, 6 %": (lambda luma: np.roll(luma, (11, 20), (0, 1)), "moved", 10),
    "looks elsewhere": (lambda luma: luma[::-1, ::-1].copy(), "moved", 10),
    "black": (lambda luma: np.zeros_like(luma), "blank", 2),
    "white": (lambda luma: np.full_like(luma, 250), "blank", 2),
    "a smear on 14 % of the lens": (_dirty, "dirty", 600),
    "frozen": (lambda luma: luma, "frozen?", 10),
}


def found(small: list[Luma], change: Change, kind: Kind, within_s: float) -> str:
    """When the fault was told after it began, and what else was."""
    examiner, told = Examiner(), []
    for at_s in np.arange(0, _LEARN_S + within_s + 30, _STEP_S):
        after_s = float(at_s) - _LEARN_S
        luma = small[int(at_s / _PICTURE_S) % len(small)]
        digest = 0 if kind == "frozen?" and after_s >= 0 else int(at_s * 1000) + 1
        sight = Sight(change(luma) if after_s >= 0 else luma, False, digest)
        told += [(one.fault.kind, after_s) for one in examiner.see(sight, float(at_s)) if one.begins]
    times = [after_s for what, after_s in told if what == kind]
    others = sorted({what for what, _ in told if what != kind})
    said = f"{times[0]:.1f} s" if times else examiner.verdict.unjudged.partition(" of 144")[0] or "NOT FOUND"
    return said + (f", and {', '.join(others)}" if others else "")


def day(small: list[Luma], step_s: float) -> str:
    """What a day without a fault told."""
    examiner, told, lowest, judged, looks = Examiner(), [], math.inf, 0, 0
    began_s = time.process_time()
    for at_s, luma, grey in hours(small, step_s):
        told += [c.fault.kind for c in examiner.see(Sight(luma, grey, int(at_s * 1000)), at_s) if c.begins]
        looks += 1
        if examiner.verdict.ratio is not None:
            judged += 1
            lowest = min(lowest, examiner.verdict.ratio)
    took_s = time.process_time() - began_s
    low = "-" if math.isinf(lowest) else f"{lowest:.2f}"
    return f"{len(told)} {' '.join(sorted(set(told)))} | {low} | {judged / looks:.0%} | {took_s:.0f}"


def hours(small: list[Luma], step_s: float) -> Iterator[tuple[float, Luma, bool]]:
    """A day from noon to noon: full light, dusk from 17 to 19 h, infrared light until 6 h, dawn until 8 h.

    Shadows turn: another side of the picture is the darker one in the morning. Exposure wanders; noise grows with the
    darkness.
    """
    across = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None]
    night = [infrared(luma) for luma in small[:: max(1, len(small) // 100)]]
    for at_s in np.arange(0, _DAY_S, step_s):
        hour = (at_s / 3600 + 12) % 24
        if hour >= 19 or hour < 6:
            luma = night[int(at_s / _PICTURE_S) % len(night)]
            grain = _random.integers(-3, 4, luma.shape, np.int16)
            yield float(at_s), np.clip(luma + grain, 0, 255).astype(np.uint8), True
            continue
        luma = small[int(at_s / _PICTURE_S) % len(small)]
        light = min(1.0, 0.12 + 0.88 * min(abs(hour - 19), abs(hour - 6)) / 2)
        exposure = light * (1 + 0.15 * math.sin(at_s / 97)) * (1 + 0.25 * across * math.cos(hour / 24 * 2 * math.pi))
        grain = _random.integers(-3, 4, luma.shape, np.int16) * np.int16(light < 0.5)
        yield float(at_s), np.clip(luma * exposure + grain, 0, 255).astype(np.uint8), False


def cost(path: Path) -> str:
    """CPU time of taking the small picture, and of judging it."""
    examiner = Examiner()
    with av.open(path) as container:
        stream = container.streams.video[0]
        base, decoded = stream.time_base or Fraction(1, 25), container.decode(stream)
        frames = [frame_from_av(frame, base) for frame, _ in zip(decoded, range(25), strict=False)]
    large = [frame_from_av(f.av().reformat(1920, 1080), f.time_base) for f in frames[:5]]
    lines = []
    for name, shown in ((f"{frames[0].width}x{frames[0].height}", frames), ("1920x1080", large)):
        began_s = time.process_time()
        sights = [sight_of(frame) for _ in range(8) for frame in shown]
        lines.append(f"{(time.process_time() - began_s) / len(sights) * 1e3:.2f} ms to take it at {name}")
    at_s = 0.0
    while examiner.verdict.ratio is None and at_s < 2 * _LEARN_S:
        examiner.see(sights[int(at_s) % len(sights)], at_s)
        at_s += 1
    changes: dict[str, Change] = {"judge it": lambda luma: luma, "judge a moved one": lambda luma: np.roll(luma, 9, 1)}
    for what, change in changes.items():
        began_s = time.process_time()
        for i in range(200):
            sight = sights[i % len(sights)]
            examiner.see(Sight(change(sight.luma), sight.grey, i), at_s + i * _STEP_S)
        lines.append(f"{(time.process_time() - began_s) / 200 * 1e3:.2f} ms to {what}")
        at_s += 200
    return ", ".join(lines) + "; two looks a second"


if __name__ == "__main__":
    main()
