"""What a run has to do: the job as a whole, checked, and what is left of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from dpdeblur.pipelines.options.command_line import command_line, record
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions, WatchOptions
from dpdeblur.pipelines.run import provenance
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.foreach import Task
from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.records import Failure, Outcome, Scene, UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.journal import finished, input_key, with_present_keys

TaskT = TypeVar("TaskT", bound=Task)

# What a card says that changes a result: with or without flags, from the file or from beside it.
CARD_SETTINGS = (
    "views", "output", "layout", "channel_order", "value_range", "transfer", "size_multiple", "halo_px", "blend_tiles",
)  # fmt: skip


@dataclass(frozen=True)
class Job(Generic[TaskT]):
    """What a command asks for, checked.

    Attributes:
        found: the scenes of the input, and those that were not found whole.
        task: what to do with each.
        workers: scenes under way at once in one process.
        settings: every setting that changes a result, by name.
        digest: of these.
        keys: the `input_key` of each scene.
        facts: for `manifest.json`.
        headline: to print at the start.
    """

    found: Found
    task: TaskT
    workers: int
    settings: dict[str, Any]
    digest: str
    keys: dict[str, str]
    facts: dict[str, Any]
    headline: str

    @property
    def scene_ids(self) -> set[str]:
        """The ids of all scenes that the tables will hold."""
        return {*self.keys, *(failure.scene_id for failure in self.found.failures)}


@dataclass(frozen=True)
class Work:
    """What an attempt has to do, and what it keeps of earlier ones.

    Attributes:
        todo: scenes to work on.
        kept: outcomes that still hold, and the scenes that were not found whole.
        nothing_to_do: the tables already stand as they should.
    """

    todo: list[Scene]
    kept: list[Outcome]
    nothing_to_do: bool

    @property
    def failed(self) -> int:
        """How many of those kept are failures."""
        return sum(isinstance(outcome, Failure) for outcome in self.kept)

    @property
    def restored(self) -> int:
        """How many of those kept were restored."""
        return len(self.kept) - self.failed


def make_job(
    options: DeblurOptions | ScoreOptions | WatchOptions,
    found: Found,
    task: TaskT,
    settings: dict[str, Any],
    at_once: int,
    *,
    card: dict[str, Any],
    threads: int,
    headline: str,
) -> Job[TaskT]:
    """Put a job together.

    Args:
        options: of the command.
        found: its scenes.
        task: what to do with each.
        settings: every setting that changes a result.
        at_once: scenes under way at once in one process.
        card: of the model, or what is known of whoever restored the images.
        threads: of the model for one scene; 0 where there is none.
        headline: to print at the start.

    Raises:
        UsageError: images of the scenes lie where the run would write its own.
    """
    _check_apart(found, RunFolder(options.output))
    digest = provenance.digest(settings)
    facts = {
        "format": 1,
        "command": command_line(options),
        "input": store.absolute(options.input, resolve=True),
        "layout": found.layout,
        "settings": settings,
        "options": record(options),
        "card": card,
        "threads": threads,
        "runner": options.runner,
        "workers": at_once,
        "versions": provenance.versions(),
        "machine": provenance.machine(),
    }
    keys = {scene.scene_id: input_key(scene, digest) for scene in found.scenes}
    return Job(found, task, at_once, settings, digest, keys, facts, headline)


def plan_work(job: Job[Any], folder: RunFolder, *, retry_failed: bool = False, restart: bool = False) -> Work:
    """Work out what is left to do, given what the folder holds; change nothing.

    Args:
        job: to be done.
        folder: of the run.
        retry_failed: whether scenes that failed are to be done again.
        restart: whether to begin anew, whatever the folder holds.

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
    return Work(todo, kept, nothing_to_do=stands and not todo and folder.is_whole())


def _check_apart(found: Found, folder: RunFolder) -> None:
    """Refuse images of others in a run's own folder: they would be overwritten, and deleted by --restart."""
    ours = folder.path("images") + "/"
    for scene in found.scenes:
        for source in (scene.left, scene.right, scene.combined, scene.target, scene.restored):
            if source and source.uri.startswith(ours):
                raise UsageError(f"{source.uri} lies where the run keeps its own pictures: choose another --output.")


def _scenes(outcomes: list[Outcome]) -> Counter[str]:
    return Counter(outcome.scene_id for outcome in outcomes)


def check_same_settings(earlier: dict[str, Any], job: Job[Any], folder: RunFolder) -> None:
    """Check that a job may go on with the run in a folder.

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
