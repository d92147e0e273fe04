"""Runs an image network on pictures of any size: in tiles where the whole would not fit."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..backends.network_info import NetworkInfo, measure_receptive_field
from ..devices import Device
from ..errors import DeviceError, FilterError
from ..lazy import if_loaded
from .spans import Span, spans

if TYPE_CHECKING:
    from torch import Tensor

Array: TypeAlias = Any  # a tensor or a NumPy array of float32
Kind = TypeVar("Kind")  # one of them

_log = logging.getLogger(__name__)

_ALIGN = 8  # tiles begin at multiples of this, so that strides inside the network meet the pixels they would meet
_LEAST = 64  # a smaller tile is mostly overlap
# On the CPU an allocation that is too large is not refused, it ends the process: a picture is tiled before that.
# 64 channels of float32 at these sizes are 256 MiB and 1 GiB a layer.
_CPU_INPUT, _CPU_OUTPUT = 1 << 20, 1 << 22


class Tiler:
    """Calls an image network for pictures of any size, in tiles whose seams do not show.

    network: a `Runner`, or anything that is called like one, with tensors or NumPy arrays as the Tiler is. For arrays
    PyTorch is not loaded, unless the receptive field has to be measured. info: what it takes and gives.

    Tiles overlap by at least the network's receptive field (given by the
    network, or measured once), and what lies within it of a tile's inner edge
    is cropped: tiled = whole. Where the field is larger than the overlap can
    be, neighbours are blended across the edge they share. Tiles at the
    picture's border end with the picture, so the network pads them as it pads
    the whole.

    tile: largest side of a tile, 0 for automatic: the whole picture on a GPU,
    and on a CPU tiles where the whole would take gigabytes.
    overlap: pixels, None for the receptive field.
    max_batch: tiles and streams in one call on a GPU; on a CPU it is 1, which
    costs nothing there and keeps every result independent of its neighbours.

    When memory runs out the batch is halved, then the tiles; what worked is
    kept for the next call. No frame is lost: if nothing works, DeviceError.
    """

    def __init__(
        self,
        network: Callable[[Any], Any],
        info: NetworkInfo,
        tile: int = 0,
        overlap: int | None = None,
        max_batch: int = 8,
    ) -> None:
        if tile < 0 or (overlap is not None and overlap < 0) or max_batch < 1:
            raise ValueError(f"tile and overlap must be >= 0, max_batch >= 1; got {tile}, {overlap}, {max_batch}")
        self._network, self.info = network, info
        self._tile, self._overlap = tile, overlap
        self._max_batch = max_batch if info.batched else 1
        self._field: int | None = info.receptive_field
        self._measured = info.receptive_field is not None

    def __call__(self, x: Kind) -> Kind:
        """x: (B, C, H, W). Returns (B, C', H * scale, W * scale), C' = `info.results` or C."""
        given: Array = x
        height, width = given.shape[-2:]
        padded, device = self._pad(given), _device(given)
        side = self._side(padded)
        batch = 1 if device.type == "cpu" else self._max_batch
        while True:
            try:
                y = self._run(padded, side, batch)
                break
            except Exception as error:
                if not _is_memory_error(error):
                    raise
                reason = str(error).partition("\n")[0]
            # Outside the handler: the exception's traceback holds the tensors that did not fit.
            if device.type == "cuda":
                sys.modules["torch"].cuda.empty_cache()
            if batch > 1:
                batch = self._max_batch = batch // 2
            else:
                side = self._tile = self._smaller(side, padded, reason)
            _log.warning("out of memory on %s: going on with tiles of %s, %d at once", device, side, batch)
        result: Kind = y[..., : height * self.info.scale, : width * self.info.scale]
        return result

    def _side(self, x: Array) -> int:
        """Side of the tiles for x, 0 for the whole picture."""
        height, width = x.shape[-2:]
        if self.info.fixed_size is not None:
            return max(self.info.fixed_size)
        if self._tile:
            return 0 if max(height, width) <= self._tile else self._tile
        area = min(_CPU_INPUT, _CPU_OUTPUT // self.info.scale**2)
        if _device(x).type != "cpu" or height * width <= area:
            return 0
        return math.isqrt(area)

    def _smaller(self, side: int, x: Array, reason: str) -> int:
        largest: int = max(x.shape[-2:])
        smaller = (min(side, largest) if side else largest) // 2
        if smaller < max(_LEAST, self.info.minimum) or self.info.fixed_size is not None:
            size = f"{x.shape[-1]}x{x.shape[-2]}"
            raise DeviceError(
                f"out of memory on {_device(x)} for {size}, even in tiles of {side or largest} ({reason}; "
                f"{_free_bytes(_device(x)) / 2**30:.1f} GiB free); use a smaller model, scale the input down, "
                "end what else uses the memory, or take another device"
            )
        return smaller

    def _pad(self, x: Array) -> Array:
        """x with its last row and column repeated up to a size that the network takes."""
        want = []
        for axis, size in enumerate(x.shape[-2:]):
            if self.info.fixed_size is not None:
                want.append(max(size, self.info.fixed_size[axis]))
            else:
                want.append(_up(max(size, self.info.minimum), self.info.multiple))
        bottom, right = want[0] - x.shape[-2], want[1] - x.shape[-1]
        if not (bottom or right):
            return x
        if isinstance(x, np.ndarray):
            return np.pad(x, ((0, 0), (0, 0), (0, bottom), (0, right)), "edge")
        return _library(x).nn.functional.pad(x, (0, right, 0, bottom), mode="replicate")

    def _run(self, x: Array, side: int, batch: int) -> Array:
        rows, columns = (self._spans(x, axis, side) for axis in (-2, -1))
        if len(rows) == len(columns) == 1:
            parts = [self._call(x[i : i + batch]) for i in range(0, len(x), batch)]
            return parts[0] if len(parts) == 1 else _library(x).concatenate(parts)
        scale = self.info.scale
        out = _zeros(self._result_shape(x), x)
        jobs = [(b, r, c) for r in rows for c in columns for b in range(len(x))]
        for group in _groups(jobs, batch):
            tiles = _library(x).stack([x[b, :, r.begin : r.end, c.begin : c.end] for b, r, c in group])
            for (b, r, c), y in zip(group, self._call(tiles), strict=True):
                used = y[..., r.kept(scale, r.begin), c.kept(scale, c.begin)]
                place = out[b, :, r.kept(scale), c.kept(scale)]
                if r.weight is None and c.weight is None:  # nothing else lies there
                    place[...] = used
                    continue
                if r.weight is not None:
                    used = used * _like(r.weight, y)[:, None]
                if c.weight is not None:
                    used = used * _like(c.weight, y)
                place += used
        return out

    def _call(self, x: Array) -> Array:
        """The network's result for x, of x's dtype. Raises FilterError if it is not what `info` says."""
        y = self._network(x)
        want = self._result_shape(x)
        if tuple(y.shape) != want:
            raise FilterError(f"the network gave {tuple(y.shape)} for {tuple(x.shape)}; {want} was expected")
        return y.astype(x.dtype, copy=False) if isinstance(x, np.ndarray) else y.to(x.dtype)

    def _result_shape(self, x: Array) -> tuple[int, ...]:
        batch, channels, height, width = x.shape
        return batch, self.info.results or channels, height * self.info.scale, width * self.info.scale

    def _spans(self, x: Array, axis: int, side: int) -> list[Span]:
        info, size = self.info, x.shape[axis]
        if info.fixed_size is not None:
            side = info.fixed_size[axis]
        if side == 0 or size <= side:
            return [Span(0, size, 0, size)]
        multiple = info.multiple
        align = math.lcm(multiple, _ALIGN) if side >= 2 * _LEAST else multiple
        if info.fixed_size is None:
            side = max(side, 4 * multiple + 2 * align)
        field = self._receptive_field(x)
        # Overlaps may take two thirds of a tile's side; what it keeps is the other third.
        room = max(0, (side - 2 * align) // 3 // multiple * multiple)
        wanted = self._overlap if self._overlap is not None else room if field is None else field
        overlap = min(room, _up(wanted, multiple))
        # Where the overlap falls short of the field, neighbours are blended well inside it: over half of it where the
        # network looks at everything, over a quarter where little is missing.
        blend = overlap // 2 if field is None else overlap // 4 if overlap < field else 0
        least = side if info.fixed_size is not None else min(size, _up(info.minimum, align))
        return spans(size, side, overlap, info.scale, align=align, blend=blend, least=least)

    def _receptive_field(self, x: Array) -> int | None:
        if not self._measured:
            network = _called_with_arrays(self._network) if isinstance(x, np.ndarray) else self._network
            device = _device(x).for_torch() if isinstance(x, np.ndarray) else x.device
            self._field, self._measured = measure_receptive_field(network, self.info, device), True
        return self._field


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


_Job = tuple[int, Span, Span]


def _groups(jobs: list[_Job], most: int) -> Iterator[list[_Job]]:
    """Jobs of equal size, at most `most` at a time."""

    def size(job: _Job) -> tuple[int, int]:
        return job[1].end - job[1].begin, job[2].end - job[2].begin

    for _, equal in groupby(sorted(jobs, key=size), key=size):
        group = list(equal)
        for i in range(0, len(group), most):
            yield group[i : i + most]


def _called_with_arrays(network: Callable[[Any], Any]) -> Callable[[Tensor], Tensor]:
    """A network of NumPy arrays, called with tensors."""
    import torch

    return lambda x: torch.from_numpy(network(x.numpy()))


def _library(x: Array) -> Any:
    return np if isinstance(x, np.ndarray) else sys.modules["torch"]


def _device(x: Array) -> Any:
    """Where x lies: a torch.device, or our own of NumPy arrays."""
    return Device("cpu") if isinstance(x, np.ndarray) else x.device


def _zeros(shape: tuple[int, ...], x: Array) -> Array:
    return np.zeros(shape, x.dtype) if isinstance(x, np.ndarray) else x.new_zeros(shape)


def _like(weight: NDArray[np.float32], y: Array) -> Array:
    return weight if isinstance(y, np.ndarray) else _library(y).from_numpy(weight).to(y)


def _is_memory_error(error: Exception) -> bool:
    torch = if_loaded("torch")
    return isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError))


def _free_bytes(device: Any) -> int:
    if device.type == "cuda":
        return int(sys.modules["torch"].cuda.mem_get_info(device)[0])
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
