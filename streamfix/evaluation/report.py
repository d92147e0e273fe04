"""The results for people: tables in Markdown, and contact sheets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from .cache import Row
from .clip import Bytes, Clip
from .results import order

_COLUMNS = (
    ("psnr_y", "PSNR-Y", ".2f"),
    ("psnr_uv", "PSNR-UV", ".2f"),
    ("psnr_rgb", "PSNR-RGB", ".2f"),
    ("ssim_y", "SSIM-Y", ".4f"),
    ("moving_y", "moving", ".2f"),
    ("static_y", "static", ".2f"),
    ("flicker", "flicker", ".2f"),
    ("warp_error", "warping", ".2f"),
    ("fps", "fps", ".1f"),
    ("p50_ms", "p50 ms", ".1f"),
    ("p95_ms", "p95 ms", ".1f"),
)
_SAME_DB = 90.0  # no error but that of rounding

CROP = (160, 120)  # width, height
_ENLARGE = 2
_CAPTION = 18  # lines under each crop
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def markdown(result: Mapping[str, Any]) -> str:
    """The whole report: a table of means for each suite, gains with intervals, PSNR-Y of each scene, the gates."""
    lines = [f"# {result['title']}", "", f"`{result['command']}`", ""]
    lines += [", ".join(f"{k} {v}" for k, v in result["machine"].items()), ""]
    if stills := result.get("stills"):
        lines += [f"Stills: {stills}. Their `input` is enlarged by bicubic, as that of every suite `sr-*` is.", ""]
    for name, suite in result["suites"].items():
        lines += _suite(name, suite)
    if gates := result.get("gates"):
        lines += ["## Gates", "", *_gates(gates), ""]
    return "\n".join(lines)


def _suite(name: str, suite: Mapping[str, Any]) -> list[str]:
    means: Mapping[str, Row] = suite["mean"]
    names = order(means)
    scenes = {scene: found["rows"] for scene, found in suite["scenes"].items()}
    lines = [f"## {name}: means of {len(scenes)} scenes", ""]
    columns = [c for c in _COLUMNS if any(c[0] in means[n] for n in names)]
    lines += table(
        ["", *(title for _, title, _ in columns)],
        ([_name(n, means[n]), *(cell(means[n].get(key), form) for key, _, form in columns)] for n in names),
    )
    if edges := {n: means[n]["at_edge"] for n in names if means[n].get("at_edge")}:
        lines += ["", "\\* in some scene the best lay at the edge of the grid: "]
        lines[-1] += "; ".join(f"{n}: {', '.join(axes)}" for n, axes in edges.items())
    if any(suite["gains"].values()):
        lines += [
            "",
            "Gain over the best of the others in each scene, mean with its 95 % interval; positive is better:",
        ]
        lines += ["", *_gains(suite["gains"])]
    lines += ["", "PSNR-Y of each scene:", ""]
    shown = names[1:]
    rows = ([scene, *(cell(found[n]["psnr_y"], ".2f") for n in shown)] for scene, found in scenes.items())
    return [*lines, *table(["", *map(_code, shown)], rows), ""]


def _gains(gains: Mapping[str, Any]) -> list[str]:
    shown = ("psnr_y", "psnr_uv", "moving_y", "ssim_y", "flicker", "warp_error")
    titles = {key: title for key, title, _ in _COLUMNS}
    rows = []
    for subject, by_kind in gains.items():
        for kind, by_figure in by_kind.items():
            for figure in (f for f in shown if f in by_figure):
                g = by_figure[figure]
                form = "+.4f" if figure == "ssim_y" else "+.2f"
                interval = f"{g['low']:{form}} to {g['high']:{form}}"
                worst = f"{g['worst']:{form}} ({g['worst_scene']})"
                rows.append([_code(subject), kind, titles[figure], format(g["mean"], form), interval, worst])
    return table(["", "over", "figure", "mean", "95 %", "worst scene"], rows)


def _gates(gates: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            g["gate"],
            _code(g["filter"]),
            cell(g.get("mean"), "+.2f"),
            f"{g['worst']:+.2f} ({g['worst_scene']})" if "worst" in g else "",
            "passed" if g["passed"] else "; ".join(g["failed"]),
        ]
        for g in gates
    ]
    return table(["gate", "filter", "mean", "worst scene", ""], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in rows]


def cell(value: float | None, form: str) -> str:
    """A number as the table has it: nothing for None, "same" for a PSNR without error."""
    if value is None:
        return ""
    return "same" if form == ".2f" and value > _SAME_DB else format(value, form)


def _name(name: str, row: Row) -> str:
    return _code(name) + ("\\*" if row.get("at_edge") else "")


def _code(name: str) -> str:
    return f"`{name}`"


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """crop: R'G'B' (h, w, 3) uint8, no larger than CROP. caption: what stands under it."""

    crop: Bytes
    caption: str


def busiest(truth: Clip) -> tuple[int, int]:
    """(left, top) of the crop that has most detail and motion, found on the truth alone so that it favours none."""
    width, height = (min(a, b) for a, b in zip(CROP, truth.size, strict=True))
    t = (len(truth) * 5) // 8
    now, before = truth.y[t].astype(np.float32), truth.y[t - 1].astype(np.float32)
    detail = np.abs(cv2.Laplacian(cv2.GaussianBlur(now, (0, 0), 1.0), cv2.CV_32F))
    total = cv2.integral(detail + 0.5 * np.abs(now - before))
    sums = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    top, left = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return int(left), int(top)


def crop(picture: Bytes, at: tuple[int, int]) -> Bytes:
    """The crop of a whole picture (H, W, 3) whose upper left corner is `at` = (left, top)."""
    left, top = at
    return np.ascontiguousarray(picture[top : top + CROP[1], left : left + CROP[0]])


def contact_sheet(rows: Mapping[str, Sequence[Cell]]) -> bytes:
    """A PNG of the same crop of truth, input, best peers and filters under test: a row a scene.

    The scene's name stands at the left. Raises ValueError where there is nothing to show.
    """
    if not rows:
        raise ValueError("no scenes for a contact sheet")
    width, height = CROP[0] * _ENLARGE, CROP[1] * _ENLARGE + _CAPTION
    columns = max(map(len, rows.values()))
    canvas = np.full((len(rows) * (height + 4), columns * (width + 4), 3), 255, np.uint8)
    for i, (scene, cells) in enumerate(rows.items()):
        for j, cell in enumerate(cells):
            big = cv2.resize(cell.crop, None, fx=_ENLARGE, fy=_ENLARGE, interpolation=cv2.INTER_NEAREST)
            top, left = i * (height + 4), j * (width + 4)
            canvas[top : top + big.shape[0], left : left + big.shape[1]] = big
            text = f"{scene}: {cell.caption}" if j == 0 else cell.caption
            at = (left + 2, top + height - 5)
            cv2.putText(canvas, text, at, _FONT, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    done, png = cv2.imencode(".png", np.ascontiguousarray(canvas[..., ::-1]))
    assert done
    return png.tobytes()
