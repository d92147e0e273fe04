"""From a configured stream to the job that runs it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace

from ....chainspec import FilterSpec, parse_chain
from ....errors import BadOption, OutputError
from ....jobs import JobSpec, hoisted
from ....jobs.osd import NAME as OSD
from ....jobs.privacy import NAME as PRIVACY
from ....live.outputs.resuming import neighbour, resumed
from ....media.input.options import check_option
from ....media.output.muxer import guess_format
from ....media.redact import redact, redact_options
from ....media.specs import InputSpec, OutputSpec
from ....media.transport.protocols import PATTERN_FORMATS, RTSP, protocol_of, scheme_of
from ..access.location import usual_demuxer, usual_format
from ..access.secrets import Secrets
from ..access.urls import Allowed
from ..recordings.names import make_folder, names_of
from .checking import check_stream
from .spec import OutputConfig, StreamConfig

log = logging.getLogger("streamfix.daemon")


def job_spec(stream: StreamConfig, secrets: Secrets, allowed: Allowed, device: str = "auto") -> JobSpec:
    """The job that runs a stream, secrets put in: never log or show it.

    What is read and written is checked once more, now that references are known and names may lead elsewhere.
    Raises UsageError for a secret that is not there, and for what is not allowed; BadOption for an option of the input
    that libav would ignore or refuse.
    """
    guards = check_stream(stream, allowed, secrets)
    url = secrets.resolve(stream.input)
    options = secrets.resolve_all(stream.input_options)
    format = stream.input_format or usual_demuxer(url)
    for name, value in options.items():
        try:
            check_option(name, value, url, format)
        except BadOption as error:
            shown = redact_options({name: stream.input_options[name]})[name]
            raise BadOption(f"input_options.{name} = {shown!r}: {error}") from error
    if stream.transport and protocol_of(url) is RTSP:
        options = {"rtsp_transport": stream.transport, **options}
    # The operator may set guards aside for an input of their own, such as a playlist of local files.
    options = {**options, **guards} if "input" in stream.foreign else {**guards, **options}
    job = JobSpec(
        inputs=(InputSpec(url, format, options),),
        outputs=tuple(_begun(output_spec(output, stream, secrets.resolve)) for output in stream.outputs),
        filters=chain_of(stream),
        audio=stream.audio,
        subtitles=False,
        data=False,
        device=device,
        live=stream.policy,
        privacy=stream.privacy,
    )
    return hoisted(job)


def chain_of(stream: StreamConfig) -> tuple[FilterSpec, ...]:
    """The stream's filters, with what keeps its overlays in front of them."""
    chain = tuple(parse_chain(stream.filters)) if stream.filters else ()
    if not chain or not stream.overlays:
        return chain
    count = next((i for i, spec in enumerate(chain) if spec.name != PRIVACY), len(chain))
    keeps = FilterSpec(OSD, f"at={'+'.join(stream.overlays.values())}")
    return (*chain[:count], keeps, *chain[count:])


def output_spec(output: OutputConfig, stream: StreamConfig, resolve: Callable[[str], str]) -> OutputSpec:
    """An output as the configuration says it. resolve: puts the secrets into a text."""
    url = resolve(output.url)
    video_options = {**stream.video_options, **output.video_options}
    return OutputSpec(
        url,
        format=output.format or usual_format(url),
        video_codec=output.video_codec or stream.video_codec,
        audio_codec=output.audio_codec or stream.audio_codec,
        video_options={name: resolve(value) for name, value in video_options.items()},
        format_options={name: resolve(value) for name, value in output.options.items()},
        overwrite=output.overwrite,
    )


def _begun(spec: OutputSpec) -> OutputSpec:
    """The output as it begins now. Makes the folder that is named by the clock; the keeper makes those to come.

    Raises OutputError.
    """
    if spec.url.startswith("/"):
        try:
            make_folder(names_of(spec.url, spec.format, spec.format_options), time.time())
        except OSError as error:
            raise OutputError(f"{redact(spec.url)}: its folder cannot be made: {error}") from None
    return beginning(spec)


def beginning(spec: OutputSpec) -> OutputSpec:
    """The output, changed so that it leaves the recordings of earlier runs alone, unless they may be replaced.

    Where a file exists already, the recording goes to a file beside it: yard.mp4, yard.1.mp4; so does each segment
    whose name is taken when it begins. Numbered segments continue after the highest number, and an HLS playlist where
    it ended. Raises UsageError where the name does not tell the format.
    """
    if spec.overwrite or scheme_of(spec.url):
        return spec
    format = guess_format(spec.url, spec.format)
    if format in PATTERN_FORMATS:
        # An HLS playlist is rewritten together with its earlier entries.
        return replace(resumed(spec, format, 0), overwrite=format == "hls")
    if not os.path.isfile(spec.url):
        return spec
    free = neighbour(spec.url)
    log.info("%s exists already, so the recording goes to %s", redact(spec.url), redact(os.path.basename(free)))
    return replace(spec, url=free)
