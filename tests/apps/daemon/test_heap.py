"""Memory that streams have freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """if True:
    import ctypes, re
    from streamfix.apps.daemon.engine.heap import give_back, limit_heaps

    limit_heaps()
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

    def rss_kib():
        return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])

    before = rss_kib()
    made = [libc.malloc(4000) for _ in range(20_000)]
    for each in made:
        ctypes.memset(each, 1, 4000)
    full = rss_kib()
    for each in made[:-1]:  # the last one keeps the heap from shrinking by itself
        libc.free(each)
    freed = rss_kib()
    give_back()
    print(full - before, freed - before, rss_kib() - before)
"""


def test_what_was_freed_is_given_back() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("glibc's")
    said = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
    full, freed, given_back = map(int, said.split())
    assert full > 70_000
    assert freed > 60_000, "else there was nothing to do"
    assert given_back < 20_000
