"""Makes a live job's filters without a job: what fails here would fail when the job is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..chainspec import FilterSpec
from ..frame import VideoInfo
from ..live.health import Health
from ..live.policy import LivePolicy
from ..pipeline import Closable
from .chain import Restoration, restore_stage
from .ladder import live_restoration

if TYPE_CHECKING:
    from .pool import FilterPool


def check_device(name: str) -> None:
    """Raise UsageError for a name that is no device, DeviceError for one that is not there; see `devices.choose`."""
    from .. import devices

    devices.choose(name)


def try_chain(
    chain: Sequence[FilterSpec], device: str, pool: FilterPool | None, info: VideoInfo | None = None
) -> Restoration | None:
    """Make the filters of a chain, libavfilter's for some size at least. None for one without any; else close it.

    info: of the input, if it is known. Raises what `restore_stage` raises, or what a filter raises by itself.
    """
    restoration = restore_stage(chain, device, pool, live=True)
    if restoration is not None:
        try:
            for stage in restoration.stages:
                _try_graph(stage, info)
        except BaseException:
            restoration.close()
            raise
    return restoration


def try_filters(chain: Sequence[FilterSpec], policy: LivePolicy, device: str, pool: FilterPool | None) -> Closable:
    """Make all steps of a live stream's ladder; close them in the end. Raises as `try_chain`."""
    return live_restoration(chain, policy, Health(), device=device, pool=pool)


def _try_graph(stage: object, info: VideoInfo | None) -> None:
    from ..media.picture.avfilter import GraphStage

    if isinstance(stage, GraphStage):
        stage.try_sizes([] if info is None else [(info.width, info.height, info.pix_fmt)])
