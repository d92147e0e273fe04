"""What is kept between runs: it comes back whole or not at all, and nothing depends on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import streamfix
from streamfix.backends import cache as module
from streamfix.backends.cache import Cache, digest, read_parts, write_parts

PARTS = {"xml": b"<net/>\n", "bin": bytes(range(256)), "empty": b""}


def file_of(cache: Cache) -> Path:
    assert cache.folder is not None
    (path,) = cache.folder.iterdir()
    return path


def test_what_is_written_is_read_and_nothing_else_lies_there(cache: Cache) -> None:
    assert cache.read("a") is None
    cache.write("a", PARTS)
    assert cache.read("a") == PARTS
    assert cache.read("b") is None
    assert file_of(cache).name == "a.parts"


def test_the_last_of_two_writes_stays(cache: Cache) -> None:
    cache.write("a", PARTS)
    cache.write("a", {"x": b"2"})
    assert cache.read("a") == {"x": b"2"}
    assert file_of(cache).name == "a.parts"


@pytest.mark.parametrize("place", [0, 20, 90, 150, -1], ids=lambda p: f"byte {p}")
def test_a_changed_byte_anywhere_makes_it_absent(cache: Cache, place: int, caplog: pytest.LogCaptureFixture) -> None:
    cache.write("a", PARTS)
    path = file_of(cache)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert cache.read("a") is None
    assert f"{path} is made again: it is damaged" in caplog.text
    cache.write("a", PARTS)
    assert cache.read("a") == PARTS


@pytest.mark.parametrize("length", [0, 1, 84, 120, -1], ids=lambda n: f"{n} bytes")
def test_what_was_cut_short_is_absent(cache: Cache, length: int) -> None:
    cache.write("a", PARTS)
    path = file_of(cache)
    path.write_bytes(path.read_bytes()[:length])
    assert cache.read("a") is None


def test_a_folder_that_cannot_be_written_is_said_and_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "cache")
    cache.write("a", PARTS)
    assert "not kept for the next run" in caplog.text
    assert cache.read("a") is None


def test_a_write_that_fails_leaves_what_was_there(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write("a", PARTS)

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    cache.write("a", {"x": b"2"})
    assert cache.read("a") == PARTS
    assert file_of(cache).name == "a.parts"


def test_no_folder_keeps_nothing() -> None:
    cache = Cache(None)
    cache.write("a", PARTS)
    assert cache.read("a") is None


def test_the_oldest_go(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 2)
    assert cache.folder is not None
    for age, name in enumerate("abc"):
        cache.write(name, PARTS)
        os.utime(cache.folder / f"{name}.parts", (1000 + age, 1000 + age))
    cache.write("d", PARTS)
    assert [cache.read(name) is not None for name in "abcd"] == [False, False, True, True]


def test_two_processes_at_once_never_see_half_an_entry(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        from streamfix.backends.cache import Cache
        cache, mine = Cache(Path(sys.argv[1])), sys.argv[2].encode() * 100_000
        for _ in range(100):
            cache.write("a", {"x": mine, "y": mine})
            parts = cache.read("a")
            assert parts is not None and parts["x"] == parts["y"] and len(set(parts["x"])) == 1, parts
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(streamfix.__file__).parents[1])}
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "shared")]
    processes = [
        subprocess.Popen([*command, letter], env=environment, stderr=subprocess.PIPE, text=True) for letter in "pq"
    ]
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert said == ["", ""]
    assert [path.name for path in (tmp_path / "shared").iterdir()] == ["a.parts"]


def test_it_lies_where_the_standard_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert Cache.of_user().folder == tmp_path / ".cache" / "streamfix"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert Cache.of_user().folder == tmp_path / "other" / "streamfix"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert Cache.of_user().folder == tmp_path / ".cache" / "streamfix"


def test_names_differ_where_any_part_does() -> None:
    names = {digest("a", "b"), digest("b", "a"), digest("ab"), digest("a", "b", ""), digest("ab", "")}
    assert len(names) == 5


def test_a_file_for_others_is_readable_by_them(tmp_path: Path) -> None:
    path = tmp_path / "net.int8"
    write_parts(path, PARTS)
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert read_parts(path) == PARTS
