"""A small parent process that outlives a crash, so that a scene that ends the process fails alone.

Native code (a decoder, a network) can end a process in ways that no `except` sees: a segmentation fault, an abort, the
system's lack of memory. A command therefore works in a child of a process that has loaded next to nothing. When a crash ends
the child, another takes its place and is told so: the scenes that were in progress are then tried one at a time, and the one
that ends the process again becomes a failure (`dpdeblur.pipelines.run.crash_recovery`).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import dataclass
from types import FrameType

from dpdeblur.pipelines.console import complain
from dpdeblur.pipelines.engine import signals
from dpdeblur.pipelines.exitcodes import FAILED
from dpdeblur.transforms.run_control import REPLACE_PROCESS

CRASHES = tuple(getattr(signal, f"SIG{name}") for name in ("SEGV", "BUS", "ABRT", "FPE", "ILL", "KILL"))
MOST_CRASHES = 20  # in one command: with every further one, a crash is less likely to be the matter of a few scenes


@dataclass(frozen=True)
class Crash:
    """How a child ended.

    Attributes:
        signal: name of the signal that ended it; empty if it ended itself, as a scene took too long.
        process: id that it had.
    """

    signal: str
    process: int


_crash: Crash | None = None
_supervised = threading.Event()


def crash() -> Crash | None:
    """Return how the process that this one replaces ended; None in the first process."""
    return _crash


def is_supervised() -> bool:
    """Return whether this process has a parent that starts another in its place."""
    return _supervised.is_set()


def continue_in_child() -> int | None:
    """Fork, again after each crash; return None in the child, and in the parent the exit code of the last child.

    Signals are passed on to the child. Should the parent be killed, the child ends at once.
    """
    global _crash
    child, received = 0, 0

    def pass_on(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = number
        if child:
            os.kill(child, number)

    for number in signals.SIGNALS:
        signal.signal(number, pass_on)
    crashes = 0
    while crashes < MOST_CRASHES:
        line, life = os.pipe()
        child = os.fork()
        if not child:
            _begin(line, life)
            return None
        os.close(line)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(life)
        if code >= 0 and (code != REPLACE_PROCESS or received):
            return 128 + received if code == REPLACE_PROCESS else code
        if code < 0 and (received or -code not in CRASHES):
            return 128 + (received or -code)
        crashes += code < 0
        _crash, child = Crash(signal.Signals(-code).name if code < 0 else "", child), 0
        if sys.stdout.isatty():
            os.write(1, b"\x1b[?25h\n")  # a progress bar hides the cursor
    complain(f"The process crashed {MOST_CRASHES} times, last by {_crash and _crash.signal}. {signals.RESUME}")
    return FAILED


def _begin(line: int, life: int) -> None:
    """Prepare a new child: signals, and a thread that ends it when its parent ends."""
    _supervised.set()
    signals.own_process()
    os.close(life)

    def end_with_parent() -> None:
        os.read(line, 1)
        os._exit(FAILED)

    threading.Thread(target=end_with_parent, name="parent", daemon=True).start()
