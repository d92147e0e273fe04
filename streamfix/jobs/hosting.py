"""What one who runs many jobs gives each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..frame import VideoInfo
from ..live.health import Health
from ..pipeline import Source

if TYPE_CHECKING:
    from .pool import FilterPool


def _nothing(*_: object) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Hosting:
    """Ties a job to its surroundings. The defaults are those of a job alone.

    health: the record of a live job, known before the job is; None makes one.
    pool: shares the filters of jobs that run beside each other.
    opening: told of the source before it is opened, since its `stop` ends an opening that may last for ever.
    admit: told of the input once it is open, before the outputs are; raises to have the job given up.
    worked: told how many seconds a thread has worked for an item: the stage's name, the item, the seconds.
    """

    health: Health | None = None
    pool: FilterPool | None = None
    opening: Callable[[Source], None] = _nothing
    admit: Callable[[VideoInfo], None] = _nothing
    worked: Callable[[str, object, float], None] = _nothing
