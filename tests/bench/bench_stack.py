"""One frame, the registered average and `streamfix.stack` on plates with known text, moved over real backgrounds.

    python -m tests.bench.bench_stack [CLIP ...] [--sheet FILE.jpg]

A plate of 640x200 pixels moves over each clip's first frame by about a pixel a frame and some jitter, 16 frames, and is
recorded at a quarter of that: with noise of 6 codes, and the same behind x264 at crf 28, read back from the file. PSNR
is the plate's luma against what was recorded: of the best frame by bicubic interpolation, of the average of the
registered frames, and of the stack; of that in evidence, too, which smooths nothing. CLIP: samples/ unless named.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import streamfix
from streamfix.evaluation.results import machine
from streamfix.stack.making import stack
from streamfix.stack.stacked import Stacked

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results" / "stack.json"
SAMPLES = ("campus.avi", "city.ts", "bunny.mp4")
SCALE, FRAMES, NOISE, CRF = 4, 16, 6.0, 28
LEAST = {"noise 6": (27.4, 28.8, 34.7), "noise 6, x264 crf 28": (25.5, 25.7, 27.2)}  # one frame, average, stack
_SIZE = 640, 200  # of the plate with what is around it, fine pixels
_PLATE = 60, 50, 580, 160
# Where that lies in the scene, fine pixels; whole recorded ones. The scene is then 208x96, whole macroblocks: behind
# other sizes x264 depended on what had lain in memory before.
_AT = 96, 92
TEXTS = ("KM 4817 TQ", "B XR 2903", "HH 71 EVA")

Floats = NDArray[np.float32]


def scene(background: NDArray[np.uint8], text: str) -> Floats:
    """A plate in front of a real picture, (H, W) codes of luma."""
    width, height = _SIZE[0] + 2 * _AT[0], _SIZE[1] + 2 * _AT[1]
    picture = cv2.resize(background, (width, height), interpolation=cv2.INTER_AREA)
    left, top, right, bottom = _PLATE
    cv2.rectangle(picture, (left + _AT[0], top + _AT[1]), (right + _AT[0], bottom + _AT[1]), 235, -1)
    at = (_AT[0] + 75, _AT[1] + 128)
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 2.4, 20, 9, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.2), np.float32)


def recorded(fine: Floats, seed: int) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.float64]]]:
    """Frames with noise, and the shift of each in fine pixels; the first one's is 0."""
    rng, frames, moves = np.random.default_rng(seed), [], []
    for i in range(FRAMES):
        move = np.array([0.9 * i, 0.5 * i]) + (rng.normal(0, 0.7, 2) if i else 0)
        there = cv2.warpAffine(
            fine, np.array([[1, 0, move[0]], [0, 1, move[1]]]), fine.shape[::-1],
            flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        small = cv2.resize(there, (fine.shape[1] // SCALE, fine.shape[0] // SCALE), interpolation=cv2.INTER_AREA)
        noisy = small + rng.normal(0, NOISE, small.shape)
        frames.append(np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8))
        moves.append(move)
    return frames, moves


def written(path: Path, frames: Sequence[NDArray[np.uint8]], codec: str, **options: str) -> Path:
    """The frames as a file; their luma is full range, as it is compared."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=Fraction(25), options=options)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape, "yuv420p"
        for luma in frames:
            flat = np.concatenate((luma, np.full((luma.shape[0] // 2, luma.shape[1]), 128, np.uint8)))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(flat, format="yuv420p")))
        out.mux(stream.encode(None))
    return path


def psnr(luma: Any, true: Floats) -> float:
    """dB, of the plate without 30 fine lines and 60 columns around."""
    inside = (slice(30, -30), slice(60, -60))
    return float(10 * np.log10(255**2 / np.mean(np.square(np.asarray(luma, np.float32)[inside] - true[inside]))))


def within(found: Stacked, true: Floats) -> float:
    """Share of the plate's pixels that are no further from the truth than twice their standard error."""
    inside = (slice(30, -30), slice(60, -60))
    return float(np.mean(np.abs(found.planes[0] - true)[inside] <= 2 * found.error[inside]))


def best_single(frames: Sequence[Any], moves: Sequence[NDArray[np.float64]], true: Floats) -> float:
    """Of the single frames by bicubic interpolation, each laid where it truly was."""
    found = []
    for luma, move in zip(frames, moves, strict=True):
        large = cv2.resize(luma, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
        back = np.array([[1, 0, -move[0] - _AT[0]], [0, 1, -move[1] - _AT[1]]])
        found.append(psnr(cv2.warpAffine(large, back, _SIZE, flags=cv2.INTER_CUBIC), true))
    return max(found)


def luma_of(frame: streamfix.Frame) -> NDArray[np.uint8]:
    return np.asarray(frame.picture.planes(frame.color).data[0], np.uint8)


def measured(background: NDArray[np.uint8], text: str, seed: int) -> dict[str, tuple[dict[str, Any], Stacked]]:
    """By case: the figures, and the result."""
    fine = scene(background, text)
    frames, moves = recorded(fine, seed)
    true = fine[_AT[1] : _AT[1] + _SIZE[1], _AT[0] : _AT[0] + _SIZE[0]]
    roi = (_AT[0] // SCALE, _AT[1] // SCALE, _SIZE[0] // SCALE, _SIZE[1] // SCALE)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        clean = written(Path(folder) / "noisy.mkv", frames, "ffv1")
        coded = written(Path(folder) / "coded.mp4", frames, "libx264", crf=str(CRF))
        for case, path in zip(LEAST, (clean, coded), strict=True):
            found, plain = stack(path, roi, SCALE), stack(path, roi, SCALE, smooth=0)
            with streamfix.open(path) as video:
                singles = best_single([luma_of(frame) for frame in video], moves, true)
            truly = np.array(moves) / SCALE
            middle = np.array([roi[0] + roi[2] / 2, roi[1] + roi[3] / 2, 1.0])
            off = [
                float(np.hypot(*((one.to_frame @ middle)[:2] - middle[:2] - move)))
                for one, move in zip(found.frames, truly, strict=True)
                if one.to_frame is not None
            ]
            rows[case] = (
                {
                    "best_frame": singles,
                    "average": psnr(luma_of(found.average), true),
                    "stack": psnr(found.planes[0], true),
                    "kept": found.kept,
                    "within_2_errors": within(found, true),
                    "stack_in_evidence": psnr(plain.planes[0], true),
                    "within_2_errors_in_evidence": within(plain, true),
                    "registration_error_px": float(np.mean(off)),
                },
                found,
            )
    return rows


def sheet(results: dict[str, Stacked]) -> NDArray[np.uint8]:
    """One frame, average and stack of each case, side by side."""
    rows = []
    for case, found in results.items():
        tiles = [luma_of(found.single), luma_of(found.average), luma_of(found.frame)]
        words = ("one frame, bicubic", "registered average", "streamfix stack")
        labelled = []
        for tile, word in zip(tiles, words, strict=True):
            line = np.full((26, tile.shape[1]), 255, np.uint8)
            cv2.putText(line, f"{word} ({case})", (6, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 0, 1, cv2.LINE_AA)
            labelled.append(np.concatenate((line, tile)))
        rows.append(np.concatenate(labelled, 1))
    return np.concatenate(rows)


def first_frame(clip: Path) -> NDArray[np.uint8]:
    with streamfix.open(clip) as video:
        return next(iter(video)).array("gray")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP", help="backgrounds (default: of samples/)")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file to write")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="picture to write of the first clip")
    args = parser.parse_args()
    clips = args.clips or [ROOT / "samples" / name for name in SAMPLES]
    rows: dict[str, dict[str, dict[str, Any]]] = {case: {} for case in LEAST}
    for seed, clip in enumerate(clips):
        found = measured(first_frame(clip), TEXTS[seed % len(TEXTS)], seed + 1)
        for case, (figures, _) in found.items():
            rows[case][clip.name] = figures
            print(case, clip.name, {name: round(value, 2) for name, value in figures.items()}, flush=True)
        if args.sheet and not seed:
            cv2.imwrite(str(args.sheet), sheet({case: result for case, (_, result) in found.items()}))
    mean = {
        case: {name: float(np.mean([row[name] for row in of.values()])) for name in next(iter(of.values()))}
        for case, of in rows.items()
    }
    least = {
        case: dict(zip(("best_frame", "average", "stack"), figures, strict=True)) for case, figures in LEAST.items()
    }
    report = {
        "title": "One picture of 16 frames of a plate, recorded at a quarter of its size: PSNR in dB",
        "command": " ".join(["python -m tests.bench.bench_stack", *(["CLIP ..."] if args.clips else [])]),
        "machine": machine(),
        "mean": mean,
        "least_to_reach": least,
        **rows,
    }
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
