"""What streams share: the configuration of the daemon itself, its secrets, filters, and the machine's time."""

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
from ..load.admission import Admission, Need
from ..load.calibration import CostCalibration
from ..load.capacity import cores
from ..load.costs import Costs, FrameCost

if TYPE_CHECKING:
    from ....jobs.pool import FilterPool


log = logging.getLogger("streamfix.daemon")


class Shared:
    """Used by the threads of all streams at once.

    config: the present one. measure: see `Costs`. capacity: cores there are, None for what this process may use.
    """

    def __init__(
        self,
        config: DaemonConfig,
        measure: Callable[[JobSpec, VideoInfo], FrameCost] | None = None,
        capacity: float | None = None,
    ) -> None:
        self.config = config
        self.secrets = Secrets()
        self.cores = cores() if capacity is None else capacity
        self.admission = Admission(self.cores, config.max_load)
        self.costs = Costs(measure or CostCalibration(self.pool))
        self._digests: dict[str, str] = {}  # of the secrets that each stream's last job was given
        self._pool: FilterPool | None = None
        self._lock = threading.Lock()

    def adopt(self, config: DaemonConfig) -> None:
        """Another configuration: it holds for what starts from now on."""
        if config.device != self.config.device:
            with self._lock:
                self._pool = None  # streams that run keep their filters
        self.config = config
        self.admission.max_load = config.max_load

    def rotated(self, config: DaemonConfig, there: Sequence[StreamConfig]) -> set[str]:
        """Streams of those there that read the same and still are others: by their secrets, or by the device."""
        if config.device != self.config.device:
            return {stream.name for stream in there}
        return {stream.name for stream in there if self._has_other_secrets(stream)}

    def forget(self, names: Iterable[str]) -> None:
        """These begin anew: what their secrets were says nothing more."""
        for name in names:
            self._digests.pop(name, None)

    def job_spec(self, config: StreamConfig) -> JobSpec:
        """The job of a stream, secrets put in. Raises UsageError."""
        self._digests[config.name] = self.secrets.digest(config.texts())
        return config.job_spec(self.secrets, self.config.allowed, self.config.device)

    def need(self, config: StreamConfig, info: VideoInfo) -> Need:
        """What a stream would take. info: of its input. Raises UsageError, or what its filters raise."""
        return self.costs.need(self.job_spec(config), info)

    def admit(self, name: str, spec: JobSpec, info: VideoInfo) -> None:
        """Take the room that a job needs. Raises Refused."""
        self.admission.admit(name, self.costs.need(spec, info))

    def pool(self) -> FilterPool:
        """The filters, made when the first stream asks: that loads PyTorch."""
        from ....jobs.pool import FilterPool

        with self._lock:
            if self._pool is None:
                self._pool = FilterPool(self.config.device)
            return self._pool

    @property
    def device(self) -> str:
        """Where filters run, as far as that is known."""
        pool = self._pool
        return self.config.device if pool is None else str(pool.device)

    def gpu_busy_s(self) -> float:
        """Seconds that filters have taken a GPU."""
        pool = self._pool
        return 0.0 if pool is None or pool.device.type == "cpu" else pool.busy_s

    def _has_other_secrets(self, config: StreamConfig) -> bool:
        """Whether they are others than its job was given. One that runs is not ended because one cannot be read now."""
        known = self._digests.get(config.name)
        if known is None:
            return False
        try:
            return self.secrets.digest(config.texts()) != known
        except UsageError as error:
            log.warning("%s: %s; it goes on with what it has", config.name, error)
            return False
