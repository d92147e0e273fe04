"""Segments that are made in any order, by several objects, are those of a job that makes them in a row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from streamfix.chainspec import parse_chain
from streamfix.jobs import Hosting, JobSpec
from streamfix.jobs.pool import FilterPool
from streamfix.jobs.segments.parts import Parts
from streamfix.media.specs import InputSpec, OutputSpec
from tests.jobs.segments.material import EVERY, contents, cut_clip, folder_of, job

APART = replace(EVERY, apart=True)


def parts(source: Path, out: Path, chain: str, pool: FilterPool | None = None) -> Parts:
    spec = OutputSpec(str(out), video_options={"preset": "ultrafast"}, overwrite=True)
    wanted = JobSpec([InputSpec(str(source))], [spec], parse_chain(chain), device="cpu", resume=APART)
    return Parts(wanted, Hosting(pool=pool))


@pytest.mark.parametrize("chain", ["echo=ahead=2", "forgetful", "null"])
def test_made_in_any_order_they_are_the_same(chain: str, tmp_path: Path) -> None:
    source = cut_clip(tmp_path / "in.mp4")
    whole, out = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    job(source, whole, chain, APART).run()
    pool = FilterPool("cpu")
    one, other = parts(source, out, chain, pool), parts(source, out, chain, pool)
    plan = one.plan()
    assert len(plan.segments) > 3
    paths = [tmp_path / f"{segment.index}.packets" for segment in plan.segments]
    for segment in reversed(plan.segments):
        facts = (one, other)[segment.index % 2].make(segment, paths[segment.index])
        assert facts["frames"] == segment.pictures
    assert other.join(paths) > 0
    for each in (one, other):
        each.close()
    assert len(pool) == 0
    assert contents(out) == contents(whole)
    assert not folder_of(out).exists()


def test_a_state_is_saved_through_a_pool_too(tmp_path: Path) -> None:
    """A job that shares its filters goes on with what they remember, and needs no warm-up."""
    pool = FilterPool("cpu")
    with_pool = parts(cut_clip(tmp_path / "in.mp4"), tmp_path / "out.mkv", "echo", pool)
    restoration = with_pool._ready.restoration
    assert restoration is not None and restoration.saves
    with_pool.close()
