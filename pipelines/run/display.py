"""Progress while a run is in progress: a live line on a terminal, plain lines at intervals elsewhere, JSON for programs."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from dpdeblur.pipelines.console import complain
from dpdeblur.transforms.records import Failure, Score
from dpdeblur.transforms.run_control import Finished, RunControl
from dpdeblur.transforms.wording import counted

How = Literal["auto", "json"]
PLAIN_INTERVAL_S, JSON_INTERVAL_S = 10.0, 1.0
SETTLED = 5  # scenes before a remaining time is worth saying


class Tally:
    """Counts what has been finished so far.

    Args:
        todo: how many there are to do; None if more may come at any time.
        unit: what they are: scenes, or shards.

    Attributes:
        waiting: what else there is to say, about scenes that cannot be done yet.
    """

    def __init__(self, todo: int | None, unit: str = "scene") -> None:
        self.todo, self.unit, self.done, self.failed = todo, unit, 0, 0
        self.waiting = ""
        self.megapixels, self.gain_db, self.scored = 0.0, 0.0, 0
        self.started = time.monotonic()

    def begin(self, todo: int) -> None:
        """Set how many there are to do, if that becomes known during the run."""
        self.todo = todo

    def add(self, finished: Finished) -> None:
        """Count one more."""
        self.done += 1
        self.failed += isinstance(finished, Failure)
        if isinstance(finished, Score):
            self.megapixels += finished.megapixels
            gain = finished.gain_db
            if gain is not None and math.isfinite(gain):
                self.gain_db, self.scored = self.gain_db + gain, self.scored + 1

    @property
    def elapsed_s(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.started

    def remaining_s(self) -> float | None:
        """Return the seconds still needed at the mean pace so far; None until a few are done."""
        if self.todo is None or self.done < min(SETTLED, self.todo):
            return None
        return self.elapsed_s / self.done * (self.todo - self.done) if self.done else None

    def count(self) -> str:
        """Return `3 of 20 scenes`, or `3 scenes` if the total is unknown."""
        return counted(self.done, self.unit) if self.todo is None else f"{self.done} of {counted(self.todo, self.unit)}"

    def kept(self) -> str:
        """Return what an interrupted run has finished: `3 scenes`, or `3 scenes, and 2 failures`."""
        failures = f", and {counted(self.failed, 'failure')}" if self.failed else ""
        return counted(self.done - self.failed, self.unit) + failures

    def facts(self) -> dict[str, Any]:
        """Return all that is counted, for programs; `docs/how-to/automation.md` says what the fields mean."""
        elapsed_s, remaining_s = self.elapsed_s, self.remaining_s()
        return {
            "unit": self.unit,
            "done": self.done,
            "failed": self.failed,
            "todo": self.todo,
            "elapsed_s": round(elapsed_s, 3),
            "remaining_s": None if remaining_s is None else round(remaining_s, 3),
            "per_s": round(self.done / elapsed_s, 4) if elapsed_s else None,
            "megapixels_per_s": round(self.megapixels / elapsed_s, 4) if elapsed_s else None,
            "mean_gain_db": round(self.gain_db / self.scored, 4) if self.scored else None,
            "waiting": self.waiting,
        }

    def describe(self) -> str:
        """Return pace, gain and time left, in one line."""
        elapsed_s = self.elapsed_s or math.inf
        parts = [f"{self.done / elapsed_s:.2f} {self.unit}s/s"]
        if self.megapixels:
            parts.append(f"{self.megapixels / elapsed_s:.2f} MP/s")
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
    """Return a time in words.

    >>> duration(42), duration(185), duration(7800)
    ('42 s', '3 min 05 s', '2 h 10 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


@contextmanager
def shown(tally: Tally, control: RunControl, console: Console, how: How = "auto") -> Iterator[None]:
    """Count and show what a run finishes while the block runs."""
    lock = threading.Lock()

    def add(finished: Finished) -> None:
        with lock:
            tally.add(finished)

    with control.listening(add), _drawn(tally, console, how):
        yield


def _drawn(tally: Tally, console: Console, how: How) -> AbstractContextManager[None]:
    if how == "json":
        return _json(tally)
    if console.quiet:
        return nullcontext()
    return _live(tally, console) if console.is_terminal else _plain(tally, console)


@contextmanager
def _json(tally: Tally) -> Iterator[None]:
    def line(event: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        complain(json.dumps({"event": event, "time": now, **tally.facts()}, allow_nan=False))

    line("start")
    try:
        with every(JSON_INTERVAL_S, lambda: line("progress")):
            yield
    finally:
        line("end")


@contextmanager
def _live(tally: Tally, console: Console) -> Iterator[None]:
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=tally.todo)
        with every(0.2, lambda: bar.update(task, completed=tally.done, total=tally.todo, description=tally.describe())):
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
