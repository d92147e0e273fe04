"""The report as HTML: what was done, to which recording, and what came of it. Nothing is loaded from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from ....jobs.evidence.digests import file_sha256
from ....jobs.evidence.maps import PER_CHANGE, PER_CODE
from .pictures import Shown
from .samples import Samples

_TEMPLATE = Path(__file__).with_name("page.html")
_ROWS = 60  # frames that are listed one by one; the record has all
_MAPS = {
    "change": "Change of luma: grey is none, brighter and darker as the picture became, "
    f"{PER_CHANGE} levels for one code.",
    "noise": f"Standard deviation of the error expected in the luma: {PER_CODE} levels for one code, black is none.",
    "confidence": "Where what is known comes from: green this frame, blue the frames around it, red the network.",
}


def page(record: Mapping[str, Any], path: Path, made: Samples) -> str:
    """The whole page."""
    name = record["inputs"][0]["name"]
    body = "\n".join(
        part
        for parts in (
            _head(record, name, made),
            _recordings(record),
            _steps(record),
            _shown(record, made.frames),
            _figures(record),
            _checks(made),
            _computing(record),
            _files(record, path),
            _how(record, path),
        )
        for part in parts
    )
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(title=escape(f"Report on {name}"), body=body)


def _head(record: Mapping[str, Any], name: str, made: Samples) -> Iterable[str]:
    yield f"<h1>Report on {escape(name)}</h1>"
    yield (
        f"<p>The pictures are <span class=word>{escape(record['result'])}</span>: they show measured detail. No filter "
        "that may invent detail (whose pictures would be called Reconstructed) has been used; streamfix refuses those "
        "here. What noise or a codec has taken from the recording is not in them either.</p>"
    )
    yield "<p>The recording was opened for reading only, and has the same hash before and after.</p>"
    if made.differing:
        yield f"<p class=differs>This evidence does not repeat: {escape(made.differing[0])}</p>"
    else:
        yield (
            f"<p class=same>For this page everything was made again from the recording: all {len(record['frames'])} "
            "frames are the same as recorded, bit for bit.</p>"
        )


def _recordings(record: Mapping[str, Any]) -> Iterable[str]:
    yield "<h2>The recording</h2>"
    for row in record["inputs"]:
        read = ", ".join(f"{_words(key)} {value}" for key, value in row["read"].items()) or "all of it"
        frames = record["frames"]
        yield _table(
            [
                ("File", escape(row["name"])),
                ("Size", f"{row['bytes']:,} bytes"),
                ("SHA-256", _hash(row["sha256"])),
                ("Read", escape(read)),
                ("Frames", f"{len(frames)}, from {_time(frames[0])} to {_time(frames[-1])}"),
                ("Damaged frames", str(sum(one["damaged"] for one in frames))),
            ]
        )


def _steps(record: Mapping[str, Any]) -> Iterable[str]:
    yield "<h2>What was done</h2>"
    yield f"<p>The chain, as streamfix takes it after -vf: <code>{escape(record['vf'])}</code></p>"
    if not record["steps"]:
        yield "<p>Nothing: the pictures were passed through.</p>"
    for number, step in enumerate(record["steps"], 1):
        yield f"<h3>{number}. {escape(step['filter'])}</h3>"
        if step["by"] == "libavfilter":
            options = escape(step["options"] or "its usual options")
            yield f"<p>A filter of FFmpeg's libavfilter, with <code>{options}</code></p>"
        else:
            yield f"<p>{escape(step['what'])}</p>"
            rows = [(key, f"<code>{escape(_value(value))}</code>") for key, value in step["options"].items()]
            rows += [
                (f"{key} (hash)", f"<span class=hash>{escape(value)}</span>") for key, value in step["weights"].items()
            ]
            yield _table(rows)
        yield "<p>Literature:</p><ul>" + "".join(f"<li>{escape(one)}</li>" for one in step["literature"]) + "</ul>"


def _shown(record: Mapping[str, Any], frames: Sequence[Shown]) -> Iterable[str]:
    yield "<h2>Before and after</h2>"
    if not frames:
        yield "<p>No frame is shown: the evidence differs before the first of them.</p>"
        return
    yield (
        "<p>The crops show the part of the picture whose luma has changed most. All was made again from the recording, "
        "and the pictures have the hashes of the record. Where the result is larger, the "
        "left shows the recorded picture enlarged by bicubic interpolation.</p>"
    )
    for one in frames:
        row = record["frames"][one.number]
        x, y = one.corner
        yield f"<section class=frame><h3>Frame {one.number}, at {one.time_s:.3f} s</h3><div class=pictures>"
        yield _figure(one.crop_before, f"As recorded; crop {one.size[0]}×{one.size[1]} at x={x}, y={y}", "crop")
        yield _figure(one.crop_after, f"{record['result']}; the same crop", "crop")
        yield _figure(one.before, "As recorded, the whole frame made smaller")
        yield _figure(one.after, f"{record['result']}, the whole frame made smaller")
        for svg, what in zip(one.histograms, ("as recorded", record["result"].lower()), strict=True):
            yield f"<figure>{svg}<figcaption>Luma levels 0 to 255, {escape(what)}</figcaption></figure>"
        yield "</div><div class='pictures maps'>"
        for kind, url in one.maps:
            yield _figure(url, _MAPS[kind])
        yield "</div>"
        yield _table(
            [
                ("Hash of the decoded picture", _hash(row["input_sha256"])),
                ("Hash behind the filters", _hash(row["output_sha256"])),
                ("Luma change", f"{row['mean_change'][0]:.2f} codes in the mean, {row['max_change'][0]} at most"),
                ("At the ends of the scale", f"{row['clipped_before'][0]:.3%} before, {row['clipped'][0]:.3%} after"),
                ("Measured", escape("; ".join(_measured(each) for each in row["measured"]) or "nothing")),
            ]
        )
        yield "</section>"


def _figures(record: Mapping[str, Any]) -> Iterable[str]:
    frames = record["frames"]
    listed = frames[:_ROWS]
    yield "<h2>Every frame</h2>"
    if len(listed) < len(frames):
        yield f"<p>The first {len(listed)} of {len(frames)}; the record has all.</p>"
    numbers = "".join(f"<th class=number>{what}" for what in ("frame", "time", "mean change", "largest", "clipped"))
    yield f"<div class=wide><table class=frames><tr>{numbers}<th>hash as decoded<th>hash behind the filters</tr>"
    for row in listed:
        yield (
            f"<tr><td class=number>{row['number']}<td class=number>{_time(row)}"
            f"<td class=number>{row['mean_change'][0]:.2f}<td class=number>{row['max_change'][0]}"
            f"<td class=number>{row['clipped'][0]:.2%}"
            f"<td class=hash>{row['input_sha256'][:16]}<td class=hash>{row['output_sha256'][:16]}</tr>"
        )
    yield "</table></div><p class=soft>Changes are of the luma, in its codes. Hashes are cut to 16 digits here.</p>"


def _checks(made: Samples) -> Iterable[str]:
    words = {True: "same", False: "differs", None: "note"}
    yield "<h2>What was checked for this page</h2><table>"
    for one in made.findings:
        mark = words[one.same]
        yield f"<tr><td class={mark}>{mark}<td class=hash>{escape(one.text)}</tr>"
    yield "</table>"


def _computing(record: Mapping[str, Any]) -> Iterable[str]:
    arithmetic = record["arithmetic"]
    yield "<h2>How it was computed</h2>"
    yield _table(
        [
            (
                "Arithmetic",
                f"{arithmetic['precision']} on the {arithmetic['device'].upper()}, {arithmetic['threads']} thread",
            ),
            ("Processor", escape(f"{record['machine']['processor']} ({record['machine']['architecture']})")),
            ("Vectors", f"<code>{escape(' '.join(record['machine']['vectors']))}</code>"),
            ("Versions", escape(", ".join(f"{name} {number}" for name, number in sorted(record["versions"].items())))),
        ]
    )


def _files(record: Mapping[str, Any], path: Path) -> Iterable[str]:
    yield "<h2>The files</h2>"
    named = [("Viewing copy", record["viewing_copy"]), ("Working copy, without loss", record["working_copy"])]
    named += [(f"Map of {kind}", row) for kind, row in record["maps"].items()]
    rows = [
        (what, f"{escape(row['name'])}, {row['bytes']:,} bytes<br><span class=hash>{row['sha256']}</span>")
        for what, row in named
    ]
    yield _table([*rows, ("This record", f"{escape(path.name)}<br><span class=hash>{file_sha256(path)}</span>")])


def _how(record: Mapping[str, Any], path: Path) -> Iterable[str]:
    yield "<h2>How to check it</h2>"
    yield (
        f"<p><code>streamfix verify {escape(path.name)} -i {escape(record['inputs'][0]['name'])}</code> makes all "
        "frames again and names the first that differs, and in what. A frame's hash is the SHA-256 of its planes: "
        f"<code>ffmpeg -i {escape(record['working_copy']['name'])} -map 0:v -f framehash -hash sha256 -</code> tells "
        "those behind the filters without streamfix, and of the recording those of the decoded pictures. On "
        "another make of processor, last bits of a network's sums may differ; verify then tells by how many codes.</p>"
    )


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return "<table>" + "".join(f"<tr><th>{escape(name)}<td>{value}</tr>" for name, value in rows) + "</table>"


def _figure(url: str, caption: str, kind: str = "whole") -> str:
    text = escape(caption)
    return f'<figure class={kind}><img src="{url}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def _hash(value: str) -> str:
    return f"<span class=hash>{escape(value)}</span>"


def _measured(row: Mapping[str, Any]) -> str:
    values = ", ".join(f"{_words(key)} {value:.3g}" for key, value in row.items() if key != "filter")
    return f"{row['filter']}: {values}"


def _time(row: Mapping[str, Any]) -> str:
    return f"{float(row['pts'] * Fraction(row['time_base'])):.3f} s"


def _words(name: str) -> str:
    return name.replace("_s", " (s)").replace("_", " ") if name.endswith("_s") else name.replace("_", " ")


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
