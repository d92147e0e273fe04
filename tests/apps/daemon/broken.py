"""Configurations that cannot run, each with what has to be said of it.

ALLOWED stands for a folder that streams may write to; it has a folder `sub`, a text `notes.txt` and a file `locked/`
that nobody may write into.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CAMERA = "tcp://127.0.0.1:1"
GOOD: Mapping[str, Any] = {"name": "yard", "input": "CAMERA", "outputs": ["ALLOWED/yard.mkv"]}


@dataclass(frozen=True)
class Broken:
    """One configuration.

    stream: what is set in place of GOOD. daemon, defaults: what these tables have. place: where it is wrong, as it is
    shown. value: what stands there, as it is shown. says: what is wrong and the remedy, parts of the message.
    """

    name: str
    place: str
    value: str
    says: tuple[str, ...]
    stream: Mapping[str, Any] = field(default_factory=dict)
    daemon: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def recording(**fields: Any) -> Mapping[str, Any]:
    """A stream with one output, a recording with these options."""
    return {"outputs": [{"url": "ALLOWED/yard.mp4", **fields}]}


def broken(
    name: str, place: str, value: Any, *says: str, stream: Mapping[str, Any] | None = None, **tables: Mapping[str, Any]
) -> Broken:
    """One row. place: within the stream, unless it is in a table of its own."""
    whole = place if place.startswith(("daemon.", "defaults.")) else f"streams[0].{place}"
    return Broken(name, whole, repr(value), says, stream or {}, **tables)


OUT = "outputs[0]"
TABLE = (
    # the input
    broken("demuxer", "input_format", "rtps", "no demuxer of that name", "near it: rtp, rtsp",
           stream={"input_format": "rtps"}),
    broken("demuxer option", "input_options.rtsp_transprt", "tcp", "Unrecognized option 'rtsp_transprt'",
           "did you mean 'rtsp_transport'?", stream={"input_options": {"rtsp_transprt": "tcp"}}),
    broken("encoder's option for an input", "input_options.crf", "20", "outputs have it, inputs do not",
           "give it with an output", stream={"input_options": {"crf": "20"}}),
    broken("option that nothing has", "input_options.zzzz", "1", "'ffmpeg -h protocol=tcp' lists what there is",
           stream={"input_options": {"zzzz": "1"}}),
    broken("transport", "input_options.rtsp_transport", "tpc", "one or more of udp, tcp, udp_multicast, http, https",
           stream={"input": "rtsp://127.0.0.1:1/x", "input_options": {"rtsp_transport": "tpc"}}),
    broken("number too small", "input_options.probesize", "3", "it takes a whole number from 32 on",
           stream={"input_options": {"probesize": 3}}),
    broken("no number", "input_options.timeout", "soon", "it takes a whole number",
           stream={"input_options": {"timeout": "soon"}}),
    broken("flag", "input_options.fflags", "nobufer", "one or more of", "nobuffer",
           stream={"input_options": {"fflags": "nobufer"}}),
    broken("number too large", "input_options.fifo_size", "-1", "it takes a whole number from 0 on",
           stream={"input": "udp://127.0.0.1:9", "input_options": {"fifo_size": "-1"}}),
    broken("missing clip", "input", "ALLOWED/missing.mp4", "there is no such file; check the name",
           stream={"input": "ALLOWED/missing.mp4"}),
    broken("folder for a clip", "input", "ALLOWED/sub", "it is a folder; name a file in it",
           stream={"input": "ALLOWED/sub"}),
    broken("port", "input", "rtsp://127.0.0.1:99999/x", "the port is a number from 1 to 65535",
           stream={"input": "rtsp://127.0.0.1:99999/x"}),
    broken("scheme", "input", "rtspx://127.0.0.1/x", "the scheme 'rtspx' is not allowed; allowed are",
           stream={"input": "rtspx://127.0.0.1/x"}),
    # secrets
    broken("unset variable", "input", "rtsp://***@127.0.0.1/x", "${env:NOT_SET}: the variable is not set",
           "set it for the daemon", stream={"input": "rtsp://me:${env:NOT_SET}@127.0.0.1/x"}),
    broken("missing secret's file", "input", "${file:ALLOWED/none}", "No such file or directory",
           "the daemon must be able to read it", stream={"input": "${file:ALLOWED/none}"}),
    broken("credential without systemd", "input_options.passphrase", "${credential:cam}",
           "systemd passes no credentials", "add LoadCredential=cam:PATH",
           stream={"input": "srt://127.0.0.1:9", "input_options": {"passphrase": "${credential:cam}"}}),
    broken("token", "daemon.token", "${env:NOT_SET}", "${env:NOT_SET}: the variable is not set; set it for the daemon",
           daemon={"token": "${env:NOT_SET}"}),
    broken("weak token", "daemon.token", "***", "the token has 5 characters", "take 16 or more",
           daemon={"token": "${env:SHORT}", "host": "0.0.0.0"}),
    # filters
    broken("filter", "filters", "denoize", "no filter 'denoize'. Did you mean 'denoise'?",
           stream={"filters": "denoize"}),
    broken("filter's option", "filters", "smooth=strenght=1", "smooth has no option 'strenght'",
           "did you mean 'strength'?", stream={"filters": "smooth=strenght=1"}),
    broken("filter's value", "filters", "smooth=strength=much", "'much' is not a number",
           stream={"filters": "smooth=strength=much"}),
    broken("filter's value out of range", "filters", "smooth=strength=99", "strength",
           stream={"filters": "smooth=strength=99"}),
    broken("tier without weights", "filters", "denoise=tier=m", "tier", stream={"filters": "denoise=tier=m"}),
    broken("missing model", "filters", "model=ALLOWED/missing.onnx", "ALLOWED/missing.onnx",
           stream={"filters": "model=ALLOWED/missing.onnx"}),
    broken("model that is none", "filters", "model=ALLOWED/notes.txt", "ALLOWED/notes.txt",
           stream={"filters": "model=ALLOWED/notes.txt"}),
    broken("libavfilter's option", "filters", "unsharp=luma=1", "libavfilter does not take unsharp=luma=1",
           "'ffmpeg -h filter=unsharp' lists its options", stream={"filters": "unsharp=luma=1"}),
    broken("crop that no camera fills", "filters", "crop=9000:9000", "libavfilter cannot run 'crop=9000:9000'",
           "change its options", stream={"filters": "crop=9000:9000"}),
    broken("filter of two inputs", "filters", "overlay", "no filter 'overlay'", stream={"filters": "overlay"}),
    broken("step of the ladder", "ladder[1]", "smoth", "no filter 'smoth'. Did you mean 'smooth'?",
           stream={"filters": "smooth", "ladder": ["smooth=strength=0.5", "smoth"]}),
    broken("model of a step", "ladder[0]", "model=ALLOWED/missing.onnx", "ALLOWED/missing.onnx",
           stream={"ladder": ["model=ALLOWED/missing.onnx"]}),
    broken("filter of all streams", "defaults.filters", "smooth=strength=99", "strength",
           defaults={"filters": "smooth=strength=99"}),
    broken("device", "daemon.device", "gpu", "no device 'gpu'; there are auto, cpu, cuda and cuda:N",
           daemon={"device": "gpu"}),
    broken("device that is not there", "daemon.device", "cuda:77", "PyTorch sees", "use cpu or auto",
           daemon={"device": "cuda:77"}),
    # outputs: places and formats
    broken("missing folder", f"{OUT}.url", "ALLOWED/nowhere/yard.mkv", "ALLOWED/nowhere: there is no such folder",
           "make the folder, or write to another place", stream={"outputs": ["ALLOWED/nowhere/yard.mkv"]}),
    broken("missing folder of segments", f"{OUT}.url", "ALLOWED/nowhere/y_%Y.mkv", "there is no such folder",
           stream={"outputs": [{"url": "ALLOWED/nowhere/y_%Y.mkv", "format": "segment", "options": {"strftime": 1}}]}),
    broken("file for a folder", f"{OUT}.url", "ALLOWED/notes.txt/yard.mkv", "it is a file; make the folder",
           stream={"outputs": ["ALLOWED/notes.txt/yard.mkv"]}),
    broken("folder for a file", f"{OUT}.url", "ALLOWED/sub", "it is a folder; name a file in it",
           stream={"outputs": [{"url": "ALLOWED/sub", "format": "matroska"}]}),
    broken("dangling link", f"{OUT}.url", "ALLOWED/gone.mkv", "it is a link to", "which does not exist; remove it",
           stream={"outputs": ["ALLOWED/gone.mkv"]}),
    broken("muxer", f"{OUT}.format", "matroksa", "there is no muxer of that name; near it: matroska",
           stream=recording(format="matroksa")),
    broken("name without a format", f"{OUT}.url", "ALLOWED/yard.xyz", "the name does not say which format",
           'set format, as in format = "matroska"', stream={"outputs": ["ALLOWED/yard.xyz"]}),
    broken("format without video", OUT, "ALLOWED/yard.wav", "the format wav holds no video; use another format",
           stream={"outputs": ["ALLOWED/yard.wav"]}),
    broken("muxer's option", f"{OUT}.options.movflag", "+faststart", "the muxer mp4 does not have it",
           "did you mean 'movflags'?", stream=recording(options={"movflag": "+faststart"})),
    broken("muxer's value", f"{OUT}.options.movflags", "faststrt", "one or more of", "faststart",
           stream=recording(options={"movflags": "faststrt"})),
    broken("muxer's number", f"{OUT}.options.frag_duration", "-1", "it takes a whole number from 0 on",
           stream=recording(options={"frag_duration": -1})),
    broken("length of segments", f"{OUT}.options.segment_time", "soon", "it takes a time, in seconds or as HH:MM:SS",
           stream={"outputs": [{"url": "ALLOWED/y_%03d.mkv", "format": "segment",
                                "options": {"segment_time": "soon"}}]}),
    broken("format of segments", f"{OUT}.options.segment_format", "mkw", "no muxer of that name",
           "give segment_format, such as matroska",
           stream={"outputs": [{"url": "ALLOWED/y_%03d.mkv", "format": "segment",
                                "options": {"segment_format": "mkw"}}]}),
    broken("options of segments", f"{OUT}.options.segment_format_options", "movflags=+faststrt",
           "Error setting option movflags", "change it, or leave it out",
           stream={"outputs": [{"url": "ALLOWED/y_%03d.mp4", "format": "segment",
                                "options": {"segment_format_options": "movflags=+faststrt"}}]}),
    broken("folder of a playlist's segments", f"{OUT}.options.hls_segment_filename", "ALLOWED/nowhere/y%d.ts",
           "ALLOWED/nowhere: there is no such folder",
           stream={"outputs": [{"url": "ALLOWED/y.m3u8", "format": "hls",
                                "options": {"hls_segment_filename": "ALLOWED/nowhere/y%d.ts"}}]}),
    broken("server's option", f"{OUT}.options.rtsp_trnsport", "tcp", "did you mean 'rtsp_transport'?",
           stream={"outputs": [{"url": "rtsp://127.0.0.1:1/y", "options": {"rtsp_trnsport": "tcp"}}]}),
    # outputs: encoders
    broken("encoder", f"{OUT}.video_codec", "libx265x", "there is no video encoder of that name; near it: libx265",
           stream=recording(video_codec="libx265x")),
    broken("encoder of the stream", "video_codec", "h265", "there is no video encoder of that name",
           "usual ones are libx264 or libx265", stream={"video_codec": "h265"}),
    broken("encoder of all streams", "defaults.video_codec", "libx265x", "near it: libx265",
           defaults={"video_codec": "libx265x"}),
    broken("encoder of sound for pictures", f"{OUT}.video_codec", "aac", "there is no video encoder of that name",
           stream=recording(video_codec="aac")),
    broken("copied pictures", f"{OUT}.video_codec", "copy", "restored pictures have to be encoded", "leave it out",
           stream=recording(video_codec="copy")),
    broken("encoder without its hardware", OUT, "ALLOWED/yard.mp4", "h264_nvenc does not open",
           "take another video_codec",
           stream=recording(video_codec="h264_nvenc")),
    broken("encoder's option", f"{OUT}.video_options.prest", "fast", "the encoder libx264 does not have it",
           "did you mean 'preset'?", stream=recording(video_options={"prest": "fast"}, video_codec="libx264")),
    broken("usual encoder's option", "video_options.prest", "fast", "did you mean 'preset'?",
           stream={"video_options": {"prest": "fast"}}),
    broken("preset", f"{OUT}.video_options.preset", "fastest", "Error setting preset/tune fastest",
           "see 'ffmpeg -h encoder=libx264'", stream=recording(video_options={"preset": "fastest", "crf": "23"})),
    broken("profile", "video_options.profile", "hihg", "Error setting profile hihg", "see 'ffmpeg -h encoder=libx264'",
           stream={"video_options": {"profile": "hihg"}}),
    broken("bit rate", f"{OUT}.video_options.b", "fast", "Error setting option b to value fast",
           stream=recording(video_options={"b": "fast"})),
    broken("quantiser out of range", f"{OUT}.video_options.qmin", "99", "Numerical result out of range",
           stream=recording(video_codec="mpeg4", video_options={"qmin": 99})),
    broken("encoder that the file does not hold", OUT, "ALLOWED/yard.webm", "webm holds no libx264 video",
           "take another video_codec, or a file in .mkv",
           stream={"outputs": [{"url": "ALLOWED/yard.webm", "video_codec": "libx264"}]}),
    broken("encoder that a server's protocol does not carry", OUT, "rtsp://127.0.0.1:1/y",
           "RTP has no payload for ffv1", "take libx264",
           stream={"outputs": [{"url": "rtsp://127.0.0.1:1/y", "video_codec": "ffv1"}]}),
    broken("encoder of sound", "audio_codec", "acc", "there is no audio encoder of that name", "aac or",
           stream={"audio_codec": "acc"}),
    broken("sound that the file does not hold", OUT, "ALLOWED/yard.ts", "mpegts holds no flac audio",
           "take another audio_codec, or a file in .mkv",
           stream={"outputs": [{"url": "ALLOWED/yard.ts", "audio_codec": "flac"}]}),
    broken("the second of two outputs", "outputs[1].video_codec", "libx265x", "near it: libx265",
           stream={"outputs": ["ALLOWED/a.mkv", {"url": "ALLOWED/b.mkv", "video_codec": "libx265x"}]}),
)  # fmt: skip


def toml(case: Broken | None, allowed: str, camera: str = CAMERA) -> str:
    """The configuration as a file. case: None for one that is right."""
    daemon = {"port": 0, "max_load": 8, "allow_folders": [allowed], "allow_schemes": SCHEMES}
    stream = dict(GOOD)
    defaults: Mapping[str, Any] = {}
    if case is not None:
        daemon, defaults, stream = {**daemon, **case.daemon}, case.defaults, {**stream, **case.stream}
    lines = ["[daemon]", *_pairs(daemon), "[defaults]", *_pairs(defaults), "[[streams]]", *_pairs(stream)]
    return placed("\n".join(lines) + "\n", allowed, camera)


SCHEMES = ["rtsp", "srt", "udp", "tcp"]


def placed(text: str, allowed: str, camera: str = CAMERA) -> str:
    """A text with the folder and the camera put in."""
    return text.replace("ALLOWED", allowed).replace("CAMERA", camera)


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: Any) -> str:
    """A value in TOML, on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
