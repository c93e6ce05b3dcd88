"""`dpdeblur plan`: check everything and say what `deblur` would do with the same arguments; write nothing."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from dpdeblur.models.runtime.session import Model
from dpdeblur.pipelines.console import complain, say
from dpdeblur.pipelines.exitcodes import WRONG_USAGE
from dpdeblur.pipelines.options import resolve
from dpdeblur.pipelines.options.jobs import PlanOptions
from dpdeblur.pipelines.run import display, estimate, restoration
from dpdeblur.pipelines.run.estimate import SceneTime
from dpdeblur.pipelines.run.job import Job, Work, plan_work, scenes_line
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.pipelines.verdict import breaks_strictness, exit_code
from dpdeblur.transforms.finding.explain import explain
from dpdeblur.transforms.layouts.left_out import sentence
from dpdeblur.transforms.records import Failure, Scene, Score, UsageError
from dpdeblur.transforms.restore import Restoration, restore
from dpdeblur.transforms.scene_work import Unwritten
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.wording import counted

TRIED = 3  # scenes, at most, until one is restored
PICTURE_SHARE = {"png": 0.9, "tiff": 1.0, "jpeg": 0.2}  # of the raw samples that a file of a photograph takes


@dataclass(frozen=True, slots=True)
class Trial:
    """Result of restoring the first scenes without writing anything.

    Attributes:
        failures: of those that failed.
        score: of the one that did not; None if all failed, or there is nothing to do.
        seconds: that it took, once warmed up.
    """

    failures: tuple[Failure, ...] = ()
    score: Score | None = None
    seconds: float = 0.0


def run(options: PlanOptions) -> int:
    """Print the plan. With --quiet the exit code is all it says.

    Returns:
        0; 2 where every scene would fail, 3 where some are known to.

    Raises:
        UsageError: as `deblur` would.
    """
    store.configure(options.beam_options)
    folder = RunFolder(options.output, options.images_output)
    job = restoration.prepare(options, folder, resolve.collect(options, options))
    _check_writable(folder)
    work = plan_work(job, folder, retry_failed=options.retry_failed, restart=options.restart, prune=options.prune)
    model = restoration.open_model(options, job.workers)
    trial = try_first(job.task, model, work)
    for name, text in [] if options.quiet else lines(job, work, options, folder, model, trial):
        say(f"{name:<10} {text}")
    for path, fate in explain(options.input, options.layout) if options.explain else []:
        say(f"{path}: {fate}")
    if reason := why_in_vain(job, work, trial, options):
        complain(f"dpdeblur plan: every scene would fail. {reason}")
        return WRONG_USAGE
    broken = breaks_strictness(job.found, strict=options.strict)
    return exit_code(job.found.failures + len(trial.failures), len(job.found), options.accept_failures, broken=broken)


def lines(
    job: Job[Restoration], work: Work, options: PlanOptions, folder: RunFolder, model: Model, trial: Trial
) -> list[tuple[str, str]]:
    """Return the plan as named lines of text."""
    found, card = job.found, model.card
    pairs = [("pair", _pair(scene)) for scene in found.first]
    if found.scenes > len(found.first):
        pairs.append(("", f"… and {found.scenes - len(found.first)} more"))
    incomplete = [("incomplete", f"{failure.scene_id}: {failure.message}") for failure in found.first_failures]
    subsets = sorted((name, count) for name, count in found.subsets.items() if name)
    return [
        ("scenes", scenes_line(found, work.counts)),
        ("input", found.source),
        *([("subsets", ", ".join(f"{name} {count}" for name, count in subsets))] if subsets else []),
        ("combined", f"{found.with_role['combined']} of {counted(found.scenes, 'scene')}"),
        *pairs,
        *incomplete,
        *(("remark", remark) for remark in found.remarks),
        *([("left out", line)] if (line := sentence(found.left_out)) else []),
        ("model", f"{card.name} {card.version}: {card.description}".rstrip(": ")),
        ("backend", f"{model.backend}, {counted(job.workers, 'scene')} at once, threads for each: {options.threads}"),
        ("to do", f"{counted(len(work.todo), 'scene')}; already done in {folder.uri}: {found.scenes - len(work.todo)}"),
        *(("first", f"{row.scene_id} would fail at {row.stage}: {row.message}") for row in trial.failures),
        *(_needs(trial.score, trial.seconds, work, options, job.workers) if trial.score else []),
        *(_elsewhere(trial.score, trial.seconds, work, options, folder) if trial.score and options.cores else []),
    ]


def try_first(task: Restoration, model: Model, work: Work) -> Trial:
    """Restore the first scenes until one does not fail, with nothing written."""
    failures = list[Failure]()
    for scene in _first(work):
        result = restore(scene, model, task)
        if isinstance(result, Failure):
            failures.append(result)
            continue
        started = time.monotonic()  # the first time has warmed up
        restore(scene, model, task)
        score = result.score if isinstance(result, Unwritten) else result
        return Trial(tuple(failures), score, time.monotonic() - started)
    return Trial(tuple(failures))


def _first(work: Work) -> Iterator[Scene]:
    """Yield the first scene by its id, and some others."""
    if work.first is not None:
        yield work.first
        others = (scene for scene in work.scenes_to_do() if scene != work.first)
        yield from itertools.islice(others, TRIED - 1)


def why_in_vain(job: Job[Restoration], work: Work, trial: Trial, options: PlanOptions) -> str:
    """Return why a run would restore nothing or stop at once; empty if it would not.

    Args:
        job: to be done.
        work: what is left of it.
        trial: of the first scenes.
        options: of the command.
    """
    if not job.found.scenes and not work.counts.scores:
        failure = job.found.first_failures[0]
        return f"No scene is complete, for example {failure.scene_id}: {failure.message}"
    if trial.failures and not trial.score and len(trial.failures) in (len(work.todo), TRIED) and not work.counts.scores:
        failure = trial.failures[0]
        tried = counted(len(trial.failures), "scene")
        return f"{tried} tried, and none could be restored, for example {failure.scene_id} ({failure.stage}): {failure.message}"
    if options.max_failures and work.counts.failed > options.max_failures.of(work.counts.scenes):
        return f"{counted(work.counts.failed, 'scene')} failed, more than --max-failures allows."
    return ""


def _check_writable(folder: RunFolder) -> None:
    """Refuse a folder on this machine that cannot be made or written to, as far as that can be told without writing.

    Raises:
        UsageError: and why.
    """
    path = store.local_path(folder.uri)
    if path is None:
        return
    there = next(place for place in (path, *path.parents) if place.exists())
    if not there.is_dir():
        raise UsageError(f"--output {folder.uri} cannot be written to: {there} is a file.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"--output {folder.uri} cannot be written to: no permission to write in {there}.")


def _pair(scene: Scene) -> str:
    pictures = [(role, getattr(scene, role)) for role in ("left", "right", "combined", "target")]
    return f"{scene.scene_id}: " + ", ".join(f"{role} {source.uri}" for role, source in pictures if source)


def _needs(score: Score, seconds: float, work: Work, options: PlanOptions, at_once: int) -> list[tuple[str, str]]:
    """Estimate the time and disk that the scenes to do need on this machine."""
    size = f"{score.width}x{score.height}, {score.bit_depth} bit"
    total = display.duration(seconds * len(work.todo) / at_once)
    found = [("size", f"{size} (of {score.scene_id})"), ("time", f"about {total}: {seconds:.2f} s for {score.scene_id}, alone")]
    if options.images != "none":
        channels = 3  # at most
        share = PICTURE_SHARE[options.images_format]
        need = score.megapixels * 1e6 * channels * score.bit_depth / 8 * share * len(work.todo)
        found.append(("disk", f"about {need / 1e9:.2f} GB for pictures{_free(options.output)}"))
    return found


def _elsewhere(score: Score, seconds: float, work: Work, options: PlanOptions, folder: RunFolder) -> list[tuple[str, str]]:
    """Estimate the time on other machines, and the cost."""
    measured = RunFolder(options.measured) if options.measured else folder
    by_run = estimate.of_run(measured.uri, measured.manifest().get("threads") or 1, score.megapixels)
    if options.measured and by_run is None:
        raise UsageError(f"--measured {options.measured}: there are no latency statistics in it.")
    scene = by_run or SceneTime(seconds, options.threads, f"{score.scene_id} timed here, alone")
    todo, cores = len(work.todo), options.cores or 1
    took = f"{scene.seconds:.2f} s a scene on {counted(scene.threads, 'core')} ({scene.source})"
    found = [
        ("on cores", f"about {display.duration(scene.wall_s(todo, cores))} for {counted(todo, 'scene')} on {cores} cores"),
        ("", f"an estimate: {took}; for cores like those, and without starting up or waiting for storage"),
    ]
    if options.core_hour is not None:
        hours = scene.core_hours(todo)
        cost = f"about {hours * options.core_hour:.2f}: {hours:.2f} core hours at {options.core_hour:g}"
        found.append(("cost", f"{cost}; idle cores that are paid for come on top"))
    return found


def _free(output: str) -> str:
    free = store.free_bytes(output)
    return "" if free is None else f"; {free / 1e9:.0f} GB are free"
