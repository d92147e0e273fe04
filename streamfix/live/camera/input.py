"""How a live input is opened where the user does not say otherwise, and which errors another attempt can cure."""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import av.error

from ...errors import InputError, UsageError
from ...media.specs import InputSpec, OutputSpec
from ...media.transport.protocols import SDP, format_protocols, input_protocols, listens
from ..policy import LivePolicy

log = logging.getLogger("streamfix.live")

_ABSENT = {
    *(errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN),
    *(errno.ENOENT, errno.ENODEV, errno.ENXIO),
}
_CHECKED_CODECS = {"h264", "mpeg1video", "mpeg2video", "mjpeg", "vp8"}


def live_spec(spec: InputSpec, policy: LivePolicy) -> InputSpec:
    """The input as each connection opens it: one thread to decode, a time limit for each read.

    Without -t and -to, which hold for the whole stream and not for each connection.
    """
    options = dict(spec.options)
    options.setdefault("fpsprobesize", "4")  # frames that are waited for to guess the rate; usually 20
    for protocol in input_protocols(spec.url, spec.format):
        if protocol.transport_option not in options:
            options = {**protocol.live_options, **options}
    return replace(
        spec,
        options=options,
        duration_s=None,
        end_s=None,
        thread_count=spec.thread_count or 1,
        timeout_s=spec.timeout_s or max(policy.open_timeout_s, policy.lost_after_s),
        max_error_rate=1.0,
    )


def end_s(spec: InputSpec, begin_s: Fraction) -> Fraction | None:
    """Where -t or -to ends the input, in seconds of its own time, which begins at begin_s; None if neither does."""
    if spec.duration_s is not None:
        return begin_s + spec.duration_s
    return None if spec.end_s is None else begin_s + spec.end_s - (spec.start_s or 0)


def outputs_end_s(outputs: Sequence[OutputSpec]) -> Fraction | None:
    """Seconds from the beginning after which no output wants any more; None if one of them has no end."""
    ends = [o.end_s if o.duration_s is None else (o.start_s or 0) + o.duration_s for o in outputs]
    return max((end for end in ends if end is not None), default=None) if None not in ends else None


def waits_for_a_sender(spec: InputSpec) -> bool:
    """True where nobody is asked for pictures: without a connection, or where the camera makes it."""
    connectionless = any(not protocol.answers for protocol in input_protocols(spec.url, spec.format))
    return connectionless or listens(spec.url, spec.options)


def warn_of_silent_loss(spec: InputSpec, codec: str) -> None:
    """Log a warning for an input whose pictures may be damaged without our noticing.

    libav does not report packets lost from RTP over UDP; only some codecs show the damage while they are decoded.
    """
    silent = any(protocol.loses_silently(spec.options) for protocol in input_protocols(spec.url, spec.format))
    if silent and codec not in _CHECKED_CODECS:
        log.warning(
            "%s: over UDP, lost %s data goes unnoticed, and damaged pictures may be shown as good ones; use "
            "-rtsp_transport tcp or MPEG-TS if the camera can",
            *(spec.shown, codec),
        )


def ends_by_itself(spec: InputSpec) -> bool:
    """True for files and pipes: their end is an end, not a camera that is lost."""
    live = any(protocol.live for protocol in format_protocols(spec.format))
    return "://" not in spec.url and not live and SDP not in input_protocols(spec.url, spec.format)


def is_incurable(error: BaseException, spec: InputSpec) -> bool:
    """True for an error that another attempt would meet again."""
    if not isinstance(error, InputError) or isinstance(error, UsageError):
        return True
    cause = error.__cause__
    if isinstance(cause, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError):
        return "://" not in spec.url
    return isinstance(cause, av.error.DemuxerNotFoundError | av.error.OptionNotFoundError)


def is_denied(error: BaseException) -> bool:
    """True if user and password are right, and may not see this camera."""
    return isinstance(error.__cause__, av.error.HTTPForbiddenError)


def is_absent(error: BaseException) -> bool:
    """True if nothing was there to answer: the host is off or starting, or the device is unplugged."""
    cause = error.__cause__
    return isinstance(cause, OSError | av.error.FFmpegError) and cause.errno in _ABSENT
