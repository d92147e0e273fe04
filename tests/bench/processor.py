"""Which processor a benchmark ran on: figures of two of them cannot be compared."""

from __future__ import annotations

import platform
from pathlib import Path


def processor() -> str:
    """Its model's name, where the system tells."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
