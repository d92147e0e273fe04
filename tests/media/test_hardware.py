"""Decoding on a video engine: what is said where there is none, and that it is then the CPU that decodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from av.codec.hwaccel import hwdevices_available

from streamfix import DeviceError, UnknownName, open
from streamfix.media.input.hardware import hardware_decoder
from streamfix.media.specs import InputSpec

BUNNY = str(Path(__file__).parents[2] / "samples" / "bunny.mp4")


def test_an_engine_that_libav_does_not_know_is_named() -> None:
    with pytest.raises(UnknownName, match=r"-hwaccel nvdec before -i a\.mp4: this build of libav has .*leave -hwaccel"):
        hardware_decoder("h264", "nvdec", "a.mp4")


@pytest.mark.skipif("drm" not in hwdevices_available(), reason="this build of libav has no drm")
def test_an_engine_that_does_not_decode_the_codec_is_named() -> None:
    with pytest.raises(DeviceError, match=r"-hwaccel drm before -i a\.mp4: it does not decode ffv1; leave -hwaccel"):
        hardware_decoder("ffv1", "drm", "a.mp4")


def test_the_cpu_decodes_where_nothing_is_asked_for() -> None:
    assert hardware_decoder("h264", "none", "a.mp4") is None


def test_auto_decodes_what_no_engine_takes_on_the_cpu() -> None:
    assert hardware_decoder("ffv1", "auto", "a.mkv") is None


def test_auto_gives_the_pictures_that_the_cpu_gives() -> None:
    """Exactly: H.264 leaves no choice to a decoder, wherever it runs."""
    pictures = []
    for wanted in ("auto", "none"):
        frames = iter(open(InputSpec(BUNNY, hwaccel=wanted)))
        first = [next(frames) for _ in range(2)]
        pictures.append([frame.picture.planes(frame.color).data[0].copy() for frame in first])
    assert all(np.array_equal(a, b) for a, b in zip(*pictures, strict=True))


def test_cuda_where_there_is_none_ends_with_a_remedy() -> None:
    from streamfix.devices import choose

    if "cuda" not in hwdevices_available() or choose().type == "cuda":
        pytest.skip("needs a libav with cuda on a machine without it")
    with pytest.raises(DeviceError, match=r"-hwaccel cuda before -i .*bunny\.mp4: this machine has no such device"):
        list(open(InputSpec(BUNNY, hwaccel="cuda")))
