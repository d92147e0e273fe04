"""How an output continues that was open before."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import count

from ...media.output.muxer_options import LIVE_HLS_FLAGS
from ...media.specs import OutputSpec
from ...media.transport.output_kind import output_kind
from ...media.transport.protocols import SEGMENT_FORMATS

_NUMBER = re.compile(r"%0?\d*d")


def resumed(spec: OutputSpec, format: str, frames_written: int) -> OutputSpec:
    """The output as it is opened again: it neither overwrites existing segments nor counts its frames from 0.

    A file gets a new name beside the old one. DASH, whose muxer cannot continue, gets a manifest beside the existing
    one, and segments named after it. Segments never replace a file: the muxer sees to it, with each one's name.

    format: the muxer. frames_written: before.
    """
    spec = replace(spec, overwrite=format not in SEGMENT_FORMATS)
    if spec.max_frames is not None:
        spec = replace(spec, max_frames=max(1, spec.max_frames - frames_written))
    if format == "hls":
        return _with(spec, {"hls_flags": f"{_given(spec, 'hls_flags') or LIVE_HLS_FLAGS}+append_list"})
    if output_kind(spec.url, format) == "file" and not _is_device(spec.url):
        return replace(spec, url=neighbour(spec.url), overwrite=False)
    if format == "dash":
        return _beside(spec, neighbour(spec.url))
    numbered = _given(spec, "strftime") in ("", "0") and _NUMBER.search(os.path.basename(spec.url))
    if format in SEGMENT_FORMATS and numbered:  # by the clock, %d is the day
        return _with(spec, {"segment_start_number": str(_next_number(spec.url))})
    return spec


def neighbour(name: str) -> str:
    """The name, or the first free one like it: yard.mp4, yard.1.mp4."""
    stem, ending = os.path.splitext(name)
    names = (f"{stem}.{n}{ending}" if n else name for n in count())
    return next(one for one in names if not os.path.lexists(one))


def _is_device(path: str) -> bool:
    return os.path.lexists(path) and not os.path.isfile(path)


def _beside(spec: OutputSpec, manifest: str) -> OutputSpec:
    if manifest == spec.url:
        return spec
    stem = os.path.splitext(os.path.basename(manifest))[0]
    names = {
        "init_seg_name": f"{stem}-init-$RepresentationID$.$ext$",
        "media_seg_name": f"{stem}-chunk-$RepresentationID$-$Number%05d$.$ext$",
    }
    return _with(replace(spec, url=manifest), {k: v for k, v in names.items() if not _given(spec, k)})


def _given(spec: OutputSpec, name: str) -> str:
    return spec.format_options.get(name) or spec.options.get(name) or ""


def _with(spec: OutputSpec, options: Mapping[str, str]) -> OutputSpec:
    others = {k: v for k, v in spec.options.items() if k not in options}
    return replace(spec, options=others, format_options={**spec.format_options, **options})


def _next_number(pattern: str) -> int:
    """One more than the highest number among the files that match a pattern."""
    before, after = (re.escape(part) for part in _NUMBER.split(os.path.basename(pattern), maxsplit=1))
    numbered = re.compile(rf"{before}(\d+){after}")
    folder = os.path.dirname(pattern)
    names = map(os.path.basename, glob.glob(os.path.join(glob.escape(folder), "*")))
    return max((int(m[1]) + 1 for name in names if (m := numbered.fullmatch(name))), default=0)
