"""Batch deblurring of dual-pixel photographs on CPUs.

    import dpdeblur

    run = dpdeblur.deblur(input="scenes", output="runs/first")
    print(run.summary["quality"]["psnr_db"], run.metrics.num_rows)

What stands here is the public face; each name is loaded when it is first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dpdeblur.models.errors import ModelError as ModelError
    from dpdeblur.models.runtime.session import open_model as open_model
    from dpdeblur.pipelines.api import deblur as deblur
    from dpdeblur.pipelines.api import pack as pack
    from dpdeblur.pipelines.api import score as score
    from dpdeblur.pipelines.api import synthesize as synthesize
    from dpdeblur.pipelines.api import watch as watch
    from dpdeblur.transforms.finding.find_scenes import FindScenes as FindScenes
    from dpdeblur.transforms.foreach import ForEachScene as ForEachScene
    from dpdeblur.transforms.layouts import find_scenes as find_scenes
    from dpdeblur.transforms.records import Failure as Failure
    from dpdeblur.transforms.records import JobError as JobError
    from dpdeblur.transforms.records import Scene as Scene
    from dpdeblur.transforms.records import SceneError as SceneError
    from dpdeblur.transforms.records import Score as Score
    from dpdeblur.transforms.records import Source as Source
    from dpdeblur.transforms.records import UsageError as UsageError
    from dpdeblur.transforms.rescore import Scoring as Scoring
    from dpdeblur.transforms.restore import Restoration as Restoration
    from dpdeblur.transforms.run_control import RunControl as RunControl
    from dpdeblur.transforms.tables.latency import LatencyStatistics as LatencyStatistics
    from dpdeblur.transforms.tables.results import Run as Run
    from dpdeblur.transforms.tables.results import read_run as read_run
    from dpdeblur.transforms.tables.write import WriteTable as WriteTable

# ONNX Runtime 1.32 looks up a telemetry host and keeps a device id in the home folder, unless this is set before it is first
# imported. Every process of ours comes by here first, workers of clusters too.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "models.errors": ("ModelError",),
    "models.runtime.session": ("open_model",),
    "pipelines.api": ("deblur", "pack", "score", "synthesize", "watch"),
    "transforms.finding.find_scenes": ("FindScenes",),
    "transforms.foreach": ("ForEachScene",),
    "transforms.layouts": ("find_scenes",),
    "transforms.records": ("Failure", "JobError", "Scene", "SceneError", "Score", "Source", "UsageError"),
    "transforms.rescore": ("Scoring",),
    "transforms.restore": ("Restoration",),
    "transforms.run_control": ("RunControl",),
    "transforms.tables.latency": ("LatencyStatistics",),
    "transforms.tables.results": ("Run", "read_run"),
    "transforms.tables.write": ("WriteTable",),
}
_loading = threading.RLock()  # loggers belong to the process: two threads must not quieten them one across the other
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605 - a list, made of the one above


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - slow to load, and seldom asked for

        return version("dpdeblur")
    if name not in _HOME:
        raise AttributeError(f"module 'dpdeblur' has no attribute {name!r}")
    home = f"dpdeblur.{_HOME[name]}"
    with _loading:
        if home not in sys.modules:
            with _beam_kept_quiet():
                importlib.import_module(home)
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


@contextmanager
def _beam_kept_quiet() -> Iterator[None]:
    """Keep what Beam logs while it loads (of clouds that nobody asked for) off the caller's terminal, and no handler behind."""
    import logging  # noqa: PLC0415 - `import dpdeblur` needs none of it

    root, handler = logging.getLogger(), logging.NullHandler()
    level = root.level
    root.addHandler(handler)  # without any, the first record would set up one that stays
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
