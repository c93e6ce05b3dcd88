"""A job on an engine of its own, followed from here: its progress, its end, and the wish to stop it.

Workers elsewhere cannot call back. What they have finished is in the journal, which is read as it grows.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult

from dpdeblur.pipelines.engine import flink, runners
from dpdeblur.pipelines.run import stopping
from dpdeblur.transforms import progress
from dpdeblur.transforms.records import JobError, Outcome
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal

LOOK_S = 1.0  # between two looks at the engine
CANCEL_S = 60.0  # what an engine is given to take note that a job is cancelled


def grace_s(runner: str) -> float:
    """How long a job may take to end after a signal, in seconds."""
    return stopping.GRACE_S if runners.is_local(runner) else CANCEL_S


def run(pipeline: beam.Pipeline, runner: str, journal_folder: str) -> None:
    """Run a pipeline to its end, wherever it runs. Once `progress.stopping()`, the job is cancelled.

    Args:
        pipeline: to run.
        runner: name of its engine.
        journal_folder: where its workers note what they have finished.

    Raises:
        JobError: the engine says anything but that the job is done.
        Exception: whatever the engine raises.
    """
    with stopping.handlers_kept():
        result = pipeline.run()
    if runners.is_local(runner):
        result.wait_until_finish()
    else:
        try:
            # Workers in this process print every error that they log, and a cancelled job makes some.
            with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
                _follow(result, runner, pipeline.options, journal_folder)
        finally:
            runners.quieten()
    if not progress.stopping() and str(result.state) != "DONE":
        raise JobError(f"the engine ended the job as {result.state}")


def _follow(result: PipelineResult, runner: str, options: PipelineOptions, journal_folder: str) -> None:
    known: set[str] = set()  # a scene may be finished twice; and what runs in this process tells of it by itself
    news = _nothing if runners.is_here(runner) else journal.Follower(journal_folder).new
    pause = store.look_interval_s(journal_folder)
    next_look = time.monotonic() + pause
    end = _InBackground(result.wait_until_finish)
    with progress.listening(lambda outcome: known.add(outcome.scene_id)):
        while not end.reached(LOOK_S):
            if progress.stopping():
                result.cancel()
                if runner == flink.RUNNER:
                    flink.cancel(options, CANCEL_S / 2)
                end.reached(CANCEL_S / 4)
                _publish(news(), known)
                return
            if time.monotonic() >= next_look:
                _publish(news(), known)
                next_look = time.monotonic() + pause
        _publish(news(), known)
    end.result()


def _nothing() -> list[Outcome]:
    return []


def _publish(outcomes: list[Outcome], known: set[str]) -> None:
    for outcome in outcomes:
        if outcome.scene_id not in known:
            progress.publish(outcome)


class _InBackground:
    """A call in a thread of its own, so that this one can look after other things."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._call()
        except Exception as error:
            self._error = error

    def reached(self, seconds: float) -> bool:
        """Whether the call has ended, waiting for that so long."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> None:
        """Raise what the call raised, if anything."""
        if self._error:
            raise self._error
