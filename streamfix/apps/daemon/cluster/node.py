"""What is known of one node, and what a job that runs there hears."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from ....errors import StreamfixError
from ..engine.control import UnknownStream
from .hosted import Told


class UnknownNode(UnknownStream):
    """No node has that name. The API answers 404."""


class Listener(Protocol):
    """A job that runs on a node."""

    def told(self, told: Told) -> None:
        """What its agent tells."""

    def lost(self, error: StreamfixError) -> None:
        """Its agent is gone, and what it ran has ended."""

    def move(self, why: str) -> None:
        """It is to end here, its outputs finished, and to run elsewhere."""


@dataclass(slots=True, eq=False)
class Node:
    """name: as it is told of. id: Ray's. agent: None until there is one. asked: the question under way, None if none.

    sent_s: when the last question was sent. since_s: Unix time at which it came up or went down.
    cut_off: a question has failed; it is lost once its streams have ended for certain.
    """

    name: str
    id: str
    cores: float
    gpus: float
    agent: Any = None
    asked: Any = None
    sent_s: float = 0.0
    up: bool = False
    since_s: float = field(default_factory=time.time)
    reason: str = "its agent is starting"
    drained: bool = False
    cut_off: bool = False
    jobs: dict[str, Listener] = field(default_factory=dict)
