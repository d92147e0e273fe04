"""The options that muxers get unless others are asked for: what a killed job leaves, and a disk that is full."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import av

from ..transport.protocols import SEGMENT_FORMATS
from .target import Target

MOV_LIKE = {"mp4", "mov", "ipod", "3gp", "3g2", "psp", "f4v"}
# Fragments of a second, so that a killed job leaves a readable file; at the end the index of a plain file is added, so
# that nothing is lost by them. delay_moov: without it there are no edit lists, and so no start offsets.
_CRASH_SAFE = {
    # With delay_moov, FFmpeg 8.0 and older leave an MP4 of this kind without its pictures.
    "movflags": "+hybrid_fragmented+frag_keyframe"
    + ("+delay_moov" if av.library_versions["libavformat"] >= (62, 12, 0) else ""),
    "frag_duration": "1000000",
    "flush_packets": "1",
}
# A killed job leaves all but the last second: Matroska keeps a cluster, and libav what is written, until they are full.
_FLUSHED = {"flush_packets": "1"}
_CLUSTERS = {"cluster_time_limit": "1000"}
# Of a live recording each picture leaves when the next one comes: a cluster that is still in libav's memory when its
# disk is full would count as written. A cluster's own bytes are about twenty.
_LIVE_CLUSTERS = {"cluster_time_limit": "1"}
_STREAMABLE = {"movflags": "+frag_keyframe+empty_moov+delay_moov"}
# Each packet leaves at once, and a stream that has gone silent holds the others up for 0.1 s at most.
LIVE = {"flush_packets": "1", "max_interleave_delta": "100000"}
# With it a player can tell when a picture was taken.
LIVE_HLS_FLAGS = "program_date_time"


def defaults_of(
    target: Target, format: str, options: Mapping[str, str], time_base: Fraction, *, fragments: bool, live: bool
) -> dict[str, str]:
    """A muxer's options by name. options: those that were asked for; the rest as for `Muxer`."""
    defaults: dict[str, str] = {}
    clusters = _LIVE_CLUSTERS if live else _CLUSTERS
    if format in MOV_LIKE:
        if "movflags" not in options and not target.is_file:
            defaults.update(_STREAMABLE)
        elif "movflags" not in options and fragments:
            defaults.update(_CRASH_SAFE)
        # Edit lists, and so start offsets, count in this unit; the default is milliseconds.
        if 1000 < time_base.denominator <= 1_000_000:
            defaults["movie_timescale"] = str(time_base.denominator)
    elif format in SEGMENT_FORMATS and "segment_format_options" not in options:
        ending = target.url.rpartition(".")[2].lower()
        inner = options.get("segment_format", ending)
        if inner in MOV_LIKE | {"m4v"}:
            defaults["segment_format_options"] = ":".join(f"{k}={v}" for k, v in _CRASH_SAFE.items())
        elif inner in ("matroska", "webm", "mkv"):
            defaults["segment_format_options"] = ":".join(f"{k}={v}" for k, v in (clusters | _FLUSHED).items())
    elif format in ("matroska", "webm"):
        # Matroska takes the timestamps before 0 that come from a codec's priming.
        defaults = {"avoid_negative_ts": "disabled"}
        if target.is_file:
            defaults.update(clusters)
    elif format == "yuv4mpegpipe":
        defaults = {"strict": "-1"}  # more than 8 bits
    if target.is_file and (fragments or format not in MOV_LIKE):
        defaults.update(_FLUSHED)
    if live:
        defaults.update(LIVE)
        if format == "hls":
            defaults["hls_flags"] = LIVE_HLS_FLAGS
    return defaults
