"""What a page is shown in tests: pictures from a clip, streams in every state, an hour of figures."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import streamfix

CLIP = Path(streamfix.__file__).parents[1] / "samples" / "city.ts"
SIZE = (480, 270)  # of one side
STEP_S = 5.0


@cache
def pictures(count: int = 6, clip: Path = CLIP) -> list[bytes]:
    """JPEGs of a clip: the left half with noise put on, the right half as it is; each half of SIZE."""
    random = np.random.default_rng(1)
    made = []
    with av.open(clip) as container:
        for frame, _ in zip(container.decode(video=0), range(count), strict=False):
            clean = np.asarray(frame.to_ndarray(format="bgr24", width=SIZE[0], height=SIZE[1]), np.float32)
            noisy = clean + random.normal(0, 24, clean.shape).astype(np.float32)
            both = np.clip(np.hstack([noisy, clean]), 0, 255).astype(np.uint8)
            made.append(cv2.imencode(".jpg", both, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes())
    return made


def stream(name: str, state: str = "running", **more: Any) -> dict[str, Any]:
    """One item of GET /api/streams, of a camera that is well unless `more` says otherwise."""
    now = time.time()
    received = more.get("received", 187_500)
    return {
        "name": name,
        "state": state,
        "reason": "",
        "since": now - 7500,
        "input": f"rtsp://***@10.0.0.5/{name}",
        "filters": "denoise",
        "outputs": [{"url": f"rtsp://127.0.0.1:8554/{name}", "trouble": ""}],
        "enabled": True,
        "fps": 25.0,
        "latency": {"p50": 0.031, "p99": 0.062},
        "max_latency": 0.2,
        "dropped": {"overload": 12},
        "received": received,
        "written": max(0, received - 1 - sum(more.get("dropped", {"overload": 12}).values())),
        "damaged": 3,
        "standing_in": 0,
        "late": 5,
        "reconnects": 1,
        "rung": 0,
        "rung_name": "denoise",
        "noise": {"luma": 6.1, "chroma": 2.2},
        "size": list(SIZE),
        "last_frame_s": now,
        **more,
    }


def recordings(count: int, folder: str = "1/%Y-%m-%d/yard_%H%M%S.mp4", every_s: int = 600) -> list[dict[str, Any]]:
    """Recordings of ten minutes each, the newest first, which is still being written."""
    newest = time.time() // every_s * every_s
    return [
        {
            "name": time.strftime(folder, time.localtime(begun)),
            "begun": begun,
            "changed": min(begun + every_s, time.time()),
            "bytes": 41_300_000 + 1_000_003 * (i % 7),
            "writing": i == 0,
        }
        for i in range(count)
        for begun in [newest - i * every_s]
    ]


def hour(steps: int = 720, seed: int = 0) -> dict[str, Any]:
    """A history that looks like a camera's: an evening, two bursts of load, a gap in which the camera was away."""
    random = np.random.default_rng(seed)
    at = np.arange(steps)
    load = 0.09 * np.exp(-(((at - steps * 0.35) / 14) ** 2)) + 0.05 * np.exp(-(((at - steps * 0.8) / 9) ** 2))
    p50 = 0.03 + 0.002 * random.standard_normal(steps) + 0.5 * load
    p99 = 0.055 + 0.006 * np.abs(random.standard_normal(steps)) + load
    drops = random.poisson(np.maximum(0, (load - 0.03) * 120))
    noise = 3.2 + 3 * at / steps + 0.12 * random.standard_normal(steps)
    away = (at > steps * 0.55) & (at < steps * 0.6)
    now = time.time()

    def known(values: NDArray[Any]) -> list[float | None]:
        return [None if gone else round(float(v), 4) for v, gone in zip(values, away, strict=True)]

    return {
        "step_s": STEP_S,
        "t": [now - STEP_S * (steps - 1 - i) for i in range(steps)],
        "fps": known(25 - np.minimum(5, drops / 4) + 0.1 * random.standard_normal(steps)),
        "latency_p50": known(p50),
        "latency_p99": known(p99),
        "dropped": known(drops),
        "noise": known(noise),
    }
