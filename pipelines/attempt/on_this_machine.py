"""An attempt whose work is done in this process, on the local engine: bucket by bucket here, the scenes in a small pipeline."""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from dpdeblur.pipelines.attempt.attempted import Attempted, execute, say_all_done, say_what_begins
from dpdeblur.pipelines.attempt.failure_limit import FailureLimit
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions
from dpdeblur.pipelines.run.commit import commit
from dpdeblur.pipelines.run.display import Tally
from dpdeblur.pipelines.run.job import Job, plan_work
from dpdeblur.pipelines.run.lifecycle import OpenRun
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.run.summary import Results
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.worklist import ReadScenes


def attempt(
    run: OpenRun,
    job: Job[Any],
    folder: RunFolder,
    options: DeblurOptions | ScoreOptions,
    each: ForEachScene,
    *,
    retry_failed: bool,
    restart: bool,
) -> Attempted:
    """Do what is left of a job, and return the result.

    Args:
        run: in progress, in the folder.
        job: to be done.
        folder: of the run.
        options: of the command.
        each: from a scene to its outcome.
        retry_failed: whether scenes that failed are to be done again.
        restart: whether to begin anew, whatever the folder holds.

    Raises:
        UsageError: the folder holds a run that this job cannot go on with.
        JobError, Stopped: the run ended before its time.
    """
    work = plan_work(job, folder, retry_failed=retry_failed, restart=restart, prune=options.prune)
    folder.make_ready(restart=restart, forget_failures=retry_failed and bool(work.todo))
    if work.nothing_to_do:
        say_all_done(run, work.counts)
        return Attempted(job.found, work.counts)
    say_what_begins(run, job.found, work.counts, job.headline)
    facts = folder.write_manifest({**job.facts, "gone": sorted(work.counts.gone)})

    pipeline = runners.make_pipeline(options.runner, options.beam_options)
    build(pipeline, folder.write_work(work.scenes_to_do()), each)
    failure_limit = FailureLimit(run.control, options.max_failures)
    failure_limit.begin(work.counts.scenes, work.counts.failed)
    execute(run, folder, pipeline, Tally(len(work.todo)), failure_limit)
    run.raise_if_stopped()
    statistics = commit(folder, work.wanted, work.buckets, prune=options.prune)
    return Attempted(job.found, work.counts, Results(facts, statistics, work.counts.scores))


def build(pipeline: beam.Pipeline, todo: list[str], each: ForEachScene) -> None:
    """Add the graph to a pipeline: each outcome goes into the journal as its scene is done, and from there into the tables.

    Args:
        pipeline: to add it to.
        todo: files of the scenes to restore, from `work_files.write_lines`.
        each: from a scene to its outcome.
    """
    _ = pipeline | "Scenes" >> ReadScenes(todo) | "Restore" >> each
