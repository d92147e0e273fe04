"""How much work this process may do at once."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def cores(cgroup: Path = _CGROUP) -> float:
    """Processor cores that this process may use: those it is bound to, or less where a control group has a quota.

    cgroup: the root of the hierarchy as a container sees it, version 2 (`cpu.max`) or 1 (`cpu/cpu.cfs_quota_us`).
    """
    bound = float(len(os.sched_getaffinity(0)))
    quota = _quota(cgroup)
    return bound if quota is None else min(bound, quota)


def _quota(cgroup: Path) -> float | None:
    """Cores' worth of time that the control group gives, None for no limit."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        paths = [cgroup / name for name in names]
        if all(path.is_file() for path in paths):
            quota, period = " ".join(path.read_text(encoding="ascii") for path in paths).split()
            return int(quota) / int(period) if quota != "max" and int(quota) > 0 else None
    return None
