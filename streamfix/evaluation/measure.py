"""Measures a scene: it is degraded, restored by peers and filters under test, and judged."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import subjects
from .cache import Kept, ResultStore, Row
from .clip import Bytes, Clip
from .metrics import VERSION, Judge, Quality
from .peers import Peer, PeerUnfit, restored_by
from .suites import Degraded, degrade, degrade_still
from .tuning import tune_peer

_log = logging.getLogger(__name__)

TRUTH, INPUT = "truth", "input"
_ONCE_BT709 = 720  # lines: pictures of so many were read as BT.709's when results were first kept


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was found out about one scene in one suite.

    rows: figures by name: the truth (whose flicker and warping error are the floor), the input (enlarged by bicubic
    where the truth is larger), peers, filters.
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
        """Measure everything but peers of no use there on one scene. Raises PeerError, or what a filter raises."""
        return self._measured(suite, scene, degrade(suite, scene, clip))

    def measure_still(self, suite: str, name: str, rgb: Bytes) -> Measured:
        """Measure everything on one picture, R'G'B' (H, W, 3). Raises InputError besides if it is too small."""
        return self._measured(suite, name, degrade_still(suite, name, rgb))

    def _measured(self, suite: str, scene: str, degraded: Degraded) -> Measured:
        judge = self._judge_of(degraded)
        rows: dict[str, Row] = {}
        pictures: dict[str, Bytes] = {}
        for name, shown in ((TRUTH, degraded.truth), (INPUT, degraded.shown())):
            rows[name] = {**judged(judge, degraded, shown).rounded(), "what": name}
            pictures[name] = _picture(shown)
        # Where nothing was done to the clip, the best strength of every peer is none.
        for peer in self._peers if degraded.noisy is not degraded.truth else ():
            try:
                kept = self._of_peer(peer, degraded, judge)
            except PeerUnfit as unfit:
                _log.warning("%s %s: left out: %s", suite, scene, unfit)
                continue
            rows[peer.name], pictures[peer.name] = kept.row, kept.picture
            _say(suite, scene, peer.name, kept.row)
        for chain in self._filters:
            run = subjects.restore(chain, degraded, self._device, judge.first)
            speed = {"fps": round(run.fps, 2), "p50_ms": round(run.p50_ms, 2), "p95_ms": round(run.p95_ms, 2)}
            rows[chain] = {**judged(judge, degraded, run.clip).rounded(), **speed, "what": "filter"}
            pictures[chain] = _picture(run.clip)
            _say(suite, scene, chain, rows[chain])
        return Measured(degraded, rows, pictures)

    def _judge_of(self, degraded: Degraded) -> Judge:
        """The same object as before while the truth is the same clip: most suites leave it."""
        border = degraded.scale if degraded.scale > 1 else 0
        if self._judge is None or self._judge.truth is not degraded.truth or self._judge.border != border:
            self._judge = Judge(degraded.truth, border)
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
        if degraded.scale > 1:
            what["scale"] = degraded.scale
        if degraded.truth.size[1] >= _ONCE_BT709:
            what["matrix"] = "bt601"
        if self._cache is not None and (found := self._cache.get(what)) is not None:
            return found
        tuned = tune_peer(peer, degraded)
        result = restored_by(peer, degraded, tuned.parameters)
        row: Row = {
            **judged(judge, degraded, result.clip).rounded(),
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


def judged(judge: Judge, degraded: Degraded, out: Clip) -> Quality:
    """A result's figures. A still's PSNR-Y is against the luma as it was before it was rounded to 8 bits."""
    found = judge(out)
    return found if degraded.still is None else replace(found, psnr_y=degraded.still.psnr_y(out.y[0]))


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
