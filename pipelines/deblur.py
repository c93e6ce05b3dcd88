"""`dpdeblur deblur`: the main job, from scenes to tables, pictures and latency statistics.

scenes to do ─ ForEachScene ─┬─ scores ───┬─ metrics
earlier outcomes ────────────┤            └─ latency
                             └─ failures ─── failures
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
from dpdeblur.pipelines.run.display import Tally
from dpdeblur.pipelines.run.failure_limit import FailureLimit
from dpdeblur.pipelines.run.input_watch import InputWatch
from dpdeblur.pipelines.run.job import CARD_SETTINGS, Job, Work, make_job, plan_work
from dpdeblur.pipelines.run.lifecycle import RESUME, open_run
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.run.supervisor import Crash
from dpdeblur.transforms.foreach import ForEachScene
from dpdeblur.transforms.layouts import Found, left_out
from dpdeblur.transforms.records import Failure, Latency, Outcome, Score
from dpdeblur.transforms.restore import Restoration
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.latency import LatencyStatistics
from dpdeblur.transforms.tables.write import WriteTable, parts_for
from dpdeblur.transforms.wording import counted
from dpdeblur.transforms.worklist import ReadOutcomes, ReadScenes


def run(options: DeblurOptions) -> int:
    """Restore all scenes of a place; return the exit code.

    Args:
        options: of the command.

    Raises:
        UsageError: the options, the inputs or the model are wrong, or the folder holds another run.
        JobError, Stopped: the run ended before its time.
    """
    runners.open_file_systems(options.beam_options)
    folder = RunFolder(options.output)
    crash = crash_recovery.crash_to_recover_from(folder)
    job = prepare(options, folder, resolve.find(options, options))
    return run_job(job, folder, options, crash)


def prepare(options: DeblurOptions | WatchOptions, folder: RunFolder, found: Found) -> Job[Restoration]:
    """Check everything that can be checked before the first scene is read, and open the model.

    Args:
        options: of the command.
        folder: of the run.
        found: the scenes.

    Raises:
        UsageError: what is wrong, and the way out.
    """
    runners.check(options.runner, options.beam_options)
    at_once, pixels = resolve.scenes_at_once(options, options, options.threads), resolve.pixels(options)
    scoring = resolve.scoring(options, options)
    model = open_model(options, at_once)
    settings = {
        "model": model.name,
        "model_sha256": model.sha256,
        "backend": model.backend,
        "images": options.images,
        **resolve.pixel_settings(options),
        **resolve.scoring_record(scoring),
        "card": {key: value for key, value in model.card.as_dict().items() if key in CARD_SETTINGS},
    }
    task = Restoration(
        model=replace(model.spec, model=resolve.address(options.model), sha256=model.sha256),
        pixels=pixels,
        images=folder.path("images") if options.images == "restored" else "",
        settings_digest=provenance.digest(settings),
        concurrency=at_once,
        scoring=scoring,
    )
    threads = f"threads for each: {options.threads}"
    headline = f"model {model.name} on {model.backend}, {counted(at_once, 'scene')} at once, {threads}"
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
    with open_run(folder, options.runner, quiet=options.quiet, resume=resume) as run:
        if crash:
            crash_recovery.recover(crash, job, folder, run, options.scene_timeout)
        work = plan_work(job, folder, retry_failed=retry_failed, restart=restart, prune=options.prune)
        folder.make_ready(restart=restart, forget_failures=retry_failed and bool(work.todo))
        if work.nothing_to_do:
            done = f"{work.failed} failed" if work.failed else "all done"
            run.say(f"Nothing to do: {counted(len(work.rows), 'scene')}, {done}{_gone(work)}. Results: {folder.uri}")
            broken = summary.breaks_strictness(job.found, strict=options.strict)
            return summary.exit_code(work.failed, len(work.rows), options.accept_failures, broken=broken)
        run.say("\n".join([_scenes(job, work), job.headline, *job.found.remarks]))
        if line := left_out.sentence(job.found.left_out):
            run.say(line)
        started = folder.write_manifest({**job.facts, "gone": sorted(outcome.scene_id for outcome in work.gone)})

        todo, kept = folder.write_work(work.todo, work.earlier)
        pipeline = runners.make_pipeline(options.runner, options.beam_options)
        each = ForEachScene(job.task, folder.path(journal.FOLDER), job.workers, run.control, options.scene_timeout)
        build(pipeline, todo, kept, each, folder.path(".state", "tables"), len(work.rows))

        failure_limit = FailureLimit(run.control, options.max_failures, len(work.rows), work.failed)
        with run.control.listening(failure_limit.add), run.control.listening(InputWatch(run.control).add):
            run.execute(pipeline, Tally(len(work.todo)), journal.Follower(folder.path(journal.FOLDER)))
        run.raise_if_stopped()
        folder.commit(work.rows)
        return summary.conclude(
            run,
            folder,
            job.found,
            started,
            scores_before=work.scores,
            strict=options.strict,
            accepted=options.accept_failures,
        )


def build(pipeline: beam.Pipeline, todo: list[str], kept: list[str], each: ForEachScene, tables: str, scenes: int) -> None:
    """Add the whole graph to a pipeline.

    Args:
        pipeline: to add it to.
        todo: files of the scenes to restore, from `worklist.write_lines`.
        kept: files of the outcomes of earlier attempts.
        each: from a scene to its outcome.
        tables: folder that the tables are written to.
        scenes: how many there are in all, for the number of files.
    """
    restored = pipeline | "Scenes" >> ReadScenes(todo) | "Restore" >> each
    earlier = pipeline | "Earlier" >> ReadOutcomes(kept)
    outcomes = (earlier, restored) | "Outcomes" >> beam.Flatten()
    scores = outcomes | "Scores" >> beam.Filter(_is_score)
    failures = outcomes | "Failures" >> beam.Filter(_is_failure)
    latency = scores | "Latency" >> LatencyStatistics()

    part, parts = "part-{part}.parquet", parts_for(scenes)
    scores | "MetricsTable" >> WriteTable(Score, store.join(tables, "metrics", part), ("scene_id",), parts)
    failures | "FailuresTable" >> WriteTable(Failure, store.join(tables, "failures", part), ("scene_id",), parts)
    latency | "LatencyTable" >> WriteTable(Latency, store.join(tables, "latency.parquet"), ("group_by", "group", "stage"))


def _scenes(job: Job[Any], work: Work) -> str:
    """Describe the scenes of a job in one line."""
    found, incomplete = job.found, sum(isinstance(outcome, Failure) and outcome.stage == "find" for outcome in work.kept)
    already = len(job.keys) - len(work.todo)
    targets = sum(scene.target is not None for scene in found.scenes)
    return (
        f"{counted(len(job.scene_ids), 'scene')}, layout {found.layout}, {targets} with a target"
        + (f"; {already} already done" if already else "")
        + (f"; {incomplete} incomplete" if incomplete else "")
        + (f"; {len(found.unselected)} others not asked for" if found.unselected else "")
        + _gone(work)
    )


def _gone(work: Work) -> str:
    scenes = counted(len(work.gone), "scene")
    not_whole = len({outcome.scene_id for outcome in work.gone} & {outcome.scene_id for outcome in work.kept})
    also = f" ({not_whole} of them in part)" if not_whole else ""
    return f"; {scenes} no longer in the input{also}: rows and pictures stay until --prune" if work.gone else ""


def _is_score(outcome: Outcome) -> bool:
    return isinstance(outcome, Score)


def _is_failure(outcome: Outcome) -> bool:
    return isinstance(outcome, Failure)
