"""Damaged files of every container end well or with a clean error; none crashes, hangs or shows an exception's name.

STREAMFIX_MUTATIONS says how many damaged copies of each container are tried; the default is quick.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.waiting import LONG_S
from tests.media.make import clip
from tests.media.mutants import mutant

ROOT = Path(__file__).parents[2]
NUMBER = int(os.environ.get("STREAMFIX_MUTATIONS", "6"))
CONTAINERS = {
    "mp4": ("libx264", "aac"),
    "mkv": ("libx264", "aac"),
    "mov": ("mpeg4", "pcm_s16le"),
    "ts": ("libx264", "aac"),
    "avi": ("mpeg4", "mp2"),
    "flv": ("libx264", "aac"),
    "nut": ("mpeg2video", "mp2"),
    "webm": ("libvpx", "libopus"),
}


@pytest.mark.parametrize("ending", CONTAINERS)
def test_a_damaged_file_ends_well_or_with_a_clean_error(tmp_path: Path, ending: str) -> None:
    video, audio = CONTAINERS[ending]
    source = clip(tmp_path / f"in.{ending}", frames=20, codec=video, audio=audio)
    first = 1000 * list(CONTAINERS).index(ending)
    command = [sys.executable, "-m", "tests.media.mutants", str(source), str(tmp_path), str(first), str(NUMBER)]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=LONG_S * (1 + NUMBER)
    )
    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, f"after {lines[-1:]}: {ended.stderr[-1000:]}"
    assert len(lines) == NUMBER
    assert not [line for line in lines if " odd: " in line]


def test_a_mutant_is_the_same_for_the_same_seed() -> None:
    data = bytes(range(256)) * 20
    assert [mutant(data, seed) for seed in range(10)] == [mutant(data, seed) for seed in range(10)]
    assert len({mutant(data, seed) for seed in range(10)}) == 10
