"""SIGINT and SIGTERM: a run ends in order, and any command ends soon, whatever native code is doing."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from dpdeblur.transforms.run_control import RunControl

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_S = 4.0  # for the scenes in progress; after that they are dropped, to be done again
RESUME = "Finished scenes are kept; the same command resumes the run."


class Stopped(KeyboardInterrupt):
    """The command was stopped by a signal.

    Attributes:
        exit_code: 128 plus the number of the signal, as shells have it.
    """

    def __init__(self, number: int, message: str = "") -> None:
        super().__init__(message or f"Stopped by {signal.Signals(number).name}.")
        self.exit_code = 128 + number


@dataclass
class _LastResort:
    """When this process is ended after a signal if it has not ended by itself, and the message it then prints.

    From `ending` on it ends because of a signal, and further ones change nothing.
    """

    grace_s: float = GRACE_S
    advice: str = ""
    ending: bool = False


_last_resort = _LastResort()


def own_process() -> None:
    """Make SIGINT and SIGTERM end this process, which must be a command's own: by `Stopped`, or by force after a while.

    Python runs signal handlers in the main thread, between two steps of its own; while that thread is in native code they
    wait. The number of a signal arrives at the wakeup descriptor all the same, where a thread waits for it.
    """
    receiving, sending = os.pipe()
    os.set_blocking(sending, False)
    signal.set_wakeup_fd(sending, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, _raise)
    threading.Thread(target=_end_by_force, args=(receiving,), name="signals", daemon=True).start()


@contextmanager
def stop_on_signals(control: RunControl, grace_s: float, advice: str) -> Iterator[None]:
    """While the block runs, SIGINT and SIGTERM stop the run: scenes in progress may finish, no further ones are started.

    Args:
        control: of the run. Its `signal` says which came.
        grace_s: how long they may take, in seconds, where this process is a command's own.
        advice: what to tell the user where they do not finish in time, and the process is ended.
    """
    if threading.current_thread() is not threading.main_thread():  # called from somebody's program: signals are theirs
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        control.signal = control.signal or number  # Ctrl-C reaches this process and its parent, which passes it on
        control.stop(f"received {signal.Signals(number).name}")
        _last_resort.ending = True

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    usual = (_last_resort.grace_s, _last_resort.advice)
    _last_resort.grace_s, _last_resort.advice = grace_s, advice
    try:
        yield
    finally:
        _last_resort.grace_s, _last_resort.advice = usual
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Restore the signal handlers after the block.

    Beam's job servers set their own: on SIGINT a job server would end, and could no longer be told to cancel the job.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    if not _last_resort.ending:  # or it would come in the middle of what is said about the first
        _last_resort.ending = True
        raise Stopped(number)


def _end_by_force(receiving: int) -> None:
    while (number := os.read(receiving, 1)[0]) not in SIGNALS:
        pass
    time.sleep(_last_resort.grace_s)
    cursor = "\x1b[?25h\n" if sys.stderr.isatty() else ""  # a progress bar hides it
    message = f"{cursor}Stopped by {signal.Signals(number).name}. {_last_resort.advice}".rstrip() + "\n"
    os.write(2, message.encode(errors="backslashreplace"))  # print would wait for whoever prints now
    os._exit(128 + number)
