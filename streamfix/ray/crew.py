"""The workers of a run: as many actors as the nodes carry, each placed by Ray, replaced when it is lost."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FilterError, InputError, OutputError, UsageError
from . import probe, storage
from .connection import alive, kill, name_of
from .work import Item, Options
from .worker import Worker

_ASKED_WITHIN_S = 60.0


@dataclass(slots=True, eq=False)
class Member:
    """A worker. actor: Ray's handle. node: its node's name, "" until it is known.

    frames: of its task, as last told. asked: the question for them that is under way.
    """

    actor: Any
    node: str = ""
    frames: int = 0
    asked: Any = None


def check_nodes(ray: Any, items: Sequence[Item], options: Options, folder: str) -> list[dict[str, Any]]:
    """Ask every node what it has and sees; what is told of each in the report.

    Raises UsageError if no node is large enough for a worker, FilterError if streamfix is another one or missing on
    one, InputError or OutputError if it does not see the files.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from .. import __version__

    nodes = alive(ray)
    if not any(node["Resources"].get("CPU", 0) >= options.cores for node in nodes):
        most = max((node["Resources"].get("CPU", 0) for node in nodes), default=0)
        raise UsageError(f"-cores {options.cores}: the largest node has {most:g} CPUs; give that many or less")
    inputs = [storage.local(item.input) for item in items if not storage.is_remote(item.input)]
    sees: dict[str, str] = {}
    if not storage.is_remote(folder):
        mark = Path(storage.local(folder), f".streamfix-{uuid.uuid4().hex}")
        sees[str(mark)] = mark.name
    if options.carry:
        inputs, sees = [], {}
    for path, text in sees.items():
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{folder}: {error.strerror}; is it a folder that you may write to?") from error
    ray.cloudpickle.register_pickle_by_value(probe)
    try:
        asked = {}
        ask = ray.remote(num_cpus=0, max_retries=0)(probe.facts)
        for node in nodes:
            on = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            paths = [storage.local(path) for path in storage.common(inputs)]
            asked[ask.options(scheduling_strategy=on).remote(paths, sees)] = node
        done, late = ray.wait(list(asked), num_returns=len(asked), timeout=_ASKED_WITHIN_S)
        if late:
            raise InputError(f"node {name_of(asked[late[0]])}: it starts no worker within {_ASKED_WITHIN_S:g} s")
        answers = [(asked[ref], _answer(ray, ref, asked[ref])) for ref in done]
        facts = [(node, found) for node, found in answers if found is not None]
    finally:
        ray.cloudpickle.unregister_pickle_by_value(probe)
        for path in sees:
            Path(path).unlink(missing_ok=True)
    for node, found in facts:
        check_facts(name_of(node), found, __version__)
    return [
        {"node": name_of(node), "CPU": node["Resources"].get("CPU", 0), "GPU": node["Resources"].get("GPU", 0), **found}
        for node, found in facts
    ]


def check_facts(node: str, found: dict[str, Any], version: str) -> None:
    """Raise FilterError, or InputError, for a node that cannot take part. found: what `probe.facts` gives."""
    if found["streamfix"] is None:
        raise FilterError(f'node {node}: streamfix is not installed there; pip install "streamfix[ray]=={version}"')
    if found["streamfix"] != version:
        raise FilterError(
            f"node {node}: it has streamfix {found['streamfix']}, and this machine {version}; install the same on all"
        )
    for path, reason in found["problems"].items():
        raise InputError(
            f"node {node}: {path}: {reason}; mount the folder there under the same path, name object storage as in "
            "s3://bucket/folder, or let Ray carry the files with -carry -segments 60s"
        )


def _answer(ray: Any, ref: Any, node: dict[str, Any]) -> dict[str, Any] | None:
    """What a node says; None if it has gone since it was asked. Raises InputError if it cannot say anything."""
    try:
        found: dict[str, Any] = ray.get(ref)
    except ray.exceptions.RayError as error:
        if all(each["NodeID"] != node["NodeID"] for each in alive(ray)):
            return None
        raise InputError(f"node {name_of(node)}: it does not answer: {' '.join(str(error).split())[:300]}") from error
    return found


class Carrier:
    """An actor on the machine that asks: reads its files for nodes that do not see them."""

    def read(self, path: str, at: int, size: int) -> bytes:
        """A part of a file, empty behind its end."""
        with open(path, "rb") as file:
            file.seek(at)
            return file.read(size)


class Carried:
    """Calls a `Carrier` from a worker."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __call__(self, path: str, at: int, size: int) -> bytes:
        import ray

        found: bytes = ray.get(self._actor.read.remote(path, at, size))
        return found


class Crew:
    """Workers on the nodes of a cluster.

    device: what filters run on. settled: what their filters have settled by themselves.
    idle, busy: members without and with a task.
    """

    def __init__(self, ray: Any, item: Item, options: Options) -> None:
        self._ray, self._options = ray, options
        here = {"num_cpus": 0, "scheduling_strategy": self._here()}
        self._carried = Carried(ray.remote(Carrier).options(**here).remote()) if options.carry else None
        self._chain = item.spec.filters
        self.device = _device(ray, item.spec.device)
        self.starting: dict[Any, Member] = {}
        self.idle: list[Member] = []
        self.busy: dict[Any, Member] = {}
        self.settled: list[dict[str, str]] | None = None
        self._joiner: Member | None = None
        self._made = ray.remote(Worker)

    def __len__(self) -> int:
        return len(self.starting) + len(self.idle) + len(self.busy)

    def places(self) -> int:
        """How many workers the nodes carry now."""
        return sum(self._fits(node["Resources"]) for node in alive(self._ray))

    def hire(self, most: int) -> None:
        """Have as many workers as there are places, and no more than there are tasks."""
        while len(self) < min(most, self.places()):
            actor = self._made.options(**self._needs()).remote(
                *(self._chain, self.device, self._options.cores), self._carried
            )
            self.starting[actor.begin.remote()] = Member(actor)

    def joiner(self) -> Any:
        """A worker on this machine, beside the others, which joins segments."""
        if self._joiner is None:
            options = {"num_cpus": 0, "scheduling_strategy": self._here(), "max_concurrency": 2}
            self._joiner = Member(self._made.options(**options).remote(self._chain, "cpu", 1))
            self._joiner.actor.begin.remote()
        return self._joiner.actor

    def started(self, ref: Any) -> Member | None:
        """A worker that has made its filters; None if it is gone already.

        Raises FilterError if they cannot be made there, or are others than those of the workers before it.
        """
        member = self.starting.pop(ref)
        try:
            facts = self._ray.get(ref)
        except self._ray.exceptions.RayError:
            kill(self._ray, member.actor)
            return None
        member.node = self._name(facts["node"])
        if "refused" in facts:
            raise FilterError(f"node {member.node}: {facts['refused']}")
        if self.settled is None:
            self.settled = facts["settled"]
        elif self.settled != facts["settled"]:
            raise FilterError(
                f"node {member.node}: its filters are not those of the other nodes ({facts['settled']} against "
                f"{self.settled}); have the same weights on all, and name tier and precision in the chain"
            )
        self.idle.append(member)
        return member

    def lost(self, member: Member) -> None:
        """A worker does not answer any more: see to it that it is gone."""
        kill(self._ray, member.actor)
        if member in self.idle:
            self.idle.remove(member)

    def close(self) -> None:
        """End all of them."""
        members = [*self.starting.values(), *self.idle, *self.busy.values()]
        for member in [*members, *([self._joiner] if self._joiner else [])]:
            kill(self._ray, member.actor)

    def _here(self) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=False)

    def _name(self, node: str) -> str:
        known = [each for each in self._ray.nodes() if each["NodeID"] == node]
        return name_of(known[0]) if known else node

    def _needs(self) -> dict[str, Any]:
        gpu = {"num_gpus": 1} if self.device.startswith("cuda") else {}
        memory = {} if self._options.memory is None else {"memory": self._options.memory}
        return {"num_cpus": self._options.cores, "max_concurrency": 2, "max_restarts": 0, **gpu, **memory}

    def _fits(self, resources: dict[str, float]) -> int:
        needs = [("CPU", float(self._options.cores)), ("memory", float(self._options.memory or 0))]
        needs += [("GPU", 1.0)] if self.device.startswith("cuda") else []
        return int(min(resources.get(name, 0.0) // amount for name, amount in needs if amount))


def _device(ray: Any, asked: str) -> str:
    """The device of all workers: a GPU where a node has one and nothing else was asked for."""
    has = any(node["Resources"].get("GPU", 0) >= 1 for node in alive(ray))
    if asked.startswith("cuda") and not has:
        raise UsageError(f"-device {asked}: no node of the cluster has a GPU; leave -device out")
    return "cuda" if has and asked == "auto" else "cpu" if asked == "auto" else asked
