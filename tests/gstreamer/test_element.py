"""The element inside real pipelines of the system's GStreamer gives what the library gives, bit for bit."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import streamfix
from streamfix.errors import UsageError
from streamfix.frame import Color, Frame
from streamfix.gstreamer.buffers import FORMATS, PlaneLayout, planes_of, write_planes
from streamfix.gstreamer.install import find_loader

PYTHON = "/usr/bin/python3"
DRIVER = Path(__file__).with_name("pipelines.py")
CASES = (
    *("formats", "i420", "nv12", "yv12_odd", "ten_bit", "p010", "grey", "enlarged", "other_format"),
    *("padded", "gaps", "sought", "new_caps", "interlaced", "wrong", "live"),
)


@cache
def why_not() -> str:
    """What the tests lack; "" for nothing."""
    try:
        loader = find_loader()
    except UsageError as error:
        return str(error)
    if loader.version != sys.version_info[:2]:
        return "GStreamer's loader runs Python {}.{}, the tests another".format(*loader.version)
    probe = subprocess.run([PYTHON, "-c", "import gi; gi.require_version('GstApp', '1.0')"], capture_output=True)
    return "" if probe.returncode == 0 else "needs python3-gi and gir1.2-gst-plugins-base-1.0"


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is all")]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A home into which the element was installed by its own command."""
    home = tmp_path_factory.mktemp("home")
    paths = [path for path in sys.path if (path and Path(path, "streamfix").is_dir()) or path.endswith("plugins")]
    found = {**os.environ, "HOME": str(home), "PYTHONPATH": os.pathsep.join(paths)}
    for name in ("GST_PLUGIN_PATH", "GST_REGISTRY", "XDG_CACHE_HOME"):
        found.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-m", "streamfix", "gstreamer", "--install"], env=found, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("element  streamfix is known to GStreamer\n")
    return found


@pytest.fixture(scope="module")
def results(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All cases, in one process: it loads torch once."""
    out = tmp_path_factory.mktemp("results") / "results.json"
    done = subprocess.run([PYTHON, str(DRIVER), str(out), *CASES], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(out.read_text()))


def placed(name: str, width: int, height: int) -> tuple[int, list[PlaneLayout]]:
    """GStreamer's usual memory of a picture: its size and planes. Source: GstVideo's fill_planes."""
    format = FORMATS[name]
    item = 1 if format.pixels.depth == 8 else 2
    subsampled = format.pixels.kind == "yuv" and format.pixels.log2_h == 1
    rows = height + height % 2 if subsampled else height
    at, found = 0, []
    for number, (plane_rows, columns) in enumerate(format.pixels.plane_shapes(width, rows)[: format.planes]):
        pair = 2 if number and format.order in ("uv", "vu") else 1
        stride = -(-columns * item * pair // 4) * 4
        found.append(PlaneLayout(at, stride))
        at += stride * plane_rows
    return at, found


def frame_of(shown: dict[str, Any]) -> Frame:
    width, height = shown["size"]
    memory = base64.b64decode(shown["data"])
    size, layout = placed(shown["format"], width, height)
    assert len(memory) == size
    planes = planes_of(memory, FORMATS[shown["format"]], width, height, layout)
    matrix = {"bt601": Color(6, 1, 6, False)}
    color = matrix.get(shown["colorimetry"] or "", Color())
    return Frame(planes, shown["pts"], Fraction(1, 10**9), duration=shown["duration"], color=color)


def memory_of(frame: Frame, name: str) -> bytes:
    size, layout = placed(name, frame.width, frame.height)
    memory = bytearray(size)
    write_planes(frame.picture.planes(frame.color), memory, FORMATS[name], layout)
    return bytes(memory)


def by_library(shown: list[dict[str, Any]], chain: str) -> list[Frame]:
    with streamfix.Stream(chain, live=False) as stream:
        found = [frame for one in shown for frame in stream.push(frame_of(one))]
        return found + stream.flush()


def same_pictures(found: list[dict[str, Any]], frames: list[Frame]) -> bool:
    """Whether they are equal, but for what lies between rows."""
    assert [one["pts"] for one in found] == [frame.pts for frame in frames]
    return all(
        np.array_equal(a, b)
        for one, frame in zip(found, frames, strict=True)
        for a, b in zip(frame_of(one).picture.planes(Color()).data, frame.picture.planes(frame.color).data, strict=True)
    )


@pytest.mark.parametrize("case", ["i420", "nv12", "yv12_odd", "ten_bit", "p010", "grey"])
def test_the_element_gives_what_the_library_gives(results: dict[str, Any], case: str) -> None:
    plain, restored = results[case]["plain"]["frames"], results[case]["restored"]["frames"]
    assert results[case]["restored"]["error"] == ""
    assert len(restored) == len(plain) == 12
    for name in ("pts", "duration", "format", "size", "colorimetry"):
        assert [one[name] for one in restored] == [one[name] for one in plain], name
    assert same_pictures(restored, by_library(plain, "smooth=sigma=8"))
    assert not same_pictures(restored, [frame_of(one) for one in plain])


def test_filters_may_change_size_and_format(results: dict[str, Any]) -> None:
    enlarged = results["enlarged"]
    assert [one["size"] for one in enlarged["restored"]["frames"]] == [[128, 96]] * 12
    wanted = by_library(enlarged["plain"]["frames"], "scale=2*iw:2*ih:flags=neighbor")
    assert same_pictures(enlarged["restored"]["frames"], wanted)
    assert [one["format"] for one in results["other_format"]["restored"]["frames"]] == ["Y444"] * 12


def test_long_rows_flags_and_metadata(results: dict[str, Any]) -> None:
    frames = results["padded"]["frames"]
    assert [one["corrupted"] for one in frames] == [False, True, False]
    assert all(one["captions"] for one in frames)
    assert "damaged=(int)1" in results["padded"]["stats"]
    for number, one in enumerate(frames):
        luma = frame_of(one).picture.planes(Color()).data[0]
        assert luma.tolist() == [[(number * 50 + row + x) % 256 for x in range(20)] for row in range(12)]


def test_a_long_gap_is_a_cut_and_a_picture_left_out_is_none(results: dict[str, Any]) -> None:
    """As a leaky queue leaves them out: it marks the next one DISCONT."""
    given, found = results["gaps"]["given"], results["gaps"]["frames"]

    def with_cuts(*numbers: int) -> list[Frame]:
        frames = [replace(frame_of(one), cut=number in numbers) for number, one in enumerate(given)]
        with streamfix.Stream("smooth", live=False) as stream:
            return [out for frame in frames for out in stream.push(frame)] + stream.flush()

    assert same_pictures(found, with_cuts(6))
    assert not same_pictures(found, with_cuts(3, 6))


def test_a_seek_forgets_what_was_before(results: dict[str, Any]) -> None:
    sought = results["sought"]
    assert sought["done"]
    tenths = [one["pts"] // 10**8 for one in sought["frames"]]
    assert tenths == [0, 1, 2, 3, 4, 5, 2, 3, 4]
    third = sought["plain"]["frames"][2]["data"]
    assert sought["frames"][2]["data"] != third  # mixed with the two before it
    assert sought["frames"][6]["data"] == third


def test_new_caps_drain_and_begin_again(results: dict[str, Any]) -> None:
    frames = results["new_caps"]["frames"]
    assert results["new_caps"]["error"] == ""
    assert [(one["format"], *one["size"]) for one in frames] == [("I420", 64, 48)] * 12 + [("NV12", 80, 64)] * 12
    assert [one["pts"] // 10**8 for one in frames] == [*range(12), *range(12)]


def test_interlaced_video_is_taken_with_a_warning(results: dict[str, Any]) -> None:
    found = results["interlaced"]
    assert len(found["frames"]) == 12
    assert found["warnings"] == [
        "the video is interlaced: filters see both fields of a frame at once; put `deinterlace` before"
    ]


def test_errors_are_on_the_bus_in_our_words(results: dict[str, Any]) -> None:
    said = results["wrong"]
    assert said["nonsense"].startswith("no filter 'nonsense'. streamfix has: ")
    assert said["smooth=strength=banana"] == "smooth=strength: 'banana' is not a number"
    assert said["model=/nowhere.pth"] == "/nowhere.pth: there is no such file"


def test_live_the_budget_is_told_and_qos_ends_here(results: dict[str, Any]) -> None:
    found = results["live"]
    assert found["is_live"]
    assert found["least_s"] >= 0.3
    assert found["sent"] and "qos" not in found["seen"]
    assert "received=(int)12, written=(int)12" in found["stats"]
    assert re.search(r"step-name=\(string\)(smooth|pass-through)", found["stats"])  # by how busy the machine is


def test_the_scanner_loads_nothing_heavy_and_both_tables_agree(results: dict[str, Any]) -> None:
    """Filters that compute in NumPy run without PyTorch."""
    found = results["formats"]
    assert found["light"] and found["lighter"]
    assert found["element"] == found["buffers"] == list(FORMATS)


def test_the_command_line_of_the_documentation(environment: Mapping[str, str], tmp_path: Path) -> None:
    """gst-launch-1.0 with `denoise`, which looks ahead: every frame comes out, as from the library.

    In one precision: two processes on a busy machine may measure another one to be the fastest.
    """
    chain = "denoise=precision=fp32"
    clip = tmp_path / "in.y4m"
    width, height, count = 64, 48, 9
    random = np.random.default_rng(0)
    body = b"".join(
        b"FRAME\n" + random.integers(90, 160, width * height * 3 // 2, np.uint8).tobytes() for _ in range(count)
    )
    clip.write_bytes(f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C420mpeg2\n".encode() + body)
    out = tmp_path / "out.yuv"
    words = f"filesrc location={clip} ! y4mdec ! streamfix filter={chain} ! filesink location={out}".split()
    done = subprocess.run(["gst-launch-1.0", "-q", *words], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not re.search("Traceback|ERROR", done.stderr)
    with streamfix.open(clip) as video:
        frames = list(video.filter(chain))
    assert out.read_bytes() == b"".join(frame.array("i420").tobytes() for frame in frames)
    assert len(frames) == count
