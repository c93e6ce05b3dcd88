"""`dpdeblur deblur`: the main job, from scenes to tables, pictures and latency statistics.

scenes ─ ForEachScene ──┬─ scores ───┬─ metrics
earlier outcomes ───────┤            └─ latency
                        └─ failures ─── failures
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import apache_beam as beam
from rich.console import Console

from pipelines import display, job, logs, manifest, model_options, options, runners, stopping, summary
from pipelines.job import Job
from pipelines.runfolder import RunFolder
from transforms import journal, progress, store, worklist
from transforms.foreach import ForEachScene
from transforms.records import Failure, JobError, Latency, Outcome, Score
from transforms.statistics import LatencyStatistics
from transforms.write import WriteTable, parts_for

OK, FAILED, WITH_FAILURES = 0, 1, 3
EXAMPLES = """examples:
  dpdeblur deblur --input scenes/ --output runs/first --images restored
  dpdeblur deblur --input DPDD/ --layout dpdd --output runs/dpdd --model my.onnx
  dpdeblur deblur --input pixel4/ --output runs/pixel4 --black-level 1024 --white-level 16383 \\
      --transfer linear --target-fit center

Killed or stopped, the same command goes on where it was. Exit codes: 0 all scenes done; 1 the job failed; 2 the command line
or the inputs are wrong; 3 finished, with failures recorded; 130 and 143 stopped by a signal.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All options of the command."""
    parser.epilog = EXAMPLES
    options.add_input(parser)
    job.add_output(parser)
    model_options.add_model(parser)
    options.add_pixels(parser)
    options.add_speed(parser)
    job.add_resuming(parser)
    runners.add_arguments(parser)


def run(args: argparse.Namespace, beam_args: list[str]) -> int:
    """Do the job; returns the exit code.

    Raises:
        UsageError: the options, the inputs or the model are wrong, or the folder holds another run.
    """
    console = Console(quiet=args.quiet, highlight=False)
    folder = RunFolder(args.output)
    prepared = job.prepare(args)
    with folder.locked():
        work = job.compare(prepared, folder, retry_failed=args.retry_failed, restart=args.restart)
        if args.restart:
            folder.clear()
        folder.sweep()
        if work.nothing_to_do:
            console.print(f"Nothing to do: all {len(work.kept)} scenes are done. Results: {folder.uri}", soft_wrap=True)
            return _exit_code(work.failed)
        console.print(job.describe(prepared, work), soft_wrap=True, markup=False)
        with logs.to_file(folder.path("log.txt")):
            return _do(Attempt(args, beam_args, folder, prepared, work, console))


@dataclass(frozen=True)
class Attempt:
    """One attempt at a job: what was asked for, where it goes, and what there is to do."""

    args: argparse.Namespace
    beam_args: list[str]
    folder: RunFolder
    job: Job
    work: job.Work
    console: Console


def _do(attempt: Attempt) -> int:
    folder, work = attempt.folder, attempt.work
    facts = job.facts(attempt.job, attempt.args)
    folder.write_json("manifest.json", {**facts, "finished": None})
    tally = display.Tally(len(work.todo))
    limit = stopping.FailureLimit(attempt.args.max_failures, len(work.todo))
    progress.reset()
    try:
        with (
            stopping.on_signals() as received,
            display.shown(tally, attempt.console, quiet=attempt.args.quiet),
            progress.listening(limit.add),
        ):
            _run_pipeline(attempt)
        if progress.stopping():
            attempt.console.print(f"Stopped: {progress.reason()}. {_how_to_go_on(tally)}", soft_wrap=True, markup=False)
            return received.exit_code or FAILED
        folder.commit({*attempt.job.keys, *(failure.scene_id for failure in attempt.job.found.failures)})
    except Exception as error:  # the engine's, most often: the cause is in its text, the rest is for the log
        cause = logs.record(error)
        attempt.console.print(f"The job failed: {progress.reason() or cause}", soft_wrap=True, markup=False)
        attempt.console.print(f"{_how_to_go_on(tally)} Details: {folder.path('log.txt')}", soft_wrap=True, markup=False)
        return FAILED
    return _conclude(attempt, facts, tally)


def _conclude(attempt: Attempt, facts: dict[str, object], tally: display.Tally) -> int:
    folder = attempt.folder
    metrics, failures, latency = folder.tables()
    numbers = summary.summarise(metrics, failures, latency, tally.done - tally.failed, tally.elapsed_s)
    folder.write_json("summary.json", numbers)
    folder.write_json("manifest.json", {**facts, "finished": manifest.now()})
    summary.show(numbers, attempt.console)
    attempt.console.print(f"Results: {folder.uri}", soft_wrap=True, markup=False)
    return _exit_code(failures.num_rows)


def _run_pipeline(attempt: Attempt) -> None:
    folder, work = attempt.folder, attempt.work
    todo = worklist.write_lines(folder.path(worklist.FOLDER), "todo", work.todo, worklist.scene_to_line)
    kept = worklist.write_lines(folder.path(worklist.FOLDER), "kept", work.kept, journal.to_line)
    pipeline = runners.make_pipeline(attempt.args.runner, attempt.beam_args)
    build(
        pipeline, todo, kept, attempt.job.settings(attempt.args, folder), folder.path(".state", "tables"), len(attempt.job.keys)
    )
    result = pipeline.run()
    result.wait_until_finish()
    if str(result.state) != "DONE":
        raise JobError(f"the engine ended the job as {result.state}")


def build(pipeline: beam.Pipeline, todo: list[str], kept: list[str], restoring: ForEachScene, tables: str, scenes: int) -> None:
    """The whole graph.

    Args:
        pipeline: to add it to.
        todo: files of the scenes to restore, from `worklist.write_lines`.
        kept: files of the outcomes of earlier attempts.
        restoring: from scenes to outcomes.
        tables: folder that the tables are written to.
        scenes: how many there are in all, for the number of files.
    """
    earlier = pipeline | "Earlier" >> worklist.ReadOutcomes(kept)
    restored = pipeline | "Scenes" >> worklist.ReadScenes(todo) | "Restore" >> restoring
    outcomes = (earlier, restored) | "Outcomes" >> beam.Flatten()
    scores = outcomes | "Scores" >> beam.Filter(_is_score)
    failures = outcomes | "Failures" >> beam.Filter(_is_failure)
    part, parts = "part-{part}.parquet", parts_for(scenes)
    by_scene = ("scene_id",)
    scores | "Metrics" >> WriteTable(Score, store.join(tables, "metrics", part), by_scene, parts)
    failures | "FailureTable" >> WriteTable(Failure, store.join(tables, "failures", part), by_scene, parts)
    latency = scores | "Latency" >> LatencyStatistics()
    latency | "LatencyTable" >> WriteTable(Latency, store.join(tables, "latency.parquet"), ("group_by", "group", "stage"))


def _is_score(outcome: Outcome) -> bool:
    return isinstance(outcome, Score)


def _is_failure(outcome: Outcome) -> bool:
    return isinstance(outcome, Failure)


def _exit_code(failed: int) -> int:
    return WITH_FAILURES if failed else OK


def _how_to_go_on(tally: display.Tally) -> str:
    return f"{tally.done} scenes of this attempt are kept; the same command goes on from there."
