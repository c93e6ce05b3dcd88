"""Ending early in good order: on a signal, or when too many scenes fail."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from transforms import progress
from transforms.records import Failure, Outcome

GRACE_S = 4.0  # for the scenes under way; after that they are dropped, to be done again


@dataclass
class Received:
    """The signal received, if any."""

    signal: signal.Signals | None = None

    @property
    def exit_code(self) -> int | None:
        """128 plus the signal, as shells do."""
        return 128 + self.signal if self.signal else None


@contextmanager
def on_signals() -> Iterator[Received]:
    """While the block runs, SIGINT and SIGTERM let the scenes under way finish, for a few seconds, and take on no more."""
    received = Received()

    def handle(number: int, frame: FrameType | None) -> None:
        received.signal = signal.Signals(number)
        progress.stop(f"received {received.signal.name}")
        last_resort = threading.Timer(GRACE_S, _leave, [128 + number])
        last_resort.daemon = True
        last_resort.start()

    if threading.current_thread() is not threading.main_thread():  # called from somebody's program: signals are theirs
        yield received
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(exit_code: int) -> None:
    sys.stdout.flush()
    sys.stderr.write("Stopped while scenes were under way. Finished scenes are kept; the same command goes on from there.\n")
    sys.stderr.flush()
    os._exit(exit_code)


class FailureLimit:
    """Stops the job once more scenes have failed than were allowed.

    Args:
        limit: a number of scenes, or a share of them and True; None for no limit.
        scenes: scenes of this attempt.
    """

    def __init__(self, limit: tuple[float, bool] | None, scenes: int) -> None:
        self.allowed = None if limit is None else limit[0] * scenes if limit[1] else limit[0]
        self.failed = 0

    def add(self, outcome: Outcome) -> None:
        """Take note of one more outcome."""
        self.failed += isinstance(outcome, Failure)
        if self.allowed is not None and self.failed > self.allowed:
            progress.stop(f"{self.failed} scenes failed, more than --max-failures allows")
