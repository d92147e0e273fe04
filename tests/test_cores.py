"""Work that is divided among cores: all of it is done, once, and its errors are told."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from streamfix import cores
from tests.fakes.waiting import LONG_S


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "count", lambda: 4)
    monkeypatch.setattr(cores, "_helpers", cores._Helpers())


@pytest.mark.parametrize("items", [0, 1, 2, 50])
def test_every_item_is_done_once(four: None, items: int) -> None:
    done: list[int] = []
    cores.each(done.append, range(items))
    assert sorted(done) == list(range(items))


def test_several_threads_work_at_a_time(four: None) -> None:
    """Each item waits for the others, so one thread alone would never end."""
    met = threading.Barrier(3)
    cores.each(lambda _: met.wait(LONG_S), range(3))


def test_callers_do_not_wait_for_each_other(four: None) -> None:
    """All helpers are held up by the first caller; the second one does its work itself."""
    inside, free = threading.Barrier(5), threading.Event()

    def hold(_: int) -> None:
        inside.wait(LONG_S)
        free.wait(LONG_S)

    first = threading.Thread(target=cores.each, args=(hold, range(4)))
    first.start()
    inside.wait(LONG_S)
    done: list[int] = []
    cores.each(done.append, range(9))
    assert sorted(done) == list(range(9))
    free.set()
    first.join(LONG_S)


def test_an_error_is_raised_and_ends_the_rest(four: None) -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 3:
            raise ValueError("three")
        done.append(item)

    with pytest.raises(ValueError, match="three"):
        cores.each(work, range(100000))
    assert len(done) < 99999 and len(done) == len(set(done))


def test_one_core_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "count", lambda: 1)
    where: list[int] = []
    cores.each(lambda _: where.append(threading.get_ident()), range(3))
    assert set(where) == {threading.get_ident()}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_while_the_interpreter_ends_the_caller_does_its_work_itself(four: None) -> None:
    cores.each(str, range(2))
    assert cores._helpers._pool is not None
    cores._helpers._pool.shutdown()
    done: list[int] = []
    cores.each(done.append, range(5))
    assert sorted(done) == list(range(5))


def test_a_fork_has_helpers_of_its_own(four: None) -> None:
    cores.each(lambda _: None, range(9))
    child = os.fork()
    if not child:
        done: list[int] = []
        cores.each(done.append, range(9))
        os._exit(0 if sorted(done) == list(range(9)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "200000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_a_control_groups_limit_counts(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n", encoding="ascii")
    found = cores._quota(tmp_path)
    assert found == limit if limit else found > 1000


def test_there_is_a_core() -> None:
    assert 1 <= cores.count() <= (os.cpu_count() or 1)
