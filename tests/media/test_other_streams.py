"""Sound and subtitles beside the picture: kept where the container holds them, and never the end of a job."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from streamfix.errors import OutputError, UsageError
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.mux_times import MuxTimes
from streamfix.media.output.muxer import Muxer
from streamfix.media.output.ungated import copy_of
from streamfix.media.output.writer import OutputSpec, Writer
from tests.fakes.waiting import LONG_S
from tests.media.make import clip, hashes, packets, picture, run, times

ROOT = Path(__file__).parents[2]


def tone(out: Any, codec: str, rate: int, layout: str, seconds: float, options: dict[str, str] | None = None) -> Any:
    """Add a sound stream to an open container, and give its packets."""
    stream = out.add_stream(codec, rate=rate)
    stream.codec_context.layout = layout
    stream.codec_context.options = options or {}
    channels = stream.codec_context.layout.nb_channels
    found = []
    for at in range(0, int(rate * seconds), 800):
        wave = (np.sin(np.arange(at, at + 800) * 0.05) * 8000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None], format="s16", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        found += stream.encode(frame)
    return stream, found + stream.encode(None)


def camera(
    path: Path, codec: str, rate: int = 8000, layout: str = "mono", options: dict[str, str] | None = None
) -> Path:
    """An AVI or MOV with 20 pictures and 0.8 s of camera sound."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        _, sound = tone(out, codec, rate, layout, 0.8, options)
        for n in range(20):
            frame = picture(n, 64, 48)
            frame.pts, frame.time_base = n, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        out.mux(sound)
    return path


def sound_of(path: Path) -> tuple[str, int, list[bytes]]:
    """Codec, rate and packets of the first sound stream."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        data = [bytes(p) for p in container.demux(stream) if p.size]
        return stream.codec_context.codec.canonical_name, stream.codec_context.sample_rate, data


CAMERA_SOUND = [
    ("avi", "pcm_alaw", 8000, {}),
    ("avi", "pcm_mulaw", 8000, {}),
    ("avi", "adpcm_ima_wav", 8000, {}),
    ("avi", "adpcm_ms", 8000, {}),
    ("avi", "g726", 8000, {"b": "32000"}),
    ("mov", "pcm_mulaw", 16000, {}),
]


@pytest.mark.parametrize(("ending", "codec", "rate", "options"), CAMERA_SOUND)
@pytest.mark.parametrize("kept_in", ["mkv", "mov"])
def test_camera_sound_is_copied_where_the_muxer_takes_it(
    tmp_path: Path, ending: str, codec: str, rate: int, options: dict[str, str], kept_in: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    source = camera(tmp_path / f"in.{ending}", codec, rate, options=options)
    out = tmp_path / f"out.{kept_in}"
    run(source, out)
    if kept_in == "mov" and codec in ("adpcm_ms", "adpcm_ima_wav"):
        assert "is transcoded to aac: mov cannot hold it" in caplog.text
        assert len(hashes(out)) == 20
        return
    assert not caplog.records
    name, kept_rate, data = sound_of(out)
    assert (name, kept_rate) == sound_of(source)[:2]
    assert b"".join(data) == b"".join(sound_of(source)[2])
    assert len(hashes(out)) == 20


@pytest.mark.parametrize("ending", ["mp4", "flv", "ts"])
def test_camera_sound_that_does_not_fit_becomes_aac_with_a_word(
    tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / f"out.{ending}"
    _, writer = run(camera(tmp_path / "in.avi", "pcm_alaw"), out)
    assert "stream 0:1 (audio, pcm_alaw) is transcoded to aac" in caplog.text
    assert "write to .mkv to keep it as it is" in caplog.text
    assert sound_of(out)[:2] == ("aac", 8000)
    assert len(hashes(out)) == 20
    assert not writer.left_out
    with av.open(str(out)) as container:
        heard = np.concatenate([f.to_ndarray().ravel() for f in container.decode(audio=0)])
    assert 0.75 < len(heard) / 8000 < 1.2
    assert heard.std() > 0.05


def test_a_stream_that_is_left_out_is_known_to_whoever_shows_it(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=5, audio="pcm_s16le")
    _, writer = run(source, tmp_path / "out.y4m")
    assert writer.left_out == ("stream 0:1 (audio, pcm_s16le) is left out: yuv4mpegpipe cannot hold it",)


@pytest.mark.parametrize("codec", ["huffyuv", "ffvhuff", "utvideo", "v210", "cfhd", "png"])
@pytest.mark.parametrize("ending", ["mkv", "mov", "avi"])
def test_encoders_whose_video_the_muxer_takes(tmp_path: Path, codec: str, ending: str) -> None:
    source = clip(tmp_path / "in.mkv", frames=6, size=(192, 96), pix_fmt="yuv422p", codec="ffv1")
    out = tmp_path / f"out.{ending}"
    run(source, out, video_codec=codec)
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == codec
        assert container.streams.video[0].average_rate == 25
    assert [float(t) for t in times(out)] == pytest.approx([n / 25 for n in range(6)], abs=1e-3)
    if codec in ("huffyuv", "ffvhuff", "utvideo"):
        assert hashes(out) == hashes(source)


def test_an_encoder_that_the_muxer_refuses_is_named(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=3, audio="pcm_s16le")
    for options, said in (
        ({"video_codec": "huffyuv"}, "mp4 holds no huffyuv video"),
        ({"audio_codec": "pcm_alaw"}, "mp4 holds no pcm_alaw audio"),
    ):
        with pytest.raises(UsageError, match=said):
            run(source, tmp_path / "out.mp4", **options)
    assert not (tmp_path / "out.mp4").exists()


def test_subtitles_that_the_container_refuses_are_a_clean_error(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as out:
        video = out.add_stream("mpeg4", rate=25)
        video.width, video.height = 64, 48
        text = out.add_mux_stream("subrip")
        text.time_base = Fraction(1, 1000)
        frame = picture(0, 64, 48)
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        out.mux(video.encode(frame) + video.encode(None))
        words = av.Packet(b"Hello")
        words.pts = words.dts = 0
        words.duration, words.time_base, words.stream = 40, Fraction(1, 1000), text
        out.mux(words)
    with pytest.raises(UsageError, match="matroska holds no mov_text subtitle"):
        run(source, tmp_path / "out.mkv", subtitle_codec="mov_text")


@pytest.mark.parametrize("ending", ["yuv", "h264", "y4m", "ivf"])
def test_a_format_of_one_video_holds_nothing_else(
    tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    # Below 128 columns x264's assembly for mb-tree reads what it never wrote, and its result varies.
    source = clip(tmp_path / "in.mkv", frames=5, audio="pcm_s16le", size=(128, 96))
    silent = clip(tmp_path / "silent.mkv", frames=5, size=(128, 96))
    format = {"yuv": "rawvideo"}.get(ending)
    codec = {"yuv": "rawvideo", "ivf": "libvpx"}.get(ending)
    for name in (source, silent):
        run(name, tmp_path / f"{name.stem}.{ending}", format=format, video_codec=codec)
    assert (tmp_path / f"in.{ending}").read_bytes() == (tmp_path / f"silent.{ending}").read_bytes()
    assert "stream 0:1 (audio, pcm_s16le) is left out" in caplog.text
    run(source, tmp_path / f"again.{ending}", format=format, video_codec=codec, audio_codec="aac")
    assert (tmp_path / f"again.{ending}").read_bytes() == (tmp_path / f"silent.{ending}").read_bytes()


# -- nothing aborts the process

_TRY_ALL = """
import io, sys
from fractions import Fraction
import av
from av.bitstream import BitStreamFilterContext
from streamfix.media.output.container_support import add_copy, known_refusal, why_unsupported
from streamfix.media.streams import describe
format, layouts = sys.argv[1], sys.argv[2:]
for codec in {codecs}:
    for rate, layout in ((8000, "mono"), (16000, "1 channels"), (44100, "2 channels"), (48000, "5.1")):
        draft = av.open(io.BytesIO(), "w", format="null")
        try:
            stream = draft.add_stream(codec, rate=rate)
            stream.codec_context.layout = layout
            stream.codec_context.options = {{"strict": "-2"}}
            stream.codec_context.open()
            draft.start_encoding()
        except (ValueError, av.FFmpegError):
            continue
        mapped = describe(0, stream)
        print(codec, layout, flush=True)
        if why_unsupported(format, mapped) is not None:
            continue
        out = av.open(io.BytesIO(), "w", format=format)
        copies = [add_copy(out, mapped), add_copy(out, mapped)]
        try:
            out.start_encoding()
            for n in range(4):
                for copy in copies:
                    packet = av.Packet(bytes([85, n]) * 160)
                    packet.pts = packet.dts = n * 160
                    packet.time_base, packet.stream = Fraction(1, rate), copy
                    out.mux(packet)
            out.close()
        except (av.FFmpegError, ValueError, OSError):
            pass
print("all tried")
"""
CAMERA_CODECS = (
    *(
        "pcm_alaw",
        "pcm_mulaw",
        "pcm_s16le",
        "pcm_s16be",
        "pcm_u8",
        "pcm_s24le",
        "adpcm_ima_wav",
        "adpcm_ms",
        "adpcm_swf",
    ),
    *("g722", "g726", "aac", "libmp3lame", "mp2", "ac3", "eac3", "libopus", "flac", "alac", "nellymoser", "wmav2"),
)


@pytest.mark.parametrize(
    "format",
    [
        *("flv", "mp4", "matroska", "mpegts"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("mov", "avi", "webm", "nut", "asf", "ogg", "3gp", "ipod", "psp", "f4v", "ismv", "mpeg", "vob")
        ),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("wtv", "mxf", "gxf", "swf", "rm", "caf", "aiff")),
    ],
)
def test_no_sound_makes_a_muxer_end_the_process(format: str) -> None:
    """Two tracks of every camera codec, with and without a named layout, asked about and written."""
    code = _TRY_ALL.format(codecs=CAMERA_CODECS)
    ended = subprocess.run(
        [sys.executable, "-c", code, format], cwd=ROOT, capture_output=True, text=True, timeout=LONG_S
    )
    assert ended.returncode == 0, f"{ended.stdout[-60:]}{ended.stderr[-600:]}"
    assert ended.stdout.endswith("all tried\n")


# -- damaged packets


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {
        "aac in ts": clip(folder / "aac.ts", frames=12, audio="aac", codec="mpeg2video"),
        "aac in mkv": clip(folder / "aac.mkv", frames=12, audio="aac", codec="mpeg4"),
        "ac3": clip(folder / "ac3.ts", frames=12, audio="ac3", codec="mpeg2video"),
        "mp2": clip(folder / "mp2.ts", frames=12, audio="mp2", codec="mpeg2video"),
        "opus": clip(folder / "opus.mkv", frames=12, audio="libopus", codec="mpeg4"),
        "pcm": clip(folder / "pcm.mov", frames=12, audio="pcm_s16le", codec="mpeg4"),
    }


class Spoiler:
    """A reader whose sound packets a test may change; like a source to the writer in all else."""

    def __init__(self, path: Path, change: Callable[[int, Any], Any]) -> None:
        self.reader, self._change = Reader([InputSpec(str(path))]), change

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reader, name)

    def items(self) -> Any:
        n = 0
        for item in self.reader:
            if isinstance(item, av.Packet):
                item = self._change(n, item)
                n += 1
            if item is not None:
                yield item


def spoilt(path: Path, out: Path, change: Callable[[int, Any], Any], **options: Any) -> Writer:
    """Write a film whose sound packets `change` has spoilt."""
    source: Any = Spoiler(path, change)
    writer = Writer(OutputSpec(str(out), overwrite=True, video_options={"preset": "ultrafast"}, **options), source)
    for item in source.items():
        writer.push(item)
    writer.flush()
    writer.close()
    source.close()
    return writer


def with_data(packet: Any, data: bytes) -> Any:
    """The packet with other data."""
    other = av.Packet(data)
    other.pts, other.dts, other.duration = packet.pts, packet.dts, packet.duration
    other.time_base, other.is_keyframe, other.stream = packet.time_base, packet.is_keyframe, packet.stream
    return other


Damage = tuple[str, int]


def damaged(packet: Any, damage: Damage) -> Any:
    """A packet with one kind of damage. The number says where or how much."""
    kind, number = damage
    data = bytearray(bytes(packet))
    at = number % max(1, len(data))
    if kind == "flip":
        data[at] ^= 1 << number % 8
    elif kind == "zero":
        data = bytearray(len(data))
    elif kind == "short":
        data = data[:at]
    elif kind == "noise":
        data = bytearray((i * number + 17) % 256 for i in range(len(data)))
    elif kind == "head":
        data = bytearray(b"\0\0") + data[2:]
    elif kind == "empty":
        data = bytearray()
    if kind in ("flip", "zero", "short", "noise", "head", "empty"):
        return with_data(packet, bytes(data))
    if kind == "no pts":
        packet.pts = None
    elif kind == "no times":
        packet.pts = packet.dts = None
    elif kind == "back" and packet.pts is not None:
        packet.pts -= number * 10
        packet.dts = packet.pts
    elif kind == "same":
        packet.pts = packet.dts = 0
    elif kind == "gone":
        return None
    return packet


KINDS = ("flip", "zero", "short", "noise", "head", "empty", "no pts", "no times", "back", "same", "gone")
DAMAGES = st.dictionaries(
    st.integers(0, 30), st.tuples(st.sampled_from(KINDS), st.integers(0, 5000)), min_size=1, max_size=20
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(film="mp2", damages={0: ("flip", 0), 1: ("flip", 0), 2: ("flip", 0)}, ending="mp4", audio="copy")
@given(
    film=st.sampled_from(["aac in ts", "aac in mkv", "ac3", "mp2", "opus", "pcm"]),
    damages=DAMAGES,
    ending=st.sampled_from(["mp4", "mkv", "mov", "ts", "avi", "flv", "nut"]),
    audio=st.sampled_from(["copy", "aac", "pcm_s16le"]),
)
def test_damaged_sound_never_ends_the_picture(
    films: dict[str, Path], tmp_path: Path, film: str, damages: dict[int, Damage], ending: str, audio: str
) -> None:
    if audio == "pcm_s16le" and ending not in ("mkv", "mov", "mp4", "avi", "nut"):
        audio = "aac"
    out = tmp_path / f"out.{ending}"
    writer = spoilt(
        films[film], out, lambda n, p: damaged(p, damages[n]) if n in damages else p, audio_codec=audio
    )  # fmt: skip
    assert writer.frames_written == 12
    assert len(hashes(out)) == 12
    # As they are in the file: a parser that splits damaged packets anew gives some parts the time of the packet before.
    with av.open(str(out), options={"fflags": "noparse"}) as container:
        for stream in container.streams.audio:
            dts = [p.dts for p in container.demux(stream) if p.dts is not None and p.size]
            assert all(a <= b for a, b in pairwise(dts))
            container.seek(0)


@pytest.mark.parametrize("ending", ["mp4", "mov"])
@pytest.mark.parametrize("first", [3, 7])
def test_sound_that_is_refused_with_the_trailer_is_counted_and_told(
    films: dict[str, Path], tmp_path: Path, ending: str, first: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Packets wait in libavformat for their turn, and the last ones' comes with the trailer: AC-3 without its head."""
    out = tmp_path / f"out.{ending}"
    writer = spoilt(films["ac3"], out, lambda n, p: damaged(p, ("head", 0)) if n >= first else p)
    assert writer.frames_written == len(hashes(out)) == 12
    with av.open(str(films["ac3"])) as given, av.open(str(out)) as container:
        sound, kept = (len([p for p in c.demux(audio=0) if p.size]) for c in (given, container))
    assert writer.packets_lost == sound - kept > 0
    assert "packets of the streams beside the video are left out" in caplog.text


def test_a_trailer_with_which_pictures_were_lost_is_an_error(
    films: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a third stream ended early, and pictures were waiting behind the packet that was refused."""
    mux = Muxer.mux

    def lossy(muxer: Muxer, packet: Any, stream: Any) -> None:
        mux(muxer, packet, stream)
        muxer._pictures += 1  # one that will not be found

    monkeypatch.setattr(Muxer, "mux", lossy)
    with pytest.raises(OutputError, match=r"out\.mp4: .*\(the trailer\)"):
        spoilt(films["ac3"], tmp_path / "out.mp4", lambda n, p: damaged(p, ("head", 0)) if n >= 3 else p)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "flv", "mov"])
@pytest.mark.parametrize("hit", [{7}, {0}, {3, 4, 5}])
def test_damaged_aac_of_a_transport_stream_is_left_out_counted_and_told(
    films: dict[str, Path], tmp_path: Path, ending: str, hit: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / f"out.{ending}"
    path = films["aac in ts"]
    writer = spoilt(path, out, lambda n, p: damaged(p, ("head", 0)) if n in hit else p)
    assert writer.packets_lost == len(hit)
    told = [r.getMessage() for r in caplog.records]
    assert len(told) == 1
    number = "1 packet is" if len(hit) == 1 else f"{len(hit)} packets are"
    assert f"stream 0:1 (audio, aac): {number} left out" in told[0]
    assert "it has no ADTS header" in told[0]
    assert len(packets(out, 1)) == len(packets(path, 1)) - len(hit)
    with av.open(str(out)) as container:  # the others can still be decoded
        assert sum(f.samples for f in container.decode(audio=0)) >= 1024 * (len(packets(out, 1)) - 1)


def test_damaged_aac_is_left_out_of_what_is_transcoded(
    films: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out.mp4"
    writer = spoilt(films["aac in ts"], out, lambda n, p: damaged(p, ("noise", 3)) if n == 5 else p, audio_codec="aac")
    assert 1 <= writer.packets_lost <= 3
    assert len(caplog.records) == 1
    assert "left out" in caplog.text
    assert len(hashes(out)) == 12


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
@pytest.mark.parametrize(
    ("first", "second"), [((48000, "mono"), (48000, "stereo")), ((48000, "5.1"), (44100, "stereo"))]
)
def test_rate_and_channels_may_change_midway(
    tmp_path: Path, codec: str, first: tuple[int, str], second: tuple[int, str]
) -> None:
    """As where a broadcast goes from the programme to advertisements: two transport streams, one after the other."""
    parts = []
    for n, (rate, layout) in enumerate((first, second)):
        part = tmp_path / f"{n}.ts"
        with av.open(str(part), "w", options={"mpegts_copyts": "1"}) as out:
            video = out.add_stream("mpeg2video", rate=25)
            video.width, video.height = 64, 48
            _, sound = tone(out, "ac3", rate, layout, 1.0)
            for i in range(25):
                frame = picture(i, 64, 48)
                frame.pts, frame.time_base = i + 25 * n, Fraction(1, 25)
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
            for packet in sound:
                packet.pts += rate * n
                packet.dts += rate * n
            out.mux(sound)
        parts.append(part)
    source = tmp_path / "in.ts"
    source.write_bytes(b"".join(p.read_bytes() for p in parts))
    written = tmp_path / "out.mkv"
    run(source, written, audio_codec=codec)
    with av.open(str(written)) as container:
        stream = container.streams.audio[0]
        rate = stream.codec_context.sample_rate
        heard = list(container.decode(stream))
    assert sum(f.samples for f in heard) / rate == pytest.approx(2.0, abs=0.15)
    assert all(f.to_ndarray().std() > 0 for f in heard[2:-3])


# -- times


@pytest.mark.parametrize("ending", ["mp4", "mov", "ts", "mkv", "flv", "nut"])
@pytest.mark.parametrize("kind", ["same", "back", "no times"])
def test_equal_backward_and_missing_times_of_sound(
    films: dict[str, Path], tmp_path: Path, ending: str, kind: str
) -> None:
    out = tmp_path / f"out.{ending}"
    spoil = {9: (kind, 500), 10: (kind, 500), 11: (kind, 7)}
    writer = spoilt(films["aac in ts"], out, lambda n, p: damaged(p, spoil[n]) if n in spoil else p)
    assert writer.packets_lost == 0
    assert len(packets(out, 1)) == len(packets(films["aac in ts"], 1))
    assert len(hashes(out)) == 12


@given(
    given=st.lists(st.tuples(st.none() | st.integers(-50, 400), st.none() | st.integers(-50, 400)), max_size=30),
    old=st.sampled_from([Fraction(1, 1000), Fraction(1, 90000), Fraction(1, 48000)]),
    new=st.sampled_from([Fraction(1, 1000), Fraction(1, 90000), Fraction(1, 8000), Fraction(1, 25)]),
    strict=st.booleans(),
)
def test_times_of_packets_never_go_back_in_the_output(
    given: list[tuple[int | None, int | None]], old: Fraction, new: Fraction, strict: bool
) -> None:
    clock = MuxTimes(new, strict=strict)
    last: int | None = None
    for pts, dts in given:
        packet = av.Packet(b"x")
        packet.pts, packet.dts, packet.time_base = pts, dts, old
        clock.settle(packet)
        assert packet.time_base == new
        if dts is None:
            assert packet.dts is None
            continue
        assert packet.dts is not None
        assert packet.pts is not None
        assert packet.pts >= packet.dts
        if last is not None:
            assert packet.dts >= last + strict
        last = packet.dts


def test_times_that_are_in_order_are_only_rescaled() -> None:
    clock = MuxTimes(Fraction(1, 1000), strict=True)
    for n in range(100):
        packet = av.Packet(b"x")
        packet.pts, packet.dts, packet.duration, packet.time_base = n * 1024 + 5, n * 1024, 1024, Fraction(1, 48000)
        clock.settle(packet)
        assert packet.dts == round(Fraction(n * 1024, 48))
        assert packet.duration == 21


def test_a_refusal_that_comes_with_a_picture_is_not_the_pictures(
    films: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """libavformat puts packets in order, and reports the sound's refusal when a picture pushes it out."""
    write = Muxer._write
    refused: list[int] = []

    def writes(muxer: Muxer, packet: Any, stream: Any) -> None:
        write(muxer, packet, stream)
        if stream.type == "video" and len(refused) < 3 and packet.pts:
            refused.append(packet.pts)
            raise OutputError("out.mkv: Invalid data") from av.error.InvalidDataError(1, "Invalid data")

    monkeypatch.setattr(Muxer, "_write", writes)
    _, writer = run(films["aac in mkv"], tmp_path / "out.mkv")
    assert len(hashes(tmp_path / "out.mkv")) == 12
    assert writer.packets_lost == 3
    assert "3 packets of the streams beside the video are left out: matroska does not take them" in caplog.text
    refused.clear()
    silent = clip(tmp_path / "silent.mkv", frames=4)
    with pytest.raises(OutputError, match="Invalid data"):  # there is nothing else that it could be
        run(silent, tmp_path / "silent_out.mkv")


@pytest.mark.parametrize("ending", ["mp4", "mkv", "flv"])
def test_aac_without_its_configuration_is_encoded_anew(
    films: dict[str, Path], tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As in MP4 that was cut from a transport stream: it can be decoded, but a copy would play nowhere else."""
    source = tmp_path / "in.mp4"
    with av.open(str(films["aac in mkv"])) as whole, av.open(str(source), "w") as out:
        video = out.add_stream_from_template(whole.streams.video[0], opaque=True)
        sound = copy_of(out, whole.streams.audio[0])
        sound.codec_context.extradata = None
        for packet in whole.demux():
            if packet.size:
                packet.stream = video if packet.stream.type == "video" else sound
                out.mux(packet)
    run(source, tmp_path / f"out.{ending}")
    assert "stream 0:1 (audio, aac) is transcoded to aac" in caplog.text
    assert "its configuration is missing" in caplog.text
    assert "to keep it as it is" not in caplog.text
    assert len(packets(tmp_path / f"out.{ending}", 1)) > 20
