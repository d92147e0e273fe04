"""Pictures of filters on tensors, as a GPU computes them, beside the same in NumPy: both from the same noisy frames.

    python -m tests.bench.bench_fronts [CLIP ...] [--frames 24] [--sigma 10] [--filters smooth,denoise] [--json FILE]

Without clips it takes the samples. Large pictures are made half as large first, so that their own codec's errors are
small, and all are cut to 640x360 at most. PSNR is over all planes of 4:2:0, on the CPU.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

from streamfix import Device, Filter
from streamfix.filters import FILTERS
from streamfix.motion import Floats

SAMPLES = Path(__file__).parents[2] / "samples"
CLIPS = ("campus.avi", "bunny.mp4", "city.ts")
MOST = 0.15  # dB


def pictures(path: Path, frames: int) -> Floats:
    """(T, 6, H/2, W/2) in [0, 1], packed, H and W multiples of 16."""
    found = []
    with av.open(str(path)) as container:
        for frame, _ in zip(container.decode(video=0), range(frames), strict=False):
            by = 2 if frame.height >= 700 else 1
            width, height = frame.width // by // 16 * 16, frame.height // by // 16 * 16
            whole = frame.reformat(width, height, "yuv420p", interpolation="AREA").to_ndarray()
            planes = whole[:height], *whole[height:].reshape(2, height // 2, width // 2)
            top, left = max(height - 360, 0) // 4, max(width - 640, 0) // 4
            y = planes[0][2 * top :, 2 * left :][:352, :640]
            u, v = (plane[top:, left:][:176, :320] for plane in planes[1:])
            found.append(np.stack([y[i::2, j::2] for i in (0, 1) for j in (0, 1)] + [u, v]))
    return np.stack(found).astype(np.float32) / np.float32(255)


def noisy(clean: Floats, sigma: float) -> Floats:
    """With noise of `sigma` codes, 0.6 times that in chroma, rounded to codes."""
    rng = np.random.default_rng(0)
    scale = np.array([sigma] * 4 + [0.6 * sigma] * 2)[:, None, None]
    return np.asarray(
        np.clip(np.rint(clean * 255 + rng.standard_normal(clean.shape) * scale), 0, 255) / 255, np.float32
    )


def restored(name: str, frames: Floats, *, tensors: bool) -> Floats:
    os.environ["STREAMFIX_FRONT"] = "torch" if tensors else "auto"
    options = {"backend": "torch", "precision": "fp32"} if name != "smooth" else {}
    filter: Filter[Any] = FILTERS.create(name, options)
    filter.to(Device("cpu"))
    assert filter.arrays == ("torch" if tensors else "numpy")
    state, last, results = filter.init_state(), len(frames) - 1, []
    for t in range(len(frames)):
        window = frames[[min(t + i, last) for i in range(1 + filter.future)]][None]
        with torch.inference_mode():
            result = filter(torch.from_numpy(window) if tensors else window, [state])
        results.append(np.array(result[0, 0].numpy() if tensors else result[0, 0]))
    filter.close()
    return np.asarray(np.clip(np.stack(results), 0, 1), np.float32)


def psnr(a: Floats, b: Floats) -> float:
    return -10 * math.log10(float(np.mean((a - b) ** 2, dtype=np.float64)))


def main(words: Sequence[str] | None = None) -> int:
    """0 if on tensors no clip is more than 0.15 dB worse, 1 if one is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path, default=[SAMPLES / name for name in CLIPS])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--sigma", type=float, default=10.0)
    parser.add_argument("--filters", default="smooth,denoise")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(words)
    rows = []
    print(f"{'clip':32}{'filter':10}{'noisy':>8}{'numpy':>8}{'tensors':>9}{'':>3}dB")
    for path in given.clips:
        clean = pictures(path, given.frames)
        frames = noisy(clean, given.sigma)
        for name in given.filters.split(","):
            numpy, tensors = (psnr(restored(name, frames, tensors=t), clean) for t in (False, True))
            rows.append({"clip": path.name, "filter": name, "noisy": psnr(frames, clean)})
            rows[-1] |= {"numpy": numpy, "tensors": tensors}
            print(f"{path.name:32}{name:10}{rows[-1]['noisy']:8.2f}{numpy:8.2f}{tensors:9.2f}  {tensors - numpy:+.3f}")
            sys.stdout.flush()
    if given.json is not None:
        given.json.write_text(json.dumps({"frames": given.frames, "sigma": given.sigma, "rows": rows}, indent=1) + "\n")
    return int(any(row["tensors"] < row["numpy"] - MOST for row in rows))


if __name__ == "__main__":
    sys.exit(main())
