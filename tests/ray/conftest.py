"""A cluster of two nodes with one core each, on this machine; and where Ray is not installed, no tests that need it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MEMORY = 80 * 2**20  # of each node's object store, in shared memory


class Nodes:
    """A cluster that tests add nodes to and take nodes from."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster: Any = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "object_store_memory": MEMORY, "include_dashboard": False},
        )
        self.address: str = self._cluster.address

    def add(self, cpus: int = 1, **more: Any) -> Any:
        """Another node. more: as Ray's `add_node` takes it, such as node_name."""
        return self._cluster.add_node(num_cpus=cpus, object_store_memory=MEMORY, **more)

    def kill(self, node: Any) -> None:
        """As if its power went off: all of its processes end at once, and tell nobody."""
        raylet = node.all_processes["raylet"][0].process.pid
        for pid in [raylet, *_children(raylet)]:
            os.kill(pid, signal.SIGKILL)
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


def _children(pid: int) -> list[int]:
    """The processes that this one has started: Linux's list of them, one for each of its threads."""
    found = [path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for text in found for child in text.split()]


@pytest.fixture(scope="session")
def nodes() -> Iterator[Nodes]:
    pytest.importorskip("ray", reason='Ray is not installed: pip install "streamfix[ray]"')
    before = dict(os.environ)
    os.environ.update(RAY_DISABLE_IMPORT_WARNING="1", RAY_USAGE_STATS_ENABLED="0")
    cluster = Nodes()
    yield cluster
    import ray

    ray.shutdown()
    cluster.close()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def two(nodes: Nodes) -> Nodes:
    """The cluster with a second node that no test takes away."""
    nodes.add()
    return nodes
