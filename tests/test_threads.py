"""Threads of PyTorch and OpenCV: a host's numbers stay as they are, results do not depend on them, nothing spins."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import streamfix
from streamfix import cores, threads
from streamfix.conformance.fakes import clip
from tests.apps.material import environment

# Wide enough for PyTorch to divide its work: it does so from 32768 values on.
SIZE = (320, 192)


@pytest.fixture(autouse=True)
def _numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cores, "_share", None)
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def restored(chain: str, count: int = 4) -> NDArray[np.uint8]:
    with streamfix.Stream(chain, format="i420", device="cpu") as stream:
        return np.stack([stream(frame.array("i420")) for frame in clip(count, *SIZE)])


@pytest.mark.parametrize(
    "chain",
    [
        *("smooth", "edge", "denoise=backend=torch:precision=fp32"),
        pytest.param("denoise", marks=pytest.mark.slow),
        pytest.param("deblock", marks=pytest.mark.slow),
        pytest.param("upscale", marks=pytest.mark.slow),
        pytest.param("deblur", marks=pytest.mark.slow),
    ],
)
def test_the_number_of_threads_changes_nothing(chain: str) -> None:
    """Bit for bit. (PyTorch's bilinear interpolation gave denoise other last bits, int8 made up to 2 codes of them.)"""
    found = []
    for number in (1, 2, 3):
        torch.set_num_threads(number)
        cv2.setNumThreads(number)
        found.append(restored(chain))
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


def test_a_hosts_numbers_stay_as_they_are() -> None:
    torch.set_num_threads(3)
    cv2.setNumThreads(3)
    pool = streamfix.FilterPool("cpu")
    for chain in ("smooth", "denoise=backend=torch:precision=fp32"):
        with streamfix.Stream(chain, device="cpu", pool=pool) as stream:
            for frame in clip(2, *SIZE):
                stream(frame.array("bgr24"))
                assert (torch.get_num_threads(), cv2.getNumThreads()) == (3, 3)
    assert in_another_thread(torch.get_num_threads) == 3


def test_a_block_counts_for_its_thread_alone_and_ends() -> None:
    torch.set_num_threads(3)
    with threads._Using(1):
        assert torch.get_num_threads() == 1
        assert in_another_thread(torch.get_num_threads) == 3
        with threads._Using(2):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3
    with pytest.raises(ZeroDivisionError), threads._Using(1):
        _ = 1 / 0
    assert torch.get_num_threads() == 3


def in_another_thread(function: object) -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(function()))  # type: ignore[operator]
    thread.start()
    thread.join()
    return found[0]


def test_small_operations_are_quiet_where_threads_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(3)
    ask = threads.quiet(torch.get_num_threads)
    monkeypatch.setattr(threads, "spinning", False)
    assert ask() == 3
    monkeypatch.setattr(threads, "spinning", True)
    assert ask() == 1
    alone = threads.alone(torch.get_num_threads)
    assert alone() == 3  # in training all are wanted
    with torch.inference_mode():
        assert alone() == 1


def test_networks_use_what_the_process_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "count", lambda: 4)
    for said, number in (("", 4), ("2", 2), ("2,1", 2), ("9", 4), ("0", 4), ("many", 4)):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert cores.threads() == number
    cores.share(1)
    assert cores.threads() == 1
    cores.share(None)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    torch.set_num_threads(3)
    with threads.using_all():
        assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("given", "first", "want"),
    [
        ({}, "", (False, "PASSIVE")),
        ({}, "torch", (True, "PASSIVE")),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "torch", (False, "ACTIVE")),
    ],
)
def test_who_was_there_first_is_seen(given: dict[str, str], first: str, want: tuple[bool, str]) -> None:
    """What a host has said about waiting stands."""
    code = f"""if True:
        import os{", " + first if first else ""}
        from streamfix import threads
        print((threads.spinning, os.environ["OMP_WAIT_POLICY"]))
    """
    env = {name: value for name, value in environment().items() if name != "OMP_WAIT_POLICY"} | given
    said = subprocess.run(
        [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True, timeout=120
    )
    assert said.stdout.strip() == str(want)


@pytest.mark.slow
def test_torch_before_us_does_not_double_the_processors_time() -> None:
    """It took 2.9 times as much: after each small operation another thread spun for milliseconds."""
    code = """if True:
        import sys
        if sys.argv[1]: import torch
        import streamfix, numpy, resource
        pictures = numpy.random.default_rng(0).integers(0, 256, (4, 360 * 3 // 2, 640), numpy.uint8)
        with streamfix.Stream("smooth", format="i420", device="cpu") as stream:
            def used():
                return resource.getrusage(resource.RUSAGE_SELF).ru_utime
            for picture in pictures: stream(picture)
            before = used()
            for _ in range(10):
                for picture in pictures: stream(picture)
            print(used() - before)
    """
    env = {name: value for name, value in environment().items() if not name.startswith("OMP_")}

    def seconds(first: str) -> float:
        run = subprocess.run([sys.executable, "-c", code, first], env=env, check=True, capture_output=True, timeout=300)
        return float(run.stdout)

    assert min(seconds("torch") for _ in range(2)) < 1.5 * min(seconds("") for _ in range(2))
