"""`dpdeblur deblur`: the main job, from scenes to tables, pictures and latency statistics.

scenes to do ─ ForEachScene ─ journal ─┬─ metrics, failures, latency
earlier outcomes ──────────────────────┘
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import apache_beam as beam

from dpdeblur.models.runtime.session import Model
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.options import resolve
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions, WatchOptions
from dpdeblur.pipelines.run import crash_recovery, provenance, summary
from dpdeblur.pipelines.run.commit import commit
from dpdeblur.pipelines.run.display import Tally
from dpdeblur.pipelines.run.failure_limit import FailureLimit
from dpdeblur.pipelines.run.input_watch import InputWatch
from dpdeblur.pipelines.run.job import CARD_SETTINGS, Job, Work, make_job, plan_work
from dpdeblur.pipelines.run.lifecycle import RESUME, open_run
from dpdeblur.pipelines.run.pack_images import pack_images
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.run.supervisor import Crash
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.layouts import left_out
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.restore import Restoration
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.wording import counted
from dpdeblur.transforms.worklist import ReadScenes


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
    job = prepare(options, folder, resolve.collect(options, options))
    return run_job(job, folder, options, crash)


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


def run_job(job: Job[Any], folder: RunFolder, options: DeblurOptions | ScoreOptions, crash: Crash | None) -> int:
    """Do what is left of a job, from the lock on its folder to its report; return the exit code.

    Args:
        job: what to do.
        folder: of the run.
        options: of the command.
        crash: of the process that this one replaces.

    Raises:
        UsageError, JobError, Stopped: as `run`.
    """
    restart, retry_failed = (wish and not crash for wish in (options.restart, options.retry_failed))  # done before a crash
    resume = "the same command without --restart goes on from there." if options.restart else RESUME
    with open_run(folder, options.runner, quiet=options.quiet, progress=options.progress, resume=resume) as run:
        if crash:
            crash_recovery.recover(crash, job, folder, run, options.scene_timeout)
        folder.generations.finish()
        work = plan_work(job, folder, retry_failed=retry_failed, restart=restart, prune=options.prune)
        folder.make_ready(restart=restart, forget_failures=retry_failed and bool(work.todo))
        if work.nothing_to_do:
            done = f"{work.counts.failed} failed" if work.counts.failed else "all done"
            run.say(f"Nothing to do: {counted(work.counts.scenes, 'scene')}, {done}{_gone(work)}. Results: {folder.uri}")
            broken = summary.breaks_strictness(job.found, strict=options.strict)
            return summary.exit_code(work.counts.failed, work.counts.scenes, options.accept_failures, broken=broken)
        run.say("\n".join([scenes_line(job, work), job.headline, *job.found.remarks]))
        if line := left_out.sentence(job.found.left_out):
            run.say(line)
        started = folder.write_manifest({**job.facts, "gone": sorted(work.counts.gone)})

        todo = folder.write_work(work.scenes_to_do())
        pipeline = runners.make_pipeline(options.runner, options.beam_options)
        processes = resolve.processes(options, options, job.workers)
        each = ForEachScene(
            job.task, folder.path(journal.FOLDER), job.workers, run.control, options.scene_timeout, processes=processes
        )
        build(pipeline, todo, each)

        failure_limit = FailureLimit(run.control, options.max_failures, work.counts.scenes, work.counts.failed)
        with run.control.listening(failure_limit.add), run.control.listening(InputWatch(run.control).add):
            run.execute(pipeline, Tally(len(work.todo)), journal.Follower(folder.path(journal.FOLDER)))
        run.raise_if_stopped()
        statistics = commit(folder, work.wanted, work.buckets, prune=options.prune)
        if isinstance(options, DeblurOptions) and options.images == "shards":
            pack_images(run, folder, options)
        return summary.conclude(
            run,
            folder,
            job.found,
            started,
            scores_before=work.counts.scores,
            strict=options.strict,
            accepted=options.accept_failures,
            statistics=statistics,
        )


def build(pipeline: beam.Pipeline, todo: list[str], each: ForEachScene) -> None:
    """Add the graph to a pipeline: each outcome goes into the journal as its scene is done, and from there into the tables.

    Args:
        pipeline: to add it to.
        todo: files of the scenes to restore, from `worklist.write_lines`.
        each: from a scene to its outcome.
    """
    _ = pipeline | "Scenes" >> ReadScenes(todo) | "Restore" >> each


def scenes_line(job: Job[Any], work: Work) -> str:
    """Return what is known of the scenes of a job, in one line."""
    found = job.found
    already = found.scenes - len(work.todo)
    return (
        f"{counted(len(found), 'scene')}, layout {found.layout}, {found.with_role['target']} with a target"
        + (f"; {already} already done" if already else "")
        + (f"; {found.failures} incomplete" if found.failures else "")
        + (f"; {found.unselected} others not asked for" if found.unselected else "")
        + _gone(work)
    )


def _gone(work: Work) -> str:
    scenes = counted(len(work.counts.gone), "scene")
    also = f" ({work.counts.not_whole} of them in part)" if work.counts.not_whole else ""
    return f"; {scenes} no longer in the input{also}: rows and pictures stay until --prune" if work.counts.gone else ""
