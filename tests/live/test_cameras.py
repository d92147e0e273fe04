"""Live sources on real parts: RTSP, RTMP, SRT, HLS, MPEG-TS, RTP; cables pulled, packets lost, streams that change."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import av
import pytest

from streamfix.frame import Frame
from streamfix.live.policy import LivePolicy
from tests.fakes.serving import serving
from tests.fakes.waiting import LONG_S, until
from tests.live.legs import (
    BUNNY,
    Watch,
    encode,
    ffmpeg,
    free_port,
    increases,
    needs_ffmpeg,
    needs_namespaces,
    needs_rtsp_server,
    process,
    rtsp,
    sender,
)
from tests.live.relay import LossyRelay
from tests.live.servers import is_bound

pytestmark = [pytest.mark.slow, needs_ffmpeg]
QUICK = LivePolicy(backoff_s=(0.2,), lost_after_s=1.0, open_timeout_s=5.0)
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cameras")


@pytest.fixture(scope="module")
def small(folder: Path) -> Path:
    """The sample clip at 320x180, 5 seconds."""
    return encode(BUNNY, folder / "small.mp4", *H264, "-crf", "8", "-c:a", "aac", "-ac", "1", size="320:180")


@pytest.fixture(scope="module")
def clip(folder: Path, small: Path) -> Path:
    """A minute of H.264 and AAC at 160x90."""
    short = encode(small, folder / "short.mp4", *H264, "-c:a", "copy")
    ffmpeg("-stream_loop", "11", "-i", str(short), "-c", "copy", str(folder / "minute.mp4"))
    return folder / "minute.mp4"


# -- the protocols


def is_a_camera(watch: Watch, frames: int = 40, ticks: float | None = None) -> None:
    watch.until(lambda: len(watch.real) >= frames and watch.packets > 10)
    assert watch.state == "running"
    assert increases(watch.frames)
    first = watch.frames[0]
    assert first.cut and not any(f.cut for f in watch.frames[1:])
    assert not any(f.damaged for f in watch.frames)
    assert (first.width, first.height) == (160, 90)
    assert watch.source.info.rate == 25
    assert 0 <= first.time_s < 0.5, "whatever the camera's clock says"
    spans = [b.time_s - a.time_s for a, b in zip(watch.frames, watch.frames[1:], strict=False)]
    assert spans == pytest.approx([0.04] * len(spans), abs=0.002)
    received = [f.received_s for f in watch.frames if f.received_s is not None]
    assert len(received) == len(watch.frames) and received == sorted(received)


@needs_rtsp_server
def test_rtsp_with_a_password_and_the_wall_clock(clip: Path) -> None:
    with rtsp(clip, account="me:secret") as url, Watch(url.replace("//", "//me:secret@")) as watch:
        is_a_camera(watch)
        watch.until(lambda: "capture_delay_s" in watch.health.report().figures)
        assert 0 <= watch.health.report().figures["capture_delay_s"] < 1.0
        taken = datetime.fromisoformat(watch.source.metadata["creation_time"])
        assert 0 <= time.time() - taken.timestamp() < 20.0


@needs_rtsp_server
def test_a_wrong_password_is_the_reason_and_is_not_shown(clip: Path) -> None:
    with rtsp(clip, account="me:secret") as url, Watch(url.replace("//", "//me:guess@"), QUICK) as watch:
        watch.until(lambda: "401" in watch.health.report().reason)
        assert watch.state == "starting" and "guess" not in watch.health.report().reason
        watch.source.stop()
        watch.error = None


def test_rtmp(clip: Path) -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/x"
    with sender(clip, "-f", "flv", "-listen", "1", url), Watch(url, QUICK) as watch:
        is_a_camera(watch)


def test_rtmp_that_the_camera_connects_to(clip: Path) -> None:
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live/x"
    with Watch(url, QUICK, {"listen": "1"}) as watch:
        until(lambda: is_bound(port))
        with sender(clip, "-f", "flv", url):
            is_a_camera(watch)


def test_mpegts_by_http(clip: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/cam.ts"
    with sender(clip, "-f", "mpegts", "-listen", "1", url), Watch(url, QUICK) as watch:
        is_a_camera(watch)


def test_motion_jpeg_by_http_is_timed_by_its_arrival(clip: Path) -> None:
    """It carries no times, and libav would assume 25 frames a second."""
    url = f"http://127.0.0.1:{free_port()}/cam.mjpg"
    jpeg = ("-c:v", "mjpeg", "-r", "10", "-an", "-f", "mpjpeg", "-listen", "1", url)
    begin_s = time.monotonic()
    with sender(clip, *jpeg), Watch(url, QUICK) as watch:
        watch.until(lambda: len(watch.real) >= 30)
        took_s = time.monotonic() - begin_s
    assert increases(watch.frames)
    frames = watch.real[:30]
    received = [f.received_s - frames[0].received_s for f in frames if f.received_s and frames[0].received_s]
    # What comes at once is shown a millisecond apart.
    assert [f.time_s - frames[0].time_s for f in frames] == pytest.approx(received, abs=0.02)
    assert 2.0 < frames[-1].time_s - frames[0].time_s < took_s
    assert watch.source.info.rate is None


def test_mpegts_over_udp(clip: Path) -> None:
    url = f"udp://127.0.0.1:{free_port()}"
    with Watch(url) as watch, sender(clip, "-f", "mpegts", f"{url}?pkt_size=1316"):
        is_a_camera(watch)


def test_the_cameras_own_clock_is_kept_where_that_is_asked_for(clip: Path) -> None:
    url = f"udp://127.0.0.1:{free_port()}"
    with Watch(url, QUICK, copy_timestamps=True) as watch:
        with sender(clip, "-output_ts_offset", "5000", "-f", "mpegts", f"{url}?pkt_size=1316"):
            watch.until(lambda: bool(watch.real))
        assert 5000 < watch.real[0].time_s < 5100


def test_srt(clip: Path) -> None:
    url = f"srt://127.0.0.1:{free_port()}"
    with sender(clip, "-f", "mpegts", f"{url}?mode=listener"), Watch(url, QUICK) as watch:
        is_a_camera(watch)
    assert watch.source.readers_left == 0


def test_srt_that_the_camera_connects_to(clip: Path) -> None:
    port = free_port()
    with Watch(f"srt://127.0.0.1:{port}?mode=listener", QUICK) as watch:
        until(lambda: is_bound(port))
        with sender(clip, "-f", "mpegts", f"srt://127.0.0.1:{port}"):
            is_a_camera(watch)


def test_srt_without_a_sender_is_a_camera_that_is_away(clip: Path) -> None:
    url = f"srt://127.0.0.1:{free_port()}?passphrase=verysecret123&connect_timeout=300"
    with Watch(url, QUICK) as watch:
        watch.until(lambda: watch.health.report().reason not in ("", "connecting"))
        assert "verysecret" not in watch.health.report().reason
        assert watch.state == "starting"
        watch.source.stop()
        watch.error = None


@contextlib.contextmanager
def web(folder: Path) -> Iterator[str]:
    """An HTTP server for a folder."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        extensions_map = {"": "application/vnd.apple.mpegurl"}  # noqa: RUF012 - the base class's way

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(folder)))
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("name", ["live.m3u8", "live"])
def test_hls_comes_at_the_pace_of_its_pictures(clip: Path, tmp_path: Path, name: str) -> None:
    hls = ("-f", "hls", "-hls_time", "1", "-hls_flags", "temp_file", str(tmp_path / "live.m3u8"))
    with sender(clip, *hls, speed=None, loop=False) as child:
        child.wait(LONG_S)  # a list of segments that end: what is there is paced nonetheless
    (tmp_path / "live.m3u8").rename(tmp_path / name)  # it is known by what it says
    with web(tmp_path) as url, Watch(f"{url}/{name}") as watch:
        is_a_camera(watch)
        # They came no faster than they are shown, but for what was buffered while the stream was looked at.
        came = [f.received_s for f in watch.frames if f.received_s is not None]
        assert came[-1] - came[0] > watch.frames[-1].time_s - watch.frames[0].time_s - 0.5


# -- what goes wrong


@needs_rtsp_server
def test_a_server_that_restarts_is_found_again(clip: Path) -> None:
    port = free_port()
    with Watch(f"rtsp://127.0.0.1:{port}/cam", QUICK) as watch:
        for round_ in range(3):
            begun = len(watch.real)
            with rtsp(clip, port):
                watch.until(lambda begun=begun: len(watch.real) >= begun + 10)  # type: ignore[misc]
                assert watch.health.report().reconnects == round_
            watch.until(lambda: watch.state == "reconnecting")
        assert increases(watch.frames)
        assert [f.cut for f in watch.frames].count(True) == 3
        watch.until(lambda: watch.source.readers_left == 0)


@needs_rtsp_server
@needs_namespaces
def test_a_cable_that_is_pulled_and_put_back(clip: Path) -> None:
    ip = functools.partial(subprocess.run, check=True)
    try:
        ip(["ip", "netns", "add", "sfcam"])
        ip(["ip", "link", "add", "sfhere", "type", "veth", "peer", "name", "sfthere", "netns", "sfcam"])
        for command in (
            "ip addr add 10.213.7.1/30 dev sfhere",
            "ip link set sfhere up",
            "ip -n sfcam addr add 10.213.7.2/30 dev sfthere",
            "ip -n sfcam link set sfthere up",
        ):
            ip(command.split())
        with rtsp(clip, namespace="sfcam", address="10.213.7.2") as url, Watch(url, QUICK) as watch:
            watch.until(lambda: len(watch.real) >= 20)
            ip(["ip", "-n", "sfcam", "link", "set", "sfthere", "down"])
            watch.until(lambda: watch.state == "reconnecting")
            assert "no picture for 1 s" in watch.health.report().reason
            before = len(watch.real)
            ip(["ip", "-n", "sfcam", "link", "set", "sfthere", "up"])
            watch.until(lambda: len(watch.real) >= before + 20)
            gap = watch.real[before]
            assert gap.cut and increases(watch.frames)
            passed_s = (gap.received_s or 0) - (watch.real[before - 1].received_s or 0)
            assert gap.time_s - watch.real[before - 1].time_s == pytest.approx(passed_s, abs=0.1)
    finally:
        subprocess.run(["ip", "netns", "del", "sfcam"], check=False)
        subprocess.run(["ip", "link", "del", "sfhere"], check=False, stderr=subprocess.DEVNULL)


def picture_hash(frame: Frame) -> str:
    return hashlib.md5(frame.origin.to_ndarray().tobytes()).hexdigest()


def clean_pictures(path: Path) -> set[str]:
    with av.open(str(path)) as container:
        return {hashlib.md5(f.to_ndarray().tobytes()).hexdigest() for f in container.decode(video=0)}


def lossy(path: Path, tmp_path: Path, transport: str, seed: int) -> tuple[list[Frame], list[str]]:
    """The frames of a clip that came over a network that loses 5 % of the packets, and hashes of their pictures."""
    port = free_port()
    relay = LossyRelay(port, 0.05, seed)
    output = ["-f", "mpegts", f"udp://127.0.0.1:{relay.port}?pkt_size=1316"]
    url, options = f"udp://127.0.0.1:{port}", {}
    if transport == "rtp":
        sdp, ours = tmp_path / "sender.sdp", tmp_path / "ours.sdp"
        rtp = f"rtp://127.0.0.1:{relay.port}?pkt_size=1200"
        output = ["-bsf:v", "dump_extra", "-f", "rtp", "-sdp_file", str(sdp), rtp]
        ffmpeg("-t", "0.1", "-i", str(path), "-c", "copy", *output)
        ours.write_text(sdp.read_text().replace(str(relay.port), str(port)))
        url, options = str(ours), {"protocol_whitelist": "file,udp,rtp"}
    with Watch(url, QUICK, options, look=picture_hash) as watch:
        with sender(path, *output, speed=3, loop=False) as child:
            child.wait(LONG_S)
        watch.until(lambda: watch.state == "reconnecting")
    relay.close()
    assert relay.lost > 10
    return watch.frames, watch.seen


@pytest.mark.parametrize(
    ("transport", "codec", "seed"), [("rtp", H264, 2), ("ts", H264, 1), ("ts", ("-c:v", "mpeg2video"), 3)]
)
def test_with_5_percent_loss_no_damaged_picture_is_unmarked(
    small: Path, tmp_path: Path, transport: str, codec: tuple[str, ...], seed: int
) -> None:
    path = encode(small, tmp_path / "clip.ts", *codec, "-g", "12", "-b:v", "300k", "-an", size="320:180")
    clean = clean_pictures(path)
    frames, hashes = lossy(path, tmp_path, transport, seed)
    sound = [h in clean for h in hashes]
    marked = [f.damaged for f in frames]
    assert [i for i, (s, m) in enumerate(zip(sound, marked, strict=True)) if not s and not m] == []
    assert not all(sound), "nothing was damaged: the test shows nothing"
    assert not all(marked), "everything is marked: so would the test be passed by marking everything"


def test_a_stream_that_becomes_another_one_goes_on_in_the_first_ones_shape(tmp_path: Path, clip: Path) -> None:
    """Size, rate and codec change; the sender starts again at the same port."""
    other = encode(
        clip.with_name("short.mp4"), tmp_path / "other.ts", *("-c:v", "mpeg2video"), "-r", "50", "-an", size="320:240"
    )
    url = f"udp://127.0.0.1:{free_port()}"
    with Watch(url, QUICK) as watch:
        for path in (clip, other):
            begun = len(watch.real)
            with sender(path, "-f", "mpegts", f"{url}?pkt_size=1316"):
                watch.until(lambda begun=begun: len(watch.real) >= begun + 20)  # type: ignore[misc]
        assert {(f.width, f.height, f.picture.format.name) for f in watch.frames} == {(160, 90, "yuv420p")}
        assert increases(watch.frames)


def test_a_size_that_changes_within_a_connection(tmp_path: Path, clip: Path) -> None:
    """An operator changes the camera's resolution: the same program goes on with other pictures."""
    small, large = (
        encode(clip.with_name("short.mp4"), tmp_path / f"{size.partition(':')[0]}.ts", *H264, "-an", size=size)
        for size in ("160:90", "320:240")
    )
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    url = f"udp://127.0.0.1:{free_port()}"
    with Watch(url, LivePolicy(max_jump_s=1.0)) as watch:
        with sender(both, "-f", "mpegts", f"{url}?pkt_size=1316", loop=False, speed=2):
            watch.until(lambda: len(watch.real) >= 160)
        assert watch.health.report().reconnects == 0
    frames = watch.real
    assert {(f.width, f.height, f.picture.format.name) for f in frames} == {(160, 90, "yuv420p")}
    assert increases(frames)
    changes = [i for i, f in enumerate(frames) if f.cut and i]
    assert any(100 <= i <= 140 for i in changes), changes


def test_a_pipe_ends_when_it_ends(clip: Path) -> None:
    """Live from a pipe, as in `camera | streamfix -live -i -`."""
    with process("ffmpeg", "-v", "error", "-t", "2", "-i", str(clip), "-c", "copy", "-f", "mpegts", "pipe:1",
                 stdout=subprocess.PIPE) as child:  # fmt: skip
        assert child.stdout is not None
        with Watch(f"pipe:{child.stdout.fileno()}") as watch:
            watch.until(lambda: not watch._thread.is_alive())
    assert len(watch.frames) == 50 and watch.source.failure is None
