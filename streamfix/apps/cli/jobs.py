"""From a parsed command line to the description of its job."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from ...chainspec import FilterSpec, parse_chain
from ...errors import UsageError
from ...jobs import Evidence, JobSpec, Resume
from ...jobs.evidence.credentials import Credentials
from ...media.redact import redact
from ...media.specs import InputSpec, OutputSpec
from .grammar import CommandLine, FileLine, Given
from .live import live_policy
from .options import MAPS, OPTIONS

_QP2LAMBDA = 118  # libavutil/avutil.h, FF_QP2LAMBDA
_KINDS = {"v": "video", "a": "audio", "s": "subtitle"}
_STDIN = ("-", "pipe:", "pipe:0", "/dev/stdin", "fd:0")
STDOUT = ("-", "pipe:", "pipe:1", "/dev/stdout", "fd:1")


def job_spec(line: CommandLine, overwrite: bool) -> JobSpec:
    """The job's description. Raises UsageError for what is missing or makes no sense."""
    if not line.inputs:
        raise UsageError("no input: give one with -i, as in streamfix -i in.mp4 -vf smooth out.mp4")
    if not line.outputs:
        raise UsageError("At least one output file must be specified, as in streamfix -i in.mp4 -vf smooth out.mp4")
    for kind, urls, files in (("input", _STDIN, line.inputs), ("output", STDOUT, line.outputs)):
        if sum(file.url in urls for file in files) > 1:
            raise UsageError(f"std{kind[:-3]} can be one {kind} only")
    first, *others = line.outputs
    for other in others:
        _check_shared(first, other)
    return JobSpec(
        inputs=tuple(_input(file, line) for file in line.inputs),
        outputs=tuple(_output(file, overwrite) for file in line.outputs),
        filters=_chain(first),
        maps=tuple(given.text for given in first.all("map")),
        audio=not _off(line, "an"),
        subtitles=not _off(line, "sn"),
        data=not _off(line, "dn"),
        live=live_policy(line),
        resume=_resume(line),
        evidence=_evidence(line),
        device=line.options.get("device", "auto"),
        exit_on_error=bool(line.options.get("xerror")),
        queue_depth=line.options.get("queue_depth", 4),
    )


def _resume(line: CommandLine) -> Resume | None:
    every_s = line.options.get("resume_every")
    if every_s is not None and every_s <= 0:
        raise UsageError(f"-resume_every {float(every_s):g}: it takes seconds of video, more than 0")
    if not line.options.get("resume"):
        if every_s is not None:
            raise UsageError("-resume_every without -resume: nothing is kept; add -resume")
        return None
    return Resume() if every_s is None else Resume(every_s)


def _evidence(line: CommandLine) -> Evidence | None:
    folder = line.options.get("evidence")
    more = {name: line.options.get(name) for name in ("evidence_maps", "evidence_key", "evidence_c2pa")}
    if folder is None:
        for name, value in more.items():
            if value is not None:
                raise UsageError(f"-{name} without -evidence: nothing is recorded; add -evidence FOLDER")
        return None
    for option in ("y", "device"):
        if line.options.get(option) in (True, "auto"):
            raise UsageError(
                "-evidence: -y: evidence overwrites nothing; leave it out, and name a new file and a new folder"
                if option == "y"
                else "-evidence: -device auto: nothing may decide by itself; leave it out, it runs on cpu"
            )
    signed = more["evidence_c2pa"]
    return Evidence(
        folder,
        maps=MAPS if more["evidence_maps"] is None else more["evidence_maps"],
        key=more["evidence_key"],
        credentials=None if signed is None else Credentials(*signed),
    )


def reads_stdin(line: CommandLine) -> bool:
    """True if an input is stdin, which then cannot be the keyboard."""
    return any(file.url in _STDIN for file in line.inputs)


def writes_stdout(line: CommandLine) -> bool:
    """True if an output is stdout."""
    return any(file.url in STDOUT for file in line.outputs)


def existing_outputs(line: CommandLine) -> list[str]:
    """The outputs that are existing files and would be replaced."""
    return [o.url for o in line.outputs if o.url != "-" and Path(o.url.removeprefix("file:")).is_file()]


def _off(line: CommandLine, name: str) -> bool:
    return all(file.get(name) for file in line.outputs) or any(file.get(name) for file in line.inputs)


def _check_shared(first: FileLine, other: FileLine) -> None:
    """Raise UsageError if an output asks for other pictures or streams than the first one."""
    for name, what in (("vf", "filters"), ("s", "size"), ("map", "streams")):
        given = [(g.spec, g.text) for g in other.all(name)]
        if given and given != [(g.spec, g.text) for g in first.all(name)]:
            raise UsageError(
                f"-{name} {given[-1][1]} before {redact(other.url)!r}: all outputs get the same pictures, whose "
                f"{what} are given before the first one, {redact(first.url)!r}; leave it out, or run streamfix twice"
            )


def _input(file: FileLine, line: CommandLine) -> InputSpec:
    options = _libav(file)
    for name, theirs in (("r", "framerate"), ("pix_fmt", "pixel_format")):
        for given in file.all(name):
            options[theirs] = given.text
    if size := file.get("s"):
        options["video_size"] = f"{size[0]}x{size[1]}"
    codec = None
    for given in (*file.all("c"), *file.all("vcodec")):
        if given.spec not in ("", "v") or given.text == "copy":
            raise UsageError(
                f"-{given.name}:{given.spec} {given.text} before -i {redact(file.url)}: "
                "only -c:v is possible before an input, to name a video decoder"
            )
        codec = given.text
    start_s, duration_s, end_s = _times(file)
    return InputSpec(
        file.url,
        format=file.get("f"),
        options=options,
        realtime=bool(file.get("re")),
        loops=file.get("stream_loop", 0),
        autorotate=file.get("autorotate", True),
        thread_count=file.get("threads", 0),
        video_codec=codec,
        hwaccel=file.get("hwaccel", "none"),
        copy_timestamps=bool(line.options.get("copyts")),
        max_error_rate=line.options.get("max_error_rate", 2 / 3),
        start_s=start_s,
        duration_s=duration_s,
        end_s=end_s,
    )


def _times(file: FileLine) -> tuple[Fraction | None, Fraction | None, Fraction | None]:
    """-ss, -t and -to in seconds; -t goes before -to, as in ffmpeg."""
    start, duration, end = file.get("ss"), file.get("t"), file.get("to")
    if duration is not None:
        end = None
    if end is not None and end <= (start or 0):
        raise UsageError(
            f"{redact(file.url)}: -to {float(end):g} lies before -ss {float(start or 0):g}; no video would be left"
        )
    return start, duration, end


def _libav(file: FileLine) -> dict[str, str]:
    """Options without a stream specifier, for the container and any codec that knows them."""
    return {given.name: given.text for given in file.libav if not given.spec}


def _output(file: FileLine, overwrite: bool) -> OutputSpec:
    codecs = _codecs(file)
    start_s, duration_s, end_s = _times(file)
    encoder_options: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS.values()}
    options = _libav(file)
    # b and profile without a specifier are the video encoder's, as in ffmpeg
    own = [given for given in file.options if OPTIONS[given.name].encoder]
    for given in (*own, *(given for given in file.libav if given.spec)):
        encoder_options[_kind(given)][given.name] = given.text
    for given in file.all("q"):
        quality = encoder_options[_kind(given)]
        # ffmpeg's own translation: the encoder is told to hold lambda, 118 times the quantiser
        quality["global_quality"] = str(round(given.value * _QP2LAMBDA))
        quality["flags"] = quality.get("flags", options.get("flags", "")) + "+qscale"
    threads = file.get("threads")
    if threads is not None:
        encoder_options["video"]["threads"] = str(threads)
    frames = file.get("vframes")
    for given in file.all("frames"):
        _kind(given, only="video")
        frames = given.value
    for name in ("r", "pix_fmt", "s"):
        for given in file.all(name):
            _kind(given, only="video")
    tags, stream_tags = _tags(file)
    return OutputSpec(
        file.url,
        format=file.get("f"),
        video_codec=codecs.get("video"),
        audio_codec=codecs.get("audio", "copy"),
        subtitle_codec=codecs.get("subtitle", "copy"),
        video_options=encoder_options["video"],
        audio_options=encoder_options["audio"],
        subtitle_options=encoder_options["subtitle"],
        format_options={"movflags": file.get("movflags")} if file.get("movflags") else {},
        options=options,
        pix_fmt=file.get("pix_fmt"),
        rate=file.get("r"),
        max_frames=frames,
        shortest=bool(file.get("shortest")),
        metadata=tags,
        stream_metadata=stream_tags,
        map_metadata=file.get("map_metadata", True),
        map_chapters=file.get("map_chapters", True),
        dispositions={given.spec: given.text for given in file.all("disposition")},
        overwrite=overwrite,
        audio=not file.get("an"),
        subtitles=not file.get("sn"),
        data=not file.get("dn"),
        start_s=start_s,
        duration_s=duration_s,
        end_s=end_s,
    )


def _tags(file: FileLine) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """-metadata: the file's tags, and those of its streams by the specifier after -metadata:s."""
    tags: dict[str, str] = {}
    of_streams: dict[str, dict[str, str]] = {}
    for given in file.all("metadata"):
        letter, _, place = given.spec.partition(":")
        if letter not in ("", "g", "s"):
            raise UsageError(f"-metadata:{given.spec}: tags belong to the file or to streams, as in -metadata:s:a:0")
        (of_streams.setdefault(place, {}) if letter == "s" else tags).update([given.value])
    return tags, of_streams


def _codecs(file: FileLine) -> dict[str, str]:
    """Encoders by kind of stream; the last option for each kind counts."""
    codecs: dict[str, str] = {}
    for given in file.options:
        if given.name in ("vcodec", "acodec", "scodec"):
            codecs[_KINDS[given.name[0]]] = given.text
        elif given.name == "c" and not given.spec:
            codecs.update(dict.fromkeys(_KINDS.values(), given.text) if given.text == "copy" else {"video": given.text})
        elif given.name == "c":
            if given.spec[0] == "d" and given.text == "copy":
                continue  # data is always copied
            codecs[_kind(given)] = given.text
    if codecs.get("video") == "copy":
        raise UsageError(
            "-c:v copy: the restored video has to be encoded; the other streams are copied anyway, so leave it out"
        )
    return codecs


def _kind(given: Given, only: str | None = None) -> str:
    """The kind of stream that an option's specifier names: v, a or s, alone or with index 0."""
    letter, _, index = given.spec.partition(":")
    kind = _KINDS.get(letter, "" if letter else "video")
    wrong = not kind or (index not in ("", "0") and kind == "video") or (only is not None and kind != only)
    if wrong:
        takes = f":{only[0]}" if only else ":v, :a or :s"
        raise UsageError(f"-{given.name}:{given.spec}: the stream specifier can be {takes}")
    if index and kind != "video":
        raise UsageError(f"-{given.name}:{given.spec}: all {kind} streams share their options; write :{letter}")
    return kind


def _chain(file: FileLine) -> tuple[FilterSpec, ...]:
    """The -vf chain, and the scaling that -s asks for at its end."""
    found = file.all("vf")
    for given in found:
        _kind(given, only="video")
    chain: list[Any] = parse_chain(found[-1].text) if found and found[-1].text else []
    if size := file.get("s"):
        chain.append(FilterSpec("scale", f"{size[0]}:{size[1]}"))
    return tuple(chain)
