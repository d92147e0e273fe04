"""The search for the parameters that favour a peer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from streamfix.evaluation.peers import Axis
from streamfix.evaluation.suites import degrade
from streamfix.evaluation.tuning import tune, tune_peer
from tests.evaluation.material import Blur, moving

GRID = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)


@pytest.mark.parametrize("start", range(6))
@pytest.mark.parametrize("best", [1.0, 2.0, 4.0])
def test_the_top_is_found_from_anywhere(start: int, best: float) -> None:
    found = tune([Axis("a", GRID, start)], lambda p: (-((p["a"] - best) ** 2), 0.0))
    assert (found.parameters, found.at_edge) == ({"a": best}, [])


def test_axes_that_depend_on_each_other_are_gone_through_again() -> None:
    axes = [Axis("a", GRID, 0), Axis("b", GRID, 0)]
    found = tune(axes, lambda p: (-0.5 * (p["a"] - p["b"]) ** 2 - 2 * (p["b"] - 3) ** 2, 0.0))
    assert found.parameters == {"a": 3.0, "b": 3.0}


def test_each_axis_is_judged_by_its_own_planes() -> None:
    axes = [Axis("luma", GRID, 0), Axis("chroma", GRID, 0, "psnr_uv")]
    found = tune(axes, lambda p: (-abs(p["luma"] - 3), -abs(p["chroma"] - 1)))
    assert found.parameters == {"luma": 3.0, "chroma": 1.0}


def test_nothing_is_tried_twice() -> None:
    seen: list[tuple[float, ...]] = []

    def score(p: Mapping[str, float]) -> tuple[float, float]:
        seen.append(tuple(p.values()))
        return -((p["a"] - 3) ** 2) - (p["b"] - 2) ** 2, 0.0

    assert tune([Axis("a", GRID, 0), Axis("b", GRID, 5)], score).tried == len(seen) == len(set(seen))


def test_the_edge_is_told_unless_it_is_the_filters_own_limit() -> None:
    def uphill(p: Mapping[str, float]) -> tuple[float, float]:
        return p["a"], 0.0

    assert tune([Axis("a", GRID, 2)], uphill).at_edge == ["a"]
    assert tune([Axis("a", GRID, 2, limits=(5.0,))], uphill).at_edge == []
    assert tune([Axis("a", (7.0,), 0)], uphill).at_edge == []  # there was nothing to choose


def test_a_geometric_axis_keeps_to_the_filters_limits() -> None:
    axis = Axis.around("a", 10, least=4, most=25, reach=8)
    assert (axis.values[0], axis.values[-1], axis.values[axis.start]) == (4, 25, 10)
    assert list(axis.values) == sorted(set(axis.values))
    assert axis.limits == (4, 25)


def test_where_nothing_is_best_the_end_of_the_grid_is_no_edge() -> None:
    axis = Axis.around("a", 10, off=0.001)
    found = tune([axis], lambda p: (-p["a"], 0.0))
    assert (found.parameters, found.at_edge) == ({"a": 0.001}, [])
    assert axis.values[axis.start] == 10 and list(axis.values) == sorted(axis.values)


def test_a_peer_is_tuned_on_its_excerpt() -> None:
    degraded = degrade("gaussian-20", "street", moving(12))
    peer = Blur()
    tuned = tune_peer(peer, degraded)
    assert set(peer.calls) == {(4, (32, 32))}
    assert tuned.parameters["deviation"] >= 1.0  # noise of 20 codes on smooth detail
    whole = Blur(excerpt=None)
    tune_peer(whole, degraded)
    assert set(whole.calls) == {(12, (64, 48))}
