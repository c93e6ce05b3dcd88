"""What this process may use of the machine: the CPU's name and instruction sets, cores, and memory.

Containers, Kubernetes, Slurm and systemd limit CPU time and memory by control groups (cgroups, versions 1 and 2). A limit may
be set on the group that a process is in or on any group above it, and the smallest one counts. The formats are those of
cgroups(7), proc(5), and the kernel's documents cgroup-v2, sched-bwc and memory (cgroup v1).
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/")


def cpu_name() -> str:
    """Return the name of the CPU as its maker writes it, or the architecture if the system does not say."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cpu_flags() -> frozenset[str]:
    """Return the CPU's instruction sets by their Linux names; empty if the system does not say."""
    return frozenset(_cpuinfo("flags").split())


def usable_cores(root: Path = _ROOT) -> int:
    """Return how many cores this process can keep busy, at least 1.

    That is the number of cores it may run on, or the CPU quota of its control groups where that is lower. A part of a core
    counts as one: a quota of 1.5 cores keeps two threads busy three quarters of the time.

    Args:
        root: where the file system begins; another one only in tests.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [math.ceil(quota) for group in _groups(root, "cpu") if (quota := _cpu_quota(group)) is not None]
    return max(1, min([cores, *quotas]))


def memory_bytes(root: Path = _ROOT) -> int:
    """Return how much memory this process may use, in bytes: the machine's, or the limit of its control groups if lower.

    Args:
        root: where the file system begins; another one only in tests.
    """
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    limits = [limit for group in _groups(root, "memory") for name in names if (limit := _number(group / name)) is not None]
    return min([installed, *(limit for limit in limits if limit > 0)])


def _cpu_quota(group: Path) -> float | None:
    """Return the CPU time that a control group may take, in cores; None if it is not limited."""
    quota, period = _numbers(group / "cpu.max", 2)  # version 2
    if quota is None:
        quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")  # version 1; -1: no limit
    return quota / period if quota is not None and period and quota > 0 else None


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control groups, from its own up to the highest that can be seen.

    Args:
        root: where the file system begins.
        controller: "cpu" or "memory". A version 1 hierarchy has the controllers that it names; the version 2 one may have any.
    """
    own_paths = dict(_own_paths(root, controller))
    for line in _lines(root / "proc/self/mountinfo"):
        mount, _, kind = line.partition(" - ")
        file_system, *_, options = kind.split(" ")
        if file_system not in ("cgroup", "cgroup2") or (file_system == "cgroup" and controller not in options.split(",")):
            continue
        mount_root, mount_point = (_unescaped(word) for word in mount.split(" ")[3:5])
        if file_system in own_paths:
            yield from _upwards(root / mount_point.lstrip("/"), mount_root, own_paths[file_system])


def _own_paths(root: Path, controller: str) -> Iterator[tuple[str, str]]:
    """Yield the file system type of each hierarchy that may have the controller, and this process's place in it."""
    for line in _lines(root / "proc/self/cgroup"):
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            yield "cgroup2", path
        elif controller in controllers.split(","):
            yield "cgroup", path


def _upwards(mount_point: Path, mount_root: str, own_path: str) -> Iterator[Path]:
    """Yield a group's folder and all above it. In a container the mount may begin at the container's group, not at the top."""
    inside = os.path.relpath(own_path, mount_root)
    group = mount_point if inside.startswith("..") else mount_point / inside
    while group != mount_point:
        yield group
        group = group.parent
    yield mount_point


def _number(file: Path) -> int | None:
    """Return the number in a file; None if there is no such file, or it says "max"."""
    return _numbers(file, 1)[0]


def _numbers(file: Path, count: int) -> list[int | None]:
    words = (_text(file).split() + [""] * count)[:count]
    return [int(word) if word.lstrip("-").isdecimal() else None for word in words]


def _unescaped(word: str) -> str:
    r"""Return a path of mountinfo, in which `\040` stands for a space (proc(5))."""
    return word.encode("latin-1", "backslashreplace").decode("unicode_escape") if "\\" in word else word


def _cpuinfo(key: str) -> str:
    values = (
        line.partition(":")[2].strip() for line in _lines(_ROOT / "proc/cpuinfo") if line.partition(":")[0].strip() == key
    )
    return next(values, "")


def _lines(file: Path) -> list[str]:
    return _text(file).splitlines()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
