"""What is asked of libav where PyAV is too old to tell is what the newest one tells."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import av
import av.filter
import numpy as np
import pytest
from av.codec.codec import Codec
from av.codec.context import CodecContext

from streamfix.media import pyav
from streamfix.media.libav_options import encoder_options
from streamfix.media.output.options import known_options

ENCODING = 1  # AV_OPT_FLAG_ENCODING_PARAM
FORMATS = ["yuv420p", "yuv422p10le", "gray", "rgb24", "pal8", "yuva420p", "gbrp12le", "nv12", "p010le"]


@pytest.mark.skipif(not hasattr(CodecContext, "supported_options"), reason="PyAV tells them from 18.1 on")
@pytest.mark.parametrize("encoder", ["libx264", "libx265", "ffv1", "mpeg2video", "aac", "mjpeg"])
def test_libavcodec_tells_the_options_that_pyav_tells(encoder: str) -> None:
    options = CodecContext.create(encoder, "w").supported_options
    wanted = [(o.name, o.default, bool(o.flags & ENCODING)) for o in (*options.private, *options.generic)]
    assert encoder_options(encoder) == wanted
    assert "crf" in known_options("libx264")


def test_an_encoder_that_there_is_not_has_no_options() -> None:
    assert encoder_options("nosuch") == []


@pytest.mark.parametrize("alpha", [True, False])
def test_libavcodec_tells_the_nearest_pixel_format_that_pyav_tells(alpha: bool) -> None:
    find = pytest.importorskip("av.codec.codec").__dict__.get("find_best_pix_fmt_of_list")
    if find is None:
        pytest.skip("PyAV tells it from 16 on")
    for source, offered in itertools.product(FORMATS, itertools.combinations(FORMATS, 3)):
        best, loss = find(list(offered), source, alpha)
        wanted = (best.name if best else None, pyav.Loss(int(loss)))
        assert pyav._asked_libav(list(offered), source, alpha=alpha) == wanted


def turned_over() -> av.VideoFrame:
    """A picture whose rows lie from the bottom up: row n has the value n."""
    frame = av.VideoFrame.from_ndarray(np.repeat(np.arange(64, dtype=np.uint8)[::-1, None], 64, 1), "gray")
    frame.pts = 0
    graph = av.filter.Graph()
    source = graph.add("buffer", "video_size=64x64:pix_fmt=gray:time_base=1/1000")
    graph.link_nodes(source, graph.add("vflip"), graph.add("buffersink")).configure()
    graph.push(frame)
    out = graph.pull()
    assert isinstance(out, av.VideoFrame) and out.planes[0].line_size == -64
    return out


def test_rows_from_the_bottom_up_are_read_from_where_they_lie() -> None:
    frame = turned_over()
    rows = np.frombuffer(pyav.memory_of(frame.planes[0]), np.uint8).reshape(64, 64)
    assert np.array_equal(rows[:, 0], np.arange(64)[::-1])


def test_a_plane_of_an_older_pyav_is_found_by_its_first_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the memory that PyAV shows begins at the picture's first row, and goes on where nobody's memory is."""
    monkeypatch.setattr(pyav, "_MEMORY_BEGINS_AT_FIRST_ROW", True)
    rows = np.arange(64, dtype=np.uint8).repeat(4).reshape(64, 4)

    class Plane:
        line_size, buffer_size = -4, 256
        buffer_ptr = rows.ctypes.data + 63 * 4

    shown: Any = Plane()
    assert np.array_equal(np.frombuffer(pyav.memory_of(shown), np.uint8).reshape(64, 4), rows)


def test_rates_that_an_older_pyav_stumbles_over_are_known() -> None:
    class Stumbling:
        @property
        def frame_rates(self) -> Any:
            raise AttributeError("'dict' object has no attribute 'denum'")

    stumbling: Any = Stumbling()
    rates = pyav.frame_rates(stumbling)
    assert rates is not None and Fraction(30000, 1001) in rates
    known = pyav.frame_rates(Codec("mpeg2video", "w"))
    assert known is not None and set(rates) <= set(known)
    assert pyav.frame_rates(Codec("libx264", "w")) is None


def test_what_an_older_pyav_lacks_is_left_out() -> None:
    bare: Any = object()
    assert pyav.chapters(bare) == []
    pyav.set_chapters(bare, [{"id": 0}])
    assert pyav.set_display_matrix(bare, None) is False
