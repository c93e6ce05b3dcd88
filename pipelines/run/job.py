"""A job before it starts: everything checked, and what there is left to do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from dpdeblur.models.runtime.session import Model
from dpdeblur.pipelines.engine import runners
from dpdeblur.pipelines.options import resolve
from dpdeblur.pipelines.options.command_line import command_line, record
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions, WatchOptions
from dpdeblur.pipelines.run import provenance
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.foreach import Task
from dpdeblur.transforms.layouts import Found, find_scenes
from dpdeblur.transforms.records import Failure, Outcome, Scene, UsageError
from dpdeblur.transforms.restore import Restoration
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.journal import finished, input_key, with_present_keys
from dpdeblur.transforms.wording import counted

TaskT = TypeVar("TaskT", bound=Task)


# What a card says that changes a result: with or without flags, from the file or from beside it.
CARD_SETTINGS = ("views", "channel_order", "value_range", "transfer", "size_multiple", "halo_px")


@dataclass(frozen=True)
class Job(Generic[TaskT]):
    """What a command line asks for, checked.

    Attributes:
        found: the scenes of the input, and those that were not found whole.
        task: what to do with each.
        workers: scenes under way at once in one process.
        settings: every setting that changes a result, by name.
        digest: of these.
        keys: the `input_key` of each scene.
        facts: for `provenance.json`.
        headline: lines to print at the start.
    """

    found: Found
    task: TaskT
    workers: int
    settings: dict[str, Any]
    digest: str
    keys: dict[str, str]
    facts: dict[str, Any]
    headline: tuple[str, ...]

    @property
    def scene_ids(self) -> set[str]:
        """Every scene that the tables will hold."""
        return {*self.keys, *(failure.scene_id for failure in self.found.failures)}


@dataclass(frozen=True)
class Work:
    """What an attempt has to do, and what it keeps of earlier ones.

    Attributes:
        todo: scenes to work on.
        kept: outcomes that still hold, and the scenes that were not found whole.
        failed: failures among those kept.
        nothing_to_do: the tables already stand as they should.
    """

    todo: list[Scene]
    kept: list[Outcome]
    failed: int
    nothing_to_do: bool


def prepare(options: DeblurOptions | WatchOptions, folder: RunFolder, found: Found | None = None) -> Job[Restoration]:
    """Check everything that can be checked before the first scene is read, and open the model.

    Args:
        options: what was asked for.
        folder: where results go.
        found: the scenes; by default all that lie in --input.

    Raises:
        UsageError: what is wrong, and the way out.
    """
    runners.check(options.runner)
    at_once = resolve.scenes_at_once(options, options, options.threads)
    pixels = resolve.pixel_settings(options)
    found = found or find_scenes(options.input, options.layout)
    model = open_model(options, at_once)
    settings = {
        "model": model.name,
        "model_sha256": model.sha256,
        "backend": model.backend,
        "images": options.images,
        **pixels,
        "card": {key: value for key, value in model.card.as_dict().items() if key in CARD_SETTINGS},
    }
    task = Restoration(
        model=replace(model.spec, model=resolve.address(options.model), sha256=model.sha256),
        reading=resolve.reading(options, provenance.digest(settings), at_once),
        images=folder.path("images") if options.images == "restored" else "",
    )
    return make_job(options, found, task, settings, at_once, _about(model, at_once, options))


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


def make_job(
    options: DeblurOptions | ScoreOptions | WatchOptions,
    found: Found,
    task: TaskT,
    settings: dict[str, Any],
    at_once: int,
    about: dict[str, Any],
) -> Job[TaskT]:
    """A job from its parts.

    Args:
        options: what was asked for.
        found: its scenes.
        task: what to do with each.
        settings: every setting that changes a result.
        at_once: scenes under way at once in one process.
        about: what else the manifest should say; its "headline" is printed instead.

    Raises:
        UsageError: pictures of the scenes lie where the run would write its own.
    """
    _check_apart(found, RunFolder(options.output))
    digest = provenance.digest(settings)
    headline = about.pop("headline")
    facts = {
        "format": 1,
        "command": command_line(options),
        "input": store.absolute(options.input, resolve=True),
        "layout": found.layout,
        "settings": settings,
        "options": record(options),
        **about,
        "runner": options.runner,
        "workers": at_once,
        "versions": provenance.versions(),
        "machine": provenance.machine(),
    }
    keys = {scene.scene_id: input_key(scene, digest) for scene in found.scenes}
    return Job(found, task, at_once, settings, digest, keys, facts, headline)


def compare(job: Job[Any], folder: RunFolder, *, retry_failed: bool = False, restart: bool = False) -> Work:
    """What is left to do, given what the folder holds, or, to start afresh, in spite of it. Changes nothing.

    Raises:
        UsageError: the folder holds a run with other settings.
    """
    earlier = {} if restart else folder.manifest()
    check_same_settings(earlier, job, folder)
    outcomes = [] if restart else with_present_keys(folder.outcomes(), job.found.scenes, job.keys, job.digest)
    holding = finished(outcomes, job.keys)
    if retry_failed:
        holding = {scene: outcome for scene, outcome in holding.items() if not isinstance(outcome, Failure)}
    todo = [scene for scene in job.found.scenes if scene.scene_id not in holding]
    kept = [*holding.values(), *(replace(failure, input_key=job.digest) for failure in job.found.failures)]
    stands = earlier.get("finished") is not None and _scenes(kept) == _scenes(outcomes)
    return Work(todo, kept, sum(isinstance(outcome, Failure) for outcome in kept), nothing_to_do=stands and not todo)


def _about(model: Model, workers: int, options: DeblurOptions | WatchOptions) -> dict[str, Any]:
    at_once = f"{counted(workers, 'scene')} at once"
    return {
        "headline": (f"model {model.name} on {model.backend}, {at_once}, threads for each: {options.threads}",),
        "card": model.card.as_dict(),
        "threads": options.threads,
    }


def _check_apart(found: Found, folder: RunFolder) -> None:
    """Pictures of others in a run's own folder would be written over, and deleted by --restart."""
    ours = folder.path("images") + "/"
    for scene in found.scenes:
        for source in (scene.left, scene.right, scene.combined, scene.target, scene.restored):
            if source and source.uri.startswith(ours):
                raise UsageError(f"{source.uri} lies where the run keeps its own pictures: choose another --output.")


def _scenes(outcomes: list[Outcome]) -> Counter[str]:
    return Counter(outcome.scene_id for outcome in outcomes)


def check_same_settings(earlier: dict[str, Any], job: Job[Any], folder: RunFolder) -> None:
    """Make sure that a job may go on with the run in a folder.

    Args:
        earlier: manifest of that run; empty where there is none.
        job: the job that would go on with it.
        folder: of the run.

    Raises:
        UsageError: it was made with other settings: which.
    """
    before, now = earlier.get("settings"), job.settings
    if before is None or before == now:
        return
    names = sorted({*before, *now})
    changed = [f"{name}: {before.get(name)} → {now.get(name)}" for name in names if before.get(name) != now.get(name)]
    raise UsageError(
        f"{folder.uri} holds a run with other settings ({'; '.join(changed)}). "
        "Choose another --output, or begin anew with --restart."
    )
