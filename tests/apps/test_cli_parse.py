"""ffmpeg's option grammar, and what a mistake is answered with."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from streamfix.apps.cli import grammar
from streamfix.apps.cli.jobs import job_spec
from streamfix.apps.cli.options import OPTIONS, REFUSED, table
from streamfix.chainspec import FilterSpec
from streamfix.errors import UsageError
from streamfix.jobs import JobSpec
from streamfix.media import libav_options


def job(words: str) -> JobSpec:
    return job_spec(grammar.parse(words.split()), overwrite=False)


def test_options_belong_to_the_next_file() -> None:
    given = "-y -ss 1 -i a.mkv -re -i b.mkv -ss 2 -crf 20 -c:a aac out.mp4"
    line = grammar.parse(given.split())
    assert line.options == {"y": True}
    assert [(f.url, f.get("ss"), f.get("re")) for f in line.inputs] == [
        ("a.mkv", Fraction(1), None),
        ("b.mkv", None, True),
    ]
    assert [(f.url, f.get("ss"), f.get("crf"), f.get("c")) for f in line.outputs] == [
        ("out.mp4", Fraction(2), Fraction(20), "aac")
    ]


@pytest.mark.parametrize(
    ("words", "field", "want"),
    [
        ("-crf 20 o.mp4", "video_options", {"crf": "20"}),
        ("-preset fast -tune film -profile:v high -level 4.1 -g 50 -bf 2 o.mp4", "video_options",
         {"preset": "fast", "tune": "film", "profile": "high", "level": "4.1", "g": "50", "bf": "2"}),
        ("-b:v 2M -b:a 128k o.mp4", "video_options", {"b": "2M"}),
        ("-b:v 2M -b:a 128k o.mp4", "audio_options", {"b": "128k"}),
        ("-x264-params a=1:b=2 o.mp4", "options", {"x264-params": "a=1:b=2"}),
        ("-q:v 3 o.avi", "video_options", {"global_quality": "354", "flags": "+qscale"}),
        ("-flags:v +cgop -qscale:v 2.5 o.avi", "video_options", {"global_quality": "295", "flags": "+cgop+qscale"}),
        ("-q:a 2 o.mp4", "audio_options", {"global_quality": "236", "flags": "+qscale"}),
        ("-qmin:v 3 o.mp4", "video_options", {"qmin": "3"}),
        ("-threads 3 o.mp4", "video_options", {"threads": "3"}),
        ("-movflags +faststart o.mp4", "format_options", {"movflags": "+faststart"}),
        ("-c:v libx265 o.mp4", "video_codec", "libx265"),
        ("-codec:v libx265 o.mp4", "video_codec", "libx265"),
        ("-vcodec libx264 -vcodec libx265 o.mp4", "video_codec", "libx265"),
        ("-c libx265 o.mp4", "audio_codec", "copy"),
        ("-c:v ffv1 -acodec aac o.mp4", "audio_codec", "aac"),
        ("-scodec mov_text o.mp4", "subtitle_codec", "mov_text"),
        ("-c:s mov_text o.mp4", "subtitle_codec", "mov_text"),
        ("-f matroska -", "format", "matroska"),
        ("-f matroska -", "url", "-"),
        ("-pix_fmt yuv420p10le o.mp4", "pix_fmt", "yuv420p10le"),
        ("-r 30000/1001 o.mp4", "rate", Fraction(30000, 1001)),
        ("-frames:v 7 o.mp4", "max_frames", 7),
        ("-vframes 7 o.mp4", "max_frames", 7),
        ("-ss 00:00:01.5 -t 200ms o.mp4", "start_s", Fraction(3, 2)),
        ("-ss 00:00:01.5 -t 200ms o.mp4", "duration_s", Fraction(1, 5)),
        ("-to 5 o.mp4", "end_s", Fraction(5)),
        ("-t 2 -to 5 o.mp4", "end_s", None),
        ("-metadata title=Harbour -metadata comment=a=b o.mp4", "metadata", {"title": "Harbour", "comment": "a=b"}),
        ("-metadata title= o.mp4", "metadata", {"title": ""}),
        ("-metadata:s:a:0 language=deu -metadata:s:a:0 title=x o.mp4", "stream_metadata",
         {"a:0": {"language": "deu", "title": "x"}}),
        ("-metadata:s title= -metadata:g title=y o.mp4", "stream_metadata", {"": {"title": ""}}),
        ("-metadata:s title= -metadata:g title=y o.mp4", "metadata", {"title": "y"}),
        ("-flags +ildct -q:v 3 o.ts", "video_options", {"global_quality": "354", "flags": "+ildct+qscale"}),
        ("-map_metadata -1 o.mp4", "map_metadata", False),
        ("-map_chapters -1 o.mp4", "map_chapters", False),
        ("-disposition:a:0 default o.mp4", "dispositions", {"a:0": "default"}),
        ("-shortest o.mp4", "shortest", True),
    ],
)  # fmt: skip
def test_output(words: str, field: str, want: Any) -> None:
    assert getattr(job(f"-i a.mkv {words}").outputs[0], field) == want


@pytest.mark.parametrize(
    ("words", "field", "want"),
    [
        ("-ss 1 -t 2 -i a", "start_s", Fraction(1)),
        ("-ss 1 -t 2 -i a", "duration_s", Fraction(2)),
        ("-to 2 -i a", "end_s", Fraction(2)),
        ("-re -i a", "realtime", True),
        ("-stream_loop -1 -i a", "loops", -1),
        ("-noautorotate -i a", "autorotate", False),
        ("-i a", "autorotate", True),
        ("-threads 2 -i a", "thread_count", 2),
        ("-c:v h264 -i a", "video_codec", "h264"),
        ("-f rawvideo -s 64x48 -pix_fmt gray -r 25 -i a", "options",
         {"video_size": "64x48", "pixel_format": "gray", "framerate": "25"}),
        ("-framerate 25 -i a%03d.png", "options", {"framerate": "25"}),
        ("-copyts -i a", "copy_timestamps", True),
        ("-max_error_rate 0 -i a", "max_error_rate", 0.0),
        ("-i a", "hwaccel", "none"),
        ("-hwaccel cuda -i a", "hwaccel", "cuda"),
        ("-i -", "url", "-"),
    ],
)  # fmt: skip
def test_input(words: str, field: str, want: Any) -> None:
    assert getattr(job(f"{words} out.mkv").inputs[0], field) == want


@pytest.mark.parametrize(
    ("words", "field", "want"),
    [
        ("-i a -i b -map 0:v -map 1:a:0? o", "maps", ("0:v", "1:a:0?")),
        ("-i a -an o", "audio", False),
        ("-an -i a o", "audio", False),
        ("-i a -sn -dn o", "subtitles", False),
        ("-i a -sn -dn o", "data", False),
        ("-device cuda:1 -i a o", "device", "cuda:1"),
        ("-i a o", "filters", ()),
        ("-i a -vf null o", "filters", (FilterSpec("null"),)),
        ("-i a -filter:v crop=8:8,smooth=strength=1 o", "filters",
         (FilterSpec("crop", "8:8"), FilterSpec("smooth", "strength=1"))),
        ("-i a -vf crop=8:8 -vf null o", "filters", (FilterSpec("null"),)),
        ("-i a -vf null -s 64x48 o", "filters", (FilterSpec("null"), FilterSpec("scale", "64:48"))),
    ],
)  # fmt: skip
def test_job(words: str, field: str, want: Any) -> None:
    assert getattr(job(words), field) == want


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("-i a -crff 20 o", "Unrecognized option 'crff'. Did you mean 'crf'?"),
        ("-i a -nostat o", "Unrecognized option 'nostat'. Did you mean 'nostats'?"),
        ("-i a -qcom 1 o", "Unrecognized option 'qcom'. Did you mean 'qcomp'?"),
        ("-zzzzzz 1 o", "Unrecognized option 'zzzzzz'. See streamfix -h."),
        ("-i a -crf", "Missing argument for option 'crf'."),
        ("-i a -x264-params", "Missing argument for option 'x264-params'."),
        ("-i", "Missing argument for option 'i'."),
        ("-i a -crf -preset fast o", "-crf -preset: expected a number"),
        ("-i a -ss soon o", "-ss soon: a time is"),
        ("-i a -t -1 o", "-t -1: a duration cannot be negative"),
        ("-i a -metadata title o", "-metadata title: expected key=value"),
        ("-i a -map_metadata 1 o", "-map_metadata 1: expected 0 (copy from the first input) or -1"),
        ("-device tpu -i a o", "-device tpu: expected auto, cpu, cuda or cuda:N"),
        ("-y:v -i a o", "-y takes no stream specifier"),
        ("-vf smooth -i a o", "-vf cannot be applied to input 'a'"),
        ("-i a -re o", "-re cannot be applied to output 'o'"),
        ("-i a -crf 20", "-crf: no output follows"),
        ("-i a -vn o", "-vn: streamfix always restores a video stream"),
        ("-i a -vsync 0 o", "-vsync: every picture keeps its timestamp"),
        ("-i a -tag:v hvc1 o", "-tag:v: codec tags follow"),
        ("-i a -filter_complex x o", "-filter_complex: one chain for one video"),
        ("-i a -filter:a volume=2 o", "audio is copied or transcoded, not filtered"),
        ("-i a -af volume=2 o", "audio is copied or transcoded, not filtered"),
    ],
)
def test_a_mistake_is_answered_before_anything_is_opened(words: str, says: str) -> None:
    with pytest.raises(UsageError) as raised:
        grammar.parse(words.split())
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("o", "no input: give one with -i"),
        ("-i a", "At least one output file must be specified"),
        ("-i a -vf smooth o -vf edge p", "-vf edge before 'p': all outputs get the same pictures"),
        ("-i a o -map 0:v p", "-map 0:v before 'p': all outputs get the same pictures, whose streams are given"),
        ("-i a - pipe:1", "stdout can be one output only"),
        ("-max_latency 1 -i a o", "-max_latency before -i a: for live inputs only; add -live"),
        ("-nolive -on_lost hold -i rtsp://u:hush@h/s o", "-on_lost before -i rtsp://***@h/s: for live inputs only"),
        ("-i rtsp://u:hush@h/s -i a o", "rtsp://***@h/s is live and must be the only input, got 2"),
        ("-on_lost never -i rtsp://h o", "-on_lost never: expected wait, hold, slate or end"),
        ("-max_latency 0 -i rtsp://h o", "-max_latency 0: expected a time above 0"),
        ("-ladder smooth| -i rtsp://h o", "-ladder smooth|: expected filter chains with | between them"),
        ("-max_latency 1 o", "-max_latency cannot be applied to output 'o': it is an option of inputs"),
        ("-i a -c:v copy o", "-c:v copy: the restored video has to be encoded"),
        ("-i a -c copy o", "-c:v copy: the restored video has to be encoded"),
        ("-i a -b:x 3 o", "-b:x: the stream specifier can be :v, :a or :s"),
        ("-i a -b:a:1 3 o", "all audio streams share their options; write :a"),
        ("-i a -frames:a 3 o", "-frames:a: the stream specifier can be :v"),
        ("-i a -metadata:c:0 title=x o", "tags belong to the file or to streams"),
        ("-i a -ss 5 -to 4 o", "o: -to 4 lies before -ss 5"),
        ("-c:a aac -i a o", "only -c:v is possible before an input"),
        ("-i - -i - o", "stdin can be one input only"),
        ("-i a -vf smooth, o", "a filter name is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: str, says: str) -> None:
    with pytest.raises(UsageError) as raised:
        job(words)
    assert says in str(raised.value)


def test_options_after_the_last_output_are_warned_of() -> None:
    assert grammar.parse(["-i", "a", "o", "-crf", "20"]).warnings == [
        "-crf after the last output is ignored; options stand before the file they are for"
    ]


def test_help_takes_the_next_word_if_there_is_one() -> None:
    assert grammar.parse(["-h"]).options["h"] == ""
    assert grammar.parse(["--help"]).options["h"] == ""
    assert grammar.parse(["-h", "filter=smooth"]).options["h"] == "filter=smooth"


def test_a_double_dash_makes_the_next_word_a_file() -> None:
    assert grammar.parse(["-i", "a", "--", "-strange.mkv"]).outputs[0].url == "-strange.mkv"


def test_the_libraries_tell_their_options() -> None:
    import cv2  # brings FFmpeg libraries of its own, without x264

    assert cv2.getBuildInformation()
    libav_options.all_names.cache_clear()
    names = libav_options.all_names()
    assert names is not None
    assert {"x264-params", "movflags", "qcomp", "rtsp_transport", "sws_flags", "lossless"} <= names
    assert not {"crff", "nobuffer"} & names


def test_the_table_is_sound() -> None:
    names = [n for option in table() for n in (option.name, *option.aliases)]
    assert len(names) == len(set(names)) == len(OPTIONS)
    assert not set(names) & set(REFUSED)
    assert all(option.help and not option.help.endswith(".") for option in table())
