"""Chooses the streams that go to the output: by ffmpeg's -map, or by default."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from av.container import InputContainer
from av.stream import Stream

from ...errors import InputError, UsageError
from ..streams import Kind, MappedStream, describe, kind_of

log = logging.getLogger("streamfix.media")

# The letters of ffmpeg's stream specifiers; V is video without covers.
_LETTERS: dict[str, tuple[Kind, ...]] = {
    "v": ("video", "cover"),
    "V": ("video",),
    "a": ("audio",),
    "s": ("subtitle",),
    "d": ("data",),
    "t": ("attachment",),
}
_SYNTAX = "[-]FILE[:v|V|a|s|d|t][:INDEX][:m:KEY[:VALUE]][?], such as 0:v, 1:a:0?, -0:s or 0:m:language:eng"


def choose_streams(
    inputs: Sequence[InputContainer],
    urls: Sequence[str],
    maps: Sequence[str] = (),
    *,
    audio: bool = True,
    subtitles: bool = True,
    data: bool = True,
) -> list[MappedStream]:
    """The output's streams in order; exactly one of them is restored.

    With maps, as ffmpeg does. Without: the best video of the first input that has one, and
    for each other kind (audio, subtitle, data, attachment, cover) all streams of the first
    input that has some. (ffmpeg takes only the best audio and subtitle stream and no data,
    so a restored file would lose the rest.)
    audio, subtitles, data: False leaves out that kind (-an, -sn, -dn).

    Raises UsageError for a map that is wrong or matches nothing, InputError if there is no video.
    """
    chosen = _by_maps(inputs, maps) if maps else _by_default(inputs)
    out = {k for k, wanted in (("audio", audio), ("subtitle", subtitles), ("data", data)) if not wanted}
    chosen = [s for s in chosen if s.kind not in out]
    first = next((i for i, s in enumerate(chosen) if s.kind == "video"), None)
    if first is None:
        raise InputError(_no_video(inputs, urls, maps))
    decoder: Any = chosen[first].stream.codec_context  # PyAV's stub leaves out the None
    if decoder is None:
        raise InputError(f"{urls[chosen[first].input_index]}: {chosen[first]}: libav has no decoder for it")
    chosen[first] = replace(chosen[first], restored=True)
    for other in chosen[first + 1 :]:
        if other.kind == "video":
            log.warning("%s is copied, not restored: a run restores one video", other)
    if not maps:
        _warn_left_out(inputs, chosen)
    return chosen


def _by_default(inputs: Sequence[InputContainer]) -> list[MappedStream]:
    chosen: list[MappedStream] = []
    for i, container in enumerate(inputs):
        videos = [s for s in container.streams if kind_of(s) == "video"]
        if videos:
            chosen.append(describe(i, max(videos, key=_quality)))
            break
    others: tuple[Kind, ...] = ("audio", "subtitle", "data", "attachment", "cover")
    for kind in others:
        for i, container in enumerate(inputs):
            found = [s for s in container.streams if kind_of(s) == kind]
            if found:
                chosen += [describe(i, s) for s in found]
                break
    # The video first, the others as they stand in their files: players take the first of each kind.
    return chosen[:1] + sorted(chosen[1:], key=lambda s: (s.input_index, s.index))


def _quality(stream: Stream) -> tuple[int, int, int]:
    """Greater is better: the most pixels; of equals the default one, then the first (ffmpeg's rule)."""
    context: Any = stream.codec_context
    pixels = context.width * context.height if context is not None else 0
    return pixels, stream.disposition.value & 1, -stream.index


def _by_maps(inputs: Sequence[InputContainer], maps: Sequence[str]) -> list[MappedStream]:
    chosen: list[MappedStream] = []
    for text in maps:
        negative = text.startswith("-")
        body, optional = text.removeprefix("-").removesuffix("?"), text.endswith("?")
        i, streams = _select(inputs, text, body)
        if negative:
            gone = {(i, s.index) for s in streams}
            chosen = [s for s in chosen if (s.input_index, s.index) not in gone]
            continue
        if not streams and not optional:
            raise UsageError(
                f"-map {text}: matches no stream; input {i} has: {_contents(inputs[i])}; "
                f"write {text}? to go on without it"
            )
        for stream in streams:
            if any((s.input_index, s.index) == (i, stream.index) for s in chosen):
                log.warning("-map %s: stream %d:%d is mapped already and is written once", text, i, stream.index)
            else:
                chosen.append(describe(i, stream))
    return chosen


def _select(inputs: Sequence[InputContainer], text: str, body: str) -> tuple[int, list[Stream]]:
    found = re.fullmatch(r"(\d+)(?::([vVasdt]))?(?::(\d+))?(?::m:([^:]+)(?::(.+))?)?", body)
    if found is None:
        raise UsageError(f"-map {text}: not understood; it is {_SYNTAX}")
    number, letter, place, key, value = found.groups()
    i = int(number)
    if i >= len(inputs):
        raise UsageError(f"-map {text}: there is no input {i}; inputs are numbered from 0 to {len(inputs) - 1}")
    streams = list(inputs[i].streams)
    if letter:
        streams = [s for s in streams if kind_of(s) in _LETTERS[letter]]
    if key:
        streams = [s for s in streams if key in s.metadata and value in (None, s.metadata[key])]
    if place is not None:
        streams = streams[int(place) : int(place) + 1]
    return i, streams


def named_streams(inputs: Sequence[InputContainer], maps: Sequence[str]) -> set[tuple[int, int]]:
    """Input and index of the streams that a map singles out: by number, metadata, or as data or attachments.

    `-map 0` and `-map 0:v` take what there is; who writes them need not know what that is.
    """
    found: set[tuple[int, int]] = set()
    for text in maps:
        body = text.removesuffix("?")
        match = re.fullmatch(r"\d+(?::([vVasdt]))?(:.+)?", body)
        if match and (match[2] or match[1] in ("d", "t")):
            i, streams = _select(inputs, text, body)
            found |= {(i, stream.index) for stream in streams}
    return found


def _contents(container: InputContainer) -> str:
    return ", ".join(f"{s.index} {kind_of(s)}" for s in container.streams) or "none"


def _no_video(inputs: Sequence[InputContainer], urls: Sequence[str], maps: Sequence[str]) -> str:
    if maps:
        return f"-map {' -map '.join(maps)}: no video among them; add -map 0:v"
    there = "; ".join(f"{url} has: {_contents(c)}" for url, c in zip(urls, inputs, strict=True))
    return f"{urls[0]}: no video stream to restore ({there})"


def _warn_left_out(inputs: Sequence[InputContainer], chosen: Sequence[MappedStream]) -> None:
    taken = {(s.input_index, s.index) for s in chosen}
    for i in sorted({s.input_index for s in chosen}):
        for stream in inputs[i].streams:
            if (i, stream.index) not in taken and kind_of(stream) == "video":
                log.warning("%s is left out; -map 0 takes all streams", describe(i, stream))
