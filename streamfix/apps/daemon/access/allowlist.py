"""Formats, options and filters that a stream given over HTTP may use: those that reach no other file or address.

libav has hundreds of options, and some name further files, keys, proxies or servers (segment_list,
hls_key_info_file, movie=..., x264-params=stats=...). A list of the dangerous ones would miss some; these lists
name what is known to be harmless. The operator's own file may use everything.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import PurePath

from ....chainspec import FilterSpec
from ....errors import BadOption, UsageError
from ....filters import FILTERS
from ....jobs import osd
from ....jobs.privacy import NAME as PRIVACY
from ....jobs.privacy import OPTIONS
from ....registry import choices


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Demuxers as libav calls them and as users do; none of them opens other files or addresses.
INPUT_FORMATS = _words(
    """
    avi flv h264 hevc ivf matroska mjpeg mov mp4 mpeg mpegts mpegvideo mpjpeg nut ogg rtp rtsp v4l2 webm yuv4mpegpipe
    """
)
PLAYLISTS = frozenset({"hls", "applehttp", "dash"})  # they tell the demuxer what to read next
OUTPUT_FORMATS = _words(
    """
    avi flv h264 hevc hls matroska mjpeg mov mp4 mpegts mpjpeg null nut rtp rtp_mpegts rtsp segment webm
    """
)
# What probing may find: the names of libavformat's demuxers.
PROBED = "mov,matroska,mpegts,mpeg,flv,avi,mjpeg,mpjpeg,mpegvideo,h264,hevc,ivf,nut,ogg,yuv4mpegpipe"

INPUT_OPTIONS = _words(
    """
    allowed_media_types analyzeduration buffer_size err_detect fflags fifo_size flags framerate input_format latency
    max_delay overrun_nonfatal passphrase pbkeylen pixel_format pkt_size probesize rcvlatency reorder_queue_size
    rtsp_transport rw_timeout skip_frame standard streamid timeout tls_verify use_wallclock_as_timestamps user_agent
    video_size
    """
)
OUTPUT_OPTIONS = _words(
    """
    avoid_negative_ts bitrate brand break_non_keyframes buffer_size fflags flush_packets flvflags frag_duration
    hls_delete_threshold hls_flags hls_init_time hls_list_size hls_playlist_type hls_segment_type
    hls_start_number_source hls_time latency max_delay max_interleave_delta min_frag_duration min_seg_duration
    movflags mpegts_flags mpegts_service_id mpegts_start_pid muxrate passphrase pat_period pbkeylen pcr_period
    pkt_size reset_timestamps rtsp_transport rw_timeout sdt_period segment_atclocktime
    segment_clocktime_offset segment_format segment_start_number segment_time segment_wrap start_number streamid
    strftime tcp_nodelay timeout tls_verify ttl write_tmcd
    """
)
ENCODER_OPTIONS = _words(
    """
    aq-mode aq-strength b bf bufsize coder cpu-used cq crf deadline forced-idr g intra-refresh keyint_min
    lag-in-frames level maxrate me_range minrate nal-hrd preset profile qmax qmin qp quality rc rc-lookahead refs
    row-mt sc_threshold slices speed spatial-aq subq temporal-aq threads tile-columns tune usage
    """
)
LIBAVFILTERS = _words(
    """
    atadenoise avgblur bilateral boxblur bwdif cas chromanr colorbalance colorcontrast colorcorrect colorlevels
    colorspace colortemperature crop dctdnoiz deband deblock dedot deflicker delogo drawbox drawgrid edgedetect eq
    exposure fftdnoiz fieldorder format fps gblur gradfun hflip histeq hqdn3d hue kerndeint lenscorrection limiter
    median monochrome nlmeans noise normalize null owdenoise pad removegrain rotate scale setdar setfield setparams
    setrange setsar smartblur tmedian tmix transpose unsharp vaguedenoiser vflip vibrance w3fdif yadif zscale
    """
)


def check_format(name: str, known: Collection[str], what: str) -> None:
    """Raise UsageError for a format that is not in the list."""
    for part in name.split(","):  # libav accepts lists of names too
        if part not in known:
            raise UsageError(_refusal(f"{what} {name!r}", part, known))


def check_option(name: str, value: str, known: Collection[str], what: str) -> None:
    """Raise BadOption for an option that is not in the list."""
    if name not in known:
        raise BadOption(_refusal(f"{what} {name!r}", name, known))
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise BadOption(f"{what} {name!r}: its value has control characters; leave them out")
    if name == "segment_format":
        check_format(value, OUTPUT_FORMATS, "segment_format")


def check_filter(spec: FilterSpec) -> list[str]:
    """Raise UsageError for a filter that might read or write files; else return the files that it names, to be checked.

    A filter of an installed package is trusted, but each text option may be a file's name.
    """
    if spec.name == PRIVACY:
        given = OPTIONS.create(PRIVACY, spec.options)
        if given.audit is not None:
            raise BadOption(f"privacy=audit={given.audit}: it would write a file; set it in the daemon's own file")
        return [given.zones]
    if spec.name == osd.NAME:
        boxes = osd.OPTIONS.create(osd.NAME, spec.options).boxes
        return [] if boxes is None else [boxes]
    if spec.name in FILTERS:
        known = FILTERS.options(spec.name)
        values = FILTERS.values(spec.name, spec.options)
        texts = {name: str(value) for name, value in values.items() if isinstance(value, str | PurePath)}
        return [text for name, text in texts.items() if text not in choices(known[name].kind)]
    if spec.name not in LIBAVFILTERS:
        raise UsageError(_refusal(f"filter {spec.name!r}", spec.name, (*FILTERS, *LIBAVFILTERS)))
    # libavfilter reads an option's value from a file where its name begins with a slash (FFmpeg 7).
    if any(name.startswith("/") or value.lstrip().startswith("/") for name, value in spec.options.items()):
        raise BadOption(f"filter {spec.name}={spec.arguments}: no value may begin with a slash")
    return []


def _refusal(what: str, name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.75)
    hint = f"did you mean {near[0]!r}?" if near else f"allowed are {', '.join(sorted(set(known)))}"
    return (
        f"{what} is not allowed over HTTP, since it could reach other files or addresses; {hint}; "
        "the daemon's own file may use any"
    )
