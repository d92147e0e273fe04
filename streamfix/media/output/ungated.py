"""Adds streams that a muxer takes although libavformat's query does not know it.

PyAV asks `avformat_query_codec` before it adds a stream. For Matroska, AVI and others that answers from the list of
native codec names only: it says no to G.711, ADPCM, GSM, huffyuv or v210, which their muxers write all the same (as
A_MS/ACM and V_MS/VFW). A stream is then first made in a scratch container of the muxer "null", which takes all, and
its parameters are copied to one of the real container. The muxer has the last word when it writes its header.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.codec.context import Flags
from av.container import OutputContainer
from av.format import Flags as FormatFlags
from av.stream import Stream

from .. import pyav


def copy_of(container: OutputContainer, template: Stream) -> Stream:
    """Add a stream of the template's codec and parameters, for packets that were encoded already.

    Raises ValueError if libav knows nothing of its codec.
    """
    try:
        stream: Stream = container.add_stream_from_template(template, opaque=True)
        return stream
    except ValueError:
        if template.codec_context is None:
            raise
    draft = _scratch().add_stream_from_template(template, opaque=True)  # without the tag of the input's container
    moved = _moved(container, draft, None)
    draft.container.close()
    return moved


def draft_stream(container: OutputContainer, encoder: str, rate: Any) -> Any:
    """A stream with an encoder to be set up and opened; hand it to `place` after that.

    rate: frames a second, or samples a second as an int; None for subtitles. Raises ValueError if there is no such
    encoder.
    """
    try:
        return container.add_stream(encoder, rate=rate)
    except ValueError:
        stream = _scratch().add_stream(encoder, rate=rate)
        if has_flag(container, FormatFlags.global_header):
            stream.codec_context.flags |= Flags.global_header
        return stream


def place(container: OutputContainer, draft: Any) -> Stream:
    """The container's stream for packets of a draft's encoder, which is open by now: mostly the draft itself."""
    if draft.container is container:
        return draft  # type: ignore[no-any-return]
    draft.container.start_encoding()  # fills in the parameters
    moved = _moved(container, draft, draft.codec_context.framerate if draft.type == "video" else None)
    draft.container.close()  # it lets go of the draft, which holds it
    return moved


def has_flag(container: OutputContainer, flag: FormatFlags) -> bool:
    """True if a container's muxer has one of libavformat's flags."""
    value: Any = flag.value  # an int; the stub calls it a flag
    return bool(container.format.flags & value)


def _scratch() -> OutputContainer:
    return av.open(io.BytesIO(), "w", format="null")


def _moved(container: OutputContainer, draft: Any, rate: Fraction | None) -> Stream:
    """Add a stream with a draft's parameters. rate: of a video, which containers want for what a frame lasts."""
    if rate is None:
        stream: Stream = container.add_data_stream()
    else:
        stream = container.add_mux_stream(container.default_video_codec, rate=rate)
    BitStreamFilterContext("null", draft, stream)  # replaces all that the stream was added with
    stream.time_base = draft.time_base
    stream.metadata.update(draft.metadata)
    pyav.set_disposition(stream, draft.disposition.value)
    return stream
