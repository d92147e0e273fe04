"""An inspection as text."""

from __future__ import annotations

from collections.abc import Iterator

from ....analysis import Findings
from .facts import line
from .inspection import Inspection

_WIDTH = 14


def text(of: Inspection) -> str:
    """A table of two columns."""
    return "\n".join([of.shown, *(f"  {name:{_WIDTH}s} {value}" for name, value in _rows(of))])


def _rows(of: Inspection) -> Iterator[tuple[str, str]]:
    f, after = of.findings, of.after
    yield "file", line(of.facts)
    yield "measured on", f"{f.frames} frames"
    noise = f"luma {f.noise.luma * 255:.1f}, chroma {f.noise.chroma * 255:.1f} codes"
    yield "noise", noise + ("" if after is None else f"; luma {after.noise.luma * 255:.1f} behind the filters")
    blocks = f"{f.blocks.step * 255:.2f} codes" + ("" if f.blocks.step == 0 else f", every {f.blocks.pitch:g} pixels")
    yield "block edges", blocks + ("" if after is None else f"; {after.blocks.step * 255:.2f} behind the filters")
    if f.artifacts is not None:
        yield "artifacts", f"{f.artifacts * 255:.1f} codes of luma, as deblock takes them"
    if f.quantiser is not None:
        yield "QP", f"{f.quantiser:.0f} in the mean"
    yield "blur", "no edges to measure" if f.blur is None else f"{f.blur:.1f} pixels (sharp is under 0.7)"
    yield "detail", _detail(f)
    yield "fields", _fields(f, bool(of.facts["marked_interlaced"]))
    yield "repeats", _repeats(f)
    light = f"middle {f.light.middle * 255:.0f}, range {f.light.contrast * 255:.0f} codes"
    yield "light", light + (", dark" if f.light.dark else "") + (", low contrast" if f.light.flat else "")
    yield "recommended", f"-vf {of.advice.chain}" + ("  (leave it as it is)" if of.advice.chain == "null" else "")
    for note in of.advice.notes:
        yield "note", note


def _detail(f: Findings) -> str:
    size = "{}x{} in {}x{}".format(*f.content_size, f.width, f.height)
    return f"content of about {size}" if f.enlarged else f"fills its {f.width}x{f.height} pixels"


def _fields(f: Findings, marked: bool) -> str:
    if f.combing is None:
        return ("marked as interlaced; " if marked else "") + "too little moves to tell"
    found = "interlaced: lines of moving parts are combed" if f.interlaced else "progressive"
    return f"{found} ({f.combing:.1f})" + ("" if marked == f.interlaced else f"; marked as {_marked(marked)}")


def _marked(marked: bool) -> str:
    return "interlaced" if marked else "progressive"


def _repeats(f: Findings) -> str:
    if f.repeated is None:
        return "too little moves to tell"
    if f.repeated < 0.01:
        return "none"
    return f"{f.repeated:.0%} of the frames" + ("" if f.cadence is None else f", one every {f.cadence}")
