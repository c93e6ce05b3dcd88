"""`dpdeblur deblur`: the main job, from scenes to tables, pictures and latency statistics.

scenes to do ─ ForEachScene ─ journal ─┬─ metrics, failures, latency
earlier outcomes ──────────────────────┘

On the local engine the command itself finds the scenes and writes the tables, bucket by bucket (`attempt.on_this_machine`); on
any other the workers do (`attempt.on_engine`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from dpdeblur.pipelines.attempt import on_this_machine
from dpdeblur.pipelines.engine import local
from dpdeblur.pipelines.options import resolve
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions
from dpdeblur.pipelines.run import crash_recovery, restoration, summary
from dpdeblur.pipelines.run.job import Job
from dpdeblur.pipelines.run.lifecycle import RESUME, open_run
from dpdeblur.pipelines.run.pack_images import pack_images
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.run.supervisor import Crash
from dpdeblur.pipelines.verdict import breaks_strictness, exit_code
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal


def run(options: DeblurOptions) -> int:
    """Restore all scenes of a place; return the exit code.

    Args:
        options: of the command.

    Raises:
        UsageError: the options, the inputs or the model are wrong, or the folder holds another run.
        JobError, Stopped: the run ended before its time.
    """
    store.configure(options.beam_options)
    folder = RunFolder(options.output, options.images_output)
    crash = crash_recovery.crash_to_recover_from(folder)
    return run_job(partial(restoration.prepare, options, folder), resolve.finder(options, options), folder, options, crash)


def run_job(
    prepare_job: Callable[[Collection], Job[Any]],
    find: Callable[[], Collection],
    folder: RunFolder,
    options: DeblurOptions | ScoreOptions,
    crash: Crash | None,
) -> int:
    """Do what is left of a job, from the lock on its folder to its report; return the exit code.

    Args:
        prepare_job: checks everything that can be checked before the first scene is read; returns what to do.
        find: finds the scenes, here or on a worker.
        folder: of the run.
        options: of the command.
        crash: of the process that this one replaces.

    Raises:
        UsageError, JobError, Stopped: as `run`.
    """
    here = local.works_by_bucket_here(options.runner)
    job = prepare_job(find() if here or crash else Collection(options.input, options.layout))
    restart, retry_failed = (wish and not crash for wish in (options.restart, options.retry_failed))  # done before a crash
    resume = "the same command without --restart continues it." if options.restart else RESUME
    with open_run(
        folder,
        options.runner,
        quiet=options.quiet,
        progress=options.progress,
        resume=resume,
        metrics_port=options.metrics_port,
    ) as run:
        if crash:
            crash_recovery.recover(crash, job, folder, run, options.scene_timeout)
        folder.generations.finish()
        processes = resolve.processes(options, options, job.workers)
        journal_folder = folder.path(journal.FOLDER)
        each = ForEachScene(job.task, journal_folder, job.workers, run.control, options.scene_timeout, processes=processes)
        if here:
            done = on_this_machine.attempt(run, job, folder, options, each, retry_failed=retry_failed, restart=restart)
        else:
            from dpdeblur.pipelines.attempt import on_engine  # noqa: PLC0415 - slow to load, and only engines need it

            done = on_engine.attempt(run, job, find, folder, options, each, retry_failed=retry_failed, restart=restart)
        broken = breaks_strictness(done.found, strict=options.strict)
        if done.results is None:
            return exit_code(done.counts.failed, done.counts.scenes, options.accept_failures, broken=broken)
        if isinstance(options, DeblurOptions) and options.images == "shards":
            pack_images(run, folder, options)
        summary.conclude(run, folder, done.found, done.results)
        statistics = done.results.statistics
        return exit_code(statistics.failed, statistics.scenes, options.accept_failures, broken=broken)
