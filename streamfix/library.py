"""streamfix from Python: whole files with `restore`, frame by frame with `open`."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from .chainspec import FilterSpec, chain_text, parse_chain
from .errors import BadOption, StreamfixError
from .frame import Frame, VideoInfo
from .jobs import Job, JobSpec, Resume, build_job, check_chain
from .live.policy import LivePolicy, is_live
from .live_video import open_live
from .media.input.reader import Reader
from .media.specs import InputSpec, OutputSpec
from .pipeline import close_all
from .stream import Stream

Path = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Result:
    """What a restoration did.

    output: its path or URL. frames_in, frames_out: pictures read and written.
    duplicated, dropped: pictures repeated or left out to keep a constant rate (`rate=`).
    errors: damaged packets and pictures that were met and survived.
    seconds: time taken. reconstructed: filters in the chain that may have invented detail.
    measured: what the filters have measured of the last shot, by name (noise_luma in 8-bit codes ...), and what `auto`
    made of it (share_denoise ...).
    """

    output: str
    frames_in: int
    frames_out: int
    duplicated: int
    dropped: int
    errors: int
    seconds: float
    reconstructed: tuple[str, ...] = ()
    measured: Mapping[str, float] = field(default_factory=dict)


def restore(
    input: Path | InputSpec,
    output: Path,
    filters: str = "",
    *,
    device: str = "auto",
    overwrite: bool = False,
    maps: Sequence[str] = (),
    exit_on_error: bool = False,
    resume: bool = False,
    on_job: Callable[[Job], None] | None = None,
    **options: Any,
) -> Result:
    """Restore a file or stream into a file; the same as the command line does.

        streamfix.restore("in.mp4", "out.mp4", "smooth", crf=20, preset="fast")

    filters: a chain as after -vf, "" to encode the pictures as they are.
    device: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".
    overwrite: replace an existing output, once the new one is complete.
    maps: streams to take, as after -map; by default the best video and everything else of the first input.
    exit_on_error: fail where a filter gives NaN or infinity, in place of passing the recorded picture.
    resume: keep what is done in a folder beside the output; called again after the process was killed, go on there.
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
        exit_on_error=exit_on_error,
        resume=Resume() if resume else None,
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
        measured=dict(job.restoration.report()) if job.restoration else {},
    )


def output_spec(url: str, overwrite: bool, options: Mapping[str, Any]) -> OutputSpec:
    """An OutputSpec from keyword arguments; those that are no field of it go to the encoder or the muxer.

    Raises BadOption for a value that is neither text nor a number.
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


def open(input: Path | InputSpec, *, device: str = "auto", coding: bool = False, **options: Any) -> Video:
    """Open a file or stream to take its frames one by one.

        with streamfix.open("in.mp4") as video:
            print(video.info)
            for frame in video.filter("smooth"):
                picture = frame.rgb()  # (H, W, 3) uint8

    device: where filters compute, as for `restore`.
    coding: frames say how they were coded (`Frame.coding`), also where no filter asks for it.
    options: demuxer and decoder options by name (framerate, video_size,
    rtsp_transport ...); an InputSpec says the rest (start_s, loops ...).
    A camera (rtsp:, srt:, udp:, v4l2 and the like) is read as by `streamfix.live`: the newest frame each time, however
    long your loop takes, and it is connected again where it goes away.
    Raises InputError if it cannot be opened, UsageError if it holds no video.
    """
    wanted = input if isinstance(input, InputSpec) else InputSpec(os.fspath(input))
    if options:
        wanted = replace(wanted, options={**wanted.options, **{k: str(v) for k, v in options.items()}})
    return Video(_Input(wanted, coding), (), device)


class Video:
    """The frames of an input, through a chain of filters. Made by `open`; iterate over it.

    Each iteration yields `Frame`s in order, one for each frame read (libavfilter
    filters may change their number), with its own time, and starts anew from the
    beginning where the input can be opened again. Work is done as frames are
    asked for, in the calling thread. Leaving the loop early, `close()` and the
    `with` block all release the input.

    Of a camera it yields the newest frame each time; reading and restoring go on in threads of their own. See
    `streamfix.live`, which tells what was missed, and lets you set the latency.

    A frame is yours to keep; `frame.rgb()` is (H, W, 3) uint8, `frame.tensor("rgb")`
    (3, H, W) float32 in [0, 1], `frame.tensor("yuv420")` (6, ceil H/2, ceil W/2).

    Iterating raises DecodeError, InputError, FilterError, DeviceError or ModelError.
    """

    def __init__(self, input: _Input, chain: tuple[FilterSpec, ...], device: str) -> None:
        self._input, self._chain, self._device = input, chain, device

    @property
    def info(self) -> VideoInfo:
        """Size, pixel format, rate, colour and length of the input, before any filter."""
        return self._input.info

    def filter(self, chain: str) -> Video:
        """The same video with more filters behind those it has; `chain` as after -vf, "" for none.

        Raises UsageError.
        """
        more = parse_chain(chain) if chain else []
        check_chain((*self._chain, *more))
        return Video(self._input, (*self._chain, *more), self._device)

    def __iter__(self) -> Iterator[Frame]:
        frames: _Frames | _NewestFrames
        if is_live(self._input.spec.url, self._input.spec.format):
            frames = _NewestFrames(self._input, self._chain, self._device)
        else:
            frames = _Frames(self._input, self._chain, self._device)
        self._input.running.add(frames)
        return frames

    def close(self) -> None:
        """Release the input, from any thread; loops that still run over it end with their next frame.

        A loop that works on a frame just now, in another thread, releases it when that is done.
        """
        self._input.close()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        chain = "".join(f".filter({spec.name!r})" for spec in self._chain)
        return f"<Video {self._input.spec.url!r} {self.info.width}x{self.info.height}{chain}>"


class _Frames(Iterator[Frame]):
    """One iteration over a Video. Any thread may close it; one at a time takes a frame."""

    def __init__(self, input: _Input, chain: tuple[FilterSpec, ...], device: str) -> None:
        # Of the reader once there is one. What reads knows nothing of this object, so that it ends with it.
        self._readers: list[Reader] = []
        self._frames = _restored(input, chain, device, self._readers)
        self._working = threading.Lock()
        self._closed = False

    def __next__(self) -> Frame:
        with self._working:
            if not self._closed:
                frame = next(self._frames)
                if not self._closed:
                    return frame
            self._frames.close()
        raise StopIteration

    def close(self) -> None:
        """End it: at once, or when the frame is done that another thread is waiting for."""
        self._closed = True
        for reader in self._readers:
            reader.stop()
        if self._working.acquire(blocking=False):
            try:
                self._frames.close()
            finally:
                self._working.release()


class _NewestFrames(Iterator[Frame]):
    """One iteration over a camera."""

    def __init__(self, input: _Input, chain: tuple[FilterSpec, ...], device: str) -> None:
        input.let_go()  # few cameras and devices serve two readers
        self._video = open_live(input.spec, chain, LivePolicy(), device=device, coding=input.coding)

    def __next__(self) -> Frame:
        frame = self._video.read()
        if frame is None:
            raise StopIteration
        return frame

    def close(self) -> None:
        """End it, from any thread."""
        self._video.close()


def _restored(
    input: _Input, chain: tuple[FilterSpec, ...], device: str, readers: list[Reader]
) -> Generator[Frame, None, None]:
    """The restored frames of an input; its reader is put into `readers`."""
    with (
        Stream(chain_text(chain), device=device, live=False) as stream,
        closing(input.take(coding=stream.wants_coding)) as reader,
    ):
        readers.append(reader)
        for item in reader:
            if isinstance(item, Frame):
                yield from stream.push(item)
        yield from stream.flush()


class _Input:
    """An input: opened when it is made, for the first iteration, and again for each further one."""

    def __init__(self, spec: InputSpec, coding: bool) -> None:
        self.spec = spec
        self.coding = coding
        self.running: weakref.WeakSet[_Frames | _NewestFrames] = weakref.WeakSet()
        # What can be opened once alone is asked for all at once: no filter is known yet.
        self._coding = coding or not os.path.isfile(spec.url)
        self._reader: Reader | None = self._open(self._coding)
        self.info = self._reader.info

    def take(self, *, coding: bool) -> Reader:
        """A reader at the beginning; the caller closes it. coding: its frames say how they were coded."""
        reader, self._reader = self._reader, None
        if reader is not None and coding and not reader.coding:
            with suppress(StreamfixError):  # of a file that breaks off at once: the next reader finds that too
                reader.close()
            reader = None
        return reader or self._open(self._coding or coding)

    def let_go(self) -> None:
        """Close the reader that waits for the first iteration, if there still is one."""
        reader, self._reader = self._reader, None
        if reader is not None:
            with suppress(StreamfixError):
                reader.close()

    def close(self) -> None:
        reader, self._reader = self._reader, None
        close_all([*self.running, *([reader] if reader else [])])

    def _open(self, coding: bool) -> Reader:
        return Reader((self.spec,), audio=False, subtitles=False, data=False, coding=coding)
