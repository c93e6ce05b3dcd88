"""What was run, with what, on what: the facts that make a result repeatable."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dpdeblur.pipelines.options.groups import cores

_PACKAGES = (
    "dpdeblur",
    "apache-beam",
    "imagecodecs",
    "numba",
    "numpy",
    "onnxruntime",
    "openvino",
    "pillow",
    "pyarrow",
    "scikit-image",
)


def machine() -> dict[str, Any]:
    """The computer that ran the job: processor, cores, memory, system."""
    return {
        "host": platform.node(),
        "cpu": cpu_name(),
        "cores": cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
    }


def cpu_name() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result can depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def digest(settings: dict[str, Any]) -> str:
    """One value for all settings that change a result."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
