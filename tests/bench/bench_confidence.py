"""Are maps of the noise that is left right? How many pixels lie within two of their deviations from the truth.

    python -m tests.bench.bench_confidence FOLDER [--scenes a,b] [--suites gaussian-20,codec] [--frames 10]

FOLDER holds the clips of scenes.toml. For each suite and filter: the share of luma pixels of which |error| <= 2 sigma,
with half a code for rounding; the root mean square of the errors, and of the deviations: where the second is much the
larger, the map says too little.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np

from streamfix.chainspec import parse_chain
from streamfix.evaluation.results import machine
from streamfix.evaluation.scenes import choose, load, read_scenes
from streamfix.evaluation.suites import Degraded, degrade
from streamfix.frame import Frame
from streamfix.jobs.chain import restore_stage

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "confidence.json"
SUITES = ("clean", "gaussian-10", "gaussian-30", "sensor-day", "sensor-night", "codec")
CHAINS = ("denoise=strength=1:precision=fp32", "smooth")
SCENES = ("dashcam2", "canersu", "vtest")
OF_CODECS = ("x264-28", "x264-36")  # for deblock
_ROUNDING = 0.5


def measured(bad: Degraded, chain: str) -> dict[str, float]:
    """Of all frames but the first three, before which nothing is known of the noise."""
    stage = restore_stage(parse_chain(chain), "cpu", explain=True)
    assert stage is not None
    frames: list[Frame] = []
    try:
        for t in range(len(bad.noisy)):
            frames += [item for item in stage.push(bad.noisy.frame(t)) if isinstance(item, Frame)]
        frames += [item for item in stage.flush() if isinstance(item, Frame)]
    finally:
        stage.close()
    within, errors, deviations = [], [], []
    for t, frame in list(enumerate(frames))[3:]:
        maps = frame.provenance[-1].maps
        assert maps is not None
        luma = frame.picture.planes(frame.color).data[0].astype(np.float32)
        error = np.abs(luma - bad.truth.y[t])
        sigma = 255 * cv2.resize(maps.noise_left, luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
        within.append(float(np.mean(error <= 2 * sigma + _ROUNDING)))
        errors.append(float(np.mean(error**2)))
        deviations.append(float(np.mean(np.asarray(sigma, np.float32) ** 2)))
    return {"within": fmean(within), "error": fmean(errors) ** 0.5, "sigma": fmean(deviations) ** 0.5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--suites", default=",".join(SUITES))
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--json", type=Path, default=RESULTS, help="file to write")
    args = parser.parse_args()
    scenes = choose(read_scenes(FOLDER / "scenes.toml"), args.scenes.split(","))
    cases = [(suite, chain) for suite in args.suites.split(",") for chain in CHAINS]
    cases += [(suite, "deblock=strength=1:precision=fp32") for suite in OF_CODECS]
    rows: dict[str, dict[str, Any]] = {}
    for suite, chain in cases:
        found = {}
        for scene in scenes:
            clip = load(args.folder, scene, args.frames)
            found[scene.name] = measured(degrade(suite, scene.name, clip), chain)
        mean = {name: round(fmean(one[name] for one in found.values()), 3) for name in ("within", "error", "sigma")}
        name = f"{suite}, {chain.partition('=')[0]}"
        rows[name] = {**mean, "least": round(min(one["within"] for one in found.values()), 3)}
        print(f"{name:24}", rows[name], flush=True)
    report = {
        "title": "Share of luma pixels within two deviations of the truth, and both in 8-bit codes",
        "command": f"python -m tests.bench.bench_confidence FOLDER --scenes {args.scenes} --frames {args.frames}",
        "machine": machine(),
        "scenes": [scene.name for scene in scenes],
        "suites": rows,
    }
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
