"""What `streamfix eval` found, as one object of JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch

from .. import __version__
from .cache import Row
from .measure import INPUT, TRUTH
from .metrics import FIGURES
from .peers import Peer
from .statistics import QualityGate, gain

KINDS = ("classical", "network")


def machine() -> dict[str, str]:
    """What the figures were measured with."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    found = {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "streamfix": __version__,
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "pyav": av.__version__,
    }
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def versions(peers: Sequence[Peer]) -> dict[str, str]:
    return {peer.name: peer.version for peer in peers}


def mean_rows(scenes: Mapping[str, Mapping[str, Row]]) -> dict[str, Row]:
    """Means over scenes of each one's figures and speed; None where no scene has the figure."""
    means: dict[str, Row] = {}
    for name, first in next(iter(scenes.values())).items():
        row: Row = {"what": first["what"]}
        for figure in (*FIGURES, "fps", "p50_ms", "p95_ms"):
            if figure in first:
                values = [rows[name][figure] for rows in scenes.values() if rows[name][figure] is not None]
                row[figure] = round(float(np.mean(values)), 4) if values else None
        edges = sorted({axis for rows in scenes.values() for axis in rows[name].get("at_edge", ())})
        means[name] = {**row, "at_edge": edges} if edges else row
    return means


def gains(scenes: Mapping[str, Mapping[str, Row]]) -> dict[str, Any]:
    """For each filter: its gain in each figure over the best peer of each kind, and over each network alone."""
    rows = next(iter(scenes.values()))
    kinds = {kind: [n for n, row in rows.items() if row["what"] == kind] for kind in KINDS}
    against = {kind: names for kind, names in kinds.items() if names}
    against |= {name: [name] for name in kinds["network"]} if len(kinds["network"]) > 1 else {}
    found: dict[str, Any] = {}
    for subject in (n for n, row in rows.items() if row["what"] == "filter"):
        found[subject] = {}
        for label, names in against.items():
            by_figure = {figure: gain(scenes, subject, names, figure) for figure in FIGURES}
            found[subject][label] = {f: asdict(g) for f, g in by_figure.items() if g is not None}
    return found


def verdicts(
    gates: Sequence[QualityGate], suites: Mapping[str, Mapping[str, Mapping[str, Row]]]
) -> list[dict[str, Any]]:
    """Each gate for each filter in each suite that was measured: what was found, and what failed."""
    found: list[dict[str, Any]] = []
    for gate in gates:
        for suite in (s for s in gate.suites if s in suites):
            scenes = suites[suite]
            if gate.against == TRUTH:  # the figure itself is the gain
                nothing = dict.fromkeys(FIGURES, 0.0)
                scenes = {scene: {**rows, TRUTH: {**nothing, "what": TRUTH}} for scene, rows in scenes.items()}
            rows = next(iter(scenes.values()))
            others = [n for n, row in rows.items() if gate.against in (n, row["what"])]
            for subject in (n for n, row in rows.items() if row["what"] == "filter" and gate.is_for(n)):
                result = gain(scenes, subject, others, gate.figure)
                failed = [f"nothing called {gate.against!r} was measured"] if result is None else gate.failures(result)
                row = {"gate": gate.words(suite), "filter": subject, "passed": not failed, "failed": failed}
                found.append(row if result is None else {**row, **asdict(result)})
    return found


def order(rows: Mapping[str, Row]) -> list[str]:
    """Names as tables list them: truth, input, peers by PSNR-Y, filters as they were given."""
    peers = sorted((n for n, r in rows.items() if r["what"] in KINDS), key=lambda n: rows[n]["psnr_y"])
    return [TRUTH, INPUT, *peers, *(n for n, r in rows.items() if r["what"] == "filter")]
