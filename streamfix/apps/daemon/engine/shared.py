"""What streams share: the daemon's configuration, its secrets, the filters, and the account of the machine's load."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ....errors import UsageError
from ....frame import VideoInfo
from ....jobs import JobSpec
from ..access.secrets import Secrets
from ..config.config import DaemonConfig, StreamConfig
from ..config.job import job_spec
from ..config.trial import Ground
from ..load.admission import Admission, Need, cores
from ..load.calibration import CostCalibration
from ..load.costs import Costs, FrameCost
from ..recordings.catalogue import Catalogue
from ..recordings.keeper import catalogue_of

if TYPE_CHECKING:
    from ....jobs.pool import FilterPool


log = logging.getLogger("streamfix.daemon")


class Shared:
    """Shared by the threads of all streams.

    config: the current configuration. measure: see `Costs`. capacity: number of cores, None for what this process may
    use. admission: keeps account of the load, None for one over this machine.
    """

    def __init__(
        self,
        config: DaemonConfig,
        measure: Callable[[JobSpec, VideoInfo], FrameCost] | None = None,
        capacity: float | None = None,
        admission: Admission | None = None,
    ) -> None:
        self.config = config
        self.secrets = Secrets()
        self.cores = cores() if capacity is None else capacity
        self.admission = admission or Admission(self.cores, config.max_load)
        self.costs = Costs(measure or CostCalibration(self.pool))
        self._digests: dict[str, str] = {}  # by stream: digest of the secrets that its last job was given
        self._pool: FilterPool | None = None
        self._next_pool: tuple[str, FilterPool] | None = None  # of a device that is tried before it is adopted
        self._lock = threading.Lock()

    def adopt(self, config: DaemonConfig) -> None:
        """Use another configuration for every stream that starts from now on."""
        if config.device != self.config.device:
            with self._lock:  # running streams keep their filters
                tried = self._next_pool is not None and self._next_pool[0] == config.device
                self._pool = self._next_pool[1] if tried and self._next_pool is not None else None
                self._next_pool = None
        self.config = config
        self.admission.max_load = config.max_load

    def rotated(self, config: DaemonConfig, present: Sequence[StreamConfig]) -> set[str]:
        """Names of streams that must restart though their configuration reads the same: a secret or the device changed.

        present: the configurations of the present streams.
        """
        if config.device != self.config.device:
            return {stream.name for stream in present}
        return {stream.name for stream in present if self._has_other_secrets(stream)}

    def forget(self, names: Iterable[str]) -> None:
        """Forget the secrets of streams that are about to restart or go."""
        for name in names:
            self._digests.pop(name, None)

    def job_spec(self, config: StreamConfig) -> JobSpec:
        """A stream's job, with its secrets resolved. Raises UsageError."""
        self._digests[config.name] = self.secrets.digest(config.texts())
        return job_spec(config, self.secrets, self.config.allowed, self.config.device)

    def ground(self, config: DaemonConfig, info: VideoInfo | None) -> Ground:
        """What a stream of that configuration is tried on. info: of its input, if it is known."""
        return Ground(self.secrets, config.allowed, config.device, lambda: self._pool_of(config.device), info)

    def need(self, config: StreamConfig, info: VideoInfo) -> Need:
        """The work that a stream would need. info: of its input. Raises UsageError, or what its filters raise."""
        return self.costs.need(self.job_spec(config), info)

    def admit(self, name: str, spec: JobSpec, info: VideoInfo) -> None:
        """Reserve capacity for a job. Raises Conflict where there is too little."""
        self.admission.admit(name, self.costs.need(spec, info))

    def catalogue(self, config: StreamConfig) -> Catalogue:
        """The recordings of a stream. An output that may not be written has none."""
        return catalogue_of(config, self.secrets, self.config.allowed)

    def pool(self) -> FilterPool:
        """The shared filters; made on first use, since that loads PyTorch."""
        from ....jobs.pool import FilterPool

        with self._lock:
            if self._pool is None:
                self._pool = FilterPool(self.config.device, owns_process=True)
            return self._pool

    def _pool_of(self, device: str) -> FilterPool:
        """The shared filters, or those of another device, which become the shared ones once it is adopted."""
        from ....jobs.pool import FilterPool

        if device == self.config.device:
            return self.pool()
        with self._lock:
            if self._next_pool is None or self._next_pool[0] != device:
                self._next_pool = device, FilterPool(device, owns_process=True)
            return self._next_pool[1]

    @property
    def device(self) -> str:
        """The device on which filters run, or the configured one until the first filter is loaded."""
        pool = self._pool
        return self.config.device if pool is None else str(pool.device)

    def gpu_busy_s(self) -> float:
        """Seconds for which filters have kept a GPU busy."""
        pool = self._pool
        return 0.0 if pool is None or pool.device.type == "cpu" else pool.busy_s

    def _has_other_secrets(self, config: StreamConfig) -> bool:
        """True if a stream's secrets differ from those its job was given; False where they cannot be read now."""
        known = self._digests.get(config.name)
        if known is None:
            return False
        try:
            return self.secrets.digest(config.texts()) != known
        except UsageError as error:
            log.warning("%s: %s; the stream goes on with the secret it has", config.name, error)
            return False
