"""A filter's network: the tier that suits the device, opened on the backend that runs it best."""

from __future__ import annotations

import hashlib
import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..backends import check_backend
from ..backends.cache import Cache
from ..backends.remembered import entry_name, recall
from ..devices import Device
from .weights import WeightsStore

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ..backends.base import Precision, Runner
    from ..backends.compiled import Compiled

_ARCHITECTURES = Path(__file__).parents[1] / "networks"


class TieredRunner:
    """Holds a filter's options for tier, backend and precision, and its open network.

    Weights are loaded and the network opened by `to`, or by the first call, on the device of its input. On a CPU it is
    opened as it was the last time on this machine, without PyTorch, if OpenVINO ran it then.

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
        self.tier = store.choose(tier, Device("cpu"))
        self._runner: Runner | Compiled | None = None
        self._opening = threading.Lock()  # streams share a filter, and any of them may call it first

    @property
    def name(self) -> str:
        """Backend and precision in use, such as "openvino int8"; empty while nothing is open."""
        return "" if self._runner is None else self._runner.name

    def __call__(self, x: Tensor) -> Tensor:
        """x: (B, Cin, h, w) float32 on any device. Returns the network's output, float32 on the same device."""
        import torch

        runner = self.open(x.device)
        if _is_compiled(runner):
            return torch.from_numpy(runner(x.detach().float().cpu().numpy())).to(x.device)
        result: Tensor = runner(x)
        return result

    def array(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Like a call, in NumPy, on the CPU. Returns a new array."""
        runner = self.open(Device("cpu"))
        runner = getattr(runner, "compiled", runner)
        if _is_compiled(runner):
            return np.asarray(runner(x))
        import torch

        with torch.inference_mode():
            return np.asarray(runner(torch.from_numpy(x)).numpy())

    def to(self, device: torch.device | Device) -> None:
        """Open the network on `device`, in the tier that suits it. Raises ModelError, and what `open_runner` raises."""
        self.close()
        self.open(device)

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()
        self._runner = None

    def open(self, device: torch.device | Device) -> Any:
        """The open network; opens it on `device` if it is not open yet."""
        with self._opening:
            if self._runner is None:
                self.tier = self._store.choose(self._wanted, device)
                entry = self._entry() if device.type == "cpu" else ""
                self._runner = self._again(entry) or self._anew(device, entry)
            return self._runner

    def resolved(self) -> dict[str, str]:
        """Tier, backend and precision that run, and the sha256 of the weights, see `Filter.resolved`."""
        backend, _, precision = self.name.rpartition(" ")
        chosen = {"tier": self.tier, "weights": self._store.read(self.tier)[1]}
        return chosen | ({"backend": backend, "precision": precision} if backend else {})

    def smaller(self) -> str | None:
        """The smallest shipped tier; None if it is the one that runs."""
        smallest = self._store.smallest()
        return None if smallest == self.tier else smallest

    def _again(self, entry: str) -> Compiled | None:
        """The network as it was opened the last time; None where that is not known, or OpenVINO is not to run it."""
        return recall(Cache.of_user(), entry) if entry and self.backend in ("auto", "openvino") else None

    def _anew(self, device: torch.device | Device, entry: str) -> Runner:
        from ..backends.runner import open_runner

        module, key = self._store.load(self.tier)
        return open_runner(
            module,
            self._example().to(str(device)),
            key=key,
            backend=self.backend,
            precision=self.precision,
            int8=self._store.int8(self.tier),
            half=True,  # on a GPU; ours are within a fiftieth of a code of fp32 there, see tests/models/test_half.py
            remember_as=entry,
        )

    def _entry(self) -> str:
        """The name under which it is remembered how this network was opened."""
        _, key = self._store.read(self.tier)
        int8 = self._store.int8(self.tier)
        graph = "" if int8 is None else hashlib.sha256(int8.read_bytes()).hexdigest()
        names = (self._store.task, self.tier, key, graph, self.backend, self.precision)
        return entry_name(*names, _code_of(self._store.network))


def _is_compiled(runner: Any) -> bool:
    from ..backends.compiled import Compiled

    return isinstance(runner, Compiled)


def _code_of(network: Callable[..., object]) -> str:
    """A hash of the code that makes networks: of all our architectures, which are not imported, and of its own file."""
    own = inspect.getsourcefile(network) if inspect.isfunction(network) else None
    files = sorted(_ARCHITECTURES.glob("*.py")) + ([Path(own)] if own else [])
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
