"""Stop a run in which too many scenes fail, or whose input cannot be read at present."""

from __future__ import annotations

import math
import threading

from dpdeblur.pipelines.options.values import Share
from dpdeblur.transforms.records import Failure, JobError
from dpdeblur.transforms.run_control import Finished, RunControl
from dpdeblur.transforms.storage.patient_read import InputReach
from dpdeblur.transforms.wording import counted


class FailureLimit:
    """Stops a run once more of its scenes have failed than are allowed.

    Args:
        control: of the run.
        limit: how many may fail; None for no limit.
    """

    def __init__(self, control: RunControl, limit: Share | None) -> None:
        self._control, self._limit = control, limit
        self._allowed, self._failed = math.inf, 0
        self._lock = threading.Lock()

    def begin(self, scenes: int, failed: int) -> None:
        """Set how many scenes there are, and how many have failed already; until then the limit is not checked."""
        with self._lock:
            self._failed += failed
            self._allowed = math.inf if self._limit is None else self._limit.of(scenes)
            self._check()

    def add(self, finished: Finished) -> None:
        """Count one more outcome."""
        if isinstance(finished, Failure):
            with self._lock:
                self._failed += 1
                self._check()

    def _check(self) -> None:
        if self._failed > self._allowed:
            self._control.stop(f"{counted(self._failed, 'scene')} failed, more than --max-failures allows")


class InputWatch:
    """Stops a run once several scenes in a row could not be reached.

    Args:
        control: of the run.
    """

    def __init__(self, control: RunControl) -> None:
        self._control, self._reach = control, InputReach()

    def add(self, finished: Finished) -> None:
        """Count one more outcome."""
        if reason := self._reach.add(finished):
            self._control.stop(reason, JobError(reason))
