"""What a run has to do: the job as a whole, checked, and what is left of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from dpdeblur.pipelines.options import redaction
from dpdeblur.pipelines.options.command_line import command_line, record
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions, WatchOptions
from dpdeblur.pipelines.run import provenance
from dpdeblur.pipelines.run.input_watch import is_unreachable
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.records import Failure, Outcome, Scene, Score, UsageError, is_not_found
from dpdeblur.transforms.scene_work import Task
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.journal import finished, input_key, with_present_keys
from dpdeblur.transforms.wording import counted

TaskT = TypeVar("TaskT", bound=Task)

FEW_GONE, FEW_GONE_SHARE = 3, 0.01  # scenes of a run that may be gone from its input at once, or a share of all
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
        """The ids of all scenes that were asked for."""
        return {*self.keys, *(failure.scene_id for failure in self.found.failures)}


@dataclass(frozen=True)
class Work:
    """What an attempt has to do, and what it keeps of earlier ones.

    Attributes:
        todo: scenes to work on.
        kept: outcomes that still hold, those of scenes that were not asked for this time, and scenes not found whole.
        gone: outcomes of scenes that are no longer in the input, or no longer whole: they stay, too. A scene that is no longer
            whole is among both: it has failed, and what it gave before stays.
        nothing_to_do: the tables already stand as they should.
    """

    todo: list[Scene]
    kept: list[Outcome]
    gone: list[Outcome]
    nothing_to_do: bool

    @property
    def earlier(self) -> list[Outcome]:
        """All outcomes that the tables take over from earlier attempts."""
        return [*self.kept, *self.gone]

    @property
    def rows(self) -> Counter[str]:
        """How many rows the tables will hold of each scene."""
        return Counter([*(scene.scene_id for scene in self.todo), *(outcome.scene_id for outcome in self.earlier)])

    @property
    def failed(self) -> int:
        """How many scenes are known to have failed."""
        return sum(isinstance(outcome, Failure) for outcome in self.earlier)

    @property
    def scores(self) -> int:
        """How many rows of scores earlier attempts have left."""
        return len(self.earlier) - self.failed


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
        "input": redaction.of_text(store.absolute(options.input, resolve=True)),
        "layout": found.layout,
        "unselected": len(found.unselected),
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


def plan_work(
    job: Job[Any], folder: RunFolder, *, retry_failed: bool = False, restart: bool = False, prune: bool = False
) -> Work:
    """Work out what is left to do, given what the folder holds; change nothing.

    Args:
        job: to be done.
        folder: of the run.
        retry_failed: whether scenes that failed are to be done again.
        restart: whether to begin anew, whatever the folder holds.
        prune: whether to drop what scenes have left that are no longer in the input, or no longer whole.

    Raises:
        UsageError: the folder holds a run with other settings, or many of its scenes are no longer in the input.
    """
    earlier = {} if restart else folder.manifest()
    check_same_settings(earlier, job, folder)
    outcomes = [] if restart else with_present_keys(folder.outcomes(), job.found.scenes, job.keys, job.digest)
    holding = finished([outcome for outcome in outcomes if not is_unreachable(outcome)], job.keys)
    if retry_failed:
        holding = {scene: outcome for scene, outcome in holding.items() if not isinstance(outcome, Failure)}
    todo = [scene for scene in job.found.scenes if scene.scene_id not in holding]
    lost = _lost(outcomes, job)
    _check_few({*lost} - {*earlier.get("gone", ())}, outcomes, job, folder)
    not_whole = {failure.scene_id for failure in job.found.failures}
    gone = {scene: outcome for scene, outcome in lost.items() if isinstance(outcome, Score) or scene not in not_whole}
    if prune:
        gone = {}
    kept = [*holding.values(), *(replace(failure, input_key=job.digest) for failure in job.found.failures)]
    kept += [outcome for outcome in _latest(outcomes) if outcome.scene_id in job.found.unselected]
    stands = earlier.get("finished") is not None and _rows([*kept, *gone.values()]) == _rows(outcomes)
    told = {*gone} == {*earlier.get("gone", ())}
    return Work(todo, kept, [*gone.values()], nothing_to_do=stands and told and not todo and folder.is_whole())


def _lost(outcomes: list[Outcome], job: Job[Any]) -> dict[str, Outcome]:
    """Find the last outcomes of scenes that are no longer in the input, or no longer whole, though they once were."""
    there = job.keys.keys() | job.found.unselected
    return {
        outcome.scene_id: outcome
        for outcome in _latest(outcomes)
        if outcome.scene_id not in there and not is_not_found(outcome)
    }


def _latest(outcomes: list[Outcome]) -> list[Outcome]:
    """Return the last outcome of each scene; where that is a scene not found whole, what it gave before as well."""
    latest: dict[str, list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.finished_at):
        before = latest.get(outcome.scene_id, [])
        stays = [each for each in before if isinstance(each, Score)] if is_not_found(outcome) else []
        latest[outcome.scene_id] = [*stays, outcome]
    return [outcome for last in latest.values() for outcome in last]


def _check_few(lost: set[str], outcomes: list[Outcome], job: Job[Any], folder: RunFolder) -> None:
    """Refuse to go on where many scenes are lost at once: a disk that is not mounted looks like that."""
    before = len({outcome.scene_id for outcome in outcomes})
    if len(lost) > max(FEW_GONE, FEW_GONE_SHARE * before):
        raise UsageError(
            f"{len(lost)} of the {counted(before, 'scene')} in {folder.uri} are no longer in {job.found.source}, or no longer "
            f"whole, such as {min(lost)}. Is a disk not mounted, or a folder renamed? Nothing was changed. "
            "If they are to go, choose another --output, or begin anew with --restart."
        )


def _check_apart(found: Found, folder: RunFolder) -> None:
    """Refuse images of others in a run's own folder: they would be overwritten, and deleted by --restart."""
    ours = folder.path("images") + "/"
    for scene in found.scenes:
        for source in (scene.left, scene.right, scene.combined, scene.target, scene.restored):
            if source and source.uri.startswith(ours):
                raise UsageError(f"{source.uri} lies where the run keeps its own pictures: choose another --output.")


def _rows(outcomes: list[Outcome]) -> Counter[tuple[str, str]]:
    return Counter((outcome.scene_id, outcome.message if isinstance(outcome, Failure) else "") for outcome in outcomes)


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
