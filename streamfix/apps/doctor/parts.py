"""What reads, writes and restores: libav with its encoders, the backends of networks, the filters."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

from .finding import Finding

#: Encoders that PyAV's own builds have, and what is lost without each.
ENCODERS = {
    "libx264": "H.264, the usual codec of files and streams",
    "libx265": "HEVC",
    "libsvtav1": "AV1",
    "libvpx-vp9": "VP9, of WebM",
    "aac": "AAC sound",
    "libopus": "Opus sound",
}


def video() -> list[Finding]:
    """libav, its encoders, and the ffmpeg command."""
    return list(_video())


def _video() -> Iterator[Finding]:
    mend = f"{sys.executable} -m pip install --force-reinstall --no-deps --only-binary av av"
    try:
        import av
    except (ImportError, OSError) as error:
        yield Finding("wrong", f"PyAV cannot be imported: {str(error).splitlines()[0]}", mend)
        return
    major, minor, _ = av.library_versions["libavcodec"]
    yield Finding("ok", f"PyAV {av.__version__} with libavcodec {major}.{minor}")
    there = [name for name in ENCODERS if name in av.codecs_available]
    yield Finding("ok", f"encodes by {', '.join(there)}")
    for name, what in ENCODERS.items():
        if name not in there:
            yield Finding("missing", f"no {name}: {what} cannot be written; PyAV's own builds have it", mend)
    if shutil.which("ffmpeg"):
        yield Finding("ok", "the ffmpeg command is there, for SRT")
    else:
        yield Finding("missing", "no ffmpeg command: SRT cannot be read or written", "apt-get install -y ffmpeg")


def backends() -> list[Finding]:
    """Each backend that networks can run on."""
    from ...backends import BACKENDS

    found = []
    for name in BACKENDS:
        try:
            why = BACKENDS.create(name).missing()
        except Exception as error:  # noqa: BLE001 - somebody's package, which may fail in any way
            found.append(Finding("wrong", f"{name} does not load: {_line(error)}", "update or remove its package"))
            continue
        text, _, remedy = (why or "").partition("; ")
        remedy = remedy.replace("pip install", f"{sys.executable} -m pip install", 1)
        found.append(Finding("ok", f"{name} runs networks") if why is None else Finding("missing", text, remedy))
    return found


def filters() -> list[Finding]:
    """Each filter, whether its package loads."""
    from ...filters import FILTERS

    good, found = [], []
    for name in FILTERS:
        try:
            FILTERS.get(name)
            good.append(name)
        except Exception as error:  # noqa: BLE001 - the same
            found.append(
                Finding("wrong", f"filter {name} does not load: {_line(error)}", "update or remove its package")
            )
    if not good:
        text = "no filter is announced: the package's entry points are missing"
        return [
            *found,
            Finding("wrong", text, f"{sys.executable} -m pip install --force-reinstall --no-deps streamfix"),
        ]
    return [Finding("ok", ", ".join(good)), *found]


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
