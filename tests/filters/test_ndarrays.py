"""Filters that compute in NumPy: bit-equal to the same in PyTorch, and PyTorch is not loaded for them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from streamfix.conformance.fakes import FORMATS, clip, codes
from streamfix.filters.base import Filter
from streamfix.filters.cut import thumbnail
from streamfix.filters.ndarrays import NDArrays
from streamfix.filters.restorer import Restorer
from streamfix.filters.tensors import Tensors
from streamfix.frame import LAYOUTS, Frame, Layout
from streamfix.layout import to_layout
from tests.media.make import clip as file


class Darker(Filter[None]):
    """In NumPy or PyTorch: the same arithmetic."""

    multiple = 4

    def __init__(self, arrays: Any, layout: Layout = "yuv420") -> None:
        self.arrays, self.layout = arrays, layout

    def __call__(self, x: Any, states: Sequence[None]) -> Any:
        return x * (np.float32(0.75) if self.arrays == "numpy" else 0.75)


def restored(filter: Filter[Any], frames: Sequence[Frame]) -> list[Frame]:
    stage = Restorer(filter)
    return [f for frame in frames for f in stage.push(frame)] + list(stage.flush())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size", [(48, 32), (35, 19), (1, 1)], ids=str)
def test_every_format_and_layout_gives_what_tensors_give(format: str, layout: Layout, size: tuple[int, int]) -> None:
    frames = clip(2, *size, format)
    in_numpy, in_torch = (restored(Darker(arrays, layout), frames) for arrays in ("numpy", "torch"))
    for a, b in zip(in_numpy, in_torch, strict=True):
        assert all(torch.equal(p, q) for p, q in zip(codes(a), codes(b), strict=True))
        assert a.picture.format == b.picture.format == frames[0].picture.format


@pytest.mark.parametrize("order", [("numpy", "torch"), ("torch", "numpy"), ("numpy", "numpy")])
@pytest.mark.parametrize("format", ["yuv420p", "yuv420p10le", "yuv444p"])
def test_filters_of_both_kinds_follow_each_other_without_a_rounding(order: tuple[str, str], format: str) -> None:
    frames = clip(2, 33, 17, format)

    def through(kinds: tuple[str, str]) -> list[Frame]:
        return restored(Darker(kinds[1]), restored(Darker(kinds[0]), frames))

    for a, b in zip(through(order), through(("torch", "torch")), strict=True):
        assert all(torch.equal(p, q) for p, q in zip(codes(a), codes(b), strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_array_is_seen_as_any_layout(layout: Layout) -> None:
    frame = clip(1, 34, 22)[0]
    as_array = NDArrays().in_layout(frame, "yuv420")
    assert torch.equal(to_layout(as_array, layout), to_layout(Tensors("cpu").in_layout(frame, "yuv420"), layout))
    assert np.array_equal(as_array.rgb(), frame.rgb())
    assert np.abs(thumbnail(as_array) - thumbnail(frame)).mean() < 0.03


class Wrong(Darker):
    def __init__(self, gives: Any) -> None:
        super().__init__("numpy")
        self._gives = gives

    def __call__(self, x: Any, states: Sequence[None]) -> Any:
        return self._gives(x)


@pytest.mark.parametrize(
    ("gives", "message"),
    [
        (torch.from_numpy, r"gave a torch Tensor of .*, not a NumPy array of \(1, 1, 6, 16, 24\)"),
        (lambda x: x.astype(np.uint8), "gave uint8 values, not floating-point ones"),
        (lambda x: x[..., 1:], "with scale=1"),
        (lambda x: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_is_no_result_is_told(gives: Any, message: str) -> None:
    from streamfix.errors import FilterError

    with pytest.raises(FilterError, match=message):
        restored(Wrong(gives), clip(1, 48, 32))


def test_values_that_are_no_numbers_pass_the_frame(caplog: pytest.LogCaptureFixture) -> None:
    def spoil(x: NDArray[np.float32]) -> NDArray[np.float32]:
        y = x.copy()
        y[..., 0, 0] = np.nan
        return y

    frames = clip(2, 48, 32)
    found = restored(Wrong(spoil), frames)
    assert all(
        torch.equal(p, q) for a, b in zip(found, frames, strict=True) for p, q in zip(codes(a), codes(b), strict=True)
    )
    assert "NaN or infinity" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("chain", ["null", "smooth", "hflip", "smooth,hflip", "smooth=0.5,smooth"])
def test_jobs_that_need_no_pytorch_do_not_load_it(tmp_path: Path, chain: str) -> None:
    source, out = file(tmp_path / "in.mkv", frames=4), tmp_path / "out.mkv"
    program = (
        "import sys; from streamfix.apps.cli import main\n"
        f"code = main(['-y', '-i', {str(source)!r}, '-vf', {chain!r}, '-c:v', 'mpeg4', {str(out)!r}])\n"
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "False"]


def test_a_tensor_picture_is_brought_to_numpy(tmp_path: Path) -> None:
    frame = Tensors("cpu").in_layout(clip(1, 48, 32)[0], "yuv420")
    seen: list[Any] = []

    def look(x: Any) -> Any:
        seen.append(x)
        return x

    restored(Wrong(look), [frame])
    assert isinstance(seen[0], np.ndarray)
