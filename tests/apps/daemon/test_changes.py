"""A reload restarts what changed, and nothing else."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.config.changes import Plan, needs_new_process, plan
from streamfix.apps.daemon.config.config import DaemonConfig, OutputConfig, StreamConfig

NAMES = st.sampled_from("abcdefgh")
STREAMS = st.lists(
    st.builds(
        StreamConfig,
        name=NAMES,
        input=st.sampled_from(["rtsp://h/1", "rtsp://h/2"]),
        outputs=st.sampled_from([(OutputConfig("rtsp://h/o"),), (OutputConfig("rtsp://h/o", "rtsp"),)]),
        enabled=st.booleans(),
    ),
    unique_by=lambda stream: stream.name,
).map(tuple)


@settings(deadline=None)
@given(STREAMS, STREAMS, st.sets(NAMES))
def test_carried_out_the_plan_gives_the_new_configuration(
    old: tuple[StreamConfig, ...], new: tuple[StreamConfig, ...], rotated: set[str]
) -> None:
    todo = plan(old, new, rotated)
    before, after = {s.name: s for s in old}, {s.name: s for s in new}
    running = {name: stream for name, stream in before.items() if name not in todo.remove}
    for name in (*todo.add, *todo.restart):
        running[name] = after[name]
    assert running == after
    # Nothing is done that need not be, and everything once.
    assert sorted((*todo.add, *todo.remove, *todo.restart, *todo.keep)) == sorted({*before, *after})
    assert all(before[name] == after[name] and name not in rotated for name in todo.keep)
    assert all(before[name] != after[name] or name in rotated for name in todo.restart)


@settings(deadline=None)
@given(STREAMS, STREAMS)
def test_order_is_that_of_the_configuration(old: tuple[StreamConfig, ...], new: tuple[StreamConfig, ...]) -> None:
    todo = plan(old, new)
    order = [s.name for s in new]
    for names in (todo.add, todo.restart, todo.keep):
        assert list(names) == [name for name in order if name in names]
    assert list(todo.remove) == [s.name for s in old if s.name in todo.remove]


@settings(deadline=None)
@given(STREAMS)
def test_nothing_changed_is_nothing_done(streams: tuple[StreamConfig, ...]) -> None:
    moved = tuple(reversed(streams))
    assert plan(streams, moved) == Plan(keep=tuple(s.name for s in moved))
    foreign = [dataclasses.replace(s, foreign=frozenset({"input"})) for s in streams]
    assert plan(streams, foreign).keep == tuple(s.name for s in streams), "who said it is no change"


def test_a_plan_in_words() -> None:
    assert str(Plan(add=("a", "b"), keep=("c",))) == "add a, b; keep c"
    assert str(Plan()) == "no streams"


def test_what_a_reload_does_not_reach() -> None:
    old = DaemonConfig()
    assert needs_new_process(old, dataclasses.replace(old, port=1, max_load=0.1, log="json")) == ("port", "log")
    assert needs_new_process(old, old) == ()
