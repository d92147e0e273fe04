"""Motion JPEG that a camera pushes over HTTP plays at its true speed, however it begins."""

from __future__ import annotations

import logging
from itertools import islice

import pytest

from streamfix.errors import InputError
from streamfix.frame import Frame
from streamfix.media.input.reader import InputSpec, Reader
from tests.fakes.multipart import Begins, MultipartCamera


def read(url: str, count: int = 12, **options: str) -> list[Frame]:
    reader = Reader([InputSpec(url, options=options)])
    try:
        return list(islice((item for item in reader if isinstance(item, Frame)), count))
    finally:
        reader.close()


def span_s(found: list[Frame]) -> float:
    return found[-1].time_s - found[0].time_s


def levels(found: list[Frame]) -> list[int]:
    return [round((int(f.origin.to_ndarray(format="gray")[0, 0]) - 20) / 5) for f in found]


@pytest.mark.parametrize("begins", ["right", "header", "picture", "middle"])
def test_it_is_timed_by_its_arrival(begins: Begins, caplog: pytest.LogCaptureFixture) -> None:
    """libav gives it 25 pictures a second, whatever it sends; and it knows no stream that begins without a boundary."""
    caplog.set_level(logging.WARNING)
    camera = MultipartCamera(begins)
    with camera.serving() as url:
        found = read(url)
    if begins == "middle":
        found = found[1:]  # half a picture, or none
    assert levels(found) == [n % 12 for n in range(levels(found)[0], levels(found)[0] + len(found))]
    assert [f.pts for f in found] == sorted({f.pts for f in found})
    # What was sent before the input was open came at once.
    assert 0.7 < span_s(found) == pytest.approx((len(found) - 1) / 10, abs=0.45)
    told = "does not begin with its boundary; its pictures are found by their own marks" in caplog.text
    assert told == (begins != "right")


@pytest.mark.slow
def test_an_empty_line_in_front_is_no_reason_to_play_too_fast() -> None:
    """libav takes it for bare pictures then, and looks at 5 s of them first."""
    camera = MultipartCamera("empty line", count=20)
    with camera.serving() as url:
        found = read(url, 20)
    assert levels(found) == list(range(20))
    assert span_s(found) == pytest.approx(1.9, abs=0.5)


def test_a_rate_that_libav_does_not_take_changes_nothing() -> None:
    with MultipartCamera(count=6).serving() as url:
        found = read(url, framerate="5")
    assert 0.7 < span_s(found) == pytest.approx(1.1, abs=0.45)


def test_a_web_page_is_called_one() -> None:
    with (
        MultipartCamera("page").serving() as url,
        pytest.raises(InputError, match="it is a web page, not a video; give"),
    ):
        read(url)


def test_what_is_nothing_at_all_is_refused() -> None:
    with MultipartCamera("nothing").serving() as url, pytest.raises(InputError, match="mjpg: End of file"):
        read(url)
