"""The table of options: what each is called, takes, means, and where it may stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .values import (
    parse_count,
    parse_duration,
    parse_integer,
    parse_ladder,
    parse_number,
    parse_rate,
    parse_ratio,
    parse_size,
    parse_time,
    parse_time_span,
)

Scope = Literal["global", "input", "output", "file"]  # what it applies to; file: an input or an output


def parse_map_index(text: str) -> bool:
    """-map_metadata and -map_chapters: 0 copies from the first input, -1 copies nothing. Raises ValueError."""
    if text not in ("0", "-1"):
        raise ValueError("expected 0 (copy from the first input) or -1 (copy nothing)")
    return text == "0"


def parse_pair(text: str) -> tuple[str, str]:
    """key=value; an empty value removes the key. Raises ValueError."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError("expected key=value, as in title=Harbour")
    return key, value


def choice(*names: str) -> Callable[[str], str]:
    """A parser that takes one of `names`."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"expected {', '.join(names[:-1])} or {names[-1]}")
        return text

    return parse


def parse_device(text: str) -> str:
    """auto, cpu, cuda or cuda:N. Raises ValueError."""
    if text in ("auto", "cpu", "cuda") or (text.startswith("cuda:") and text[5:].isdigit()):
        return text
    raise ValueError("expected auto, cpu, cuda or cuda:N")


MAPS = ("change", "noise", "confidence")


def parse_maps(text: str) -> tuple[str, ...]:
    """Names of maps with commas between them, or none. Raises ValueError."""
    names = () if text == "none" else tuple(text.split(","))
    if not set(names) <= set(MAPS) or len(set(names)) < len(names):
        raise ValueError(f"expected some of {', '.join(MAPS)} with commas between them, or none")
    return names


def parse_files(text: str) -> tuple[str, str]:
    """Two files with a comma between them. Raises ValueError."""
    first, _, second = text.partition(",")
    if not first or not second:
        raise ValueError("expected two files with a comma between them, as in certificate.pem,key.pem")
    return first, second


@dataclass(frozen=True, slots=True)
class CliOption:
    """One option. takes: the name of its argument in the help, None for a switch, which has a -no form too."""

    name: str
    scope: Scope
    takes: str | None
    help: str
    parse: Callable[[str], Any] = str
    aliases: tuple[str, ...] = ()
    stream: bool = False  # takes a stream specifier, as in -c:v
    encoder: bool = False  # handed to the encoder as it was written


_TABLE = (
    # -- information
    CliOption(
        "h",
        "global",
        "[full|filter=NAME]",
        "this help, all of it, or the help of a filter",
        aliases=("help", "-help", "?"),
    ),
    CliOption("version", "global", None, "print the versions of streamfix and its libraries"),
    CliOption("filters", "global", None, "list the filters"),
    # -- the whole run
    CliOption("y", "global", None, "overwrite an existing output"),
    CliOption("n", "global", None, "never overwrite an existing output: refuse"),
    CliOption(
        "device", "global", "auto|cpu|cuda", "where filters compute; auto takes a GPU if there is one", parse_device
    ),
    CliOption(
        "resume",
        "global",
        None,
        "keep what is done in a folder beside the output (out.mp4.streamfix), and go on there if the job was killed or "
        "stopped: give the same command again",
    ),
    CliOption(
        "resume_every",
        "global",
        "TIME",
        "with -resume: keep what is done after so much video, 10 s by default",
        parse_duration,
    ),
    CliOption(
        "evidence",
        "global",
        "FOLDER",
        "record what is done to each frame in a new folder, with a working copy without loss and maps; streamfix "
        "verify does it again; refuses what cannot be repeated",
    ),
    CliOption(
        "evidence_maps",
        "global",
        "MAP,...",
        "with -evidence: videos of the change, the noise left, where pixels come from (confidence); all by default, "
        "or none",
        parse_maps,
    ),
    CliOption("evidence_key", "global", "FILE", "with -evidence: sign the record with an Ed25519 key (PEM)"),
    CliOption(
        "evidence_c2pa",
        "global",
        "CERT,KEY",
        "with -evidence: put C2PA content credentials into the viewing copy (.mp4, .mov, .avi); PEM files",
        parse_files,
    ),
    CliOption("loglevel", "global", "LEVEL", "quiet, error, warning, info, verbose or debug", aliases=("v",)),
    CliOption("hide_banner", "global", None, "do not print versions"),
    CliOption("stats", "global", None, "print progress (the default); -nostats does not"),
    CliOption("stats_period", "global", "TIME", "seconds between two progress reports, 0.5 by default", parse_duration),
    CliOption("progress", "global", "URL", "write progress as key=value blocks to a file, pipe:N, tcp:// or http://"),
    CliOption("benchmark", "global", None, "print the time and memory taken at the end"),
    CliOption("stdin", "global", None, "take keys from the terminal (q stops); -nostdin does not"),
    CliOption(
        "max_error_rate",
        "global",
        "0..1",
        "fail if more than this part of the packets is damaged, 2/3 by default",
        parse_ratio,
    ),
    CliOption(
        "xerror", "global", None, "fail where a filter gives NaN or infinity, in place of passing the recorded picture"
    ),
    CliOption("queue_depth", "global", "N", "pictures held between two threads, 4 by default", parse_count),
    CliOption(
        "copyts", "global", None, "keep the input's timestamps, those behind -ss too, in place of beginning at 0"
    ),
    # -- inputs
    CliOption("i", "input", "URL", "an input: a file, URL, image pattern, pipe:N or - for stdin"),
    CliOption("re", "input", None, "read at the input's own speed"),
    CliOption("stream_loop", "input", "N", "play the input N more times, -1 without end", parse_integer),
    CliOption(
        "autorotate", "input", None, "turn pictures upright (the default); -noautorotate keeps the display matrix"
    ),
    CliOption(
        "hwaccel",
        "input",
        "NAME",
        "decode on a video engine: cuda, or another that libav was built with; auto: on one that is there, else on the "
        "CPU; none, the default: on the CPU",
    ),
    # -- live inputs
    CliOption(
        "live",
        "input",
        None,
        "treat the input as a camera (the default for rtsp, rtmp, srt, udp, rtp, v4l2): drop pictures that there is no "
        "time for, reconnect after a loss; -nolive reads it like a file",
    ),
    CliOption(
        "max_latency",
        "input",
        "TIME",
        "longest time from a picture's arrival to its output, 200ms by default; filters step down to lighter ones to "
        "keep it",
        parse_time_span,
    ),
    CliOption(
        "on_lost",
        "input",
        "wait|hold|slate|end",
        "while the camera is away: write nothing (the default), hold the last picture, show a slate, or end",
        choice("wait", "hold", "slate", "end"),
    ),
    CliOption(
        "on_damaged",
        "input",
        "pass|hold",
        "show damaged pictures as they are (the default), or the last good one in their place",
        choice("pass", "hold"),
    ),
    CliOption(
        "lost_after",
        "input",
        "TIME",
        "take the camera for lost after this long without a picture, 20 s by default",
        parse_time_span,
    ),
    CliOption(
        "queue",
        "input",
        "TIME",
        "how long pictures may wait in memory for a recording whose disk has stopped, or after a burst of the "
        "camera's, 10 s by default; what comes then is left out, counted and told",
        parse_time_span,
    ),
    CliOption(
        "queue_bytes",
        "input",
        "BYTES",
        "how much of it there may be, 256Mi by default: in front of the filters, of a recording's encoder, and of its "
        "disk",
        parse_integer,
    ),
    CliOption(
        "ladder",
        "input",
        "CHAIN|CHAIN...",
        "what to step down to when the filters are too slow, as in 'smooth|null'; made from the chain by default",
        parse_ladder,
    ),
    # -- before an input or an output
    CliOption("f", "file", "FORMAT", "container format, where the file name does not tell"),
    CliOption("ss", "file", "TIME", "begin at this time", parse_time),
    CliOption("t", "file", "TIME", "stop after this long", parse_duration),
    CliOption("to", "file", "TIME", "stop at this time", parse_time),
    CliOption("threads", "file", "N", "decoder or encoder threads, 0 for as many as there are cores", parse_integer),
    CliOption(
        "c",
        "file",
        "CODEC",
        "decoder of an input, encoder of an output; copy for anything but video",
        aliases=("codec",),
        stream=True,
    ),
    CliOption("vcodec", "file", "CODEC", "the same as -c:v"),
    CliOption(
        "r",
        "file",
        "RATE",
        "frames a second: makes an output's rate constant, tells that of raw pictures",
        parse_rate,
        stream=True,
    ),
    CliOption("pix_fmt", "file", "FORMAT", "pixel format of an output, or of raw pictures", stream=True),
    CliOption(
        "s", "file", "SIZE", "scale to WIDTHxHEIGHT (last filter), or the size of raw pictures", parse_size, stream=True
    ),
    CliOption("an", "file", None, "no audio"),
    CliOption("sn", "file", None, "no subtitles"),
    CliOption("dn", "file", None, "no data streams"),
    # -- outputs
    CliOption(
        "vf",
        "output",
        "CHAIN",
        "restoration and libavfilter filters, as in smooth,scale=1280:-2",
        aliases=("filter",),
        stream=True,
    ),
    CliOption("map", "output", "[-]FILE[:SPEC][?]", "take these streams, as in 0:v, 1:a:0, 0:s?"),
    CliOption("acodec", "output", "CODEC", "the same as -c:a; copy by default"),
    CliOption("scodec", "output", "CODEC", "the same as -c:s; copy by default"),
    CliOption("frames", "output", "N", "write N pictures (-frames:v)", parse_count, stream=True),
    CliOption("vframes", "output", "N", "the same as -frames:v", parse_count),
    CliOption("shortest", "output", None, "stop with the shortest stream"),
    CliOption(
        "metadata",
        "output",
        "KEY=VALUE",
        "set a tag, of a stream as -metadata:s:a:0; '' removes it",
        parse_pair,
        stream=True,
    ),
    CliOption("map_metadata", "output", "0|-1", "tags from the first input (the default), or none", parse_map_index),
    CliOption(
        "map_chapters", "output", "0|-1", "chapters from the first input (the default), or none", parse_map_index
    ),
    CliOption(
        "disposition",
        "output",
        "FLAGS",
        "default, forced, ... or 0, as in -disposition:a:0 default",
        stream=True,
    ),
    # -- encoders and muxers; any other option of theirs is taken too
    CliOption("crf", "output", "N", "constant quality; lower is better", parse_number, stream=True, encoder=True),
    CliOption("preset", "output", "NAME", "encoder speed, as in veryfast", stream=True, encoder=True),
    CliOption("tune", "output", "NAME", "encoder tuning, as in film or grain", stream=True, encoder=True),
    CliOption("profile", "output", "NAME", "encoder profile", stream=True, encoder=True),
    CliOption("level", "output", "LEVEL", "encoder level, as in 4.1", stream=True, encoder=True),
    CliOption(
        "b", "output", "RATE", "bits a second, as in -b:v 2M or -b:a 128k", parse_number, stream=True, encoder=True
    ),
    CliOption(
        "q",
        "output",
        "N",
        "constant quality of encoders that have no -crf, as in -q:v 3",
        parse_number,
        ("qscale",),
        stream=True,
    ),
    CliOption("g", "output", "N", "longest distance between keyframes", parse_integer, stream=True, encoder=True),
    CliOption("bf", "output", "N", "most B-frames in a row", parse_integer, stream=True, encoder=True),
    CliOption("movflags", "output", "FLAGS", "how MP4 is laid out, as in +faststart"),
)

OPTIONS: dict[str, CliOption] = {name: option for option in _TABLE for name in (option.name, *option.aliases)}

#: ffmpeg's options that are refused, and what to do instead.
REFUSED = {
    "vn": "streamfix always restores a video stream; ffmpeg -vn leaves it out",
    "filter_complex": "one chain for one video is taken: use -vf, or restore first and mix with ffmpeg",
    "lavfi": "one chain for one video is taken: use -vf, or restore first and mix with ffmpeg",
    "af": "audio is copied or transcoded, not filtered; filter it with ffmpeg afterwards",
    "pass": "there is no two-pass encoding; use -crf, or restore to a lossless file first (-c:v ffv1)",
    "vsync": "every picture keeps its timestamp; -r makes the rate constant",
    "fps_mode": "every picture keeps its timestamp; -r makes the rate constant",
    "bsf": "bitstream filters are not applied; run ffmpeg -c copy -bsf on the result",
    "tag": "codec tags follow from the container; run ffmpeg -c copy -tag on the result",
    "aspect": "use the chain: -vf ...,setdar=16/9",
}


def table() -> tuple[CliOption, ...]:
    """All options in the order of the help."""
    return _TABLE
