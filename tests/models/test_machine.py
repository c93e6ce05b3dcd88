"""Limits of control groups, on trees of files as container engines, Slurm and systemd make them, and on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dpdeblur.models.machine import cpu_flags, cpu_name, memory_bytes, usable_cores

GIB = 2**30
V2_MOUNT = "30 23 0:26 {root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1_CPU = "33 31 0:30 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "35 31 0:32 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"


def machine(root: Path, cgroup: list[str], mounts: list[str], files: dict[str, str]) -> Path:
    """Write what /proc and /sys say of one process."""
    texts = {"proc/self/cgroup": "\n".join(cgroup), "proc/self/mountinfo": "\n".join(mounts)}
    for name, text in {**texts, **{f"sys/fs/cgroup/{name}": text for name, text in files.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


def set_cores(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(count)), raising=False)


def test_version_2_in_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_cores(monkeypatch, 64)
    files = {"cpu.max": "250000 100000", "memory.max": str(GIB), "memory.high": "max"}
    root = machine(tmp_path, ["0::/"], [V2_MOUNT.format(root="/")], files)
    assert usable_cores(root) == 3
    assert memory_bytes(root) == GIB


def test_version_2_under_systemd_where_a_slice_above_has_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_cores(monkeypatch, 64)
    own = "user.slice/user-1000.slice/session-2.scope"
    files = {
        f"{own}/cpu.max": "max 100000",
        f"{own}/memory.max": "max",
        "user.slice/user-1000.slice/cpu.max": "400000 100000",
        "user.slice/user-1000.slice/memory.max": str(2 * GIB),
        "user.slice/cpu.max": "800000 100000",
        "user.slice/memory.high": str(GIB),
        "other.slice/cpu.max": "1000 100000",
        "other.slice/memory.max": "4096",
    }
    root = machine(tmp_path, [f"0::/{own}"], [V2_MOUNT.format(root="/")], files)
    assert usable_cores(root) == 4
    assert memory_bytes(root) == GIB


def test_version_1_under_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_cores(monkeypatch, 64)
    own = "slurm/uid_1000/job_7/step_0/task_0"
    files = {
        f"memory/{own}/memory.limit_in_bytes": "9223372036854771712",
        "memory/slurm/uid_1000/job_7/memory.limit_in_bytes": str(GIB),
        f"cpu,cpuacct/{own}/cpu.cfs_quota_us": "-1",
        f"cpu,cpuacct/{own}/cpu.cfs_period_us": "100000",
        "cpu,cpuacct/slurm/cpu.cfs_quota_us": "600000",
        "cpu,cpuacct/slurm/cpu.cfs_period_us": "100000",
    }
    cgroup = [f"4:memory:/{own}", f"3:cpu,cpuacct:/{own}", "2:cpuset:/", "1:name=systemd:/", "0::/"]
    root = machine(tmp_path, cgroup, [V1_CPU.format(root="/"), V1_MEMORY.format(root="/")], files)
    assert usable_cores(root) == 6
    assert memory_bytes(root) == GIB


def test_version_1_in_a_container_that_sees_the_names_of_its_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_cores(monkeypatch, 64)
    files = {
        "memory/memory.limit_in_bytes": str(GIB),
        "cpu,cpuacct/cpu.cfs_quota_us": "50000",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
    }
    cgroup = ["4:memory:/docker/abc", "3:cpu,cpuacct:/docker/abc"]
    mounts = [V1_CPU.format(root="/docker/abc"), V1_MEMORY.format(root="/docker/abc")]
    root = machine(tmp_path, cgroup, mounts, files)
    assert usable_cores(root) == 1
    assert memory_bytes(root) == GIB


def test_a_group_outside_what_is_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_cores(monkeypatch, 64)
    root = machine(tmp_path, ["0::/../../other"], [V2_MOUNT.format(root="/here")], {"cpu.max": "100000 100000"})
    assert usable_cores(root) == 1


@pytest.mark.parametrize("text", ["", "max", "max 100000", "0 100000", "many 7", "100000 0"])
def test_without_limits_the_machine_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    set_cores(monkeypatch, 5)
    root = machine(tmp_path, ["0::/a"], [V2_MOUNT.format(root="/")], {"a/cpu.max": text, "a/memory.max": "max"})
    assert usable_cores(root) == 5
    assert memory_bytes(root) == memory_bytes(tmp_path / "empty")


def test_a_quota_above_the_cores_adds_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_cores(monkeypatch, 2)
    root = machine(tmp_path, ["0::/"], [V2_MOUNT.format(root="/")], {"cpu.max": "900000 100000"})
    assert usable_cores(root) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
def test_a_real_quota_and_a_real_memory_limit(tmp_path: Path) -> None:
    """A process in control groups made for it, of whichever version this machine lets us make."""
    groups = _new_groups(f"dpdeblur-test-{os.getpid()}")
    if not groups:
        pytest.skip("no control group can be made here: that takes root, and a file system of cgroups")
    try:
        enter = "".join(f"echo $$ > {group}/cgroup.procs && " for group in groups)
        code = "from dpdeblur.models.machine import *; print(usable_cores(), memory_bytes())"
        done = subprocess.run(
            ["/bin/sh", "-c", f"{enter} exec {sys.executable} -c '{code}'"], capture_output=True, text=True, check=True
        )
    finally:
        for group in groups:
            group.rmdir()
    assert done.stdout.split() == ["1", str(GIB)]


def _new_groups(name: str) -> list[Path]:
    """Make groups limited to half a core and 1 GiB; none where that is not allowed."""
    top = Path("/sys/fs/cgroup")
    if (top / "cgroup.controllers").exists():
        limits = {top / name: {"cpu.max": "50000 100000", "memory.max": str(GIB)}}
    else:
        limits = {
            top / "cpu" / name: {"cpu.cfs_quota_us": "50000"},
            top / "memory" / name: {"memory.limit_in_bytes": str(GIB)},
        }
    made: list[Path] = []
    try:
        for group, files in limits.items():
            group.mkdir()
            made.append(group)
            for file, text in files.items():
                (group / file).write_text(text)
    except OSError:
        for group in made:
            group.rmdir()
        return []
    return made


def test_the_machine_describes_itself() -> None:
    assert cpu_name()
    assert usable_cores() >= 1
    assert memory_bytes() > 1 << 28
    assert isinstance(cpu_flags(), frozenset)
