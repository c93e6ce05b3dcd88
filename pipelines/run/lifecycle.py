"""One attempt at a job, from the lock on its folder to its exit code: what every job that works on scenes shares."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rich.console import Console

from dpdeblur.pipelines import console as terminal
from dpdeblur.pipelines.console import complain
from dpdeblur.pipelines.exitcodes import FAILED, OK, WITH_FAILURES
from dpdeblur.pipelines.html import report_page
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions, WatchOptions
from dpdeblur.pipelines.run import crash_recovery, logs, provenance, remote, stopping, summary, supervisor
from dpdeblur.pipelines.run.job import Job
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms import progress
from dpdeblur.transforms.records import JobError

OptionsT = TypeVar("OptionsT", DeblurOptions, ScoreOptions, WatchOptions)


@dataclass(frozen=True)
class Attempt(Generic[OptionsT]):
    """What was asked for, where it goes, and whether somebody has asked to stop."""

    options: OptionsT
    folder: RunFolder
    job: Job[Any]
    console: Console
    received: stopping.Received

    def say(self, line: str) -> None:
        """Print a line, unless --quiet."""
        self.console.print(line, soft_wrap=True)

    def failed(self, error: Exception, advice: str) -> int:
        """Say why the job failed, and how to go on; returns the exit code. The engine's words are for the log."""
        cause = logs.record(error)
        complain(f"The job failed: {cause if isinstance(error, JobError) else progress.reason() or cause}")
        complain(f"{advice} Details: {self.folder.path('log.txt')}")
        return self.received.exit_code or FAILED

    def conclude(self, facts: dict[str, Any], restored_before: int, wall_s: float) -> int:
        """Sum up a run whose tables stand, and draw its report; returns the exit code.

        Args:
            facts: for `provenance.json`.
            restored_before: scenes in the tables that earlier attempts restored.
            wall_s: time that this attempt took for the others, in seconds.
        """
        metrics, failures, latency = self.folder.tables()
        numbers = summary.summarise(metrics, failures, latency, metrics.num_rows - restored_before, wall_s)
        numbers["left_out"] = [dataclasses.asdict(kind) for kind in self.job.found.left_out]
        self.folder.write_json("summary.json", numbers)
        self.folder.write_json("manifest.json", {**facts, "finished": provenance.now()})
        summary.show(numbers, self.console)
        self.say(f"Results: {self.folder.uri}")
        try:
            self.say(f"Report: {report_page.write_report(self.folder.uri)}")
        except Exception as error:  # the tables stand: a page that cannot be drawn takes nothing from that
            complain(f"No report could be made: {logs.record(error)}")
        return exit_code(failures.num_rows)


def carry_out(
    options: OptionsT,
    folder: RunFolder,
    prepare: Callable[[], Job[Any]],
    do: Callable[[Attempt[OptionsT]], int],
) -> int:
    """Make an attempt at a job; returns the exit code.

    Args:
        options: what was asked for.
        folder: where results go.
        prepare: checks everything and gives the job.
        do: does it, in a folder that nobody else works in, and returns the exit code.

    Raises:
        UsageError: what `prepare` finds wrong; or the folder holds another run, is in use, or cannot be written to.
    """
    console = terminal.rich_console(quiet=options.quiet)
    if (crash := supervisor.crash()) and not folder.under_way(crash.process):
        complain(f"The job failed: the process was ended by {crash.signal} while no scene was under way. {stopping.KEPT}")
        return FAILED
    job = prepare()
    progress.reset()
    with folder.locked(), stopping.on_signals(remote.grace_s(options.runner)) as received:
        try:
            if crash:  # this process goes on where another one of the same command was
                for line in crash_recovery.clear_up(folder, job, crash):
                    complain(line)
            return do(Attempt(options, folder, job, console, received))
        except (OSError, JobError) as error:
            complain(f"The job failed: {error}. {stopping.KEPT}")
            return received.exit_code or FAILED


def exit_code(failed: int) -> int:
    """Of a job that came to its end. Args: failed: scenes recorded as failures."""
    return WITH_FAILURES if failed else OK
