"""How an output goes on that was open before."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from dataclasses import replace

from ..media.muxer import LIVE_HLS_FLAGS
from ..media.specs import OutputSpec

_NUMBER = re.compile(r"%0?\d*d")
_SEGMENTS = {"segment", "stream_segment", "ssegment"}


def resumed(spec: OutputSpec, format: str, frames_written: int) -> OutputSpec:
    """The output with what it must not do again: write over the segments that are there, count frames from 0.

    format: the muxer. frames_written: before.
    """
    spec = replace(spec, overwrite=True)
    if spec.max_frames is not None:
        spec = replace(spec, max_frames=max(1, spec.max_frames - frames_written))
    if format == "hls":
        return _with(spec, {"hls_flags": f"{_given(spec, 'hls_flags') or LIVE_HLS_FLAGS}+append_list"})
    if format in _SEGMENTS and _NUMBER.search(spec.url) and _given(spec, "strftime") in ("", "0"):
        return _with(spec, {"segment_start_number": str(_next_number(spec.url))})
    return spec


def _given(spec: OutputSpec, name: str) -> str:
    return spec.format_options.get(name) or spec.options.get(name) or ""


def _with(spec: OutputSpec, options: Mapping[str, str]) -> OutputSpec:
    others = {k: v for k, v in spec.options.items() if k not in options}
    return replace(spec, options=others, format_options={**spec.format_options, **options})


def _next_number(pattern: str) -> int:
    """One more than the highest number among the files that a pattern stands for."""
    before, after = (re.escape(part) for part in _NUMBER.split(os.path.basename(pattern), maxsplit=1))
    numbered = re.compile(rf"{before}(\d+){after}")
    folder = os.path.dirname(pattern)
    names = map(os.path.basename, glob.glob(os.path.join(glob.escape(folder), "*")))
    return max((int(m[1]) + 1 for name in names if (m := numbered.fullmatch(name))), default=0)
