"""What this machine offers: the CPU's name and instructions, cores, memory."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cpu_name() -> str:
    """Give the name of the CPU as its maker writes it; the architecture where the system does not tell."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cpu_flags() -> frozenset[str]:
    """Give the CPU's instruction sets as Linux names them; empty where the system does not tell."""
    return frozenset(_cpuinfo("flags").split())


def usable_cores() -> int:
    """Give the number of cores that this process may run on, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Give the memory that this process may use: the machine's, or its container's limit where that is lower."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")):
        try:
            limits.append(int(path.read_text()))
        except (OSError, ValueError):  # no such limit, or "max"
            continue
    return min(limits)


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    values = (line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key)
    return next(values, "")
