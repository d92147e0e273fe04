"""The texts that options ask for: help, versions, filters. They go to stdout."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Mapping
from fractions import Fraction
from importlib import metadata
from typing import Any

from ... import __version__
from ...errors import StreamfixError, UnknownName, UsageError
from ...filters import FILTERS
from ...registry import Option, Registry, described
from .options import REFUSED, CliOption, table

USAGE = "usage: streamfix [options] [[infile options] -i infile]... [outfile options] outfile"

_SECTIONS = (
    ("Information", "global", ("h", "version", "filters")),
    ("The whole run", "global", ()),
    ("Before an input", "input", ()),
    ("Before an input or an output", "file", ()),
    ("Before an output", "output", ()),
)
_BASIC = {
    "h",
    "filters",
    "y",
    "device",
    "progress",
    "i",
    "ss",
    "t",
    "c",
    "vf",
    "map",
    "crf",
    "preset",
    "b",
    "pix_fmt",
    "f",
}
_EXAMPLES = """\
Examples:
  streamfix -i in.mp4 -vf denoise -c:v libx264 -crf 20 out.mp4
  streamfix -i dvd.vob -vf bwdif,smooth,scale=1280:-2 -c:a aac -b:a 128k out.mkv
  streamfix -i noisy.mkv -vf model=net.pth -f matroska - | ffplay -"""
_CODES = (
    "Exit codes: 0 done; 1 wrong usage or failure; 255 stopped by a signal, the file finalised; 123 stopped at once."
)


def usage() -> str:
    """What a command without arguments prints."""
    return f"{banner()}\n{USAGE}\n\nUse -h to get help, -h full to get all of it."


def banner() -> str:
    """One line: versions."""
    return f"streamfix {__version__}, restores live and recorded video"


def version() -> str:
    """Versions of streamfix and its libraries; does not load torch."""
    import av

    lines = [banner(), f"Python {platform.python_version()}, PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"]
    lines += [f"  {name:12s} {'.'.join(map(str, number))}" for name, number in av.library_versions.items()]
    for package in ("torch", "torchvision", "opencv-python-headless", "numpy", "spandrel", "onnxruntime"):
        try:
            lines.append(f"  {package:12s} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return "\n".join(lines)


def help_text(topic: str) -> str:
    """-h: the usual options, all of them (full, long), or one filter's (filter=NAME). Raises UsageError."""
    kind, _, name = topic.partition("=")
    if kind == "filter" and name:
        return filter_help(name)
    if topic not in ("", "full", "long"):
        raise UsageError(f"-h {topic}: give -h alone, -h full or -h filter=NAME")
    lines = [banner(), USAGE, ""]
    for title, scope, names in _SECTIONS:
        options = [o for o in table() if o.scope == scope and (o.name in names if names else o.name not in _INFO)]
        if not topic:
            options = [o for o in options if o.name in _BASIC]
        lines += [f"{title}:", *(_line(o) for o in options), ""]
    if topic:
        lines += ["Any other option of the encoder, muxer or demuxer is taken by its own name, as in -x264-params.", ""]
        lines += [
            "Refused, and what to do instead:",
            *(f"  -{n:20s} {why}" for n, why in REFUSED.items()),
            "",
        ]
    else:
        lines += ["-h full lists all options, -filters the filters, -h filter=NAME one filter's options.", ""]
    lines += ["streamfix help lists pages that explain more; streamfix help live shows one of them.", ""]
    return "\n".join([*lines, _EXAMPLES, "", _CODES])


_INFO = {"h", "version", "filters"}


def _line(option: CliOption) -> str:
    names = ", ".join(f"-{n}" for n in (option.name, *(a for a in option.aliases if a[0].isalpha())))
    spec = "[:v|:a|:s]" if option.stream else ""
    return f"  {names}{spec} {option.takes or ''}".ljust(34) + f" {option.help}"


def filters_text() -> str:
    """-filters: ours first, each with options, first docstring line, layout and look-ahead."""
    import av.filter

    from ...media.picture import avfilter

    lines = ["Filters of streamfix (installed packages add theirs):"]
    lines += [line for name in FILTERS for line in _filter_lines(name)] or ["  none is installed"]
    for name, (_, registry) in _orders().items():
        lines += [
            f"  {name:9s} {_first_line(registry.get(name))}",
            f"            options: {_options_line(registry.options(name))}",
        ]
    lines += ["  null      Pass pictures through untouched.", ""]
    theirs = sum(avfilter.exists(name) for name in av.filter.filters_available)
    lines.append(
        f"{theirs} libavfilter filters of this build work in the same chain (bwdif, crop, hqdn3d, scale, ...); "
        "'ffmpeg -filters' describes them."
    )
    return "\n".join(lines)


def _orders() -> dict[str, tuple[str, Registry[Any]]]:
    """What stands in a chain and is no filter: where it is carried out, and what reads its options."""
    from ...jobs import osd, privacy

    return {
        privacy.NAME: ("where pictures are read", privacy.OPTIONS),
        osd.NAME: ("around the filters behind it", osd.OPTIONS),
    }


def _filter_lines(name: str) -> list[str]:
    main = FILTERS.main_name(name)
    if main != name:
        return [f"  {name:9s} Another name of {main}."]
    try:
        cls, options = FILTERS.get(name), FILTERS.options(name)
        shown = _options_line(options)
        return [f"  {name:9s} {_first_line(cls)}", f"            {_traits(cls)}; options: {shown or 'none'}"]
    except StreamfixError as error:  # a broken package must not hide the others
        return [f"  {name:9s} broken: {error}"]
    except Exception as error:  # noqa: BLE001  # such as a class that is no filter
        return [f"  {name:9s} broken: {described(error)}"]


def _options_line(options: Mapping[str, Option]) -> str:
    return ":".join(k if _required(o) else f"{k}={_default(o.default)}" for k, o in options.items())


def filter_help(name: str) -> str:
    """-h filter=NAME: options, types, defaults and docstring. Raises UnknownName."""
    if name in FILTERS:
        cls, options = FILTERS.get(name), FILTERS.options(name)
        main = FILTERS.main_name(name)
        also = "" if main == name else f"another name of {main}; "
        return _described(f"{name} ({also}{_traits(cls)})", cls, options)
    if name in (orders := _orders()):
        where, registry = orders[name]
        return _described(f"{name} ({where})", registry.get(name), registry.options(name))
    if name == "null":
        return "null: Pass pictures through untouched. It has no options."
    import av.filter

    from ...media.picture import avfilter

    if not avfilter.exists(name):
        raise UnknownName(f"-h filter={name}: no such filter; streamfix -filters lists them")
    return (
        f"{name}: {av.filter.Filter(name).description}\n  a libavfilter filter, FFmpeg {av.ffmpeg_version_info}\n\n"
        f"'ffmpeg -h filter={name}' and https://ffmpeg.org/ffmpeg-filters.html list its options."
    )


def _described(title: str, cls: type, options: Mapping[str, Option]) -> str:
    lines = [title, "", inspect.getdoc(cls) or "It has no description.", ""]
    lines += ["Options:"] if options else ["It has no options."]
    for key, option in options.items():
        default = "must be given" if _required(option) else f"default {_default(option.default)}"
        lines.append(f"  {key:16s} {option.takes} ({default})")
    return "\n".join(lines)


def _required(option: Any) -> bool:
    return option.default is inspect.Parameter.empty


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return str(value).lower() if value is None else str(value)


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def _traits(cls: Any) -> str:
    """Layout, window and size; a trait that depends on an option is left out."""
    traits = [f"layout {cls.layout}"] if isinstance(cls.layout, str) else []
    if isinstance(cls.future, int):
        frames = "1 frame" if cls.future == 1 else f"{cls.future} frames"
        traits.append(f"looks {frames} ahead" if cls.future else "no look-ahead")
    if isinstance(cls.scale, int | Fraction) and cls.scale > 1:
        traits.append(f"{cls.scale} times larger")
    if cls.adaptive is True:
        traits.append("adaptive: chooses by what it sees")
    if cls.generative is True:
        traits.append("generative: results are reconstructed")
    return ", ".join(traits)
