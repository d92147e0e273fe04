"""The results as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .cache import Row
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


def markdown(result: Mapping[str, Any]) -> str:
    """The whole report: a table of means for each suite, gains with intervals, PSNR-Y of each scene, the gates."""
    lines = [f"# {result['title']}", "", f"`{result['command']}`", ""]
    lines += [", ".join(f"{k} {v}" for k, v in result["machine"].items()), ""]
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
