"""Measures a scene: it is degraded, restored by peers and filters under test, and judged."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import subjects
from .cache import Kept, ResultStore, Row
from .clip import Bytes, Clip
from .metrics import VERSION, Judge
from .peers import Peer
from .suites import Degraded, degrade
from .tuning import tune_peer

_log = logging.getLogger(__name__)

TRUTH, INPUT = "truth", "input"


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was found out about one scene in one suite.

    rows: figures by name: the truth (whose flicker and warping error are the floor), the input, peers, filters.
    pictures: one moment of each, R'G'B' (H, W, 3) uint8.
    """

    degraded: Degraded
    rows: dict[str, Row]
    pictures: dict[str, Bytes]


class Bench:
    """Measures peers and filters on clips. cache: where the peers' results are kept, None for nowhere."""

    def __init__(
        self, peers: Sequence[Peer], filters: Sequence[str], cache: ResultStore | None, device: str = "auto"
    ) -> None:
        self._peers, self._filters, self._cache, self._device = peers, filters, cache, device
        self._judge: Judge | None = None

    def measure(self, suite: str, scene: str, clip: Clip) -> Measured:
        """Measure everything on one scene. Raises PeerError, or what a filter raises."""
        degraded = degrade(suite, scene, clip)
        judge = self._judge_of(degraded.truth)
        rows: dict[str, Row] = {}
        pictures: dict[str, Bytes] = {}
        for name, shown in ((TRUTH, degraded.truth), (INPUT, degraded.noisy)):
            rows[name] = {**judge(shown).rounded(), "what": name}
            pictures[name] = _picture(shown)
        # Where nothing was done to the clip, the best strength of every peer is none.
        for peer in self._peers if degraded.noisy is not degraded.truth else ():
            kept = self._of_peer(peer, degraded, judge)
            rows[peer.name], pictures[peer.name] = kept.row, kept.picture
            _say(suite, scene, peer.name, kept.row)
        for chain in self._filters:
            run = subjects.restore(chain, degraded, self._device, judge.first)
            speed = {"fps": round(run.fps, 2), "p50_ms": round(run.p50_ms, 2), "p95_ms": round(run.p95_ms, 2)}
            rows[chain] = {**judge(run.clip).rounded(), **speed, "what": "filter"}
            pictures[chain] = _picture(run.clip)
            _say(suite, scene, chain, rows[chain])
        return Measured(degraded, rows, pictures)

    def _judge_of(self, truth: Clip) -> Judge:
        """The same object as before while the truth is the same clip: most suites leave it."""
        if self._judge is None or self._judge.truth is not truth:
            self._judge = Judge(truth)
        return self._judge

    def _of_peer(self, peer: Peer, degraded: Degraded, judge: Judge) -> Kept:
        """Tune and run a peer, unless it was done before with the same clips, grid and program."""
        what: dict[str, Any] = {
            "noisy": degraded.noisy.sha256(),
            "truth": degraded.truth.sha256(),
            "rgb": degraded.rgb is not None,
            "peer": peer.name,
            "version": peer.version,
            "grid": [[a.name, list(a.values), a.start, a.judged_by] for a in peer.axes(degraded)],
            "excerpt": peer.excerpt,
            "metrics": VERSION,
        }
        if self._cache is not None and (found := self._cache.get(what)) is not None:
            return found
        tuned = tune_peer(peer, degraded)
        result = peer(degraded, tuned.parameters)
        row: Row = {
            **judge(result.clip).rounded(),
            "fps": round(len(result.clip) / result.seconds, 2),
            "load": round(os.getloadavg()[0], 1),  # what the machine was doing: the row may be read much later
            "what": peer.kind,
            "parameters": tuned.parameters,
            "at_edge": tuned.at_edge,
            "tried": tuned.tried,
        }
        kept = Kept(row, _picture(result.clip))
        if self._cache is not None:
            self._cache.put(what, kept)
        return kept


def _picture(clip: Clip) -> Bytes:
    """The moment that contact sheets show: in the middle of what is judged."""
    rgb = clip.rgb((len(clip) * 5) // 8)
    return np.ascontiguousarray(np.rint(rgb.transpose(1, 2, 0) * 255).astype(np.uint8))


def _say(suite: str, scene: str, name: str, row: Row) -> None:
    edge = f", at the edge of its grid: {', '.join(row['at_edge'])}" if row.get("at_edge") else ""
    _log.info(
        "%s %s: %s: Y %.2f dB, UV %.2f dB, flicker %s, warping %s, %.1f fps%s",
        suite,
        scene,
        name,
        row["psnr_y"],
        row["psnr_uv"],
        row["flicker"],
        row["warp_error"],
        row["fps"],
        edge,
    )
