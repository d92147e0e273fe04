"""`streamfix doctor`: what this environment has, what is missing or in the way, and the command that mends it.

It imports nothing at first that may be broken, and goes on whatever it finds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from .finding import Finding, Section

_MARKS = {"ok": "ok", "note": "--", "missing": "??", "wrong": "!!"}


def main(words: Sequence[str]) -> int:
    """Print all findings; 1 if something is wrong, and for wrong usage, else 0."""
    parser = argparse.ArgumentParser("streamfix doctor", description=__doc__)
    parser.add_argument("-json", action="store_true", help="write the findings as JSON")
    try:
        arguments = parser.parse_args(list(words))
    except SystemExit as stop:
        return 1 if stop.code else 0
    sections = examined()
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(section) for section in sections], indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(sections)) + "\n")
    return int(any(finding.state == "wrong" for section in sections for finding in section.findings))


def examined() -> list[Section]:
    """All that was found, in the order in which one thing rests on another."""
    from . import hosts, machine, packages, parts

    return [
        Section("streamfix", packages.own()),
        Section("packages", packages.required()),
        Section("OpenCV", packages.opencv()),
        Section("machine", machine.all_of_it()),
        Section("video", parts.video()),
        Section("networks", parts.backends()),
        Section("filters", parts.filters()),
        Section("hosts", hosts.all_of_them()),
    ]


def _lines(sections: Iterable[Section]) -> Iterable[str]:
    remedies = []
    for section in sections:
        yield section.title
        for finding in section.findings:
            yield f"  {_MARKS[finding.state]}  {finding.text}"
            if finding.remedy:
                yield f"        {finding.remedy}"
                if finding.state == "wrong":
                    remedies.append(finding.remedy)
    yield ""
    if remedies:
        yield f"{len(remedies)} to mend:"
        yield from (f"  {remedy}" for remedy in remedies)
    else:
        yield "nothing is wrong (?? is not there, and may be wanted)"


__all__ = ["Finding", "Section", "examined", "main"]
