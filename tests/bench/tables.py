"""Writes the benchmarks page's figures from the results.

    python tests/bench/tables.py            rewrite streamfix/docs/benchmarks.md between its markers
    python tests/bench/tables.py --check    exit 1 if the page does not match the results

Each benchmark leaves one JSON object in tests/bench/results/NAME.json. Its
members `title`, `command` and `note` are text; `machine` is text or an object.
A list of objects becomes a table with one row per object. An object of objects
becomes a table whose first column is the key; inside a row, it becomes columns
that show the first figure of each. Everything else goes into one table of
names and values.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "streamfix" / "docs" / "benchmarks.md"
RESULTS = ROOT / "tests" / "bench" / "results"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_TEXTS = ("title", "command", "note", "machine")


def main(words: list[str]) -> int:
    """Rewrite or check the page. Returns the exit code."""
    old = PAGE.read_text(encoding="utf-8")
    new = rewritten(old, RESULTS)
    if words == ["--check"]:
        if new != old:
            print(f"{PAGE}: it does not match tests/bench/results; run python tests/bench/tables.py")
        return int(new != old)
    PAGE.write_text(new, encoding="utf-8")
    return 0


def rewritten(page: str, results: Path) -> str:
    """The page with the part between its markers replaced. Raises ValueError if a marker is missing."""
    for marker in (BEGIN, END):
        if page.count(marker) != 1:
            raise ValueError(f"the benchmarks page must have the line {marker} exactly once")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    sections = [section(path.stem, json.loads(path.read_text())) for path in sorted(results.glob("*.json"))]
    body = "".join(sections) or "No results yet.\n"
    return f"{before}{BEGIN}\n{body}{END}{after}"


def section(name: str, result: Mapping[str, Any]) -> str:
    """One benchmark's results as Markdown."""
    lines = [f"### {result.get('title', name)}"]
    if command := result.get("command"):
        lines += [f"`{command}`", ""]
    if machine := result.get("machine"):
        lines += [machine if isinstance(machine, str) else ", ".join(f"{k} {v}" for k, v in machine.items()), ""]
    plain: dict[str, Any] = {}
    for key, value in result.items():
        if key in _TEXTS:
            continue
        if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
            value = [{"": row_name, **row} for row_name, row in value.items()]
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            flat, figure = flattened(value)
            lines += [f"{_words(key)}{f', {_words(figure)}' if figure else ''}:", "", *table(flat), ""]
        elif isinstance(value, dict):
            plain.update({f"{key} {inner}": v for inner, v in value.items()})
        else:
            plain[key] = value
    if plain:
        lines += [*table([{"figure": _words(k), "value": v} for k, v in plain.items()]), ""]
    if note := result.get("note"):
        lines += [str(note), ""]
    return "\n".join(lines).rstrip() + "\n\n"


def flattened(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """Turn an object of objects inside a row into one column each, holding its first figure.

    Also returns that figure's name; "" if no row holds such an object.
    """
    flat, figure = [], ""
    for row in rows:
        flat.append(dict(row))
        for key, value in row.items():
            if isinstance(value, dict) and value and all(isinstance(v, dict) and v for v in value.values()):
                del flat[-1][key]
                figure = next(iter(next(iter(value.values()))))
                flat[-1].update({name: next(iter(figures.values())) for name, figures in value.items()})
    return flat, figure


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Rows, whose keys may differ, as a Markdown table."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    yield "| " + " | ".join(_words(c) for c in columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(_cell(row.get(c)) for c in columns) + " |"


def _words(key: str) -> str:
    return key.replace("_", " ")


def _cell(value: Any) -> str:
    """A value as text: floats to three digits or whole, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return str(value).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
