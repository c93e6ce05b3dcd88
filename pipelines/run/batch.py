"""A job with an end: all scenes of a place as it is now, and then the tables, once, all together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import apache_beam as beam

from dpdeblur.pipelines.console import complain
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.exitcodes import FAILED
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions
from dpdeblur.pipelines.run import display, logs, provenance, remote, stopping, supervisor
from dpdeblur.pipelines.run.job import Work, compare
from dpdeblur.pipelines.run.lifecycle import Attempt, exit_code
from dpdeblur.transforms import progress, worklist
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.layouts import Found, left_out
from dpdeblur.transforms.records import Score, scene_to_line
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.wording import counted

BatchT = TypeVar("BatchT", DeblurOptions, ScoreOptions)
Graph = Callable[[beam.Pipeline, list[str], list[str], ForEachScene, str, int], None]


def do(attempt: Attempt[BatchT], graph: Graph) -> int:
    """Do what is left of the job; returns the exit code.

    Args:
        attempt: what was asked for.
        graph: builds the pipeline.

    Raises:
        UsageError: the folder holds a run with other settings.
        JobError, OSError: the job cannot go on.
    """
    folder, work = attempt.folder, _take_stock(attempt)
    if work.nothing_to_do:
        attempt.say(f"Nothing to do: {counted(len(work.kept), 'scene')}, all done. Results: {folder.uri}")
        return exit_code(work.failed)
    found: Found = attempt.job.found
    attempt.say("\n".join([_what(attempt, work), *attempt.job.headline, *found.remarks]))
    if line := left_out.sentence(found.left_out):
        attempt.say(line)
    with logs.to_file(folder.path("log.txt")):
        return _do(attempt, work, graph)


def _take_stock(attempt: Attempt[BatchT]) -> Work:
    """What is left to do, in a folder made ready for it."""
    options, folder, job = attempt.options, attempt.folder, attempt.job
    if supervisor.crash():  # what --restart and --retry-failed ask for was done before it
        return compare(job, folder)
    work = compare(job, folder, retry_failed=options.retry_failed, restart=options.restart)
    if options.restart:
        folder.clear()
    elif options.retry_failed and work.todo:
        folder.forget_failures()
    folder.sweep()
    return work


def _do(attempt: Attempt[BatchT], work: Work, graph: Graph) -> int:
    folder, job = attempt.folder, attempt.job
    facts = {**job.facts, "started": provenance.now()}
    tally = display.Tally(len(work.todo))
    failure_limit = stopping.FailureLimit(attempt.options.max_failures, len(job.scene_ids), work.failed)
    try:
        folder.write_json("manifest.json", {**facts, "finished": None})
        with display.shown(tally, attempt.console, quiet=attempt.options.quiet), progress.listening(failure_limit.add):
            _run_pipeline(attempt, work, graph)
        if progress.stopping():
            complain(f"Stopped: {progress.reason()}. {_how_to_go_on(attempt, tally)}")
            return attempt.received.exit_code or FAILED
        folder.commit(job.scene_ids)
        restored_before = sum(isinstance(outcome, Score) for outcome in work.kept)
        return attempt.conclude(facts, restored_before, tally.elapsed_s)
    except Exception as error:
        return attempt.failed(error, _how_to_go_on(attempt, tally))


def _run_pipeline(attempt: Attempt[BatchT], work: Work, graph: Graph) -> None:
    folder = attempt.folder
    if progress.stopping():
        return
    todo = worklist.write_lines(folder.path(worklist.FOLDER), "todo", work.todo, scene_to_line)
    kept = worklist.write_lines(folder.path(worklist.FOLDER), "kept", work.kept, journal.to_line)
    each = ForEachScene(attempt.job.task, folder.path(journal.FOLDER), attempt.job.workers)
    pipeline = runners.make_pipeline(attempt.options.runner, attempt.options.beam_options)
    graph(pipeline, todo, kept, each, folder.path(".state", "tables"), len(attempt.job.scene_ids))
    remote.run(pipeline, attempt.options.runner, folder.path(journal.FOLDER))


def _what(attempt: Attempt[BatchT], work: Work) -> str:
    """The scenes of a job, in one line."""
    found, already = attempt.job.found, len(work.kept) - len(attempt.job.found.failures)
    targets = sum(scene.target is not None for scene in found.scenes)
    return (
        f"{counted(len(attempt.job.scene_ids), 'scene')}, layout {found.layout}, {targets} with a target"
        + (f"; {already} already done" if already else "")
        + (f"; {len(found.failures)} incomplete" if found.failures else "")
    )


def _how_to_go_on(attempt: Attempt[BatchT], tally: display.Tally) -> str:
    without = " without --restart" if attempt.options.restart else ""
    return f"Kept of this attempt: {counted(tally.done, 'scene')}; the same command{without} goes on from there."
