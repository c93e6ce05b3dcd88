"""Stopping a run whose input cannot be read at present, instead of failing all of its scenes."""

from __future__ import annotations

from dpdeblur.transforms.records import JobError
from dpdeblur.transforms.run_control import Finished, RunControl
from dpdeblur.transforms.storage.patient_read import InputReach


class InputWatch:
    """Stops a run once several scenes in a row could not be reached.

    Args:
        control: of the run.
    """

    def __init__(self, control: RunControl) -> None:
        self._control, self._reach = control, InputReach()

    def add(self, finished: Finished) -> None:
        """Take note of one more outcome."""
        if reason := self._reach.add(finished):
            self._control.stop(reason, JobError(reason))
