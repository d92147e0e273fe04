"""What options there are and what they take is as libav itself says; the real opening is the judge."""

from __future__ import annotations

import av
import av.error
import pytest

from streamfix.errors import BadOption, UnknownName
from streamfix.media import libav_options
from streamfix.media.input.options import check_demuxer, check_option
from streamfix.media.output.options import check_muxer_option
from tests.live.refusing import closed_port

RTSP = (
    ("rtsp_transport", "tcp"),
    ("rtsp_transport", "tcp+udp"),
    ("rtsp_transport", "tpc"),
    ("rtsp_flags", "prefer_tcp"),
    ("rtsp_flags", "prefer"),
    ("timeout", "5000000"),
    ("timeout", "5M"),
    ("timeout", "soon"),
    ("buffer_size", "-1"),
    ("buffer_size", "-7"),
    ("reorder_queue_size", "500"),
    ("probesize", "31"),
    ("probesize", "32"),
    ("fflags", "nobuffer+genpts"),
    ("fflags", "nobufer"),
    ("max_delay", "100000"),
    ("max_delay", "-2"),
    ("allowed_media_types", "video"),
    ("allowed_media_types", "pictures"),
    ("use_wallclock_as_timestamps", "yes"),
    ("user_agent", "anything at all"),
)


@pytest.mark.parametrize(("name", "value"), RTSP)
def test_an_input_s_option_is_judged_as_the_opening_judges_it(name: str, value: str) -> None:
    with closed_port() as held:
        url = f"rtsp://127.0.0.1:{held.getsockname()[1]}/x"
        with pytest.raises((OSError, av.error.FFmpegError)) as caught:  # nobody listens there
            av.open(url, options={name: value}, timeout=5)
        if isinstance(caught.value, ConnectionRefusedError):
            check_option(name, value, url, None)
        else:
            with pytest.raises(BadOption, match="it takes "):
                check_option(name, value, url, None)


@pytest.mark.parametrize(
    ("format", "name", "value"),
    [
        *(("mp4", "movflags", v) for v in ("faststart", "+frag_keyframe+empty_moov", "faststrt")),
        *(("mp4", "frag_duration", v) for v in ("1000000", "1M", "-1", "x")),
        *(("mpegts", "muxrate", v) for v in ("0", "2M", "-5")),
        *(("mpegts", "mpegts_flags", v) for v in ("resend_headers+latm", "resend")),
        *(("matroska", "cluster_time_limit", v) for v in ("1000", "none")),
        *(("matroska", "avoid_negative_ts", v) for v in ("make_zero", "make_zer", "1", "7")),
        *(("flv", "flvflags", v) for v in ("no_duration_filesize", "no_duration")),
    ],
)
def test_an_outputs_option_is_judged_as_the_header_judges_it(
    format: str, name: str, value: str, tmp_path: object
) -> None:
    url = f"{tmp_path}/out"
    container = av.open(url, "w", format=format, options={name: value})
    stream = container.add_stream("mpeg2video" if format == "mpegts" else "libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    try:
        container.start_encoding()
    except (av.error.FFmpegError, ValueError):
        with pytest.raises(BadOption, match="it takes "):
            check_muxer_option(name, value, url, format)
    else:
        check_muxer_option(name, value, url, format)


@pytest.mark.parametrize(
    ("url", "format", "name", "value"),
    [
        ("srt://cam:9000", None, "latency", "200000"),
        ("srt://cam:9000", None, "passphrase", "0123456789"),
        ("udp://239.0.0.1:5000", None, "fifo_size", "1000000"),
        ("udp://239.0.0.1:5000", None, "overrun_nonfatal", "1"),
        ("http://cam/x.mjpg", "mpjpeg", "user_agent", "me"),
        ("https://cam/x", None, "tls_verify", "0"),
        ("rtmp://cam/a/b", None, "rtmp_live", "live"),
        ("/dev/video0", "v4l2", "input_format", "mjpeg"),
        ("/dev/video0", "v4l2", "video_size", "1280x720"),
        ("rtsp://cam/x", None, "threads", "2"),
        ("rtsp://cam/x", None, "skip_frame", "nokey"),
        ("rtsp://cam/x", None, "err_detect", "explode"),
        ("rtsp://cam/x", None, "protocol_whitelist", "rtsp,tcp"),
    ],
)
def test_what_cameras_are_usually_given_is_known(url: str, format: str | None, name: str, value: str) -> None:
    check_option(name, value, url, format)


def test_whatever_may_be_given_over_http_is_known() -> None:
    from streamfix.apps.daemon.access.allowlist import INPUT_OPTIONS, OUTPUT_OPTIONS

    reads, writes = libav_options.all_options(reads=True), libav_options.all_options(reads=False)
    assert reads is not None and writes is not None
    srt = {"passphrase", "pbkeylen", "rcvlatency", "latency", "streamid", "pkt_size"}
    assert INPUT_OPTIONS - reads - srt == set()
    assert OUTPUT_OPTIONS - writes - srt == set()


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(BadOption, match="did you mean 'rtsp_transport'"):
        check_option("rtsp_transprt", "tcp", "rtsp://cam/x", None)
    with pytest.raises(BadOption, match="outputs have it, inputs do not"):
        check_option("preset", "fast", "rtsp://cam/x", None)
    with pytest.raises(BadOption, match="'ffmpeg -h demuxer=rtsp' lists what there is"):
        check_option("qqqqq", "1", "rtsp://cam/x", None)
    with pytest.raises(BadOption, match="the muxer segment does not have it; did you mean 'segment_time'"):
        check_muxer_option("segment_tme", "60", "/rec/y%d.mkv", "segment")
    with pytest.raises(UnknownName, match="near it: rtp, rtsp"):
        check_demuxer("rtps")
    check_demuxer("rtsp")


def test_a_value_leaves_no_trace_in_memory() -> None:
    """Texts and lists are libav's to free; a leak would show as megabytes here."""
    import resource

    generic = libav_options.container_options(reads=True)
    assert generic is not None
    text = "x" * 100_000
    for _ in range(50):
        generic.refusal("protocol_whitelist", text)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1000):
        generic.refusal("protocol_whitelist", text)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "kB; 100,000 were set"


def test_without_libav_s_tables_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libav_options, "functions", lambda: None)
    libav_options.all_options.cache_clear()
    try:
        check_option("qqqqq", "1", "rtsp://cam/x", None)
        check_muxer_option("qqqqq", "1", "/rec/y.mkv", "matroska")
    finally:
        libav_options.all_options.cache_clear()
