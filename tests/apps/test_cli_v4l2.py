"""`-f v4l2 -i /dev/video0`: libav's own demuxer at a device that answers as a driver does, pulled out and put back."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.apps.material import blocks, command, environment, read_until
from tests.fakes.waiting import LONG_S
from tests.live.legs import BUNNY, ffmpeg
from tests.media.make import needs_ffmpeg

pytestmark = [
    pytest.mark.slow,
    needs_ffmpeg,
    pytest.mark.skipif(shutil.which("cc") is None, reason="makes its device with a C compiler, Debian's package gcc"),
]
DRIVER = Path(__file__).parents[1] / "live" / "fake_v4l2.c"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("driver") / "fake_v4l2.so"
    subprocess.run(["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", made, DRIVER, "-ldl"], check=True)
    return made


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """What the device shows; it is there as long as this file is."""
    made = tmp_path / "pictures"
    raw = ("-frames:v", "50", "-pix_fmt", "yuyv422", "-f", "rawvideo")
    ffmpeg("-i", str(BUNNY), "-vf", "scale=160:90", *raw, str(made))
    return made


@pytest.fixture
def there(driver: Path, pictures: Path) -> dict[str, str]:
    """An environment with the device."""
    device = {"FAKE_V4L2": os.fspath(pictures), "FAKE_V4L2_SIZE": "160x90"}
    return {**environment(), **device, "LD_PRELOAD": os.fspath(driver)}


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def test_a_device_is_a_camera(there: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    device = ("-f", "v4l2", "-framerate", "25", "-video_size", "160x90", "-i", "/dev/video0")
    words = command("-nostats", "-max_latency", "60", *device, "-vf", "smooth", "-t", "2", out)
    said = subprocess.run(words, env=there, capture_output=True, text=True, timeout=LONG_S, check=False)
    assert said.returncode == 0, said.stderr
    assert "Input '/dev/video0': 160x90, yuyv422, 25 fps, live within" in said.stderr
    shown = times(out)
    assert shown[0] == 0
    assert len(shown) > 10
    steps = [round((b - a) / 0.04) for a, b in pairwise(shown)]
    assert [b - a for a, b in pairwise(shown)] == pytest.approx([0.04 * n for n in steps], abs=0.002)


def test_what_is_restored_is_a_camera_for_others(there: dict[str, str], tmp_path: Path) -> None:
    """A device that shows to others what is written to it: the format is told, and the rest is pixels."""
    shown = tmp_path / "shown"
    device = ("-max_latency", "60", "-f", "v4l2", "-i", "/dev/video0")
    outputs = ("-c:v", "rawvideo", "-pix_fmt", "yuv420p", "-t", "1", "-f", "v4l2", "/dev/video9")
    words = command("-nostats", "-progress", "-", *device, "-vf", "smooth", *outputs)
    said = subprocess.run(
        words,
        env={**there, "FAKE_V4L2_SHOWN": os.fspath(shown)},
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    frames = int(blocks(said.stdout)[-1]["frame"])
    assert frames > 10
    assert shown.stat().st_size == frames * 160 * 90 * 3 // 2


def test_sound_is_not_missed_on_a_device_that_shows_pictures(there: dict[str, str], tmp_path: Path) -> None:
    """It was told to write to .mkv instead, of a virtual camera."""
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        video, sound = container.add_stream("mpeg4", rate=25), container.add_stream("pcm_s16le", rate=8000)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 160, 90, "yuv420p"
        assert isinstance(sound, av.AudioStream)
        picture = av.VideoFrame.from_ndarray(np.zeros((90, 160, 3), np.uint8))
        heard = av.AudioFrame.from_ndarray(np.zeros((1, 320), np.int16), "s16", "mono")
        picture.pts = heard.pts = 0
        heard.sample_rate = 8000
        container.mux([*video.encode(picture), *video.encode(None)])
        container.mux([*sound.encode(heard), *sound.encode(None)])
    words = command("-nostats", "-i", source, "-c:v", "rawvideo", "-pix_fmt", "yuyv422", "-f", "v4l2", "/dev/video9")
    shown = {**there, "FAKE_V4L2_SHOWN": os.fspath(tmp_path / "shown")}
    said = subprocess.run(words, env=shown, capture_output=True, text=True, timeout=LONG_S, check=False)
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "shown").stat().st_size == 160 * 90 * 2
    assert "a device shows pictures alone" in said.stderr and "write to" not in said.stderr


def test_a_device_that_is_not_there_is_named(there: dict[str, str], pictures: Path, tmp_path: Path) -> None:
    pictures.unlink()
    words = command("-nostats", "-f", "v4l2", "-i", "/dev/video0", "-t", "2", tmp_path / "out.mkv")
    with subprocess.Popen(words, env=there, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        read_until(running.stderr.fileno(), b"/dev/video0: No such file or directory")
        running.kill()


def test_a_device_that_is_pulled_out_and_put_back(there: dict[str, str], pictures: Path, tmp_path: Path) -> None:
    """The last picture is shown on after the driver's memory is gone."""
    out, away = tmp_path / "out.mkv", tmp_path / "away"
    told = ("-nostats", "-progress", "-", "-stats_period", "0.1")
    words = command(*told, "-on_lost", "hold", "-f", "v4l2", "-i", "/dev/video0", "-vf", "smooth", "-t", "8", out)
    with subprocess.Popen(words, env=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        said = read_until(running.stdout.fileno(), b"state=running")
        pictures.rename(away)
        said += read_until(running.stdout.fileno(), b"state=reconnecting")
        away.rename(pictures)
        said += read_until(running.stdout.fileno(), b"state=running")
        rest, wrong = running.communicate(timeout=LONG_S)
    assert running.returncode == 0, wrong.decode()
    assert "No such device" in wrong.decode()
    last = blocks((said + rest).decode())[-1]
    assert int(last["reconnects"]) >= 1
    lost = sum(int(count) for key, count in last.items() if key.startswith("drop_frames_"))
    assert int(last["received_frames"]) == int(last["frame"]) - int(last["standing_in_frames"]) + lost
    shown = times(out)
    assert all(a < b for a, b in pairwise(shown))
    assert shown[-1] == pytest.approx(8, abs=0.2)
