"""Ending early in good order: on a signal, or when too many scenes fail."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from dpdeblur.pipelines.options.values import Share
from dpdeblur.transforms import progress
from dpdeblur.transforms.records import Failure, Outcome
from dpdeblur.transforms.wording import counted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_S = 4.0  # for the scenes under way; after that they are dropped, to be done again
KEPT = "Finished scenes are kept; the same command goes on from there."


_own_process = threading.Event()


def own_process() -> None:
    """Say that this process is a command's own: only such a one may be left in the middle of something."""
    _own_process.set()


class Stopped(KeyboardInterrupt):
    """SIGINT or SIGTERM, outside of a job."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Stopped by {signal.Signals(number).name}. {KEPT}")
        self.exit_code = 128 + number


def interrupt(number: int, frame: FrameType | None) -> None:
    """Handle a signal wherever nothing needs to be finished first.

    Raises:
        Stopped: always. Where native code does not let it through, the process is left after `GRACE_S`.
    """
    _last_resort(number)
    raise Stopped(number)


@dataclass
class Received:
    """The signal received, if any."""

    signal: signal.Signals | None = None

    @property
    def exit_code(self) -> int | None:
        """128 plus the signal, as shells do."""
        return 128 + self.signal if self.signal else None


@contextmanager
def on_signals(grace_s: float = GRACE_S, advice: str = KEPT) -> Iterator[Received]:
    """While the block runs, SIGINT and SIGTERM let the scenes under way finish, for a few seconds, and take on no more.

    Args:
        grace_s: how many seconds. A job on a cluster takes longer to be cancelled.
        advice: what to say to the user where they do not finish in time, and the process is left.
    """
    received = Received()
    timers: list[threading.Timer] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if received.signal is None:  # Ctrl-C reaches this process and its parent, which passes it on: one is enough
            received.signal = signal.Signals(number)
            progress.stop(f"received {received.signal.name}")
            timers.append(_last_resort(number, grace_s, advice))

    if threading.current_thread() is not threading.main_thread():  # called from somebody's program: signals are theirs
        yield received
        return
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for timer in timers:
            timer.cancel()


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Put the signal handlers back after the block, whoever has put others in their place meanwhile.

    A job server of Beam's does: on SIGINT it would end, and nobody could tell the engine any more that the job is cancelled.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def _last_resort(number: int, grace_s: float = GRACE_S, advice: str = KEPT) -> threading.Timer:
    timer = threading.Timer(grace_s, _leave, [128 + number, advice])
    timer.daemon = True
    if _own_process.is_set():
        timer.start()
    return timer


def _leave(exit_code: int, advice: str) -> None:
    cursor = "\x1b[?25h\n" if sys.stderr.isatty() else ""  # a progress bar hides it
    os.write(2, f"{cursor}Stopped while scenes were under way. {advice}\n".encode())  # print would wait for whoever prints now
    os._exit(exit_code)


class FailureLimit:
    """Stops the job once more scenes of the run have failed than were allowed.

    Args:
        limit: how many may fail; None for no limit.
        scenes: scenes of the run.
        failed: failures that are already known.
    """

    def __init__(self, limit: Share | None, scenes: int, failed: int = 0) -> None:
        self._allowed = math.inf if limit is None else limit.of(scenes)
        self._failed = failed
        self._lock = threading.Lock()
        self._check()

    def add(self, outcome: Outcome) -> None:
        """Take note of one more outcome."""
        if isinstance(outcome, Failure):
            with self._lock:
                self._failed += 1
                self._check()

    def _check(self) -> None:
        if self._failed > self._allowed:
            progress.stop(f"{counted(self._failed, 'scene')} failed, more than --max-failures allows")
