"""A filter's network: the tier that suits the device, opened on the backend that runs it best."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor

from ..backends.base import Precision, Runner
from ..backends.runner import check_backend, open_runner
from .weights import WeightsStore


class TieredRunner:
    """Holds a filter's options for tier, backend and precision, and its open network.

    Weights are loaded and the network opened by `to`, or by the first call, on the device of its input.

    store: the filter's weights.
    example: makes a typical input of the network, (1, Cin, h, w) float32, on which precisions are timed.
    tier, backend, precision: the filter's options of these names; see `WeightsStore.choose` and `open_runner`.

    tier: the one that runs, or the name of its weights where the store has others; until the device is known, the one a
    CPU would get.

    Raises BadOption for an unknown backend, ModelError for a tier that is not shipped.
    """

    def __init__(
        self,
        store: WeightsStore,
        example: Callable[[], Tensor],
        *,
        tier: str = "auto",
        backend: str = "auto",
        precision: Precision = "auto",
    ) -> None:
        check_backend(store.task, backend)
        self._store, self._example = store, example
        self._wanted, self.backend, self.precision = tier, backend, precision
        self.tier = store.choose(tier, torch.device("cpu"))
        self._runner: Runner | None = None
        self._opening = threading.Lock()  # streams share a filter, and any of them may call it first

    @property
    def name(self) -> str:
        """Backend and precision in use, such as "openvino int8"; empty while nothing is open."""
        return "" if self._runner is None else self._runner.name

    def __call__(self, x: Tensor) -> Tensor:
        """x: (B, Cin, h, w) float32 on any device. Returns the network's output, float32 on the same device."""
        return self.open(x.device)(x)

    def to(self, device: torch.device) -> None:
        """Open the network on `device`, in the tier that suits it. Raises ModelError, and what `open_runner` raises."""
        self.close()
        self.open(device)

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()
        self._runner = None

    def open(self, device: torch.device) -> Runner:
        """The open network; opens it on `device` if it is not open yet."""
        with self._opening:
            if self._runner is None:
                self.tier = self._store.choose(self._wanted, device)
                module, key = self._store.load(self.tier)
                self._runner = open_runner(
                    module,
                    self._example().to(device),
                    key=key,
                    backend=self.backend,
                    precision=self.precision,
                    int8=self._store.int8(self.tier),
                )
            return self._runner

    def smaller(self) -> str | None:
        """The smallest shipped tier; None if it is the one that runs."""
        smallest = self._store.smallest()
        return None if smallest == self.tier else smallest
