"""Keeps an agent on every node of the cluster, asks each once a second, and notices when one is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ....errors import InputError, StreamfixError
from ....frame import Frame
from ....jobs import JobSpec
from ....ray import connection
from ..config.cluster import ClusterConfig
from ..loop import Loop
from .agent import END_S, NodeAgent
from .hosted import Told
from .node import Listener, Node, UnknownNode
from .placing import Placing

log = logging.getLogger("streamfix.daemon")

EVERY_S = 1.0  # between two questions
_MARGIN_S = 1.0  # beyond an agent's lease and the end of its streams, until these are started elsewhere
_REMEMBERED_S = 3600.0  # that a lost node is still told of
_PATIENCE_S = 5.0
_READY_WITHIN_S = 120.0
_AGENTS_WITHIN_S = 20.0  # that the first streams wait for all nodes' agents, so that they are spread
_LOOK_S = 0.5
_NAMESPACE = "streamfix-daemon"


class Nodes:
    """The nodes of a cluster. placing: is told which ones take streams.

    device: where filters run. clock: monotonic seconds.
    """

    def __init__(
        self, config: ClusterConfig, device: str, placing: Placing, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config, self._device, self.placing, self._clock = config, device, placing, clock
        self._ray = connection.loaded()
        self._nodes: dict[str, Node] = {}  # by Ray's id
        self._drained: set[str] = set()  # by name
        self._problem = ""  # why it is not there
        self._ready = False
        self._first_s: float | None = None  # when its nodes were first seen
        self._old_until_s: float | None = None
        self._connected = False
        self._lock = threading.RLock()
        self._told = threading.Condition(self._lock)
        self._loop = Loop("cluster", "looking after the cluster's nodes", self.tick, EVERY_S)
        self.lease_s = max(2.0, config.lost_after_s - END_S - _MARGIN_S)

    def start(self) -> None:
        """Begin to look after them."""
        self._loop.start()

    def close(self) -> None:
        """Let all agents go."""
        self._loop.close(_PATIENCE_S)
        for node in list(self._nodes.values()):
            if node.agent is not None:
                connection.kill(self._ray, node.agent)
        if self._connected:
            self._ray.shutdown()

    # -- what is known

    def status(self) -> list[dict[str, object]]:
        """All nodes, as in `models.Node`."""
        with self._lock:
            found = []
            for node in sorted(self._nodes.values(), key=lambda n: n.name):
                streams, taken = self.placing.load(node.name)
                found.append(
                    {
                        "name": node.name,
                        "up": node.up,
                        "drained": node.drained,
                        "reason": "" if node.up else node.reason,
                        "since": node.since_s,
                        "streams": len(node.jobs) if node.drained else streams,
                        "load": {"used": taken.cores, "capacity": node.cores * self.placing.max_load},
                    }
                )
            return found

    # -- commands

    def drain(self, name: str, drained: bool = True) -> None:
        """Have a node take no streams any more, and those that it has run elsewhere; or take them again.

        Raises UnknownNode.
        """
        with self._lock:
            found = [node for node in self._nodes.values() if node.name == name]
            if not found:
                names = ", ".join(sorted(node.name for node in self._nodes.values())) or "none"
                raise UnknownNode(f"there is no node {name!r}; there are: {names}")
            (self._drained.add if drained else self._drained.discard)(name)
            jobs: list[Listener] = []
            for node in found:
                node.drained = drained
                jobs += node.jobs.values()
            self._offer()
        log.info("node %s %s", name, "is drained: its streams move elsewhere" if drained else "takes streams again")
        if drained:
            for job in jobs:
                job.move(f"its node {name} is being drained")

    def begin(self, name: str, key: str, stream: str, spec: JobSpec, job: Listener) -> None:
        """Start a stream on a node. Raises InputError if that is not up any more."""
        with self._lock:
            node = self._named(name)
            if node is None or not node.up:
                raise InputError(f"node {name} went while the stream was placed on it")
            node.jobs[key] = job
            begun = node.agent.begin.remote(key, stream, spec)
        try:
            self._ray.get(begun, timeout=_PATIENCE_S)
        except (self._ray.exceptions.RayError, TimeoutError) as error:
            with self._lock:
                node.jobs.pop(key, None)
                node.cut_off = True  # whether it runs there is not known: not before the lease is over
            reason = " ".join(str(error).split())[:200] or "it does not answer"
            raise InputError(f"node {name}: the stream could not be begun there: {reason}") from error

    def tell(self, name: str, key: str, what: str) -> None:
        """Have a stream `admit`, `stop`, `cancel` or `retry`."""
        with self._lock:
            node = self._named(name)
            if node is not None and node.agent is not None:
                self._quietly(lambda: node.agent.tell.remote(key, what))

    def latest(self, name: str, key: str, limit_s: float = 2.0) -> tuple[Frame, Frame] | None:
        """A stream's newest frame, before and after; None if it does not come in time."""
        with self._lock:
            node = self._named(name)
            agent = None if node is None or not node.up else node.agent
        if agent is None:
            return None
        try:
            found: tuple[Frame, Frame] | None = self._ray.get(agent.latest.remote(key), timeout=limit_s)
        except (self._ray.exceptions.RayError, TimeoutError):
            return None
        return found

    def wait_ready(self, stopped: Callable[[], bool], limit_s: float = _READY_WITHIN_S) -> None:
        """Wait until the cluster is there and the agents of its nodes have answered, or had the time to.

        stopped: ends the wait. Raises InputError if the cluster is not there.
        """
        end_s = self._clock() + limit_s
        with self._told:
            while not self._ready and not self._problem and not stopped() and self._clock() < end_s:
                self._told.wait(_LOOK_S)
            if not self._ready and not stopped():
                reason = self._problem or "it is being connected"
                raise InputError(f"cluster {self._config.address}: {reason.removeprefix('-address ')}")

    # -- the loop

    def tick(self) -> None:
        """The work of each second."""
        if not self._connected:
            try:
                connection.connect(self._config.address, namespace=_NAMESPACE)
            except StreamfixError as error:
                with self._told:
                    self._problem = str(error)
                    self._told.notify_all()
                return
            self._connected, self._problem = True, ""
            self._old_until_s = self._clock() + self.lease_s + END_S + _MARGIN_S
        if self._old_until_s is not None and (self._clock() > self._old_until_s or not self._old_agents()):
            self._old_until_s = None
        if self._old_until_s is not None:
            return
        self._see(connection.alive(self._ray))
        with self._lock:
            nodes = list(self._nodes.values())
        for node in nodes:
            self._ask(node)
        with self._told:
            self._forget()
            self._offer()
            self._first_s = self._clock() if self._first_s is None else self._first_s
            starting = [node for node in nodes if not node.up and node.asked is not None]
            if not self._ready and (not starting or self._clock() > self._first_s + _AGENTS_WITHIN_S):
                self._ready = True
                self._told.notify_all()

    def _old_agents(self) -> list[Any]:
        """Agents that a daemon before this one has left: they end with it, or with their lease."""
        from ray.util import list_named_actors

        return [each for each in list_named_actors(all_namespaces=True) if each["namespace"] == _NAMESPACE]

    def _see(self, there: list[dict[str, Any]]) -> None:
        """Note which nodes there are, and start agents on new ones."""
        known = {each["NodeID"]: each for each in there if each["Resources"].get("CPU", 0) > 0}
        with self._lock:
            for id, each in known.items():
                if id not in self._nodes:
                    resources = each["Resources"]
                    node = Node(self._name(each, known), id, resources["CPU"], resources.get("GPU", 0.0))
                    node.drained = node.name in self._drained
                    self._nodes[id] = node
                node = self._nodes[id]
                if node.agent is None:
                    self._start_agent(node)

    def _name(self, node: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> str:
        """Its name in Ray, or its address; with the beginning of its id where another node has the same."""
        own = str(node.get("NodeName") or node["NodeManagerAddress"])
        same = [id for id, each in known.items() if (each.get("NodeName") or each["NodeManagerAddress"]) == own]
        return own if len(same) == 1 else f"{own}-{node['NodeID'][:8]}"

    def _start_agent(self, node: Node) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        gpu = {"num_gpus": node.gpus} if node.gpus and self._device != "cpu" else {}
        where = NodeAffinitySchedulingStrategy(node.id, soft=False)
        made = self._ray.remote(NodeAgent).options(
            name=f"agent-{node.id[:12]}",
            num_cpus=0,
            max_concurrency=16,
            max_restarts=0,
            scheduling_strategy=where,
            **gpu,
        )
        try:
            node.agent = made.remote(self._device, self.lease_s)
        except ValueError as error:  # an old one of that name is ending
            node.reason = " ".join(str(error).split())
            return
        node.sent_s = self._clock()
        node.asked = node.agent.poll.remote(node.sent_s)

    def _ask(self, node: Node) -> None:
        """Take a node's answer, and ask again; decide whether it is lost."""
        if node.agent is None:
            return
        if node.asked is not None and self._ray.wait([node.asked], timeout=0)[0]:
            ref, node.asked = node.asked, None
            try:
                told: Mapping[str, Told] = self._ray.get(ref)
            except self._ray.exceptions.RayError as error:
                log.debug("%s: %s", node.name, error)
                if isinstance(error, self._ray.exceptions.ActorDiedError) and self._is_there(node):
                    self._lose(node, "its agent has died")
                    return
                # It may be cut off only, and run its streams until its lease is over: it is asked no more.
                node.cut_off = True
            else:
                self._answered(node, told)
        starting = not node.up and not node.jobs
        if node.asked is None and not node.cut_off:
            node.sent_s = self._clock()
            node.asked = node.agent.poll.remote(node.sent_s)
        elif not starting and self._clock() > node.sent_s + self.lease_s + END_S + _MARGIN_S:
            self._lose(node, f"it has not answered for {self._clock() - node.sent_s:.0f} s")

    def _is_there(self, node: Node) -> bool:
        """Whether the node itself goes on, so that Ray knows of its processes."""
        return any(each["NodeID"] == node.id for each in connection.alive(self._ray))

    def _answered(self, node: Node, told: Mapping[str, Told]) -> None:
        if not node.up:
            node.up, node.since_s = True, time.time()
            log.info("node %s: up, %g cores%s", node.name, node.cores, ", drained" if node.drained else "")
        for key, each in told.items():
            job = node.jobs.get(key)
            if each.ended:
                with self._lock:
                    node.jobs.pop(key, None)
            if job is not None:
                job.told(each)

    def _lose(self, node: Node, reason: str) -> None:
        log.error("node %s is lost: %s; its %d streams run elsewhere", node.name, reason, len(node.jobs))
        with self._lock:
            node.up, node.reason, node.since_s = False, reason, time.time()
            jobs, node.jobs = list(node.jobs.values()), {}
            # Ray may take long to give up on a machine that is gone, and the other nodes are waiting to be asked.
            threading.Thread(target=connection.kill, args=(self._ray, node.agent), daemon=True).start()
            node.agent, node.asked, node.cut_off = None, None, False
            self._offer()
        for job in jobs:
            job.lost(InputError(f"node {node.name} is lost: {reason}"))

    def _forget(self) -> None:
        for id, node in list(self._nodes.items()):
            # One that came back has another id, and mostly the same name.
            back = any(other.name == node.name and other.up for other in self._nodes.values())
            old = not node.jobs and time.time() - node.since_s > _REMEMBERED_S
            if not node.up and (back or old):
                del self._nodes[id]

    def _offer(self) -> None:
        """Tell which nodes take streams."""
        takes = [node for node in self._nodes.values() if node.up and not node.drained]
        self.placing.have({node.name: (node.cores, node.gpus) for node in takes})

    def _named(self, name: str) -> Node | None:
        return next((node for node in self._nodes.values() if node.name == name and node.agent is not None), None)

    def _quietly(self, call: Callable[[], object]) -> None:
        try:
            call()
        except self._ray.exceptions.RayError as error:  # it is noticed by the next question
            log.debug("%s", error)


__all__ = ["EVERY_S", "Listener", "Nodes", "UnknownNode"]
