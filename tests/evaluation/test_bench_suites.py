"""The bench over all suites: an earlier result's peers stay what they were, whatever our weights become."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.bench_suites import beside_means, summary


def scenes(gain: float = 0.0) -> dict[str, dict[str, dict[str, Any]]]:
    """Two scenes with one peer; ours is `gain` dB above what it was."""

    def row(what: str, y: float, uv: float, flicker: float, warp: float) -> dict[str, Any]:
        return {"what": what, "psnr_y": y, "psnr_uv": uv, "flicker": flicker, "warp_error": warp}

    return {
        "street": {
            "denoise": row("filter", 34.0 + gain, 41.0 + gain, 1.0, 1.2),
            "nlmeans": row("classical", 32.0, 41.5, 2.0, 2.2),
            "input": row("input", 30.0, 40.0, 4.0, 3.0),
        },
        "yard": {
            "denoise": row("filter", 36.0 + gain, 43.0 + gain, 1.4, 1.2),
            "nlmeans": row("classical", 33.0, 40.0, 3.0, 2.0),
            "input": row("input", 35.0, 40.5, 6.0, 3.0),
        },
    }


@pytest.mark.parametrize("gain", [0.0, 0.5, -1.0])
def test_what_is_gained_over_peers_is_what_was_gained_and_what_came_since(gain: float) -> None:
    before = summary(scenes())
    assert before["over the best peer (Y)"] == "+2.50"
    assert before["over what came in (Y)"] == "+2.50, +1.00 (yard)"
    assert before["flicker of what came in"] == "5.00"
    now = beside_means(before, scenes(gain))
    for planes in ("Y", "UV"):
        over = f"over the best peer ({planes})"
        assert float(now[over]) == pytest.approx(float(before[over]) + gain)
        assert now[f"before ({planes})"] == before[over]
    assert now["flicker, lowest peer's"] == before["flicker, lowest peer's"] == "1.20, 2.50"
    assert now["warping error, lowest peer's"] == before["warping error, lowest peer's"] == "1.20, 2.10"
