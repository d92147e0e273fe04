"""Stands in the daemon for a job that runs on a node."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, cast

from ....errors import Cancelled, InputError, StreamfixError
from ....frame import Frame
from ....jobs import Hosting, Job, JobSpec
from ....live.health import Health
from ..engine.control import Conflict, Moved
from .hosted import Told
from .nodes import Nodes

if TYPE_CHECKING:
    from .placing import Placing

log = logging.getLogger("streamfix.daemon")

_numbers = itertools.count(1)
_LOOK_S = 0.5
_ENDS_WITHIN_S = 5.0  # on a node that is told to end a stream at once


class RemoteJob:
    """A job on a node, as the daemon's stream has one. `open` places it, `run` waits for its end.

    restoration: this object, which has the newest frame.
    """

    def __init__(self, nodes: Nodes, spec: JobSpec, hosting: Hosting) -> None:
        self._nodes, self._spec, self._hosting = nodes, spec, hosting
        self._placing: Placing = nodes.placing
        assert hosting.health is not None
        self._health: Health = hosting.health
        self.name = self._health.name
        self.node = ""
        self.restoration = self
        self._key = ""
        self._told: Told | None = None
        self._lost: StreamfixError | None = None
        self._moving = ""
        self._stopped = self._cancelled = False
        self._changed = threading.Condition()

    @property
    def latest(self) -> tuple[Frame, Frame] | None:
        """The newest frame before and after the filters; None before the first."""
        return self._nodes.latest(self.node, self._key) if self._key else None

    def open(self) -> None:
        """Find a node that has room, once its camera has answered.

        Raises Conflict if none has, InputError if there is no cluster, or what the node's job raises.
        """
        self._placing.give_back(self.name)
        tried: set[str] = set()
        while True:
            self._nodes.wait_ready(lambda: self._stopped)
            node = self._placing.choose(self.name, tried)
            tried.add(node)
            self._begin(node)
            told = self._wait(lambda t: t.need is not None or t.ended)
            if told.ended:
                raise told.error or Cancelled(f"{self.name}: stopped before it was placed")
            assert told.info is not None and told.need is not None
            try:
                self._placing.place(self.name, node, told.need)
            except Conflict as refused:
                self._nodes.tell(node, self._key, "cancel")
                self._wait(lambda t: t.ended, _ENDS_WITHIN_S)
                log.info("%s: %s", self.name, refused)
                continue
            self._health.note("node", f"runs on node {node}")
            self._hosting.admit(told.info)
            self._nodes.tell(node, self._key, "admit")
            return

    def run(self) -> None:
        """Wait for its end. Raises why it ended."""
        try:
            told = self._wait(lambda t: t.ended)
        finally:
            self._key = ""
        if self._moving and not self._stopped:
            raise Moved(f"{self.name}: {self._moving}")
        if self._cancelled:
            raise Cancelled(f"{self.name}: cancelled")
        if told.error is not None:
            raise told.error

    def stop(self) -> None:
        """End it; its outputs are finished. From any thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._nodes.tell(self.node, self._key, "stop")

    def cancel(self) -> None:
        """End it at once. From any thread."""
        with self._changed:
            self._stopped = self._cancelled = True
            self._changed.notify_all()
        self._nodes.tell(self.node, self._key, "cancel")

    def retry(self) -> None:
        """Try to reach its camera now. From any thread."""
        self._nodes.tell(self.node, self._key, "retry")

    # -- what the nodes tell

    def told(self, told: Told) -> None:
        self._health.mirror(told.report)
        for event in told.events:
            self._health.replay(event)
        for latency_s in told.latencies_s:
            self._health.latency(latency_s)
        with self._changed:
            self._told = told
            self._changed.notify_all()

    def lost(self, error: StreamfixError) -> None:
        with self._changed:
            self._lost = error
            self._changed.notify_all()

    def move(self, why: str) -> None:
        with self._changed:
            self._moving = why
        self._nodes.tell(self.node, self._key, "stop")

    def _begin(self, node: str) -> None:
        with self._changed:
            self.node, self._key = node, f"{self.name} {next(_numbers)}"
            self._told = self._lost = None
            if self._stopped:
                raise Cancelled(f"{self.name}: stopped before it was placed")
        self._nodes.begin(node, self._key, self.name, self._spec, self)

    def _wait(self, enough: Any, limit_s: float | None = None) -> Told:
        """Wait until what is told is enough. Raises what ended it otherwise."""
        end_s = None if limit_s is None else time.monotonic() + limit_s
        with self._changed:
            while True:
                if self._told is not None and enough(self._told):
                    return self._told
                if self._lost is not None:
                    if self._cancelled or self._stopped:
                        raise Cancelled(f"{self.name}: stopped; {self._lost}")
                    raise self._lost
                if end_s is not None and time.monotonic() > end_s:
                    raise InputError(f"{self.name}: node {self.node} does not end it; it is tried again")
                self._changed.wait(_LOOK_S)


def builder(nodes: Nodes) -> Any:
    """What makes a stream's job, in the place of `build_job`."""

    def build(spec: JobSpec, hosting: Hosting) -> Job:
        job = RemoteJob(nodes, spec, hosting)
        hosting.opening(cast(Any, job))
        job.open()
        return cast(Job, job)

    return build
