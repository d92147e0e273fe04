"""A pool of samples that worker processes refill while the trainer draws from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from .dataset.dataset import Material
from .recipe import Batch, Recipe, Sample

CHUNK = 16  # samples that a worker sends at a time


class SampleStream(IterableDataset[Batch]):
    """A recipe's samples, made in worker processes, each with random numbers of its own.

    apart: one sample in so many is taken.
    """

    def __init__(
        self,
        recipe: Recipe,
        open_material: Callable[[], Material],
        mix: Mapping[str, float],
        seed: int,
        apart: int = 1,
    ) -> None:
        self._recipe, self._open, self._mix, self._seed = recipe, open_material, dict(mix), seed
        self._apart = apart

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        cv2.setNumThreads(1)  # the cores are the trainer's and the other workers'
        rng = np.random.default_rng((self._seed, worker.id if worker else 0))
        chunk: list[Sample] = []
        for sample in islice(self._recipe.samples(self._open(), rng, self._mix), 0, None, self._apart):
            chunk.append(sample)
            if len(chunk) == CHUNK:
                yield {name: torch.from_numpy(np.stack([s[name] for s in chunk])).half() for name in chunk[0]}
                chunk = []


class Pool:
    """Holds `size` samples, hands out random batches and replaces old samples by new ones as it does.

    reuse: how often a sample is drawn on average before another takes its place; 0 makes all samples before the first
    batch and replaces none, so that the workers can end. The same seed draws the same batches, however fast the
    workers are.
    """

    def __init__(self, stream: SampleStream, size: int, batch: int, reuse: float, workers: int, seed: int) -> None:
        loader = DataLoader(stream, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None)
        self._fresh: Iterator[Batch] = iter(loader)
        self._size, self._batch = size, batch
        self._per_batch = batch / reuse if reuse else 0.0
        self._rng = np.random.default_rng((seed, 1))
        self._held: Batch = {}
        self._filled = self._at = 0
        if reuse == 0:
            while self._filled < size:
                self._take(next(self._fresh))
            self._fresh = iter(())  # which ends the workers
        # so many before the first batch, then the pool grows as it is used
        self._owed = float(min(size, 8 * batch)) if reuse else 0.0

    def draw(self) -> Batch:
        """The next batch, float16 on the CPU."""
        self._owed += self._per_batch * (1 if self._filled == self._size else 2)
        while self._owed >= CHUNK or self._filled == 0:
            self._take(next(self._fresh))
            self._owed -= CHUNK
        at = torch.from_numpy(self._rng.integers(0, self._filled, self._batch))
        return {name: held[at] for name, held in self._held.items()}

    def _take(self, chunk: Batch) -> None:
        if not self._held:
            self._held = {n: torch.empty(self._size, *c.shape[1:], dtype=c.dtype) for n, c in chunk.items()}
        count = len(next(iter(chunk.values())))
        at = (torch.arange(count) + self._at) % self._size
        for name, values in chunk.items():
            self._held[name][at] = values
        self._at = (self._at + count) % self._size
        self._filled = min(self._size, self._filled + count)
