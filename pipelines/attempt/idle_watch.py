"""Stop a watch that has nothing left to do."""

from __future__ import annotations

import time

from dpdeblur.pipelines.run import display
from dpdeblur.transforms.arriving.arrivals import Waiting
from dpdeblur.transforms.arriving.lookout import read_waiting
from dpdeblur.transforms.run_control import RunControl


class IdleWatch:
    """Shows in the progress line which scenes wait, and stops the run when nothing new has arrived for a while.

    Args:
        folder: of the run, a local path or a URI.
        tally: of what is finished.
        patience_s: after how many idle seconds to stop the run; None: never.
        control: of the run.
    """

    def __init__(self, folder: str, tally: display.Tally, patience_s: float | None, control: RunControl) -> None:
        self._folder, self._tally, self._patience_s, self._control = folder, tally, patience_s, control
        self._state: tuple[int, Waiting | None] = (0, None)
        self._since = time.monotonic()

    def look(self) -> None:
        """Check once."""
        waiting = read_waiting(self._folder)
        self._tally.waiting = _what_waits(waiting)
        if (state := (self._tally.done, waiting)) != self._state:
            self._state, self._since = state, time.monotonic()
        busy = waiting is None or waiting.under_way or waiting.queued or waiting.unsettled
        if self._patience_s and not busy and time.monotonic() - self._since > self._patience_s:
            self._control.stop(f"nothing new has arrived for {display.duration(self._patience_s)}")


def _what_waits(waiting: Waiting | None) -> str:
    if waiting is None:
        return "the engine starts"
    parts = [f"{waiting.queued} queued"] if waiting.queued else []
    parts += [f"{waiting.unsettled} still changing"] if waiting.unsettled else []
    parts += [f"{len(waiting.incomplete)} incomplete"] if waiting.incomplete else []
    return " · ".join([*parts, *([waiting.problem] if waiting.problem else [])])
