"""Live outputs on real parts: RTMP, RTSP, SRT, UDP, HLS and segments arrive; what fails says why."""

from __future__ import annotations

import errno
import gc
import io
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter
from fractions import Fraction
from functools import partial
from itertools import count, repeat
from pathlib import Path
from typing import Any

import av
import pytest

from streamfix.errors import BadOption, OutputError
from streamfix.frame import Frame
from streamfix.live.health import Health
from streamfix.live.outputs.fanout import Fanout
from streamfix.live.outputs.resuming import resumed
from streamfix.live.policy import LivePolicy
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.frame_ledger import FrameLedger
from streamfix.media.output.low_delay import low_delay_options
from streamfix.media.output.writer import Writer
from streamfix.media.redact import redact
from streamfix.media.specs import OutputSpec
from streamfix.media.transport.output_kind import connects, output_kind, usual_format
from streamfix.media.transport.protocols import is_listening
from streamfix.media.transport.relay import sink_for
from streamfix.media.transport.srt import Bridge
from streamfix.pipeline import Pipeline
from tests.fakes.waiting import LONG_S, joined, until
from tests.live.servers import free_port, is_bound, recorder, uploads
from tests.media.make import clip, needs_ffmpeg, times

FRAMES = 40


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("source") / "in.mkv", frames=FRAMES, audio="aac")


def write(source: Path, url: str | Path, *, realtime: bool = False, **options: Any) -> list[Frame]:
    """Write a clip live; returns the frames that were reported as written."""
    written: list[Frame] = []
    left: list[tuple[Frame, str]] = []
    reader = Reader([InputSpec(str(source), realtime=realtime)])
    try:
        writer = Writer(
            OutputSpec(str(url), **options),
            reader,
            live=True,
            ledger=FrameLedger(written.append, lambda frame, why: left.append((frame, why))),
        )
    except BaseException:
        reader.close()
        raise
    Pipeline(reader, writer).run()
    assert left == []
    return written


def counts(path: Path) -> dict[str, int]:
    """How many packets there are of each kind."""
    with av.open(str(path)) as container:
        return dict(Counter(p.stream.type for p in container.demux() if p.size))


@pytest.mark.slow
@needs_ffmpeg
def test_rtmp(source: Path, tmp_path: Path) -> None:
    port, out = free_port(), tmp_path / "out.flv"
    with recorder(f"rtmp://127.0.0.1:{port}/live/x", port, out, "-listen", "1"):
        written = write(source, f"rtmp://127.0.0.1:{port}/live/x")
    assert len(written) == FRAMES
    assert counts(out)["video"] == FRAMES
    assert counts(out)["audio"] > 60


@pytest.mark.slow
@needs_ffmpeg
def test_rtsp(source: Path, tmp_path: Path) -> None:
    port, out = free_port(), tmp_path / "out.mkv"
    with recorder(f"rtsp://127.0.0.1:{port}/x", port, out, "-rtsp_flags", "listen"):
        options = {"rtsp_transport": "tcp"}
        written = write(source, f"rtsp://127.0.0.1:{port}/x", format="rtsp", format_options=options)
    assert len(written) == FRAMES
    assert counts(out)["video"] == FRAMES
    assert counts(out)["audio"] > 60


@pytest.mark.slow
@needs_ffmpeg
def test_srt_with_a_passphrase(source: Path) -> None:
    """Both directions of the bridge; the last packets may be lost, as a live sender does not wait for them."""
    port, secret = free_port(socket.SOCK_DGRAM), "passphrase=0123456789abc"
    patient = {"latency": "20000", "tlpktdrop": "0"}  # on a busy machine all packets are late
    receiver = Bridge(f"srt://127.0.0.1:{port}?mode=listener&{secret}", patient)
    received = receiver.open_input()
    frames: list[int] = []

    def receive() -> None:
        with av.open(received, format="mpegts") as container:
            frames.extend(1 for packet in container.demux(video=0) if packet.size)

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    until(lambda: is_bound(port))
    written = write(source, f"srt://127.0.0.1:{port}?{secret}", realtime=True, options=patient)
    joined(thread)
    receiver.close()
    assert len(written) == FRAMES
    assert len(frames) > FRAMES // 2


@pytest.mark.slow
@needs_ffmpeg
def test_udp(source: Path, tmp_path: Path) -> None:
    port, out = free_port(socket.SOCK_DGRAM), tmp_path / "out.ts"
    # It ends itself: nothing tells a receiver of UDP that there is no more.
    with recorder(f"udp://127.0.0.1:{port}?timeout=2000000&fifo_size=5000", port, out):
        written = write(source, f"udp://localhost:{port}?pkt_size=1316")
    assert len(written) == FRAMES
    assert counts(out)["video"] > FRAMES // 2


@pytest.mark.parametrize("options", [{}, {"hls_segment_type": "fmp4"}], ids=["mpegts", "fmp4"])
def test_hls(source: Path, tmp_path: Path, options: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hls").mkdir()
    out = tmp_path / "hls" / "out.m3u8"
    given = {"hls_flags": "program_date_time", "hls_time": "0.4", "hls_list_size": "0", **options}
    write(source, out, format_options=given, video_options={"g": "10", "sc_threshold": "0"})
    playlist = out.read_text()
    assert playlist.count("#EXTINF") == 4
    assert playlist.count("#EXT-X-PROGRAM-DATE-TIME") == 4
    assert len(times(out)) == FRAMES
    assert counts(out)["audio"] > 60
    assert [p.name for p in tmp_path.iterdir()] == ["hls"], "asking what HLS holds must not write anything"


def test_hls_to_a_server(source: Path) -> None:
    """Its muxer makes a connection for each file, in a process of its own."""
    with uploads() as (url, files):
        options = {"method": "PUT", "hls_time": "0.4", "hls_list_size": "0"}
        written = write(
            source, f"{url}/out.m3u8", format_options=options, video_options={"g": "10", "sc_threshold": "0"}
        )
    assert len(written) == FRAMES
    playlist = files["out.m3u8"].decode()
    assert playlist.count("#EXTINF") == 4
    assert "#EXT-X-ENDLIST" in playlist
    parts = [name for name in files if name.endswith(".ts")]
    assert len(parts) == 4
    frames = 0
    for part in parts:
        with av.open(io.BytesIO(files[part]), "r") as container:
            frames += len(list(container.decode(video=0)))
    assert frames == FRAMES


@pytest.mark.parametrize("name", ["out.m3u8", "out.mpd", "out.ts"])
def test_a_web_server_that_says_nothing_stops_nobody_else(source: Path, name: str) -> None:
    """It takes connections and never answers: Python goes on, and a writer that waits for it can be aborted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/{name}"
        reader = Reader([InputSpec(str(source), loops=-1)], audio=False)
        writer = Writer(OutputSpec(url), reader, live=True)
        failed: list[BaseException] = []

        def work() -> None:
            try:
                for item in reader:
                    list(writer.push(item))
            except BaseException as error:  # noqa: BLE001 - whatever ends it
                failed.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        client, _ = server.accept()
        client.recv(1)  # its request, which is never answered
        longest_s, before_s, pause = 0.0, time.monotonic(), threading.Event()
        for _ in range(50):
            pause.wait(0.01)
            longest_s, before_s = max(longest_s, time.monotonic() - before_s), time.monotonic()
        assert thread.is_alive(), "nobody waits for the server any more"
        writer.abort()
        client.close()
        joined(thread)
        # Whoever waits in C and holds the lock holds it as long as the server says nothing.
        assert longest_s < LONG_S / 10, "Python's lock was held while the server was waited for"
        assert len(failed) == 1
        assert isinstance(failed[0], OutputError)
        reader.stop()
        writer.close()
        reader.close()


_SENDER = """
import sys, time
from streamfix.media.transport.relay import sink_for
sink = sink_for(sys.argv[1], "flv", {}, live=True)
print(sink._child._process.pid, flush=True)
sink.connect()
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs util-linux' setpriv")
def test_what_sends_for_us_does_not_outlive_us() -> None:
    """Killed while it waits for a server, which it would otherwise go on doing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"rtmp://127.0.0.1:{server.getsockname()[1]}/live/x"
        with subprocess.Popen([sys.executable, "-c", _SENDER, url], stdout=subprocess.PIPE, text=True) as sender:
            assert sender.stdout is not None
            relay = Path("/proc") / sender.stdout.readline().strip()
            client, _ = server.accept()
            assert relay.exists()
            sender.kill()
        until(lambda: not relay.exists() or " Z " in (relay / "stat").read_text())
        client.close()


def test_segments(source: Path, tmp_path: Path) -> None:
    options = {"segment_time": "0.4"}
    write(
        source,
        tmp_path / "s%03d.mkv",
        format="segment",
        format_options=options,
        video_options={"g": "10", "sc_threshold": "0"},
    )
    parts = sorted(tmp_path.iterdir())
    assert [p.name for p in parts] == ["s000.mkv", "s001.mkv", "s002.mkv", "s003.mkv"]
    assert [len(times(p)) for p in parts] == [10, 10, 10, 10]
    assert all("audio" in counts(p) for p in parts)


def test_a_segment_is_readable_while_it_is_written(source: Path, tmp_path: Path) -> None:
    """A power cut in the middle of an hour of MP4 costs no more than the last second."""
    reader = Reader([InputSpec(str(source))])
    hour = OutputSpec(str(tmp_path / "s%d.mp4"), format="segment", format_options={"segment_time": "3600"})
    writer = Writer(hour, reader, live=True)
    for item in reader:
        writer.push(item)
    assert counts(tmp_path / "s0.mp4")["video"] > 0
    writer.close()
    reader.close()


CONTAINERS = [("matroska", "mkv"), ("segment", "mkv"), ("mp4", "mp4"), ("segment", "mp4")]


@pytest.mark.parametrize(("format", "ending"), CONTAINERS)
def test_what_counts_as_written_is_in_the_file_when_the_disk_fills(
    source: Path, tmp_path: Path, format: str, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the newest picture of Matroska, which libav's muxer lets go of when the next comes."""
    real = os.pwrite

    def filling(descriptor: int, data: Any, at: int) -> int:
        if at > 6000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data, at)

    monkeypatch.setattr(os, "pwrite", filling)
    written: list[Frame] = []
    reader = Reader([InputSpec(str(source))])
    spec = OutputSpec(str(tmp_path / f"r%d.{ending}"), format=format, video_options={"g": "5"})
    writer = Writer(spec, reader, live=True, ledger=FrameLedger(written.append, lambda frame, why: None))
    with pytest.raises(OutputError, match="No space left on device"):
        Pipeline(reader, writer).run()
    there = sum(counts(path)["video"] for path in tmp_path.iterdir())
    assert FRAMES > there > 0
    if ending == "mkv":
        assert there <= len(written) <= there + 1
    else:
        assert there - 5 <= len(written) <= there, "a fragment that is not whole may still be read"
        assert written
    assert writer.frames_written == writer.counts.written == len(written), "the progress says the same"


def test_segments_named_by_the_clock(source: Path, tmp_path: Path) -> None:
    options = {"segment_time": "60", "strftime": "1"}
    write(source, tmp_path / "rec_%Y-%m-%d.mkv", format="segment", format_options=options)
    (made,) = tmp_path.iterdir()
    assert made.name.startswith("rec_20")
    assert len(times(made)) == FRAMES


SHORT = {"segment_time": "0.4", "strftime": "1"}  # parts of ten frames, of which many have one name
KEYS = {"g": "10", "sc_threshold": "0"}


@pytest.mark.parametrize("live", [True, False])
def test_segments_of_one_name_are_all_kept(
    source: Path, tmp_path: Path, live: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a clock was set back: each goes to a file of its own, and the log says to which."""
    name = time.strftime("r%Y")
    older = clip(tmp_path / f"{name}.mkv", frames=3)
    kept = older.read_bytes()
    reader = Reader([InputSpec(str(source))])
    spec = OutputSpec(str(tmp_path / "r%Y.mkv"), format="segment", format_options=SHORT, video_options=KEYS)
    Pipeline(reader, Writer(spec, reader, live=live)).run()
    assert older.read_bytes() == kept
    parts = sorted(tmp_path.glob("r*.[0-9].mkv"))
    assert [p.name for p in parts] == [f"{name}.{number}.mkv" for number in (1, 2, 3, 4)]
    assert [len(times(p)) for p in parts] == [10, 10, 10, 10]
    assert len([m for m in caplog.messages if f"{name}.mkv exists already" in m]) == 4


def test_what_may_be_replaced_are_files_of_earlier_runs_only(source: Path, tmp_path: Path) -> None:
    (tmp_path / "r.mkv").write_bytes(b"of an earlier run")
    write(source, tmp_path / "r.mkv", format="segment", format_options=SHORT, video_options=KEYS, overwrite=True)
    parts = sorted(tmp_path.iterdir())
    assert [p.name for p in parts] == ["r.1.mkv", "r.2.mkv", "r.3.mkv", "r.mkv"]
    assert [len(times(p)) for p in parts] == [10, 10, 10, 10]


def test_a_ring_of_segments_is_one(source: Path, tmp_path: Path) -> None:
    options = {"segment_time": "0.4", "segment_wrap": "2"}
    write(source, tmp_path / "r%d.mkv", format="segment", format_options=options, video_options=KEYS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r0.mkv", "r1.mkv"]


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_each_segment_says_when_it_was_begun(source: Path, tmp_path: Path, ending: str) -> None:
    dated = tmp_path / "in.mkv"
    with av.open(str(source)) as given, av.open(str(dated), "w") as out:
        out.metadata["creation_time"] = "2026-10-25T00:59:59.000000Z"
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    reader = Reader([InputSpec(str(dated))])
    options = {"segment_time": "0.8", "reset_timestamps": "1"}
    out_spec = OutputSpec(str(tmp_path / f"r%d.{ending}"), format="segment", format_options=options, video_options=KEYS)
    Pipeline(reader, Writer(out_spec, reader)).run()
    told = []
    for part in sorted(tmp_path.glob(f"r?.{ending}")):
        with av.open(str(part)) as container:
            told.append(container.metadata["creation_time"])
            assert container.start_time is not None
            assert 0 <= container.start_time < 200_000  # microseconds: a frame is reordered
    fraction = ".800000Z" if ending == "mkv" else ".000000Z"  # MP4 counts whole seconds
    second = "2026-10-25T00:59:59" if ending == "mkv" else "2026-10-25T01:00:00"
    assert told == ["2026-10-25T00:59:59.000000Z", second + fraction]


@pytest.mark.parametrize("kind", ["mpegts", "fmp4"])
def test_parts_of_a_playlist_that_have_one_name_are_all_kept(source: Path, tmp_path: Path, kind: str) -> None:
    """The playlist names each, also those of an earlier run that it goes on from."""
    ending = "ts" if kind == "mpegts" else "m4s"
    options = {
        "hls_time": "0.4",
        "hls_list_size": "0",
        "strftime": "1",
        "hls_segment_type": kind,
        "hls_segment_filename": str(tmp_path / f"p.{ending}"),
    }
    for flags in ("program_date_time", "program_date_time+append_list"):
        given = {**options, "hls_flags": flags}
        write(source, tmp_path / "all.m3u8", format_options=given, video_options=KEYS, overwrite=True)
    names = [f"p.{ending}", *(f"p.{n}.{ending}" for n in range(1, 8))]
    listed = [line for line in (tmp_path / "all.m3u8").read_text().split() if line.startswith("p.")]
    assert listed == names
    assert all((tmp_path / name).stat().st_size > 500 for name in names)
    if kind == "mpegts":
        assert [len(times(tmp_path / name)) for name in names] == [10] * 8


def test_a_list_of_segments_is_still_written(source: Path, tmp_path: Path) -> None:
    options = {"segment_time": "0.4", "segment_list": str(tmp_path / "all.m3u8")}
    write(source, tmp_path / "r%d.mkv", format="segment", format_options=options, video_options=KEYS)
    assert [line for line in (tmp_path / "all.m3u8").read_text().split() if line.startswith("r")] == [
        "r0.mkv",
        "r1.mkv",
        "r2.mkv",
        "r3.mkv",
    ]


@pytest.mark.parametrize("format", ["matroska", "segment"])
def test_nothing_is_well_and_no_file_stays_where_nothing_could_be_written(
    source: Path, tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full takes a name and nothing else."""

    def full(descriptor: int, data: Any, at: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    health = Health()
    reader = Reader([InputSpec(str(source))])
    spec = OutputSpec(str(tmp_path / "r%d.mkv"), format=format)
    fanout = Fanout([spec], reader, policy=LivePolicy(backoff_s=(0.0,)), health=health)
    with pytest.raises(OutputError, match="No space left on device"):
        Pipeline(reader, fanout).run()
    assert list(tmp_path.iterdir()) == []
    assert "well again" not in " ".join(event.text for event in health.events)
    assert health.report().counts.written == 0


def test_a_writer_that_has_failed_is_gone_at_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when Python's collector of cycles comes round: half a megabyte and more hangs on each."""

    def full(descriptor: int, data: Any, at: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    reader, made = Reader([InputSpec(str(source))]), list[weakref.ref[Writer]]()

    def open_one(spec: OutputSpec, ledger: FrameLedger | None) -> Writer:
        writer = Writer(spec, reader, live=True, ledger=ledger)
        made.append(weakref.ref(writer))
        return writer

    spec = OutputSpec(str(tmp_path / "r%d.mkv"), format="segment")
    policy = LivePolicy(backoff_s=(0.0,))
    fanout = Fanout([spec], reader, policy=policy, health=Health(), open=open_one)
    gc.disable()
    try:
        for item in reader:
            fanout.push(item)
        with pytest.raises(OutputError, match="No space left on device"):
            list(fanout.flush())
        assert len(made) > 5
        assert [ref() for ref in made] == [None] * len(made)
    finally:
        gc.enable()
        fanout.close()
        reader.close()


def test_live_encoders_hold_nothing_back(source: Path, tmp_path: Path) -> None:
    """Each frame's packet is out before the next one is pushed."""
    written: list[Frame] = []
    reader = Reader([InputSpec(str(source))], audio=False)
    writer = Writer(
        OutputSpec(str(tmp_path / "out.ts")), reader, live=True, ledger=FrameLedger(written.append, lambda f, w: None)
    )
    pushed = 0
    for item in reader:
        list(writer.push(item))
        pushed += isinstance(item, Frame)
        assert len(written) == pushed
    list(writer.flush())
    writer.close()
    reader.close()
    assert pushed == FRAMES


def test_what_the_user_says_goes_before_low_delay(source: Path, tmp_path: Path) -> None:
    options = {"tune": "film", "g": "5", "sc_threshold": "0"}
    write(source, tmp_path / "out.mkv", video_options=options)
    with av.open(str(tmp_path / "out.mkv")) as container:
        keys = [p.is_keyframe for p in container.demux(video=0) if p.size]
    assert [i for i, key in enumerate(keys) if key] == list(range(0, FRAMES, 5))


def test_low_delay_options_are_for_encoders_that_have_them() -> None:
    assert low_delay_options("ffv1", None) == {}
    assert low_delay_options("libx264", Fraction(30))["g"] == "60"


def test_an_output_may_leave_streams_out(source: Path, tmp_path: Path) -> None:
    reader = Reader([InputSpec(str(source))])
    specs = [OutputSpec(str(tmp_path / "a.mkv")), OutputSpec(str(tmp_path / "b.mkv"), audio=False)]
    Pipeline(reader, Fanout(specs, reader)).run()
    assert counts(tmp_path / "a.mkv").keys() == {"video", "audio"}
    assert counts(tmp_path / "b.mkv").keys() == {"video"}
    assert times(tmp_path / "a.mkv") == times(tmp_path / "b.mkv") == times(source)


def test_outputs_may_transcode_the_same_sound(source: Path, tmp_path: Path) -> None:
    """Each has a decoder of its own, and all have the same pictures at the same times."""
    reader = Reader([InputSpec(str(source))])
    specs = [
        OutputSpec(str(tmp_path / "a.mkv"), audio_codec="flac"),
        OutputSpec(str(tmp_path / "b.mp4"), audio_codec="aac", rate=Fraction(50)),
        OutputSpec(str(tmp_path / "c.mkv")),
    ]
    Pipeline(reader, Fanout(specs, reader)).run()
    assert len(times(tmp_path / "b.mp4")) == 2 * FRAMES
    lengths = []
    for name in ("a.mkv", "b.mp4", "c.mkv"):
        with av.open(str(tmp_path / name)) as container:
            lengths.append(sum(frame.samples for frame in container.decode(audio=0)))
    assert max(lengths) - min(lengths) <= 2048
    assert times(tmp_path / "a.mkv") == times(tmp_path / "c.mkv") == times(source)


def test_a_server_that_is_not_there(source: Path) -> None:
    port = free_port()
    with pytest.raises(OutputError, match="Connection refused") as caught:
        write(source, f"rtmp://user:hush@127.0.0.1:{port}/live/x")
    assert "hush" not in str(caught.value)
    with pytest.raises(OutputError, match=r"rtsp://\*\*\*@127") as caught:
        write(source, f"rtsp://user:hush@127.0.0.1:{port}/x", format="rtsp")
    assert "hush" not in str(caught.value)


@pytest.mark.slow
@needs_ffmpeg
def test_an_srt_server_that_is_not_there(source: Path) -> None:
    bridge = Bridge(f"srt://127.0.0.1:{free_port(socket.SOCK_DGRAM)}?connect_timeout=200&passphrase=hushhushhush")
    pipe = bridge.open_output()
    with pytest.raises(BrokenPipeError):
        list(map(pipe.write, repeat(bytes(1316))))
    assert "failed" in bridge.reason
    assert "hush" not in bridge.reason
    bridge.close()


@pytest.mark.slow
@needs_ffmpeg
def test_what_goes_to_an_srt_server_that_is_not_there_is_not_called_written(source: Path) -> None:
    written: list[Frame] = []
    left: list[Frame] = []
    url = f"srt://127.0.0.1:{free_port(socket.SOCK_DGRAM)}?connect_timeout=1000"
    reader = Reader([InputSpec(str(source))])
    ledger = FrameLedger(written.append, lambda frame, why: left.append(frame))
    writer = Writer(OutputSpec(url, format="mpegts"), reader, live=True, ledger=ledger)
    # A busy machine may begin to connect only when all is over, and does not learn why nobody is there.
    with pytest.raises(OutputError, match=r"Connection to srt|no server answered"):
        Pipeline(reader, writer).run()
    assert written == []
    assert left


def test_an_option_that_a_connecting_muxer_has_not(source: Path) -> None:
    """RTSP's muxer connects before it reports its options, so the server has to be there."""
    with pytest.raises(BadOption, match="Unrecognized option 'presset'"):
        write(source, "out.flv", format="flv", format_options={"presset": "x"})


def test_a_server_that_does_not_answer_is_let_go(source: Path) -> None:
    """It takes the connection and says nothing: another thread can abort the write."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reader = Reader([InputSpec(str(source))], audio=False)
        sink: list[Any] = []
        made = sink_for(f"rtmp://127.0.0.1:{port}/live/x", "flv", {}, live=True)
        assert made is not None

        def connect() -> None:
            try:
                made.connect()
            except OutputError as error:
                sink.append(error)
            with pytest.raises(OutputError):
                made.close()

        thread = threading.Thread(target=connect, daemon=True)
        thread.start()
        client, _ = server.accept()
        client.close()
        joined(thread)
        assert isinstance(sink[0], OutputError)
        reader.close()


@pytest.mark.slow
@needs_ffmpeg
def test_a_server_that_comes_later_gets_the_rest(source: Path, tmp_path: Path) -> None:
    """The recording is whole, the publication begins with a keyframe, at the frames' own times."""
    port, out = free_port(), tmp_path / "out.flv"
    url = f"rtmp://127.0.0.1:{port}/live/x"
    health = Health()
    reader = Reader([InputSpec(str(source))])
    specs = [OutputSpec(str(tmp_path / "rec.mkv")), OutputSpec(url)]
    fanout = Fanout(specs, reader, policy=LivePolicy(backoff_s=(0.0,)), health=health)
    publication, items, pushed = fanout.outlets[1], iter(reader), count(1)

    def written(number: int) -> bool:
        return fanout.counts.written == number

    def push(frames: int) -> None:
        """So many frames, and what comes between; the recording keeps up."""
        while frames:
            item = next(items)
            fanout.push(item)
            if isinstance(item, Frame):
                frames -= 1
                until(partial(written, next(pushed)))

    push(10)
    until(lambda: publication.error is not None)
    with recorder(url, port, out, "-listen", "1", wait=False):
        rest = FRAMES - 10
        while not publication.written.counts.written:
            until(lambda: is_bound(port) or publication.written.counts.written > 0)
            before = publication.error
            push(1)
            rest -= 1
            # The attempt that it makes takes as long as a process needs to start.
            until(lambda before=before: publication.error is not before or publication.written.counts.written > 0)  # type: ignore[misc]
        push(rest)
        until(lambda: f"{redact(url)}: well again" in [event.text for event in tuple(health.events)])
        list(fanout.flush())
        fanout.close()
    reader.close()
    assert times(tmp_path / "rec.mkv") == times(source)
    whole, published = times(source), times(out)
    assert 1 <= len(published) < FRAMES
    # The receiver counts from its own beginning.
    assert {round(float(t - published[-1]), 3) for t in published} <= {round(float(t - whole[-1]), 3) for t in whole}
    told = dict.fromkeys(event.text for event in health.events if event.kind == "output")
    # A busy machine has it say in between that there is no answer yet.
    said = [text for text in told if text != f"{redact(url)}: no answer yet"]
    assert said[0].startswith(f"{redact(url)}: Cannot open connection")
    assert said[1] == f"{redact(url)}: well again"


@pytest.mark.parametrize(
    ("url", "format", "place", "server"),
    [
        ("out.mp4", "mp4", "file", False),
        ("file:a:b.mp4", "mp4", "file", False),
        ("a:b.mp4", "mp4", "file", False),
        ("-", "matroska", "pipe", False),
        ("pipe:5", "matroska", "pipe", False),
        ("out.m3u8", "hls", "pattern", False),
        ("http://h/out.m3u8", "hls", "pattern", True),
        ("file:out.mpd", "dash", "pattern", False),
        ("rtmp://h/a", "flv", "network", True),
        ("rtsp://h/a", "rtsp", "network", True),
        ("udp://1.2.3.4:5", "mpegts", "network", False),
        ("tcp://h:5", "mpegts", "network", True),
        ("srt://h:5", "mpegts", "network", True),
    ],
)
def test_places(url: str, format: str, place: str, server: bool) -> None:
    assert output_kind(url, format) == place
    assert connects(url, format) == server


@pytest.mark.parametrize(
    ("url", "want"),
    [
        ("srt://:9000?mode=listener", True),
        ("srt://0.0.0.0:9000?latency=20&mode=listener", True),
        ("srt://10.0.0.1:9000", False),
        ("srt://10.0.0.1:9000?mode=caller", False),
        ("rtmp://10.0.0.1/live?mode=listener", False),
    ],
)
def test_who_listens_is_called_by_the_other_side(url: str, want: bool) -> None:
    assert is_listening(url) == want


def test_protocols_have_their_usual_formats() -> None:
    urls = ("rtmp://h/a", "rtmps://h/a", "srt://h:1", "udp://h:1", "rtsp://h/a", "out.mp4", "http://h/a.ts")
    assert [usual_format(u) for u in urls] == ["flv", "flv", "mpegts", "mpegts", "rtsp", None, None]


def test_what_is_opened_again_writes_over_nothing(tmp_path: Path) -> None:
    for n in (0, 1, 7):
        (tmp_path / f"s{n:03d}.ts").write_bytes(b"")
    pattern = str(tmp_path / "s%03d.ts")
    again = resumed(OutputSpec(pattern, max_frames=10), "segment", 4)
    assert again.format_options == {"segment_start_number": "8"}
    assert again.max_frames == 6
    named = OutputSpec(str(tmp_path / "s%H.ts"), options={"strftime": "1"})
    assert resumed(named, "segment", 4).format_options == {}
    hls = resumed(OutputSpec("x.m3u8", options={"hls_flags": "program_date_time"}), "hls", 4)
    assert (hls.overwrite, hls.options) == (True, {})
    assert hls.format_options == {"hls_flags": "program_date_time+append_list"}
