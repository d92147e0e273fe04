"""Makes the pictures for the README and the pages, see streamfix/docs/pictures.

    python -m tests.bench.pictures                 all of them
    python -m tests.bench.pictures speed           only speed.svg, from tests/bench/results/denoise.json
    python -m tests.bench.pictures cluster         only cluster.svg, from tests/bench/cluster_times.json
    python -m tests.bench.pictures before_after    before_after.jpg: `denoise` on samples/campus.avi with added noise
    python -m tests.bench.pictures enlarged        enlarged.jpg: `upscale` on two samples at a quarter of their size
    python -m tests.bench.pictures stack           stack.jpg: `streamfix stack`, a plate before samples/campus.avi
    python -m tests.bench.pictures daemon          daemon.jpg: the daemon's page; needs chromium and the extra dev
    python -m tests.bench.pictures daemon_grid     daemon_grid.jpg: the same, all streams

The daemon's page shows an invented camera: its figures are those of the page's tests, its pictures are samples/city.ts
with added noise, and the output of `denoise` for them.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import streamfix
from streamfix.evaluation import bicubic
from tests.bench import bench_stack, cluster_simulation

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "streamfix" / "docs" / "pictures"
SAMPLES = ROOT / "samples"
RESULTS = ROOT / "tests" / "bench" / "results" / "denoise.json"
_QUALITY = 76  # of JPEGs, which noise makes large

# -- speed against quality

_OURS = {"smooth", "denoise"}
_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 60, 56  # margins in pixels
_FPS, _DB = (8.0, 500.0), (27.0, 35.5)  # what the axes show
_FPS_TICKS, _DB_TICKS = (10, 20, 50, 100, 200, 400), range(27, 36)
_STYLE = """\
text { font: 14px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #444 }
.title { font-size: 16px; font-weight: 600; fill: #111 }
.grid { stroke: #e4e4e4 }
.theirs { fill: #6b7280 }
.ours { fill: #0a7d5c }
text.ours { font-weight: 600 }"""


def speed_svg(mean: Mapping[str, Mapping[str, Any]]) -> str:
    """A chart of frames a second (logarithmic) against luma PSNR in dB.

    mean: rows by denoiser name, with fps and psnr_y; rows without a speed, or that repeat a denoiser, are left out.
    """
    subtitle = "PSNR of luma in dB; 176x144 to 640x360, each peer at its best strength for each clip"
    size = f'width="{_WIDTH}" height="{_HEIGHT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        "<title>Speed and quality of denoisers</title>",
        f"<style>{_STYLE}</style>",
        f'<rect {size} rx="8" fill="#fff"/>',
        f'<text class="title" x="{_LEFT}" y="28">Noise of sigma 20 on twelve real clips, two CPU cores</text>',
        f'<text x="{_LEFT}" y="48">{subtitle}</text>',
    ]
    for fps in _FPS_TICKS:
        x = _x(fps)
        lines += [f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>']
        lines += [f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{fps}</text>']
    for db in _DB_TICKS:
        y = _y(db)
        lines += [f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>']
        lines += [f'<text x="{_LEFT - 10}" y="{y + 5:g}" text-anchor="end">{db}</text>']
    middle = (_LEFT + _WIDTH - _RIGHT) // 2
    lines += [f'<text x="{middle}" y="{_HEIGHT - 12}" text-anchor="middle">frames a second</text>']
    for name, row in mean.items():
        if "fps" not in row or " " in name:
            continue
        kind = "ours" if name in _OURS else "theirs"
        x, y = _x(row["fps"]), _y(row["psnr_y"])
        end = x > 0.72 * _WIDTH  # no room for its name on the right
        anchor, at = ("end", x - 12) if end else ("start", x + 12)
        lines += [f'<circle class="{kind}" cx="{x}" cy="{y}" r="{7 if kind == "ours" else 5}"/>']
        lines += [f'<text class="{kind}" x="{at:g}" y="{y + 5:g}" text-anchor="{anchor}">{escape(name)}</text>']
    return "\n".join([*lines, "</svg>", ""])


def _x(fps: float) -> float:
    low, high = map(math.log, _FPS)
    return round(_LEFT + (math.log(fps) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(db: float) -> float:
    low, high = _DB
    return round(_HEIGHT - _BOTTOM - (db - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)


def speed() -> None:
    """Write speed.svg."""
    mean = json.loads(RESULTS.read_text(encoding="utf-8"))["mean"]
    (PICTURES / "speed.svg").write_text(speed_svg(mean), encoding="utf-8")


# -- a cluster's efficiency

_WAYS = ("#0a7d5c", "#6b7280", "#7cc4ae", "#b9bec7")


def cluster_svg(table: Mapping[str, Mapping[int, float]]) -> str:
    """A chart of efficiency, 0 to 1, against the number of nodes (logarithmic). table: by way and number of nodes."""
    size = f'width="{_WIDTH}" height="{_HEIGHT}"'
    most = max(n for row in table.values() for n in row)
    right, bottom = 250, _HEIGHT - _BOTTOM

    def place(nodes: int, value: float) -> tuple[float, float]:
        x = _LEFT + math.log(nodes) / math.log(most) * (_WIDTH - _LEFT - right)
        return round(x, 1), round(bottom - value * (bottom - _TOP), 1)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        "<title>How busy many nodes are kept</title>",
        f"<style>{_STYLE}</style>",
        f'<rect {size} rx="8" fill="#fff"/>',
        f'<text class="title" x="{_LEFT}" y="28">streamfix cluster restore, simulated with measured task times</text>',
        f'<text x="{_LEFT}" y="48">share of ideal: all work divided by the nodes; files of 5 to 60 minutes</text>',
    ]
    for tenths in range(0, 11, 2):
        x, y = place(1, tenths / 10)
        lines += [f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - right}" y1="{y}" y2="{y}"/>']
        lines += [f'<text x="{x - 10}" y="{y + 5:g}" text-anchor="end">{tenths / 10:g}</text>']
    for nodes in (1, 2, 5, 10, 20, 50, 100):
        x, _ = place(nodes, 0)
        lines += [f'<text x="{x}" y="{bottom + 20}" text-anchor="middle">{nodes}</text>']
    middle = (_LEFT + _WIDTH - right) // 2
    lines += [f'<text x="{middle}" y="{_HEIGHT - 12}" text-anchor="middle">nodes, each with one worker</text>']
    below = 0.0  # of the label before: two that end close to each other must not cover each other
    ways = sorted(zip(table.items(), _WAYS, strict=True), key=lambda way: -way[0][1][most])
    for (name, row), color in ways:
        points = " ".join(f"{x},{y}" for x, y in (place(n, min(1.0, value)) for n, value in row.items()))
        x, y = place(most, min(1.0, row[most]))
        lines += [f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2.5"/>']
        below = max(y + 5, below + 17)
        lines += [f'<text x="{x + 10:g}" y="{below:g}">{escape(name)}</text>']
    return "\n".join([*lines, "</svg>", ""])


def cluster() -> None:
    """Write cluster.svg."""
    times = json.loads(cluster_simulation.TIMES.read_text(encoding="utf-8"))
    (PICTURES / "cluster.svg").write_text(cluster_svg(cluster_simulation.table(times)), encoding="utf-8")


# -- what `denoise` does


def _with_noise(clip: Path, folder: Path, sigma: int, frames: int) -> tuple[Path, Path]:
    """A copy of the clip with added noise, and the output of `denoise` for it."""
    noisy, restored = folder / "noisy.mp4", folder / "restored.mp4"
    degrade = [sys.executable, str(SAMPLES / "degrade.py"), str(clip), str(noisy)]
    subprocess.run([*degrade, "--noise", str(sigma), "--seed", "1", "--frames", str(frames)], check=True)
    streamfix.restore(noisy, restored, "denoise", crf=12)
    return noisy, restored


def before_after() -> None:
    """Write before_after.jpg."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        noisy, restored = _with_noise(SAMPLES / "campus.avi", folder, sigma=20, frames=60)
        png = folder / "before_after.png"
        compare = [sys.executable, str(SAMPLES / "before_after.py"), str(noisy), str(restored), str(png)]
        where = ["--at", "5", "--crop", "300x200+290+150", "--zoom", "2"]
        labels = ["--labels", "before (noise of sigma 20 put on)", "after: streamfix -vf denoise"]
        subprocess.run([*compare, *where, *labels], check=True)
        _write_jpeg("before_after.jpg", cv2.imread(str(png)))


# -- what `upscale` does

# sample, and the part that is shown: left, top, width, height at half the sample's size, where its codec is not seen
_ENLARGED = (("campus.avi", (256, 8, 116, 76)), ("bunny.mp4", (150, 130, 116, 76)))
_ZOOM = 3


def enlarged() -> None:
    """Write enlarged.jpg."""
    rows = []
    for name, (left, top, width, height) in _ENLARGED:
        truth, small = _halved(SAMPLES / name, 1), _halved(SAMPLES / name, 2)
        plain = np.stack([bicubic.enlarge(picture, 2) for picture in small])
        with streamfix.Stream("upscale=tier=q", format="rgb24") as stream:
            ours = [stream(picture) for picture in small]
        shown = []
        for pictures, label in (
            (plain, "half the size, bicubic"),
            (ours, "half the size, upscale=tier=q"),
            (truth, "as it was"),
        ):
            last = np.clip(np.rint(pictures[-1]), 0, 255).astype(np.uint8)
            part = last[top : top + height, left : left + width]
            big = cv2.resize(part, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_NEAREST)
            shown.append(_labelled(np.asarray(big, np.uint8), label))
        rows.append(np.hstack(shown))
    _write_jpeg("enlarged.jpg", np.vstack(rows)[..., ::-1])


def _halved(clip: Path, times: int) -> NDArray[np.uint8]:
    """The first eight pictures of a clip at half its size or half of that, (T, H, W, 3) R'G'B'."""
    with streamfix.open(clip) as video:
        pictures = [frame.rgb() for frame in islice(video, 8)]
    found = []
    for picture in pictures:
        height, width = (side // 4 * 4 for side in picture.shape[:2])
        size = (width >> times, height >> times)
        found.append(cv2.resize(picture[:height, :width], size, interpolation=cv2.INTER_AREA))
    return np.stack(found).astype(np.uint8)


def _labelled(picture: NDArray[np.uint8], label: str) -> NDArray[np.uint8]:
    """With a line of text above it."""
    above = np.full((22, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(above, label, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    return np.vstack((above, picture))


def stack() -> None:
    """Write stack.jpg."""
    found = bench_stack.measured(bench_stack.first_frame(SAMPLES / "campus.avi"), bench_stack.TEXTS[0], 1)
    _write_jpeg("stack.jpg", bench_stack.sheet({case: result for case, (_, result) in found.items()}))


# -- the daemon's page


def daemon() -> None:
    """Write daemon.jpg: one stream, before and after."""
    with _page(860, _side_by_side) as visit:
        page = visit.open("yard")
        page.locator(".chart svg text").first.wait_for()
        page.wait_for_timeout(1500)  # until the first pictures of the live view arrive
        _write_shot("daemon.jpg", page.screenshot())


def daemon_grid() -> None:
    """Write daemon_grid.jpg: all streams, restored."""
    with _page(700, lambda before, after, size: _side_by_side(after, None, size)) as visit:
        page = visit.open()
        page.wait_for_function("() => document.querySelectorAll('[data-pictures]').length >= 3")
        page.wait_for_timeout(500)
        _write_shot("daemon_grid.jpg", page.screenshot())


@contextmanager
def _page(height: int, shows: Callable[[Any, Any, tuple[int, int]], bytes]) -> Iterator[Any]:
    """The page of a daemon with four cameras. shows: makes the JPEG of a picture, before and after, of a size."""
    from tests.apps.daemon import fake_http
    from tests.apps.daemon.browsing import Visit, chromium
    from tests.apps.daemon.fake_daemon import FakeDaemon
    from tests.apps.daemon.page_material import SIZE, hour, stream

    with tempfile.TemporaryDirectory() as name:
        noisy, restored = _with_noise(SAMPLES / "city.ts", Path(name), sigma=14, frames=24)
        shown = [shows(a, b, SIZE) for a, b in zip(_pictures(noisy), _pictures(restored), strict=True)]
    vars(fake_http)["pictures"] = lambda: shown  # instead of the clean clip, which is not our result
    fake = FakeDaemon()
    states: dict[str, dict[str, Any]] = {
        "yard": {},
        "gate": {"filters": "denoise=tier=xs"},
        "dock": {"state": "reconnecting", "reason": "no picture for 20 s", "fps": 0.0},
        "roof": {"state": "degraded", "reason": "down to smooth: a frame takes 52 ms and one comes every 40 ms"},
    }
    for camera, more in states.items():
        fake.streams[camera] = stream(camera, **more)
        fake.histories[camera] = hour()
    fake.start()
    try:
        with chromium() as browser:
            visit = Visit(browser, fake.url, size=(1280, height))
            yield visit
            visit.context.close()
    finally:
        fake.close()


def _write_shot(name: str, shot: bytes) -> None:
    _write_jpeg(name, cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR))


def _pictures(clip: Path) -> list[NDArray[np.uint8]]:
    """Six pictures from the middle of a clip, (H, W, 3) R'G'B'."""
    with streamfix.open(clip) as video:
        return [frame.rgb() for frame in islice(video, 12, 18)]


def _side_by_side(before: NDArray[np.uint8], after: NDArray[np.uint8] | None, size: tuple[int, int]) -> bytes:
    """A JPEG of both, or of one, each resized to (width, height)."""
    there = [before] if after is None else [before, after]
    both = np.hstack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in there])
    return cv2.imencode(".jpg", both[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def _write_jpeg(name: str, picture: Any) -> None:
    path = PICTURES / name
    if picture is None or not cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]):
        raise OSError(f"{path}: could not be written")
    print(f"{path}: {path.stat().st_size // 1024} KiB")


MAKERS: Mapping[str, Callable[[], None]] = {
    "speed": speed,
    "cluster": cluster,
    "before_after": before_after,
    "enlarged": enlarged,
    "stack": stack,
    "daemon": daemon,
    "daemon_grid": daemon_grid,
}


def main(words: Sequence[str]) -> int:
    """Make the named pictures, or all of them if none is named. Returns the exit code."""
    if unknown := [word for word in words if word not in MAKERS]:
        print(f"{unknown[0]}: no such picture; there are: {', '.join(MAKERS)}", file=sys.stderr)
        return 1
    for name in words or MAKERS:
        MAKERS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
