"""Stopping a run in which too many scenes fail."""

from __future__ import annotations

import math
import threading

from dpdeblur.pipelines.options.values import Share
from dpdeblur.transforms.records import Failure
from dpdeblur.transforms.run_control import Finished, RunControl
from dpdeblur.transforms.wording import counted


class FailureLimit:
    """Stops a run once more of its scenes have failed than are allowed.

    Args:
        control: of the run.
        limit: how many may fail; None for no limit.
        scenes: how many the run has.
        failed: how many are known to have failed already.
    """

    def __init__(self, control: RunControl, limit: Share | None, scenes: int, failed: int = 0) -> None:
        self._control = control
        self._allowed = math.inf if limit is None else limit.of(scenes)
        self._failed = failed
        self._lock = threading.Lock()
        self._check()

    def add(self, finished: Finished) -> None:
        """Take note of one more outcome."""
        if isinstance(finished, Failure):
            with self._lock:
                self._failed += 1
                self._check()

    def _check(self) -> None:
        if self._failed > self._allowed:
            self._control.stop(f"{counted(self._failed, 'scene')} failed, more than --max-failures allows")
