"""What is done to one stream waits for what is done to the same one, and for nothing else."""

from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.engine.stream_locks import StreamLocks
from tests.fakes.waiting import joined


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcd"), min_size=1), min_size=2, max_size=8))
def test_nobody_works_at_a_name_together_with_another_and_all_get_their_turn(wanted: list[set[str]]) -> None:
    locks, looking = StreamLocks(), threading.Lock()
    busy, together, done = list[str](), list[str](), list[int]()

    def work(number: int) -> None:
        names = wanted[number]
        with locks.hold(*names):
            with looking:
                together.extend(name for name in names if name in busy)
                busy.extend(names)
            with looking:
                for name in names:
                    busy.remove(name)
                done.append(number)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(wanted))]
    for thread in threads:
        thread.start()
    joined(*threads)
    assert not together
    assert sorted(done) == list(range(len(wanted)))


def test_what_is_let_go_is_free_and_the_rest_is_not() -> None:
    locks, got = StreamLocks(), threading.Event()

    def take(name: str) -> threading.Thread:
        def work() -> None:
            with locks.hold(name):
                got.set()

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    with locks.hold("a", "b") as let_go:
        let_go(["b", "z"])
        joined(take("b"))
        assert got.is_set()
        got.clear()
        waiting = take("a")
        assert not got.wait(0.05)
    joined(waiting)
    assert got.is_set()
