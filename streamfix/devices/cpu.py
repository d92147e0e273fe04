"""What this machine's processor is and can do."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

from .. import cores
from ..lazy import if_loaded

_CPUINFO = Path("/proc/cpuinfo")
_BF16 = {"avx512_bf16", "amx_bf16", "bf16"}  # the last is Arm's


@cache
def _facts() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; empty where there is no such file."""
    if not _CPUINFO.is_file():
        return {}
    first = _CPUINFO.read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def identity() -> str:
    """A text that is the same for processors of one kind, so that what was measured on one holds for another."""
    facts = _facts()
    # Virtual machines often hide the model's name; family, model and instruction sets they cannot hide.
    names = ("vendor_id", "model name", "cpu family", "model", "flags", "CPU implementer", "CPU part", "Features")
    known = [facts[name] for name in names if name in facts]
    return " ".join(known) or f"{platform.machine()} {platform.processor()}"


def has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware; emulation is many times slower."""
    facts = _facts()
    return not _BF16.isdisjoint((facts.get("flags") or facts.get("Features") or "").split())


def share_cores(callers: int) -> int:
    """Divide the cores among so many calling threads: set how many threads OpenCV, PyTorch and networks use for a call.

    Otherwise they wait for each other: with two threads for each of eight streams a call took ten times as long.
    These settings are the whole process's: only for a process of our own, never for one that has imported us.
    Returns the number of threads a call.
    """
    import cv2

    threads = max(cores.count() // max(callers, 1), 1)
    cores.share(threads)
    if cv2.getNumThreads() != threads:
        cv2.setNumThreads(threads)
    torch = if_loaded("torch")  # of a pool whose filters have not loaded it there is nothing to set
    if torch is not None and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return threads


def model_name() -> str:
    """The processor's name, where the system tells; else its architecture."""
    return _facts().get("model name") or platform.machine()


def vectors() -> tuple[str, ...]:
    """Its instruction sets for vectors and matrices, sorted: those that other sums are computed with."""
    flags = (_facts().get("flags") or _facts().get("Features") or "").split()
    return tuple(sorted(one for one in flags if one.startswith(("sse", "ssse", "avx", "fma", "amx", "asimd", "sve"))))
