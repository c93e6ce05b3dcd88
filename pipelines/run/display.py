"""Progress while a job runs: a live line on a terminal, plain lines at intervals elsewhere."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from dpdeblur.transforms import progress
from dpdeblur.transforms.records import Failure, Outcome
from dpdeblur.transforms.wording import counted

PLAIN_INTERVAL_S = 10.0
SETTLED = 5  # scenes before a remaining time is worth saying


class Tally:
    """What has been finished so far, in numbers that users recognise.

    Args:
        todo: scenes that this attempt has to do; None where more may come at any time.

    Attributes:
        waiting: what else there is to say, about scenes that cannot be done yet.
    """

    def __init__(self, todo: int | None) -> None:
        self.todo, self.done, self.failed = todo, 0, 0
        self.waiting = ""
        self.megapixels, self.gain_db, self.scored = 0.0, 0.0, 0
        self.started = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """Count one more outcome."""
        self.done += 1
        if isinstance(outcome, Failure):
            self.failed += 1
            return
        self.megapixels += outcome.megapixels
        gain = outcome.gain_db
        if gain is not None and math.isfinite(gain):
            self.gain_db, self.scored = self.gain_db + gain, self.scored + 1

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def remaining_s(self) -> float | None:
        """Seconds still needed at the mean pace so far; None until a few scenes are done."""
        if self.todo is None or self.done < min(SETTLED, self.todo):
            return None
        return self.elapsed_s / self.done * (self.todo - self.done) if self.done else None

    def count(self) -> str:
        """`3 of 20 scenes`, or `3 scenes` where nobody knows of how many."""
        return counted(self.done, "scene") if self.todo is None else f"{self.done} of {counted(self.todo, 'scene')}"

    def describe(self) -> str:
        """Pace, gain and time left, in one line."""
        pace = self.elapsed_s or math.inf
        parts = [f"{self.done / pace:.2f} scenes/s", f"{self.megapixels / pace:.2f} MP/s"]
        if self.failed:
            parts.insert(0, f"{self.failed} failed")
        if self.scored:
            parts.append(f"PSNR {self.gain_db / self.scored:+.2f} dB")
        remaining = self.remaining_s()
        if remaining:
            parts.append(f"{duration(remaining)} left")
        if self.waiting:
            parts.append(self.waiting)
        return " · ".join(parts)


def duration(seconds: float) -> str:
    """`42 s`, `3 min 05 s` or `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


@contextmanager
def shown(tally: Tally, console: Console, *, quiet: bool) -> Iterator[None]:
    """Count and show what the restoring stage publishes while the block runs."""
    draw = _none if quiet else _live if console.is_terminal else _plain
    lock = threading.Lock()

    def add(outcome: Outcome) -> None:
        with lock:
            tally.add(outcome)

    with progress.listening(add), draw(tally, console):
        yield


@contextmanager
def _none(tally: Tally, console: Console) -> Iterator[None]:
    yield


@contextmanager
def _live(tally: Tally, console: Console) -> Iterator[None]:
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=tally.todo)
        with every(0.2, lambda: bar.update(task, completed=tally.done, description=tally.describe())):
            yield


@contextmanager
def _plain(tally: Tally, console: Console) -> Iterator[None]:
    def line() -> None:
        text = f"{tally.count()} · {tally.describe()}"
        console.print(text, soft_wrap=True)

    with every(PLAIN_INTERVAL_S, line):
        yield
    if tally.done:
        line()


@contextmanager
def every(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """Call `action` at intervals, from a thread of its own, while the block runs."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
