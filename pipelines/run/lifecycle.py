"""The lifecycle of a run, the same for every command that runs a pipeline: lock, log, signals, progress, end.

with open_run(…) as run:
    run.execute(pipeline, …)
    run.raise_if_stopped()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import apache_beam as beam

from dpdeblur.pipelines.console import rich_console
from dpdeblur.pipelines.engine import execution, signals
from dpdeblur.pipelines.monitoring import prometheus
from dpdeblur.pipelines.options.address import Address
from dpdeblur.pipelines.run import display, lease, lock, logs, refusal, supervisor
from dpdeblur.transforms.records import JobError, UsageError
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.storage import store

RESUME = "the same command resumes the run."


class Folder(Protocol):
    """The folder of a run.

    Attributes:
        uri: a local path, or a URI.
        lock: file of its lock, in it.
        log: file of its log, in it.
    """

    uri: str
    lock: str
    log: str


@dataclass
class OpenRun:
    """A run in progress in a folder that is locked for it.

    Attributes:
        folder: of the run.
        runner: name of its engine.
        control: of the run.
        quiet: whether errors alone are printed.
        progress: how it is shown.
        resume: how to go on from what a run that was cut short has finished; empty if that is lost.
        again: how to begin anew, where it is.
        tally: of what is finished.
        lease: on the folder, where it is in an object store.
    """

    folder: Folder
    runner: str
    control: RunControl
    quiet: bool
    progress: display.How
    resume: str
    again: str
    tally: display.Tally = field(default_factory=lambda: display.Tally(None))
    lease: lease.Lease | None = None

    def __post_init__(self) -> None:
        self.console = rich_console(quiet=self.quiet)

    def say(self, line: str) -> None:
        """Print a line, unless --quiet."""
        self.console.print(line, soft_wrap=True)

    def execute(self, pipeline: beam.Pipeline, tally: display.Tally, follower: execution.Follower) -> None:
        """Run a pipeline to its end, or until the run is stopped, and show its progress.

        Args:
            pipeline: to run.
            tally: counts what is finished.
            follower: sees what workers elsewhere have finished.
        """
        interval_s = store.look_interval_s(self.folder.uri)
        with self.shown(tally):
            execution.execute(pipeline, self.runner, self.control, follower, interval_s)

    @contextmanager
    def shown(self, tally: display.Tally) -> Iterator[None]:
        """Count what is finished while the block runs, and show it."""
        self.tally = tally
        with display.shown(tally, self.control, self.console, self.progress):
            yield

    def raise_if_stopped(self) -> None:
        """End a run that was stopped before its end.

        Raises:
            Stopped: by a signal.
            JobError: for any other reason.
        """
        if self.lease:
            self.lease.renew()  # results are put in place only by whoever has the folder now
        if self.control.stopping:
            raise self.failure(JobError(self.control.reason)) from self.control.cause

    def failure(self, error: Exception) -> JobError | signals.Stopped:
        """Return the error to raise: why the run ended, what it has kept, and how to continue."""
        cause = logs.record(error)
        reason = logs.without_engine(error) if isinstance(error, JobError) else self.control.reason or cause
        kept = f"Kept from this attempt: {self.tally.kept()}; " if self.resume else ""
        text = f"{reason.rstrip('.')}. {kept}{self.resume or self.again}"
        if self.control.signal:
            return signals.Stopped(self.control.signal, f"Stopped: {text}")
        return RunFailed(f"{text} Details: {log}" if (log := store.local_path(self.folder.log)) else text)


class RunFailed(JobError):
    """A run ended early; the message says why, and how to continue."""


@contextmanager
def open_run(
    folder: Folder,
    runner: str,
    *,
    quiet: bool,
    progress: display.How = "auto",
    resume: str = "",
    again: str = "",
    metrics_port: Address | None = None,
    grace_s: float = signals.GRACE_S,
) -> Iterator[OpenRun]:
    """Hold a folder for a run while the block runs, log to it, and stop the run on a signal.

    Args:
        folder: of the run.
        runner: name of its engine.
        quiet: whether errors alone are printed.
        progress: how it is shown.
        resume: how to go on from what a run that was cut short has finished; empty if that is lost.
        again: how to begin anew, where it is.
        metrics_port: where Prometheus may ask what is finished; None: nowhere.
        grace_s: how long work in progress in this process may take after a signal, in seconds.

    Raises:
        UsageError: another run is in progress in the folder, or it cannot be written to; Prometheus cannot be answered; or what
            the block finds wrong.
        Stopped: a signal ended the run.
        JobError: whatever else ended it, with its cause.
    """
    control = RunControl.current()
    control.replaceable = supervisor.is_supervised()
    run = OpenRun(folder, runner, control, quiet, progress, resume, again)
    advice = f"Finished scenes are kept; {resume}" if resume else again
    stoppable = signals.stop_on_signals(control, execution.grace_s(runner, grace_s), advice)
    with _locked(run), stoppable, logs.to_file(folder.log), prometheus.served(control, metrics_port):
        try:
            yield run
        except (UsageError, RunFailed):
            raise
        except Exception as error:  # the engine's, most often: the cause is in its text
            raise run.failure(error) from control.cause or error


@contextmanager
def _locked(run: OpenRun) -> Iterator[None]:
    """Keep other runs out of the folder, by a lock on a disk, by a lease in an object store; leave nothing of a refused run."""
    folder, made_folders = run.folder, refusal.missing_folders(store.parent(run.folder.lock))
    unless_begun = refusal.nothing_left(folder.uri, folder.log, folder.lock, made_folders)
    try:
        if path := store.local_path(folder.lock):
            with lock.held(path), unless_begun:
                yield
        else:
            with lease.held(folder.lock, run.control) as run.lease, unless_begun:
                yield
    except lock.Held:
        raise UsageError(f"Another run is in progress in {run.folder.uri}. Wait for it, or choose another --output.") from None
    except lock.Unwritable as error:
        raise UsageError(f"--output {run.folder.uri} cannot be written to: {error}.") from error
