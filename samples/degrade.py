#!/usr/bin/env python3
"""Write a degraded copy of a clip: darkened, blurred, noisy and badly compressed, in the order a camera does it.

    python samples/degrade.py samples/city.ts noisy.mp4 --noise 20 --seed 1
    python samples/degrade.py samples/campus.avi night.mp4 --dark 3 --shot 2 --noise 4
    python samples/degrade.py samples/bunny.mp4 blocky.mp4 --codec mpeg4 --bitrate 400000

Works on 8-bit 4:2:0 Y'CbCr as it is stored; the same arguments give the same pictures. Frames keep their pts, audio is
copied. An odd last column or row is dropped, as 4:2:0 encoders need even sizes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

BLACK = 16.0  # limited range, ITU-R BT.601 section 2.5.3
GREY = 128.0
DISPLAY_GAMMA = 2.2


@dataclass(frozen=True, slots=True)
class Degradation:
    """What is done to each picture; zero turns a step off.

    dark_stops: exposure lost, in stops (each halves the light).
    blur_sigma: Gaussian blur of the luma in pixels; chroma gets half of it.
    shot: variance of the signal-dependent noise per code value of luma above black (shot noise and gain).
    noise_sigma: standard deviation of white Gaussian noise in code values, all planes.
    """

    dark_stops: float = 0.0
    blur_sigma: float = 0.0
    shot: float = 0.0
    noise_sigma: float = 0.0

    def __call__(self, planes: list[Plane], rng: np.random.Generator) -> list[Plane]:
        """Degrade one picture; planes: Y (H, W), Cb and Cr (H/2, W/2), uint8 code values in limited range."""
        # Scaling light by k scales code values by k^(1/gamma), and colour differences too.
        gain = 2.0 ** (-self.dark_stops / DISPLAY_GAMMA)
        y, cb, cr = (plane.astype(np.float32) for plane in planes)
        y = BLACK + (y - BLACK) * gain
        cb, cr = (GREY + (chroma - GREY) * gain for chroma in (cb, cr))
        if self.blur_sigma:
            y = cv2.GaussianBlur(y, (0, 0), self.blur_sigma)
            cb, cr = (cv2.GaussianBlur(chroma, (0, 0), self.blur_sigma / 2) for chroma in (cb, cr))
        light = np.maximum(y - BLACK, 0)
        variances = [light, cv2.resize(light, cb.shape[::-1], interpolation=cv2.INTER_AREA)]
        noisy = []
        for signal, variance in ((y, variances[0]), (cb, variances[1]), (cr, variances[1])):
            sigma = np.sqrt(self.noise_sigma**2 + self.shot * variance)
            noise = sigma * rng.standard_normal(signal.shape, dtype=np.float32)
            noisy.append(np.clip(np.rint(signal + noise), 0, 255).astype(np.uint8))
        return noisy


@dataclass(frozen=True, slots=True)
class Coding:
    """How the degraded clip is encoded: at a bit rate, or, without one, at x264's constant quality crf."""

    codec: str = "libx264"
    bitrate_bps: int | None = None
    crf: int = 10


def read_planes(frame: av.VideoFrame) -> list[Plane]:
    """Copy the planes of a frame, cropped to even width and height; each is (rows, columns) uint8."""
    if frame.format.name != "yuv420p":
        frame = frame.reformat(format="yuv420p")
    width, height = frame.width // 2 * 2, frame.height // 2 * 2
    sizes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    planes = []
    for plane, (rows, columns) in zip(frame.planes, sizes, strict=True):
        stored = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
        planes.append(stored[:rows, :columns].copy())
    return planes


def to_frame(planes: list[Plane], like: av.VideoFrame) -> av.VideoFrame:
    """Make a yuv420p frame from three planes, with the time and colour tags of another frame."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, pixels in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : pixels.shape[1]] = pixels
        plane.update(padded.tobytes())
    frame.pts, frame.time_base = like.pts, like.time_base
    frame.color_range, frame.colorspace = like.color_range, like.colorspace
    frame.color_primaries, frame.color_trc = like.color_primaries, like.color_trc
    return frame


def add_video(output: av.container.OutputContainer, source: VideoStream, coding: Coding) -> VideoStream:
    """Add the degraded stream: same clock and aspect ratio as the source, size made even."""
    options = {"preset": "veryfast"} if coding.codec == "libx264" else {}
    if coding.bitrate_bps is None and coding.codec == "libx264":
        options["crf"] = str(coding.crf)
    stream = output.add_stream(coding.codec, rate=source.average_rate or 25, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = source.width // 2 * 2, source.height // 2 * 2, "yuv420p"
    if coding.codec == "libx264" and source.time_base is not None:
        # Older encoders use 1/time_base as the frame rate in their rate control, so they keep 1/rate.
        stream.codec_context.time_base = source.time_base
    if source.sample_aspect_ratio:
        stream.codec_context.sample_aspect_ratio = source.sample_aspect_ratio
    if coding.bitrate_bps is not None:
        stream.bit_rate = coding.bitrate_bps
    return stream


def degrade(source: Path, target: Path, change: Degradation, coding: Coding, seed: int, limit: int | None) -> int:
    """Write target, a degraded copy of source or of about its first `limit` frames. Returns the number of frames."""
    rng = np.random.default_rng(seed)
    frames = 0
    with av.open(source) as reader, av.open(target, "w") as writer:
        video = reader.streams.video[0]
        encoded = add_video(writer, video, coding)
        copied = {s.index: writer.add_stream_from_template(s) for s in reader.streams if isinstance(s, AudioStream)}
        writer.metadata.update(reader.metadata)
        for packet in reader.demux(video, *reader.streams.audio):
            if packet.stream.index in copied:
                if packet.dts is not None:  # the empty last packet only flushes decoders
                    packet.stream = copied[packet.stream.index]
                    writer.mux(packet)
                continue
            for frame in decoded(packet):
                writer.mux(encoded.encode(to_frame(change(read_planes(frame), rng), like=frame)))
                frames += 1
            if limit is not None and frames >= limit:
                break
        writer.mux(encoded.encode(None))
    return frames


def decoded(packet: av.Packet[Any]) -> Iterator[av.VideoFrame]:
    """Decode a video stream's packet, with precise types."""
    for frame in packet.decode():
        assert isinstance(frame, av.VideoFrame)
        yield frame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--dark", type=float, default=0, metavar="STOPS", help="exposure lost")
    parser.add_argument("--blur", type=float, default=0, metavar="SIGMA", help="Gaussian blur, pixels of luma")
    parser.add_argument("--shot", type=float, default=0, metavar="GAIN", help="noise variance per code value of signal")
    parser.add_argument("--noise", type=float, default=0, metavar="SIGMA", help="white Gaussian noise, code values")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--codec", default="libx264", help="mpeg4 and mpeg2video show blocks (default: %(default)s)")
    parser.add_argument("--bitrate", type=int, metavar="BPS", help="starve the encoder: bits per second")
    parser.add_argument("--crf", type=int, default=10, help="x264 quality without --bitrate (default: %(default)s)")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after about N frames (default: all)")
    args = parser.parse_args()
    change = Degradation(args.dark, args.blur, args.shot, args.noise)
    coding = Coding(args.codec, args.bitrate, args.crf)
    frames = degrade(args.source, args.target, change, coding, args.seed, args.frames)
    print(f"{args.target}: {frames} frames")


if __name__ == "__main__":
    main()
