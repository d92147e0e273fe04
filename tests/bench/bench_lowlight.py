"""`lowlight` beside gamma and CLAHE on night footage that is simulated from day footage.

    python -m tests.bench.bench_lowlight FOLDER [--frames 24] [--sheet FILE.png]

FOLDER holds the clips of scenes.toml. Linear light is made a twelfth, shot and read noise of a small sensor are added,
the picture is coded by a recorder's gamma and by x264 at crf 26. PSNR is of the luma against the day picture, behind
the one curve for all levels that brings it nearest (the mean truth of each level), so that none is judged by how bright
it is: what remains is noise, and what is not the same everywhere in the picture. Flicker is the deviation over time of
what stands still in the day picture, over the contrast (5th to 95th percentile), as a multiple of the input's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamfix.chainspec import parse_chain
from streamfix.evaluation.clip import Clip, to_codes
from streamfix.evaluation.results import machine
from streamfix.evaluation.scenes import choose, load, read_scenes
from streamfix.evaluation.suites import x264
from streamfix.frame import Frame
from streamfix.jobs.chain import restore_stage

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "lowlight.json"
SCENES = ("canersu", "vtest")
LIGHT, SHOT, READ, CRF = 1 / 12, 0.002, 0.004, 26
_GAMMA = 2.2
_STILL = 1.5  # codes: deviation over time of the day picture up to which it stands still

Bytes = NDArray[np.uint8]


def night(day: Clip, seed: int) -> Clip:
    """The clip as a camera records it at night."""
    rng = np.random.default_rng(seed)
    pictures = []
    for t in range(len(day)):
        light = np.clip(day.rgb(t), 0, 1) ** _GAMMA * LIGHT
        noisy = light + rng.normal(0, 1, light.shape) * np.sqrt(SHOT * light + READ**2)
        pictures.append(np.asarray(np.clip(noisy, 0, 1) ** (1 / _GAMMA), np.float32))
    return x264(Clip.from_rgb(pictures, averaged=True), CRF)


def by(chain: str) -> Callable[[Clip], Bytes]:
    """The luma behind a chain of filters."""

    def run(clip: Clip) -> Bytes:
        stage = restore_stage(parse_chain(chain), "cpu")
        assert stage is not None
        found = [f for t in range(len(clip)) for f in stage.push(clip.frame(t)) if isinstance(f, Frame)]
        found += [f for f in stage.flush() if isinstance(f, Frame)]
        stage.close()
        return np.stack([np.asarray(f.picture.planes(f.color).data[0], np.uint8) for f in found])

    return run


def gamma(clip: Clip) -> Bytes:
    """The curve that brings the first picture's median to where `lowlight` would."""
    level = np.clip((clip.y.astype(np.float32) - 16) / 219, 0, 1)
    power = np.log(0.35) / np.log(max(float(np.median(level[0])), 1e-3))
    return to_codes(np.asarray(16 + 219 * level ** np.float32(min(power, 1)), np.float32))


def clahe(clip: Clip) -> Bytes:
    """OpenCV's, with its usual clip limit, on each picture by itself."""
    made = cv2.createCLAHE(clipLimit=4.0, tileGridSize=(8, 8))
    return np.stack([np.asarray(made.apply(luma), np.uint8) for luma in clip.y])


SUBJECTS: dict[str, Callable[[Clip], Bytes]] = {
    "input": lambda clip: clip.y,
    "gamma": gamma,
    "CLAHE": clahe,
    "lowlight": by("lowlight"),
    "denoise": by("denoise=strength=1"),
    "denoise,lowlight": by("denoise=strength=1,lowlight"),
}


def psnr(luma: Bytes, truth: Bytes) -> float:
    """dB, each level replaced by the mean of the truth where it stands."""
    counts = np.maximum(np.bincount(luma.ravel(), minlength=256), 1)
    means = np.bincount(luma.ravel(), truth.ravel().astype(np.float64), 256) / counts
    return float(10 * np.log10(255**2 / np.mean(np.square(means[luma] - truth))))


def flicker(luma: Bytes, still: NDArray[np.bool_]) -> float:
    """Of what stands still, over the contrast."""
    low, high = np.percentile(luma, (5, 95))
    return float(luma.astype(np.float32).std(0)[still].mean() / max(high - low, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--sheet", type=Path, help="picture to write: of the first scene, the last picture of each")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file to write")
    args = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    for seed, scene in enumerate(choose(read_scenes(FOLDER / "scenes.toml"), args.scenes.split(","))):
        day = load(args.folder, scene, args.frames)
        day = day.part(0, len(day), (day.size[0] // 16 * 16, day.size[1] // 16 * 16))
        dark = night(day, seed)
        still = day.y.astype(np.float32).std(0) < _STILL
        shown = {}
        for name, run in SUBJECTS.items():
            luma = run(dark)[:, : day.size[1], : day.size[0]]
            shown[name] = luma[-1]
            rows.setdefault(name, {})[scene.name] = {
                "psnr": psnr(luma[4:], day.y[4:]),
                "flicker": flicker(luma[4:], still),
                "median": float(np.median(luma)),
            }
            ratio = rows[name][scene.name]["flicker"] / rows["input"][scene.name]["flicker"]
            rows[name][scene.name]["flicker_of_input"] = ratio
            print(f"{scene.name:10} {name:18} {rows[name][scene.name]}", flush=True)
        if args.sheet and not seed:
            tiles = [day.y[-1], *shown.values(), np.zeros_like(day.y[-1])]
            cv2.imwrite(str(args.sheet), np.concatenate([np.concatenate(tiles[i : i + 4], 1) for i in (0, 4)]))
    names = ("psnr", "flicker_of_input", "median")
    mean = {
        of: {name: round(fmean(one[name] for one in found.values()), 2) for name in names} for of, found in rows.items()
    }
    report = {
        "title": "Simulated night: luma PSNR behind the best curve, dB; flicker over contrast, of the input's",
        "command": f"python -m tests.bench.bench_lowlight FOLDER --scenes {args.scenes} --frames {args.frames}",
        "machine": machine(),
        "mean": mean,
        "scenes": rows,
    }
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(mean, indent=1))


if __name__ == "__main__":
    main()
