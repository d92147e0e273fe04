"""Tiled = whole: seams, sizes, batches, and what happens when memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from streamfix.backends.network_info import NetworkInfo, measure_receptive_field
from streamfix.backends.torch import TorchRunner
from streamfix.errors import DeviceError, FilterError
from streamfix.filters.spans import spans
from streamfix.filters.tile import Tiler

CODE = 1 / 255


class Residual(nn.Module):
    """x + a few convolutions of random weights, then `scale` times larger by sub-pixels."""

    def __init__(self, layers: int, scale: int = 1, channels: int = 3, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        widths = [channels, *[12] * (layers - 1), channels * scale**2]
        self.body = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        for conv in self.body:
            assert isinstance(conv, nn.Conv2d)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for i, conv in enumerate(self.body):
            y = conv(F.relu(y) if i else y)
        base = F.interpolate(x, scale_factor=self.scale, mode="nearest") if self.scale > 1 else x
        return base + 0.2 * F.pixel_shuffle(y, self.scale)


class Level(nn.Module):
    """Subtracts a third of the mean of the whole picture: no field is large enough."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean((2, 3), keepdim=True) / 3


class Strided(nn.Module):
    """Halves and doubles three times: needs multiples of 8, and tiles in step with its strides."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.down = nn.Conv2d(3, 16, 8, stride=8)
        self.up = nn.ConvTranspose2d(16, 3, 8, stride=8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + 0.3 * self.up(F.relu(self.down(x)))
        return y


def picture(width: int, height: int, channels: int = 3, batch: int = 1, seed: int = 1) -> Tensor:
    seeded = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, channels, height // 6 + 2, width // 6 + 2, generator=seeded)
    fine = torch.rand(batch, channels, height, width, generator=seeded)
    return 0.7 * F.interpolate(coarse, (height, width), mode="bilinear") + 0.3 * fine


def largest(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


@given(
    st.integers(1, 700),
    st.integers(24, 300),
    st.integers(0, 60),
    st.integers(1, 4),
    st.sampled_from([1, 2, 8, 16]),
    st.integers(0, 60),
)
def test_spans_cover_every_pixel_with_a_weight_of_one(
    size: int, side: int, overlap: int, scale: int, align: int, blend: int
) -> None:
    overlap = min(overlap, max(0, (side - 2 * align) // 3))
    total = np.zeros(size * scale, np.float32)
    found = spans(size, side, overlap, scale, align=align, blend=blend)
    for span in found:
        assert 0 <= span.begin <= span.keep_begin < span.keep_end <= span.end <= size
        assert span.begin % align == 0
        assert span.end - span.begin <= max(side, 2 * overlap + 3 * align)
        kept = slice(span.keep_begin * scale, span.keep_end * scale)
        total[kept] += 1 if span.weight is None else span.weight
    assert np.abs(total - 1).max() < 1e-5
    if not blend:
        for span in found:  # what is kept sees `overlap` pixels on both sides, or the picture's border
            assert span.begin == 0 or span.keep_begin - span.begin >= overlap
            assert span.end == size or span.end - span.keep_end >= overlap


@pytest.mark.parametrize("layers", [1, 3, 8])
def test_the_field_of_convolutions_is_found(layers: int) -> None:
    field = measure_receptive_field(TorchRunner(Residual(layers)), NetworkInfo())
    assert field is not None
    assert layers - 1 <= field <= layers + layers // 8 + 1


def test_a_global_network_has_no_field() -> None:
    assert measure_receptive_field(TorchRunner(Level()), NetworkInfo()) is None


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("size", [(200, 150), (131, 257), (97, 65)], ids=str)
@pytest.mark.parametrize("tile", [48, 64, 128])
def test_tiled_is_whole(size: tuple[int, int], tile: int, scale: int) -> None:
    network = TorchRunner(Residual(6, scale))
    x = picture(*size)
    whole = network(x)
    tiled = Tiler(network, NetworkInfo(scale), tile=tile)(x)
    assert tiled.shape == whole.shape
    assert largest(tiled, whole) < CODE / 4  # borders of the picture included


def of_arrays(network: TorchRunner) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    return lambda x: network(torch.from_numpy(np.ascontiguousarray(x))).numpy()


@pytest.mark.parametrize("info", [NetworkInfo(2), NetworkInfo(2, multiple=4), NetworkInfo(2, fixed_size=(48, 64))])
@pytest.mark.parametrize("size", [(200, 150), (131, 257), (30, 20)], ids=str)
def test_arrays_are_tiled_as_tensors_are(size: tuple[int, int], info: NetworkInfo) -> None:
    network, x = TorchRunner(Residual(6, 2)), picture(*size, batch=2)
    tensors = Tiler(network, info, tile=0 if info.fixed_size else 64)(x).numpy()
    arrays = Tiler(of_arrays(network), info, tile=0 if info.fixed_size else 64)(x.numpy())
    assert np.array_equal(arrays, tensors)


def test_neighbours_of_arrays_are_blended_as_well() -> None:
    x = picture(256, 64)
    tensors = Tiler(TorchRunner(Level()), NetworkInfo(), tile=96)(x).numpy()
    assert np.abs(Tiler(of_arrays(TorchRunner(Level())), NetworkInfo(), tile=96)(x.numpy()) - tensors).max() < 1e-6


def test_without_overlap_there_are_seams() -> None:
    """The test above can fail: without overlap it would."""
    network = TorchRunner(Residual(6))
    x = picture(200, 150)
    assert largest(Tiler(network, NetworkInfo(receptive_field=0), tile=64)(x), network(x)) > 4 * CODE


def test_strides_inside_the_network_meet_the_same_pixels() -> None:
    network = TorchRunner(Strided())
    x = picture(203, 149)
    padded = F.pad(x, (0, 5, 0, 3), mode="replicate")
    whole = network(padded)[..., :149, :203]
    assert largest(Tiler(network, NetworkInfo(multiple=8), tile=64)(x), whole) < CODE / 4


def test_a_field_beyond_the_overlap_is_blended() -> None:
    """Tiles of a network that looks at everything differ; no step may show where they meet."""
    x = torch.linspace(0, 1, 256).expand(1, 3, 64, 256).contiguous()
    y = Tiler(TorchRunner(Level()), NetworkInfo(), tile=96)(x)
    steps = (y[..., 1:] - y[..., :-1]).abs().max()
    assert float(steps) < 3 * CODE
    hard = Tiler(TorchRunner(Level()), NetworkInfo(receptive_field=0), tile=96)(x)
    assert float((hard[..., 1:] - hard[..., :-1]).abs().max()) > 10 * CODE


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (40, 100), (64, 64), (150, 70)], ids=str)
def test_a_network_of_one_fixed_size_serves_all(size: tuple[int, int]) -> None:
    class Fixed(TorchRunner):
        def __call__(self, x: Tensor) -> Tensor:
            assert tuple(x.shape) == (1, 3, 64, 64)
            return super().__call__(x)

    x = picture(*size)
    y = Tiler(Fixed(Residual(3)), NetworkInfo(fixed_size=(64, 64), batched=False))(x)
    assert y.shape == x.shape
    if min(size) >= 64:
        assert largest(y, TorchRunner(Residual(3))(x)) < CODE / 4


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (33, 20)], ids=str)
def test_small_pictures_are_padded_to_what_the_network_takes(size: tuple[int, int]) -> None:
    tiler = Tiler(TorchRunner(Strided()), NetworkInfo(multiple=8, minimum=16))
    assert tiler(picture(*size)).shape == picture(*size).shape


def test_a_picture_does_not_depend_on_its_batch() -> None:
    tiler = Tiler(TorchRunner(Residual(4)), NetworkInfo(), tile=64)
    x = picture(100, 80, batch=3)
    together = tiler(x)
    assert torch.equal(together, torch.cat([tiler(x[i : i + 1]) for i in range(3)]))


class Tight(TorchRunner):
    """A network on a device with room for `room` pixels at once."""

    def __init__(self, room: int) -> None:
        super().__init__(Residual(3))
        self.room = room
        self.refusals = 0

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape[0] * x.shape[2] * x.shape[3] > self.room:
            self.refusals += 1
            raise torch.OutOfMemoryError("tried to allocate too much\nwith a long explanation")
        return super().__call__(x)


def test_out_of_memory_takes_smaller_tiles_and_loses_nothing() -> None:
    network = Tight(80 * 80)
    tiler = Tiler(network, NetworkInfo(receptive_field=3))
    x = picture(300, 200)
    assert largest(tiler(x), TorchRunner(Residual(3))(x)) < CODE / 4
    assert network.refusals == 2  # the whole, tiles of 150
    tiler(x)
    assert network.refusals == 2, "what worked is kept"


def test_a_memory_error_takes_smaller_tiles_as_well() -> None:
    network, refusals = of_arrays(TorchRunner(Residual(3))), []

    def tight(x: NDArray[np.float32]) -> NDArray[np.float32]:
        if x.shape[2] * x.shape[3] > 80 * 80:
            refusals.append(x.shape)
            raise MemoryError("tried to allocate too much")
        return network(x)

    x = picture(300, 200).numpy()
    assert np.abs(Tiler(tight, NetworkInfo(receptive_field=3))(x) - network(x)).max() < CODE / 4
    assert len(refusals) == 2  # the whole, tiles of 150
    with pytest.raises(DeviceError, match="out of memory on cpu for 300x200, even in tiles of 75"):
        Tiler(Tight(100), NetworkInfo(receptive_field=3))(torch.from_numpy(x))


def test_out_of_memory_for_good_says_size_memory_and_remedy() -> None:
    with pytest.raises(
        DeviceError, match=r"out of memory on cpu for 300x200, even in tiles of 75 .*GiB free\); use a smaller model"
    ):
        Tiler(Tight(100), NetworkInfo(receptive_field=3))(picture(300, 200))


def test_a_large_picture_on_the_cpu_is_tiled_by_itself() -> None:
    seen: list[tuple[int, int]] = []

    class Noting(TorchRunner):
        def __call__(self, x: Tensor) -> Tensor:
            seen.append((x.shape[-1], x.shape[-2]))
            return x

    x = torch.zeros(1, 3, 1200, 1600)
    Tiler(Noting(nn.Identity()), NetworkInfo(receptive_field=8))(x)
    assert len(seen) > 1
    assert max(w * h for w, h in seen) <= 1 << 20


@pytest.mark.parametrize(("tile", "overlap", "batch"), [(-1, None, 1), (0, -1, 1), (0, None, 0)])
def test_impossible_settings_are_refused(tile: int, overlap: int | None, batch: int) -> None:
    with pytest.raises(ValueError, match="must be >= 0"):
        Tiler(TorchRunner(nn.Identity()), NetworkInfo(), tile, overlap, batch)


def test_a_result_of_another_size_than_was_said_is_refused() -> None:
    with pytest.raises(FilterError, match=r"gave \(1, 3, 16, 24\) for \(1, 3, 16, 24\); \(1, 3, 32, 48\) was expected"):
        Tiler(TorchRunner(nn.Identity()), NetworkInfo(scale=2))(picture(24, 16))
