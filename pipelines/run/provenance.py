"""The facts that make a result repeatable: command, versions, model, machine."""

from __future__ import annotations

import hashlib
import json
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dpdeblur.models.machine import cpu_name, memory_bytes, usable_cores

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
    """Return the computer that runs the job: its CPU, the cores and the memory that the job may use, its system."""
    return {
        "host": platform.node(),
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "memory_gib": round(memory_bytes() / 2**30, 1),
        "system": platform.platform(),
    }


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
    """Return the time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
