"""One attempt at a job, from the lock on its folder to its tables in place: what every job that works on scenes shares."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from rich.console import Console

from pipelines import aftermath, display, logs, manifest, remote, report, runners, stopping, summary, supervision
from pipelines.exitcodes import FAILED, OK, WITH_FAILURES
from pipelines.job import Job, Work, compare
from pipelines.runfolder import RunFolder
from transforms import journal, progress, worklist
from transforms.foreach import ForEachScene
from transforms.records import JobError, Score

Graph = Callable[[beam.Pipeline, list[str], list[str], ForEachScene, str, int], None]


@dataclass(frozen=True)
class Attempt:
    """What was asked for, where it goes, and what there is to do."""

    args: argparse.Namespace
    beam_args: list[str]
    folder: RunFolder
    job: Job[Any]
    work: Work
    console: Console


def carry_out(
    args: argparse.Namespace, beam_args: list[str], folder: RunFolder, prepare: Callable[[], Job[Any]], graph: Graph
) -> int:
    """Do what is left of a job; returns the exit code.

    Args:
        args: the command line.
        beam_args: options of the engine.
        folder: where results go.
        prepare: checks everything and gives the job.
        graph: builds the pipeline.

    Raises:
        UsageError: what `prepare` finds wrong; or the folder holds another run, is in use, or cannot be written to.
    """
    console = Console(quiet=args.quiet, highlight=False)
    if (crash := supervision.crash()) and not folder.under_way(crash.process):
        _complain(f"The job failed: the process was ended by {crash.signal} while no scene was under way. {stopping.KEPT}")
        return FAILED
    job = prepare()
    progress.reset()
    with folder.locked(), stopping.on_signals(remote.grace_s(args.runner)) as received:
        try:
            work = _take_stock(args, folder, job)
            if work.nothing_to_do:
                console.print(f"Nothing to do: all {len(work.kept)} scenes are done. Results: {folder.uri}", soft_wrap=True)
                return _exit_code(work.failed)
            console.print("\n".join([_what(job, work), *job.headline]), soft_wrap=True, markup=False)
            with logs.to_file(folder.path("log.txt")):
                return _do(Attempt(args, beam_args, folder, job, work, console), graph, received)
        except (OSError, JobError) as error:
            _complain(f"The job failed: {error}. {stopping.KEPT}")
            return received.exit_code or FAILED


def _take_stock(args: argparse.Namespace, folder: RunFolder, job: Job[Any]) -> Work:
    """What is left to do, in a folder made ready for it."""
    if crash := supervision.crash():  # this process goes on where another one of the same command was
        for line in aftermath.clear_up(folder, job, crash):
            _complain(line)
        return compare(job, folder)
    work = compare(job, folder, retry_failed=args.retry_failed, restart=args.restart)
    if args.restart:
        folder.clear()
    elif args.retry_failed and work.todo:
        folder.forget_failures()
    folder.sweep()
    return work


def _do(attempt: Attempt, graph: Graph, received: stopping.Received) -> int:
    folder, work, job = attempt.folder, attempt.work, attempt.job
    facts = {**job.facts, "started": manifest.now()}
    tally = display.Tally(len(work.todo))
    failure_limit = stopping.FailureLimit(attempt.args.max_failures, len(job.scene_ids), work.failed)
    try:
        folder.write_json("manifest.json", {**facts, "finished": None})
        with display.shown(tally, attempt.console, quiet=attempt.args.quiet), progress.listening(failure_limit.add):
            _run_pipeline(attempt, graph)
        if progress.stopping():
            _complain(f"Stopped: {progress.reason()}. {_how_to_go_on(attempt, tally)}")
            return received.exit_code or FAILED
        folder.commit(job.scene_ids)
        return _conclude(attempt, facts, tally.elapsed_s)
    except Exception as error:  # the engine's, most often: the cause is in its text, the rest is for the log
        cause = logs.record(error)
        _complain(f"The job failed: {cause if isinstance(error, JobError) else progress.reason() or cause}")
        _complain(f"{_how_to_go_on(attempt, tally)} Details: {folder.path('log.txt')}")
        return received.exit_code or FAILED


def _run_pipeline(attempt: Attempt, graph: Graph) -> None:
    folder, work = attempt.folder, attempt.work
    if progress.stopping():
        return
    todo = worklist.write_lines(folder.path(worklist.FOLDER), "todo", work.todo, worklist.scene_to_line)
    kept = worklist.write_lines(folder.path(worklist.FOLDER), "kept", work.kept, journal.to_line)
    each = ForEachScene(attempt.job.task, folder.path(journal.FOLDER), attempt.job.workers)
    pipeline = runners.make_pipeline(attempt.args.runner, attempt.beam_args)
    graph(pipeline, todo, kept, each, folder.path(".state", "tables"), len(attempt.job.scene_ids))
    remote.run(pipeline, attempt.args.runner, folder.path(journal.FOLDER))


def _conclude(attempt: Attempt, facts: dict[str, object], wall_s: float) -> int:
    folder = attempt.folder
    metrics, failures, latency = folder.tables()
    restored_now = metrics.num_rows - sum(isinstance(outcome, Score) for outcome in attempt.work.kept)
    numbers = summary.summarise(metrics, failures, latency, restored_now, wall_s)
    folder.write_json("summary.json", numbers)
    folder.write_json("manifest.json", {**facts, "finished": manifest.now()})
    summary.show(numbers, attempt.console)
    _say(attempt, f"Results: {folder.uri}")
    try:
        _say(attempt, f"Report: {report.write_report(folder.uri)}")
    except Exception as error:  # the run is done and its tables stand: a page that cannot be drawn takes nothing from that
        _complain(f"No report could be made: {logs.record(error)}")
    return _exit_code(failures.num_rows)


def _what(job: Job[Any], work: Work) -> str:
    """The scenes of a job, in one line."""
    found, already = job.found, len(work.kept) - len(job.found.failures)
    targets = sum(scene.target is not None for scene in found.scenes)
    return (
        f"{len(job.scene_ids)} scenes, layout {found.layout}, {targets} with a target"
        + (f"; {already} already done" if already else "")
        + (f"; {len(found.failures)} incomplete" if found.failures else "")
    )


def _say(attempt: Attempt, line: str) -> None:
    attempt.console.print(line, soft_wrap=True, markup=False)


def _exit_code(failed: int) -> int:
    return WITH_FAILURES if failed else OK


def _complain(line: str) -> None:
    Console(stderr=True, highlight=False).print(line, soft_wrap=True, markup=False)


def _how_to_go_on(attempt: Attempt, tally: display.Tally) -> str:
    without = " without --restart" if attempt.args.restart else ""
    return f"{tally.done} scenes of this attempt are kept; the same command{without} goes on from there."
