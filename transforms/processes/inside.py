"""The child's side of a process that works on scenes (see `pool`). It does not load Beam."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from dpdeblur.transforms.records import JobError, Outcome
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.scene_work import SceneWork, Task
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.journal import Journal


@dataclass(frozen=True)
class Assignment:
    """Task and settings of such a process.

    Attributes:
        task: what to do with a scene.
        journal: folder of the journal; empty: none is kept.
        workers: scenes that are computed at once.
        timeout_s: what a scene may take, in seconds.
        store_options: Beam's options of object stores, by name.
    """

    task: Task
    journal: str
    workers: int
    timeout_s: float
    store_options: dict[str, Any]


@dataclass(frozen=True)
class Stop:
    """Asks such a process to begin no further scene."""

    reason: str


def main(descriptor: int) -> None:
    """Work on the scenes that come through a pipe; end when its other end is closed, or the process that holds it ends.

    An `Assignment` comes first; then pairs of a number and a scene, which are answered by the number and the outcome, or the
    error that ends the run.

    Args:
        descriptor: of the pipe.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # whoever started this process is told too, and ends it in good order
    pipe, control = Connection(descriptor), RunControl()
    control.replaceable = True
    answer = partial(_answer, pipe, threading.Lock())
    try:
        given: Assignment = pickle.loads(pipe.recv_bytes())
        if given.store_options:
            store.configure_by_name(given.store_options)
        work = SceneWork(given.task, Journal(given.journal) if given.journal else None, given.workers, control, given.timeout_s)
        while True:
            asked = pipe.recv()
            if isinstance(asked, Stop):
                control.stop(asked.reason)
            else:
                number, scene = asked
                work.submit(scene).add_done_callback(partial(_answer_with, answer, number))
    except EOFError:
        os._exit(0)
    except Exception as error:  # the model cannot be opened here, for example
        answer(None, error)


def _answer_with(answer: Any, number: int, done: Future[Outcome | None]) -> None:
    answer(number, done.exception() or done.result())


def _answer(pipe: Connection, lock: threading.Lock, number: int | None, result: Outcome | BaseException | None) -> None:
    if isinstance(result, BaseException) and not isinstance(result, JobError):
        result = JobError(f"{type(result).__name__}: {result}")  # not every error can be pickled
    with lock:
        pipe.send((number, result))
