"""A recording's way to the disk: nothing waits for it while there is room, nothing is replaced, failures are told."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.media.output.disk import Disk, Room
from tests.fakes.clock import Clock
from tests.fakes.waiting import LONG_S, until


class Stuck:
    """os.pwrite as a disk that stops, and then goes on or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.goes_on = threading.Event()
        self.error: OSError | None = None
        self._real = os.pwrite
        monkeypatch.setattr(os, "pwrite", self)

    def __call__(self, descriptor: int, data: Any, at: int) -> int:
        assert self.goes_on.wait(LONG_S)
        if self.error is not None:
            raise self.error
        return self._real(descriptor, data, at)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stuck]:
    made = Stuck(monkeypatch)
    yield made
    made.goes_on.set()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.binary(min_size=1, max_size=50)), max_size=20))
def test_a_file_has_what_was_written_where_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("disk")
    disk = Disk("out", Room())
    with open(folder / "want", "w+b") as want:
        file = disk.create(str(folder / "got"), keeps=True)
        for at, data in writes:
            assert file.seek(at) == want.seek(at) == file.tell()
            assert file.write(data) == want.write(data)
        assert file.seek(0, os.SEEK_END) == want.seek(0, os.SEEK_END)
        file.close()
        disk.drain()
        disk.close()
        want.flush()
        assert (folder / "got").read_bytes() == (folder / "want").read_bytes()
    assert disk.written == sum(len(data) for _, data in writes)


def test_a_disk_that_stops_holds_up_nobody_while_there_is_room(tmp_path: Path, stuck: Stuck) -> None:
    clock, room = Clock(), Room(bytes=1000, seconds=10.0)
    disk = Disk("out", room, clock)
    file = disk.create(str(tmp_path / "a"), keeps=True)
    for _ in range(9):
        file.write(bytes(100))
        clock.now_s += 1
    assert not disk.is_written()
    waits = threading.Thread(target=file.write, args=(bytes(101),))
    waits.start()
    stuck.goes_on.set()
    waits.join(LONG_S)
    disk.drain()
    assert (tmp_path / "a").stat().st_size == 1001


@pytest.mark.parametrize(("size", "passed_s"), [(201, 0.0), (1, 10.0)], ids=["bytes", "seconds"])
def test_a_full_queue_makes_the_writer_wait(tmp_path: Path, stuck: Stuck, size: int, passed_s: float) -> None:
    clock = Clock()
    disk = Disk("out", Room(bytes=300, seconds=10.0), clock)
    file = disk.create(str(tmp_path / "a"), keeps=True)
    file.write(bytes(100))
    until(lambda: disk._waiting and disk._waiting[0][1] == 100)
    clock.now_s += passed_s
    assert not disk._has_room(size)
    assert disk._has_room(1) == (passed_s == 0)
    written: list[int] = []
    waits = threading.Thread(target=lambda: written.append(file.write(bytes(size))))
    waits.start()
    stuck.goes_on.set()
    waits.join(LONG_S)
    assert written == [size]


def test_files_get_free_names_and_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "y.mkv").write_bytes(b"old")
    (tmp_path / "y.1.mkv").write_bytes(b"older")
    disk = Disk("out", Room())
    made = [disk.create(str(tmp_path / "y.mkv"), keeps=True) for _ in range(2)]
    for number, file in enumerate(made):
        file.write(bytes([number]))
        file.close()
    disk.drain()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {
        "y.mkv": b"old",
        "y.1.mkv": b"older",
        "y.2.mkv": b"\0",
        "y.3.mkv": b"\1",
    }
    assert [f.path.rpartition("/")[2] for f in made] == ["y.2.mkv", "y.3.mkv"]
    assert [m for m in caplog.messages if "this segment goes to" in m] == [
        f"{tmp_path / 'y.mkv'} exists already (the clock was set back, or two segments have one name); this segment "
        f"goes to {tmp_path / name}"
        for name in ("y.2.mkv", "y.3.mkv")
    ]


def test_after_a_failure_nothing_is_written_and_no_empty_file_stays(tmp_path: Path, stuck: Stuck) -> None:
    stuck.error = OSError(errno.ENOSPC, "No space left on device")
    stuck.goes_on.set()
    disk = Disk("out", Room())
    file = disk.create(str(tmp_path / "a.mkv"), keeps=True)
    file.write(b"x")
    with pytest.raises(OSError, match="No space left"):
        disk.drain()
    assert file.write(b"y") == 1
    disk.create(str(tmp_path / "b.mkv"), keeps=True).close()
    with pytest.raises(OSError, match="No space left"):
        disk.check()
    assert not disk.is_written()
    assert not disk.has_pictures
    assert disk._thread is not None
    disk._thread.join(LONG_S)
    assert list(tmp_path.iterdir()) == []


def test_a_bug_in_its_thread_leaves_nobody_waiting(tmp_path: Path) -> None:
    disk = Disk("out", Room())
    disk.put(0, lambda: [].pop())
    with pytest.raises(OSError, match="writing ended because of a bug"):
        disk.drain()
    disk.put(1, lambda: None)
    disk.close()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    disk = Disk("out", Room())
    disk.create(str(tmp_path / "no" / "a"), keeps=True)
    with pytest.raises(FileNotFoundError):
        disk.drain()


def test_whoever_waits_for_a_disk_that_never_answers_can_be_let_go(tmp_path: Path, stuck: Stuck) -> None:
    disk = Disk("out", Room())
    file = disk.create(str(tmp_path / "a"), keeps=True)
    file.write(bytes(2**20))
    errors: list[OSError] = []

    def wait() -> None:
        try:
            disk.drain()
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    disk.abort()
    thread.join(LONG_S)
    assert "the disk does not answer; 1.0 MiB that waited for it are lost" in str(errors[0])


def test_aborting_what_is_written_loses_nothing(tmp_path: Path) -> None:
    disk = Disk("out", Room())
    file = disk.create(str(tmp_path / "a"), keeps=True)
    file.write(b"x")
    disk.drain()
    disk.abort()
    file.write(b"y")
    disk.drain()
    assert (tmp_path / "a").read_bytes() == b"xy"


def test_what_comes_after_the_end_is_thrown_away_and_nobody_waits(tmp_path: Path) -> None:
    disk = Disk("out", Room())
    file = disk.create(str(tmp_path / "a"), keeps=True)
    file.write(b"x")
    disk.close()
    assert disk._thread is not None
    disk._thread.join(LONG_S)
    file.write(b"y")
    file.close()
    disk.drain()
    assert (tmp_path / "a").read_bytes() == b"x"
