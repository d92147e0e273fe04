"""The account of what each node has and what streams take there: where a stream is placed, and whether it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..engine.control import Conflict
from ..load.admission import Admission, Need

_USUAL = Need(0.5)  # of a stream of which nothing is known


@dataclass(slots=True)
class _Account:
    cores: float
    gpus: float
    needs: dict[str, Need] = field(default_factory=dict)

    @property
    def taken(self) -> Need:
        return sum(self.needs.values(), Need())


class Placing(Admission):
    """As `Admission`, over all nodes. max_load: share of each node's cores and GPUs that may be taken."""

    def __init__(self, max_load: float) -> None:
        super().__init__(0.0, max_load)
        self._nodes: dict[str, _Account] = {}
        self._waiting: dict[str, Need] = {}  # streams that found no room, by name
        self._moved: dict[str, Need] = {}  # what streams needed where they last ran

    # -- nodes

    def have(self, nodes: Mapping[str, tuple[float, float]]) -> None:
        """Place streams on these nodes from now on. nodes: cores and GPUs by name."""
        with self._lock:
            kept = {name: self._nodes[name].needs if name in self._nodes else {} for name in nodes}
            self._nodes = {name: _Account(cores, gpus, kept[name]) for name, (cores, gpus) in nodes.items()}

    def load(self, node: str) -> tuple[int, Need]:
        """How many streams a node has, and what they take."""
        with self._lock:
            account = self._nodes.get(node)
            return (0, Need()) if account is None else (len(account.needs), account.taken)

    # -- streams

    def choose(self, name: str, without: Collection[str] = ()) -> str:
        """The node on which a stream is tried: the one with most room. Raises Conflict if it fits on none.

        What it needs is known if it has run before, and else found out there; until then it counts as what the others
        need on average, so that streams which start together are spread.
        """
        with self._lock:
            need = self._moved.get(name, Need())
            found = {n: self._room(a) for n, a in self._nodes.items() if n not in without and self._fits(a, name, need)}
            if found:
                chosen = max(found, key=lambda node: (found[node], node))
                self._nodes[chosen].needs[name] = need if name in self._moved else self._usual()
                return chosen
            self._waiting[name] = need
            raise Conflict(self._against_all(name, need))

    def place(self, name: str, node: str, need: Need) -> None:
        """Reserve what a stream needs on a node. Raises Conflict if there is too little."""
        with self._lock:
            self._moved[name] = need
            account = self._nodes.get(node)
            if account is None or not self._fits(account, name, need):
                raise Conflict(self._against_all(name, need))
            for other in self._nodes.values():
                other.needs.pop(name, None)
            account.needs[name] = need
            self._waiting.pop(name, None)

    def give_back(self, name: str) -> None:
        """A stream does not run where it was placed; it is about to be placed anew."""
        with self._lock:
            for account in self._nodes.values():
                account.needs.pop(name, None)

    # -- as one machine

    @property
    def capacity(self) -> Need:
        with self._lock:
            cores, gpus = (sum(getattr(a, what) for a in self._nodes.values()) for what in ("cores", "gpus"))
        return Need(cores * self.max_load, gpus * self.max_load)

    @property
    def taken(self) -> Need:
        with self._lock:
            return sum((account.taken for account in self._nodes.values()), Need())

    def measure(self, load: Need) -> None:
        """Do nothing: this process is not where streams run."""

    def admit(self, name: str, need: Need) -> None:
        """Do nothing: `place` has reserved it."""

    def check(self, name: str, need: Need) -> None:
        """Do nothing: what a stream needs is found out on the node."""

    def revise(self, name: str, need: Need) -> None:
        """Do nothing: the same."""

    def release(self, name: str) -> None:
        self.give_back(name)
        with self._lock:
            self._waiting.pop(name, None)
            self._moved.pop(name, None)

    def next(self) -> str | None:
        with self._lock:
            fits = (
                name
                for name, need in self._waiting.items()
                if any(self._fits(account, name, need) and self._room(account) > 0 for account in self._nodes.values())
            )
            found = next(fits, None)
            if found is not None:
                del self._waiting[found]
            return found

    def _usual(self) -> Need:
        known = list(self._moved.values())
        return Need(sum(each.cores for each in known) / len(known)) if known else _USUAL

    def _room(self, account: _Account) -> float:
        return account.cores * self.max_load - account.taken.cores

    def _fits(self, account: _Account, name: str, need: Need) -> bool:
        own = account.needs.get(name, Need())
        cores = account.taken.cores - own.cores + need.cores <= account.cores * self.max_load
        gpu = not need.gpu or account.taken.gpu - own.gpu + need.gpu <= account.gpus * self.max_load
        return cores and gpu

    def _against_all(self, name: str, need: Need) -> str:
        if not self._nodes:
            return f"{name}: no node of the cluster takes streams now; start one, or let one that is drained take them"
        rooms = ", ".join(f"{node} has {max(0.0, self._room(each)):.2f}" for node, each in sorted(self._nodes.items()))
        return (
            f"{name} needs about {need.cores:.2f} cores and fits on no node: {rooms}; add a node, stop another stream, "
            "or take a lighter filter"
        )
