"""Programs of others that read raw frames from a pipe and write raw frames to one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

from ..clip import Clip
from .base import PeerError

TIMEOUT_S = 1800


def run(command: Sequence[str], clip: Clip) -> tuple[Clip, str, float]:
    """Pipe a clip through a program as yuv420p: what came out, what it said on stderr, the seconds it took.

    Raises PeerError when the program is missing, fails, hangs, or gives another number of frames.
    """
    began = time.perf_counter()
    shown = " ".join(command)[:300]
    try:
        done = subprocess.run(command, input=clip.raw(), capture_output=True, check=False, timeout=TIMEOUT_S)
    except FileNotFoundError as e:
        raise PeerError(f"{command[0]} is not on the PATH; install it or leave this peer out") from e
    except subprocess.TimeoutExpired as e:  # seen with atadenoise and a window far longer than the clip
        raise PeerError(f"no result after {TIMEOUT_S} s: {shown}") from e
    said = done.stderr.decode(errors="replace")
    if done.returncode:
        raise PeerError(f"{command[0]} ended with {done.returncode}: {said[-800:]}")
    try:
        out = Clip.from_raw(done.stdout, *clip.size)
    except ValueError as e:
        raise PeerError(f"{e}: {shown}: {said[-400:]}") from e
    if len(out) != len(clip):
        raise PeerError(f"{len(out)} frames came back for {len(clip)}: {shown}")
    return out, said, time.perf_counter() - began
