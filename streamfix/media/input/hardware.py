"""Decoders that run on a video engine, such as NVDEC: their pictures come back to memory as NV12 or P010.

Only what happens without such an engine is tested by the project; where there is one, PyAV does the rest.
"""

from __future__ import annotations

import logging

import av
import av.error
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.codeccontext import VideoCodecContext

from ...errors import DeviceError, UnknownName
from ..specs import InputSpec

log = logging.getLogger("streamfix.media")

_AUTO = ("cuda", "videotoolbox", "d3d11va", "vaapi", "qsv")  # in this order, those that libav was built with


def on_hardware(context: VideoCodecContext, spec: InputSpec) -> VideoCodecContext:
    """The decoder that decodes in place of `context`, of the same stream: on the engine that is asked for, or itself.

    Raises what `hardware_decoder` raises.
    """
    found = hardware_decoder(context.codec.name, spec.hwaccel, spec.shown)
    return context if found is None else parameters_of(context, found)


def parameters_of(stream: VideoCodecContext, own: VideoCodecContext) -> VideoCodecContext:
    """Give a new decoder what is known of the stream; returns it."""
    own.extradata = stream.extradata
    own.width, own.height = stream.width, stream.height
    return own


def hardware_decoder(codec: str, wanted: str, shown: str) -> VideoCodecContext | None:
    """A decoder of that codec on the engine `wanted`; None for "none", and for "auto" where no engine decodes it.

    shown: the input's name, for messages. Raises UnknownName for a kind of engine that libav was not built with,
    DeviceError if it is not there or does not decode this codec.
    """
    if wanted == "none":
        return None
    built = hwdevices_available()
    if wanted == "auto":
        for name in (name for name in _AUTO if name in built):
            try:
                found = _opened(codec, name, fallback=True)
            except av.FFmpegError:
                continue
            if found is not None:
                log.info("%s: %s is decoded by %s", shown, codec, name)
                return found
        log.info("%s: no hardware here decodes %s; the CPU does", shown, codec)
        return None
    if wanted not in built:
        raise UnknownName(
            f"-hwaccel {wanted} before -i {shown}: this build of libav has {', '.join(built) or 'none'}; "
            "leave -hwaccel out to decode on the CPU"
        )
    try:
        found = _opened(codec, wanted, fallback=False)
    except av.FFmpegError as error:
        raise DeviceError(
            f"-hwaccel {wanted} before -i {shown}: this machine has no such device, or its driver is missing "
            f"({error.strerror}); leave -hwaccel out, or say auto"
        ) from error
    if found is None:
        raise DeviceError(
            f"-hwaccel {wanted} before -i {shown}: it does not decode {codec}; leave -hwaccel out, or say auto"
        )
    return found


def _opened(codec: str, device: str, *, fallback: bool) -> VideoCodecContext | None:
    """fallback: a stream that the engine turns out not to take, by its profile or size, is decoded on the CPU."""
    context = av.CodecContext.create(codec, "r", hwaccel=HWAccel(device, allow_software_fallback=fallback))
    return context if isinstance(context, VideoCodecContext) and context.is_hwaccel else None
