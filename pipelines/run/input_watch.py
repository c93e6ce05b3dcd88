"""Stopping a run whose input cannot be read at present, instead of failing all of its scenes."""

from __future__ import annotations

import threading

from dpdeblur.transforms.records import Failure
from dpdeblur.transforms.run_control import Finished, RunControl
from dpdeblur.transforms.storage.patient_read import InputUnreachableError

IN_A_ROW = 3  # scenes that are unreachable, with none in between that is not


def is_unreachable(finished: Finished) -> bool:
    """Return whether an outcome says that the files of a scene could not be reached, which may pass."""
    return isinstance(finished, Failure) and finished.error_type == InputUnreachableError.__name__


class InputWatch:
    """Stops a run once several scenes in a row could not be reached.

    Args:
        control: of the run.
    """

    def __init__(self, control: RunControl) -> None:
        self._control = control
        self._in_a_row = 0
        self._lock = threading.Lock()

    def add(self, finished: Finished) -> None:
        """Take note of one more outcome."""
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if is_unreachable(finished) else 0
            if self._in_a_row >= IN_A_ROW and isinstance(finished, Failure):
                self._control.stop(f"the input cannot be read: {finished.uri}: {finished.message}")
