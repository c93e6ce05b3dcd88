"""Running a pipeline to its end on any engine, with progress, and cancelling the job on request.

Workers elsewhere cannot call back. The command sees what they have finished in the run's journal or among its files.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

import apache_beam as beam
from apache_beam.options.pipeline_options import PortableOptions
from apache_beam.runners.runner import PipelineResult

from dpdeblur.pipelines.engine import flink, runners, signals
from dpdeblur.pipelines.engine.local import PRISM, is_here, is_local
from dpdeblur.pipelines.engine.shared import Shared
from dpdeblur.transforms.records import JobError
from dpdeblur.transforms.run_control import Finished, RunControl
from dpdeblur.transforms.storage.listing import list_files

LOOK_S = 1.0  # between two looks at the engine
CANCEL_S = 60.0  # for an engine to cancel a job


class Follower(Protocol):
    """Finds out from outside what the workers of a run have finished."""

    def new(self) -> Sequence[Finished]:
        """Return what has been finished since the last call; at the first call, all that is there."""
        ...


class NewFiles:
    """Follows a run by the files or folders that it makes.

    Args:
        folder: where they appear, a local path or a URI.
        pattern: of their paths in the folder; for folders, of the file that is written last in each.
    """

    def __init__(self, folder: str, pattern: str) -> None:
        self._folder, self._pattern = folder, pattern
        self._seen: set[str] = set()

    def new(self) -> Sequence[Finished]:
        """Return the names of the files or folders that are new since the last call."""
        files = list_files(self._folder).files
        there = {file.path.split("/")[0] for file in files if fnmatchcase(file.path, self._pattern)}
        new = sorted(there - self._seen)
        self._seen |= there
        return new


@contextmanager
def _stderr_to_nowhere() -> Iterator[None]:
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        yield


_no_tracebacks = Shared(
    _stderr_to_nowhere
)  # Beam's workers inside this process print every error, and a cancelled job makes some


def grace_s(runner: str, local_s: float = signals.GRACE_S) -> float:
    """Return how long a run may take to end after a signal, in seconds.

    Args:
        runner: name of its engine.
        local_s: for the scenes in progress in this process.
    """
    return local_s if is_local(runner) else CANCEL_S


def execute(pipeline: beam.Pipeline, runner: str, control: RunControl, follower: Follower, interval_s: float) -> None:
    """Run a pipeline to its end. Once the run is stopping, cancel the job and return.

    Args:
        pipeline: to run.
        runner: name of its engine.
        control: of the run; hears of all that is finished.
        follower: sees what workers elsewhere have finished.
        interval_s: between two looks of it, in seconds.

    Raises:
        JobError: the job ended in any other state than done, or could not be cancelled.
        Exception: whatever the engine raises.
    """
    if is_local(runner):
        execute_here(pipeline, control)
        return
    if control.stopping:
        return
    follower.new()  # what earlier attempts have finished is not news
    with signals.handlers_kept():
        result = pipeline.run()
    _follow(result, pipeline, runner, control, follower, interval_s)
    _check_done(result, control)


def execute_here(pipeline: beam.Pipeline, control: RunControl) -> None:
    """Run a pipeline in this process, on the local engine, to its end.

    Args:
        pipeline: to run.
        control: of the run.

    Raises:
        JobError: the job ended in any other state than done.
        Exception: whatever the engine raises.
    """
    if control.stopping:
        return
    with signals.handlers_kept():
        result = pipeline.run()
    result.wait_until_finish()
    _check_done(result, control)


def _check_done(result: PipelineResult, control: RunControl) -> None:
    if not control.stopping and str(result.state) != "DONE":
        raise JobError(f"the engine ended the job as {result.state}")


def _follow(
    result: PipelineResult,
    pipeline: beam.Pipeline,
    runner: str,
    control: RunControl,
    follower: Follower,
    interval_s: float,
) -> None:
    known: set[Hashable] = set()  # what is finished may be told twice
    environment_type = pipeline.options.view_as(PortableOptions).environment_type
    elsewhere = not is_here(runner, environment_type)  # workers inside this process publish by themselves
    next_look = time.monotonic() + interval_s
    end = _InBackground(result.wait_until_finish)
    with _no_tracebacks.entered(), control.listening(lambda finished: known.add(_identity(finished))):
        while not end.reached(LOOK_S) and not control.stopping:
            if elsewhere and time.monotonic() >= next_look:
                _publish_new(follower, known, control)
                next_look = time.monotonic() + interval_s
        if control.stopping:
            _cancel(result, pipeline, runner)
            end.reached(CANCEL_S / 4)
        if elsewhere:
            _publish_new(follower, known, control)
    runners.quieten()
    if not control.stopping:
        end.raise_error()


def _cancel(result: PipelineResult, pipeline: beam.Pipeline, runner: str) -> None:
    try:
        result.cancel()
    except Exception as error:  # Ctrl-C in a terminal reaches the engines and job servers that Beam has started here, too
        if runner not in (PRISM, flink.RUNNER):
            raise JobError(f"the engine cannot be told to cancel the job, which may still be running there: {error}") from error
        logging.getLogger(__name__).info("Prism, or the job server, has ended before it could be told to cancel the job")
    if runner == flink.RUNNER:
        flink.cancel(pipeline.options, CANCEL_S / 2)


def _publish_new(follower: Follower, known: set[Hashable], control: RunControl) -> None:
    for finished in follower.new():
        if _identity(finished) not in known:
            control.publish(finished)


def _identity(finished: Finished) -> Hashable:
    """Return an identity by which repeated reports of one outcome are recognised; it changes with the scene's files."""
    return finished if isinstance(finished, str) else (finished.scene_id, finished.input_key)


class _InBackground:
    """A call in a separate thread, so that this one can do other things."""

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
        """Wait up to this long for the end of the call; return whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def raise_error(self) -> None:
        """Raise what the call raised, if anything."""
        if self._error:
            raise self._error
