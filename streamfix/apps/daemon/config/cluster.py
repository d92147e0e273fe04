"""The table [cluster] of the configuration: streams run on the nodes of a Ray cluster, and not on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from .options import option
from .values import FilledText, Seconds

LEAST_S = 8.0  # that a node may be silent


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Where the streams run. lost_after_s: a node that has not answered for so long is lost; not below 8 seconds."""

    address: Annotated[
        FilledText, option("Address", "HOST:PORT of the head; auto for the cluster at this machine.")
    ] = "auto"
    lost_after_s: Annotated[Seconds, option("Lost after", "A node that does not answer for so long is lost.")] = 10.0
