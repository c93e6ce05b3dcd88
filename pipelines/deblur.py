"""`dpdeblur deblur`: the main job, from scenes to tables, pictures and latency statistics.

scenes to do ─ ForEachScene ─ journal ─┬─ metrics, failures, latency
earlier outcomes ──────────────────────┘

On the local engine the command itself finds the scenes and writes the tables, bucket by bucket (`attempt.on_this_machine`); on
any other the workers do (`attempt.on_engine`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from dpdeblur.models.runtime.session import Model
from dpdeblur.pipelines.attempt import on_engine, on_this_machine
from dpdeblur.pipelines.engine import local, runners
from dpdeblur.pipelines.options import resolve
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions, WatchOptions
from dpdeblur.pipelines.run import crash_recovery, provenance, summary
from dpdeblur.pipelines.run.job import CARD_SETTINGS, Job, make_job
from dpdeblur.pipelines.run.lifecycle import RESUME, open_run
from dpdeblur.pipelines.run.pack_images import pack_images
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.run.supervisor import Crash
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.restore import Restoration
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.wording import counted


def run(options: DeblurOptions) -> int:
    """Restore all scenes of a place; return the exit code.

    Args:
        options: of the command.

    Raises:
        UsageError: the options, the inputs or the model are wrong, or the folder holds another run.
        JobError, Stopped: the run ended before its time.
    """
    runners.open_file_systems(options.beam_options)
    folder = RunFolder(options.output, options.images_output)
    crash = crash_recovery.crash_to_recover_from(folder)
    return run_job(partial(prepare, options, folder), resolve.finder(options, options), folder, options, crash)


def prepare(options: DeblurOptions | WatchOptions, folder: RunFolder, found: Collection) -> Job[Restoration]:
    """Check everything that can be checked before the first scene is read, and open the model.

    Args:
        options: of the command.
        folder: of the run.
        found: the scenes.

    Raises:
        UsageError: what is wrong, and the way out.
    """
    runners.check(options.runner, options.beam_options)
    if options.images_output and options.images == "none":
        raise UsageError("--images-output says where pictures go, and --images that none are written: say --images restored.")
    if not folder.manifest():
        folder.images.check_free()
    at_once, pixels = resolve.scenes_at_once(options, options, options.threads), resolve.pixels(options)
    scoring = resolve.scoring(options, options)
    model = open_model(options, at_once)
    settings = {
        "model": model.name,
        "model_sha256": model.sha256,
        "backend": model.backend,
        **({"self_ensemble": options.self_ensemble} if options.self_ensemble > 1 else {}),
        "images": options.images,
        **({"images_format": options.images_format} if options.images != "none" and options.images_format != "png" else {}),
        **({"images_output": folder.images.uri} if options.images_output else {}),
        **({"view": True} if options.view else {}),
        **resolve.pixel_settings(options),
        **resolve.scoring_record(scoring),
        "card": {key: value for key, value in model.card.as_dict().items() if key in CARD_SETTINGS},
    }
    task = Restoration(
        model=replace(model.spec, model=resolve.address(options.model), sha256=model.sha256),
        pixels=pixels,
        images=folder.images.uri if options.images != "none" else "",
        images_place=folder.images.place,
        images_format=options.images_format,
        view=folder.path("view") if options.view else "",
        settings_digest=provenance.digest(settings),
        concurrency=at_once,
        scoring=scoring,
    )
    threads = f"threads for each: {options.threads}"
    headline = f"model {model.label} on {model.backend}, {counted(at_once, 'scene')} at once, {threads}"
    card = model.card.as_dict()
    return make_job(options, found, task, settings, at_once, card=card, threads=options.threads, headline=headline)


def open_model(options: DeblurOptions | WatchOptions, at_once: int) -> Model:
    """Open the model that is asked for, once for this process.

    Args:
        options: which, and what it may take.
        at_once: scenes under way at once, which share the memory.

    Raises:
        UsageError: why it cannot be used, and what to do.
    """
    return resolve.open_model(
        options.model,
        options.backend,
        options,
        threads=options.threads,
        callers=at_once,
        max_memory=options.max_memory,
        self_ensemble=options.self_ensemble,
    )


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
    resume = "the same command without --restart goes on from there." if options.restart else RESUME
    with open_run(folder, options.runner, quiet=options.quiet, progress=options.progress, resume=resume) as run:
        if crash:
            crash_recovery.recover(crash, job, folder, run, options.scene_timeout)
        folder.generations.finish()
        processes = resolve.processes(options, options, job.workers)
        journal_folder = folder.path(journal.FOLDER)
        each = ForEachScene(job.task, journal_folder, job.workers, run.control, options.scene_timeout, processes=processes)
        done = (
            on_this_machine.attempt(run, job, folder, options, each, retry_failed=retry_failed, restart=restart)
            if here
            else on_engine.attempt(run, job, find, folder, options, each, retry_failed=retry_failed, restart=restart)
        )
        if done.statistics is None:
            broken = summary.breaks_strictness(done.found, strict=options.strict)
            return summary.exit_code(done.counts.failed, done.counts.scenes, options.accept_failures, broken=broken)
        if isinstance(options, DeblurOptions) and options.images == "shards":
            pack_images(run, folder, options)
        return summary.conclude(
            run,
            folder,
            done.found,
            done.facts,
            scores_before=done.counts.scores,
            strict=options.strict,
            accepted=options.accept_failures,
            statistics=done.statistics,
            examples=done.examples,
        )
