"""`streamfix help`: the pages of the documentation, which are in the package as Markdown."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from importlib import resources

from ...errors import UnknownName

_FOLDER = resources.files("streamfix") / "docs"
_ORDER = (
    "cli",
    "live",
    "daemon",
    "cluster",
    "python",
    "hosts",
    "frameworks",
    "filters",
    "stack",
    "evidence",
    "write-a-filter",
    "train",
    "benchmarks",
    "research",
    "architecture",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("page", nargs="?", default="", help="the page to show; a list of them where none is named")


def run(arguments: argparse.Namespace) -> int:
    """Show one page, or list them all. Raises UnknownName."""
    if not arguments.page:
        sys.stdout.write(listing() + "\n")
        return 0
    source = text(arguments.page)
    if sys.stdout.isatty():
        _show(source)
    else:
        sys.stdout.write(source)
    return 0


def names() -> list[str]:
    """Every page, in the order in which one would read them."""
    there = {file.name.removesuffix(".md") for file in _FOLDER.iterdir() if file.name.endswith(".md")}
    return [*(name for name in _ORDER if name in there), *sorted(there.difference(_ORDER))]


def text(name: str) -> str:
    """A page's Markdown. Raises UnknownName with the pages that there are."""
    known = names()
    wanted = name.lower().removesuffix(".md")
    if wanted not in known:
        near = difflib.get_close_matches(wanted, known, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise UnknownName(f"no page {name!r}{hint}; there are: {', '.join(known)}")
    return (_FOLDER / f"{wanted}.md").read_text(encoding="utf-8")


def listing() -> str:
    """All pages, each with its heading."""
    lines = ["Pages, shown by streamfix help PAGE:"]
    lines += [f"  {name:15s} {_heading(text(name))}" for name in names()]
    lines += ["", "streamfix -h is the short help of the command line, streamfix -h filter=NAME that of a filter."]
    return "\n".join(lines)


def _heading(source: str) -> str:
    return source.partition("\n")[0].removeprefix("# ")


def _show(source: str) -> None:
    """The page on a terminal, through the user's pager."""
    from rich.console import Console
    from rich.markdown import Markdown

    # Colours as they are; and a page that fits the screen needs no key to get out of.
    os.environ.setdefault("LESS", "-FRX")
    console = Console()
    words = "\n".join(line for line in source.split("\n") if not line.startswith("!["))  # a terminal has no pictures
    with console.pager(styles=True):
        console.print(Markdown(words, hyperlinks=False))
