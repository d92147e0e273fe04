"""Everything that goes along with the video arrives, or is missed aloud."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from streamfix.errors import UsageError
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.writer import OutputSpec, Writer
from streamfix.media.streams import codec_of
from tests.media.make import clip, ffmpeg, ffprobe, hashes, needs_ffmpeg, packets, picture, run, shown, times

CHAPTERS = [
    {
        "id": i,
        "start": i * 500,
        "end": i * 500 + 500,
        "time_base": Fraction(1, 1000),
        "metadata": {"title": f"part {i}"},
    }
    for i in range(2)
]


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Matroska file with two sound tracks, subtitles, a font, chapters and tags."""
    folder = tmp_path_factory.mktemp("rich")
    plain = clip(folder / "plain.mkv", frames=25, audio="flac", context={"sample_aspect_ratio": Fraction(4, 3)})
    path = folder / "rich.mkv"
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        video, sound = source.streams.video[0], source.streams.audio[0]
        copies: dict[int, list[Any]] = {
            video.index: [out.add_stream_from_template(video, opaque=True)],
            sound.index: [],
        }
        for language, disposition in (("eng", Disposition.default), ("fra", Disposition.comment)):
            copy = out.add_stream_from_template(sound)
            copy.metadata["language"] = language
            copy.disposition = disposition
            copies[sound.index].append(copy)
        text = out.add_mux_stream("subrip")
        text.metadata.update(language="deu", title="Untertitel")
        text.time_base = Fraction(1, 1000)
        text.disposition = Disposition.forced
        out.add_attachment("font.ttf", "application/x-truetype-font", b"not a font")
        out.metadata.update(title="A title", creation_time="2020-01-01T00:00:00.000000Z", LOCATION="+48.1+11.5/")
        out.set_chapters(CHAPTERS)  # type: ignore[arg-type]
        for packet in source.demux():
            if not packet.size:
                continue
            for copy in copies[packet.stream.index]:
                same = av.Packet(bytes(packet))
                same.pts, same.dts, same.duration = packet.pts, packet.dts, packet.duration
                same.time_base, same.is_keyframe, same.stream = packet.time_base, packet.is_keyframe, copy
                out.mux(same)
        for i, words in enumerate((b"Hello", b"World")):
            packet = av.Packet(words)
            packet.pts = packet.dts = i * 400 + 100
            packet.duration, packet.time_base, packet.stream = 200, Fraction(1, 1000), text
            out.mux(packet)
    return path


def kinds(path: Path) -> list[tuple[str, str]]:
    with av.open(str(path)) as container:
        return [(s.type, codec_of(s)) for s in container.streams]


@pytest.mark.parametrize("inline", [False, True])
def test_matroska_keeps_all(rich: Path, tmp_path: Path, inline: bool, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "out.mkv"
    run(rich, out, video_options={"qp": "0"}, inline=inline)
    assert not caplog.records
    assert shown(out) == shown(rich)
    for index in (1, 2, 3):
        assert packets(out, index) == packets(rich, index)
    with av.open(str(rich)) as a, av.open(str(out)) as b:
        assert [s.type for s in a.streams] == [s.type for s in b.streams]
        for old, new in zip(a.streams, b.streams, strict=True):
            assert new.disposition == old.disposition
            assert new.language == old.language
            assert new.metadata.get("title") == old.metadata.get("title")
        assert b.streams.attachments[0].data == b"not a font"
        assert b.streams.attachments[0].mimetype == "application/x-truetype-font"
        assert b.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        assert [c["metadata"]["title"] for c in b.chapters()] == ["part 0", "part 1"]
        assert b.metadata["title"] == "A title"
        assert b.metadata["creation_time"] == "2020-01-01T00:00:00.000000Z"
        assert b.metadata["LOCATION"] == "+48.1+11.5/"


def test_an_aspect_ratio_that_is_lost_is_named(rich: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(rich, tmp_path / "out.mkv", video_codec="ffv1")
    assert "the sample aspect ratio 4/3 is lost with ffv1 in matroska" in caplog.text


def test_mp4_keeps_what_it_can_and_names_the_rest(rich: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "out.mp4"
    run(rich, out)
    missed = [r.getMessage() for r in caplog.records]
    assert len(missed) == 2
    assert "stream 0:3 (subtitle, subrip, deu) is left out: mp4 cannot hold it" in missed[0]
    assert "-c:s mov_text converts it, or write to .mkv" in missed[0]
    assert "stream 0:4 (attachment, font.ttf)" in missed[1]
    assert "write to .mkv" in missed[1]
    assert times(out) == times(rich)
    with av.open(str(out)) as b:
        assert [s.language for s in b.streams.audio] == ["eng", "fra"]
        assert [c["metadata"]["title"] for c in b.chapters()] == ["part 0", "part 1"]
        assert b.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        assert b.metadata["creation_time"] == "2020-01-01T00:00:00.000000Z"


def test_subtitles_are_converted_when_asked(rich: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    run(rich, out, subtitle_codec="mov_text", reader={"data": False})
    with av.open(str(out)) as container:
        stream = container.streams.subtitles[0]
        assert stream.codec_context.name == "mov_text"
        assert stream.language == "deu"
        found = [
            (p.pts * p.time_base, bytes(p)[2:]) for p in container.demux(stream) if p.size > 2 and p.pts is not None
        ]
    assert found == [(Fraction(1, 10), b"Hello"), (Fraction(1, 2), b"World")]


@pytest.mark.parametrize(("ending", "missing"), [("ts", 5), ("avi", 3), ("y4m", 5)])
def test_each_stream_left_out_is_named_once(
    rich: Path, tmp_path: Path, ending: str, missing: int, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = run(rich, tmp_path / f"out.{ending}")
    assert writer.frames_written == 25
    changed = ("is left out", "is transcoded to aac")
    left_out = [r.getMessage() for r in caplog.records if any(text in r.getMessage() for text in changed)]
    assert len(left_out) == len(set(left_out))
    assert len(left_out) + sum("chapters" in r.getMessage() for r in caplog.records) == missing
    assert all("write to .mkv" in text for text in left_out)


def test_kinds_can_be_left_out_and_tags_changed(rich: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    run(
        rich, out, reader={"audio": False, "subtitles": False}, map_chapters=False,
        metadata={"title": "", "comment": "new"}, dispositions={"v:0": "0"}, video_codec="ffv1",
    )  # fmt: skip
    assert [k for k, _ in kinds(out)] == ["video", "attachment"]
    with av.open(str(out)) as container:
        assert container.chapters() == []
        assert "title" not in container.metadata
        assert container.metadata["COMMENT"] == "new"
        assert container.streams.video[0].disposition.value == 0
    run(rich, out, map_metadata=False, overwrite=True, reader={"audio": False})
    with av.open(str(out)) as container:
        assert "title" not in container.metadata


@pytest.mark.parametrize(
    ("maps", "expected"),
    [
        (["0"], ["video", "audio", "audio", "subtitle", "attachment"]),
        (["0:v", "0:a:1"], ["video", "audio"]),
        (["0:a:m:language:fra", "0:v"], ["audio", "video"]),
        (["0", "-0:a", "-0:t"], ["video", "subtitle"]),
        (["0:v:0", "0:d?", "0:9?"], ["video"]),
        (["0:0", "0:3"], ["video", "subtitle"]),
    ],
)
def test_maps(rich: Path, tmp_path: Path, maps: list[str], expected: list[str]) -> None:
    out = tmp_path / "out.mkv"
    run(rich, out, reader={"maps": maps}, video_codec="ffv1")
    assert [k for k, _ in kinds(out)] == expected


def test_sound_from_another_file(rich: Path, tmp_path: Path) -> None:
    silent = clip(tmp_path / "silent.mkv", frames=25)
    out = tmp_path / "out.mkv"
    run([silent, rich], out, video_codec="ffv1")
    assert [k for k, _ in kinds(out)] == ["video", "audio", "audio", "subtitle", "attachment"]
    assert packets(out, 1) == packets(rich, 1)
    assert hashes(out) == hashes(silent)


def test_a_second_video_is_copied_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    small, large = clip(tmp_path / "s.mkv", size=(32, 32)), clip(tmp_path / "l.mkv", size=(64, 64))
    out = tmp_path / "out.mkv"
    run([small, large], out, reader={"maps": ["0:v", "1:v"]}, video_codec="ffv1")
    assert "stream 1:0 (video, h264) is copied, not restored" in caplog.text
    assert packets(out, 1) == packets(large, 0)
    assert kinds(out) == [("video", "ffv1"), ("video", "h264")]


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_cover_is_kept(tmp_path: Path, ending: str) -> None:
    source = tmp_path / "in.mp4"
    plain = clip(tmp_path / "plain.mp4", frames=5)
    png = av.CodecContext.create("png", "w")
    png.width = png.height = 16
    png.pix_fmt, png.time_base = "rgb24", Fraction(1, 1)
    image = bytes(png.encode(picture(0, 16, 16, "rgb24"))[0])
    with av.open(str(plain)) as a, av.open(str(source), "w") as b:
        video = b.add_stream_from_template(a.streams.video[0], opaque=True)
        cover = b.add_mux_stream("png", width=16, height=16)
        cover.disposition = Disposition.attached_pic
        for packet in a.demux():
            if packet.size:
                packet.stream = video
                b.mux(packet)
        packet = av.Packet(image)
        packet.pts = packet.dts = 0
        packet.time_base, packet.is_keyframe, packet.stream = Fraction(1, 90000), True, cover
        b.mux(packet)
    out = tmp_path / f"out.{ending}"
    run(source, out)
    with av.open(str(out)) as container:
        found = [s for s in container.streams if s.disposition & Disposition.attached_pic]
        assert len(found) == 1
        assert len(container.streams) == 2
        assert [bytes(p) for p in container.demux(found[0]) if p.size] == [image]
    assert times(out) == times(source)


@pytest.mark.parametrize(
    ("ending", "codec", "rate"), [("mp4", "aac", 48000), ("mkv", "libopus", 48000), ("avi", "mp2", 32000)]
)
def test_sound_is_transcoded_when_asked(rich: Path, tmp_path: Path, ending: str, codec: str, rate: int) -> None:
    out = tmp_path / f"out.{ending}"
    run(rich, out, audio_codec=codec, audio_options={"b": "64k", "ar": str(rate), "ac": "1"},
        reader={"maps": ["0:v", "0:a:0"]})  # fmt: skip
    with av.open(str(out)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.sample_rate == rate
        assert stream.codec_context.channels == 1
        heard = np.concatenate([f.to_ndarray().astype(float).ravel() for f in container.decode(stream)])
    assert abs(len(heard) / rate - 1.0) < 0.09  # priming and padding of at most two codec frames
    assert heard.std() > 0


def test_transcoded_sound_stays_in_time(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=25, audio="pcm_s16le")
    out = tmp_path / "out.mkv"
    run(source, out, audio_codec="flac", video_codec="ffv1")
    assert packets(out, 1)[0][0] == packets(source, 1)[0][0]
    with av.open(str(source)) as a, av.open(str(out)) as b:
        heard = [np.concatenate([f.to_ndarray().ravel() for f in c.decode(audio=0)]) for c in (a, b)]
    assert np.array_equal(heard[0], heard[1])


@needs_ffmpeg
@pytest.mark.parametrize(
    "rotation", [(90,), (180,), (270,), (0, True), (90, True), (0, False, True)], ids=lambda r: "-".join(map(str, r))
)
def test_rotation_is_applied_as_ffmpeg_does(tmp_path: Path, rotation: tuple[Any, ...]) -> None:
    source = clip(tmp_path / "in.mp4", frames=2, rotation=rotation, context={"sample_aspect_ratio": Fraction(4, 3)})
    out, peer = tmp_path / "out.mkv", tmp_path / "peer.mkv"
    reader, _ = run(source, out, video_options={"qp": "0"})
    ffmpeg("-i", source, "-c:v", "ffv1", peer)
    assert hashes(out) == hashes(peer)
    with av.open(str(out)) as a, av.open(str(peer)) as b:
        assert a.streams.video[0].sample_aspect_ratio == b.streams.video[0].sample_aspect_ratio
        assert reader.info.width == a.streams.video[0].width
        assert reader.info.sample_aspect_ratio == a.streams.video[0].sample_aspect_ratio


@needs_ffmpeg
def test_rotation_is_kept_when_it_is_not_applied(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", frames=2, rotation=(90,))
    run(InputSpec(str(source), autorotate=False), tmp_path / "out.mp4")
    entries = ("-show_entries", "stream=width,height:stream_side_data=rotation", "-of", "csv")
    assert ffprobe(*entries, tmp_path / "out.mp4") == ffprobe(*entries, source)


def test_bad_requests_for_streams(rich: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    for options, said in (
        ({"dispositions": {"x": "default"}}, "no such kind"),
        ({"dispositions": {"a": "nice"}}, "no 'nice'; there are: default"),
        ({"audio_options": {"b": "1k"}}, "audio is copied"),
        ({"video_codec": "copy"}, "must be encoded"),
        ({"subtitle_codec": "dvdsub"}, "pictures cannot become text"),
    ):
        with pytest.raises(UsageError, match=said):
            run(rich, out, **options)
        assert not out.exists()


def test_writer_and_reader_close_once_more_without_harm(rich: Path, tmp_path: Path) -> None:
    reader = Reader([InputSpec(str(rich))])
    writer = Writer(OutputSpec(str(tmp_path / "out.mkv")), reader)
    for _ in range(2):
        writer.close()
        reader.close()
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_sound_of_a_transport_stream_goes_into_mp4(tmp_path: Path, ending: str) -> None:
    source = clip(tmp_path / "in.ts", frames=50, audio="aac")
    out = tmp_path / f"out.{ending}"
    run(source, out)
    with av.open(str(source)) as a, av.open(str(out)) as b:
        sent, heard = (np.concatenate([f.to_ndarray().ravel() for f in c.decode(audio=0)]) for c in (a, b))
    assert np.array_equal(sent, heard)
    begin, begun = min(times(out)[0], packets(out, 1)[0][0]), min(times(source)[0], packets(source, 1)[0][0])
    assert begin == 0, "a transport stream's clock begins anywhere"
    assert packets(out, 1)[0][0] == pytest.approx(packets(source, 1)[0][0] - begun, abs=1e-3)
    assert times(out)[0] == pytest.approx(times(source)[0] - begun, abs=1e-3)


def test_tags_of_streams_can_be_set_and_removed(rich: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "out.mkv"
    tags = {"v:0": {"title": "Harbour"}, "a:1": {"language": "nld"}, "s": {"title": ""}, "a:7": {"title": "none"}}
    run(rich, out, stream_metadata=tags)
    with av.open(str(out)) as container:
        video, first, second, text = list(container.streams)[:4]
        assert video.metadata["title"] == "Harbour"
        assert (first.metadata["language"], second.metadata["language"]) == ("eng", "nld")
        assert "title" not in text.metadata
        assert text.metadata["language"] == "deu"
    assert caplog.text.count("-metadata:s:a:7: the output has no such stream") == 1
    with pytest.raises(UsageError, match="-metadata:s:q:0: no such kind"):
        run(rich, tmp_path / "wrong.mkv", stream_metadata={"q:0": {"title": "x"}})
