"""streamfix from Python: whole files with `restore`, frame by frame with `open`."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from .chainspec import FilterSpec, parse_chain
from .errors import BadOption
from .frame import Frame, VideoInfo
from .jobs import Job, JobSpec, build_job, check_chain, restore_stage
from .live.policy import is_live
from .media.input.reader import Reader
from .media.specs import InputSpec, OutputSpec
from .pipeline import Closable, close_all

Path = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Result:
    """What a restoration did.

    output: where it lies. frames_in, frames_out: pictures read and written.
    duplicated, dropped: pictures repeated or left out to keep a constant rate (`rate=`).
    errors: damaged packets and pictures that were met and survived.
    seconds: time taken. reconstructed: filters in the chain that may have invented detail.
    """

    output: str
    frames_in: int
    frames_out: int
    duplicated: int
    dropped: int
    errors: int
    seconds: float
    reconstructed: tuple[str, ...] = ()


def restore(
    input: Path | InputSpec,
    output: Path,
    filters: str = "",
    *,
    device: str = "auto",
    overwrite: bool = False,
    maps: Sequence[str] = (),
    on_job: Callable[[Job], None] | None = None,
    **options: Any,
) -> Result:
    """Restore a file or stream into a file; the same as the command line does.

        streamfix.restore("in.mp4", "out.mp4", "smooth", crf=20, preset="fast")

    filters: a chain as after -vf, "" to encode the pictures as they are.
    device: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".
    overwrite: replace an existing output, once the new one is complete.
    maps: streams to take, as after -map; the best video and all that goes with it unless told.
    on_job: called with the job before it starts: `job.stop()`, `job.cancel()` and
    `job.progress` may be used from any thread.
    options: any field of `media.specs.OutputSpec` by name (video_codec, audio_codec,
    format, pix_fmt, rate, start_s, duration_s, metadata ...); every other
    name is an option of the encoder or the muxer (crf, preset, g, movflags ...).

    Raises UsageError (UnknownName, BadOption) for a wrong request, InputError
    (DecodeError), OutputError, FilterError (DeviceError) or ModelError.
    """
    wanted = input if isinstance(input, InputSpec) else InputSpec(os.fspath(input))
    spec = JobSpec(
        inputs=(wanted,),
        outputs=(output_spec(os.fspath(output), overwrite, options),),
        filters=tuple(parse_chain(filters)) if filters else (),
        maps=tuple(maps),
        device=device,
    )
    job = build_job(spec)
    if on_job is not None:
        on_job(job)
    job.run()
    progress = job.progress
    return Result(
        output=spec.outputs[0].url,
        frames_in=job.reader.frames_read,
        frames_out=progress.frames,
        duplicated=progress.counts.duplicated,
        dropped=progress.counts.dropped_total,
        errors=progress.errors,
        seconds=progress.elapsed_s,
        reconstructed=tuple(job.restoration.generative) if job.restoration else (),
    )


def output_spec(url: str, overwrite: bool, options: Mapping[str, Any]) -> OutputSpec:
    """An OutputSpec from keyword arguments; what is no field of it goes to the encoder or the muxer.

    Raises BadOption for a value of a kind that has no text.
    """
    known = {name for name in OutputSpec.__dataclass_fields__ if name not in ("url", "options", "overwrite")}
    fields = {name: value for name, value in options.items() if name in known}
    for name in ("rate", "start_s", "duration_s", "end_s"):
        if fields.get(name) is not None:
            fields[name] = Fraction(fields[name])
    rest = {}
    for name, value in options.items():
        if name in known:
            continue
        if not isinstance(value, str | int | float | Fraction):
            raise BadOption(f"{name}={value!r}: an encoder option is text or a number")
        rest[name] = str(int(value)) if isinstance(value, bool) else str(value)
    return OutputSpec(url, overwrite=overwrite, options=rest, **fields)


def open(input: Path | InputSpec, *, device: str = "auto", **options: Any) -> Video:
    """Open a file or stream to take its frames one by one.

        with streamfix.open("in.mp4") as video:
            print(video.info)
            for frame in video.filter("smooth"):
                picture = frame.rgb()  # (H, W, 3) uint8

    device: where filters compute, as for `restore`.
    options: demuxer and decoder options by name (framerate, video_size,
    rtsp_transport ...); an InputSpec says the rest (start_s, loops ...).
    Raises InputError if it cannot be opened, UsageError if it holds no video.
    """
    wanted = input if isinstance(input, InputSpec) else InputSpec(os.fspath(input))
    if options:
        wanted = replace(wanted, options={**wanted.options, **{k: str(v) for k, v in options.items()}})
    return Video(_Footage(wanted), (), device)


class Video:
    """The frames of an input, through a chain of filters. Made by `open`; iterate over it.

    Each iteration yields `Frame`s in order, one for each frame read (libavfilter
    filters may change their number), with its own time, and starts anew from the
    beginning where the input can be opened again. Work is done as frames are
    asked for, in the calling thread. Leaving the loop early, `close()` and the
    `with` block all release the input.

    A frame is yours to keep; `frame.rgb()` is (H, W, 3) uint8, `frame.tensor("rgb")`
    (3, H, W) float32 in [0, 1], `frame.tensor("yuv420")` (6, ceil H/2, ceil W/2).

    Iterating raises DecodeError, InputError, FilterError, DeviceError or ModelError.
    """

    def __init__(self, footage: _Footage, chain: tuple[FilterSpec, ...], device: str) -> None:
        self._footage, self._chain, self._device = footage, chain, device

    @property
    def info(self) -> VideoInfo:
        """Size, pixel format, rate, colour and length of the input, before any filter."""
        return self._footage.info

    def filter(self, chain: str) -> Video:
        """The same video with more filters behind those it has; `chain` as after -vf. Raises UsageError."""
        more = parse_chain(chain)
        check_chain(more)
        return Video(self._footage, (*self._chain, *more), self._device)

    def __iter__(self) -> Iterator[Frame]:
        frames = self._frames()
        self._footage.running.add(frames)
        return frames

    def close(self) -> None:
        """Release the input; loops that still run over it end with their next frame."""
        self._footage.close()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        chain = "".join(f".filter({spec.name!r})" for spec in self._chain)
        return f"<Video {self._footage.spec.url!r} {self.info.width}x{self.info.height}{chain}>"

    def _frames(self) -> Generator[Frame, None, None]:
        opened: list[Closable] = []
        try:
            spec = self._footage.spec
            if restoration := restore_stage(self._chain, self._device, live=is_live(spec.url, spec.format)):
                opened.append(restoration)
            reader = self._footage.take()
            opened.append(reader)
            for item in reader:
                for frame in restoration.push(item) if restoration else (item,):
                    if isinstance(frame, Frame):
                        yield frame
            for frame in restoration.flush() if restoration else ():
                yield frame
        finally:
            close_all(reversed(opened))


class _Footage:
    """An input that is open once before anybody iterates, and again for each further iteration."""

    def __init__(self, spec: InputSpec) -> None:
        self.spec = spec
        self.running: weakref.WeakSet[Generator[Frame, None, None]] = weakref.WeakSet()
        self._reader: Reader | None = self._open()
        self.info = self._reader.info

    def take(self) -> Reader:
        """A reader at the beginning; whoever takes it closes it."""
        reader, self._reader = self._reader or self._open(), None
        return reader

    def close(self) -> None:
        reader, self._reader = self._reader, None
        close_all([*self.running, *([reader] if reader else [])])

    def _open(self) -> Reader:
        return Reader((self.spec,), audio=False, subtitles=False, data=False)
