"""What a run has to do: the job as a whole, checked, and what is left of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from dpdeblur.pipelines.options.command_line import command_line, record
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions, WatchOptions
from dpdeblur.pipelines.run import provenance
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.records import Scene, UsageError, scene_from_tuple
from dpdeblur.transforms.resuming.diff import Diff, Wanted, diff, with_former_keys, without_lost_targets
from dpdeblur.transforms.resuming.earlier import NoOutcomes
from dpdeblur.transforms.scene_work import Task
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.spool import Spool
from dpdeblur.transforms.tables.input_key import plain_input_key
from dpdeblur.transforms.wording import counted, without_secrets

TaskT = TypeVar("TaskT", bound=Task)

BUCKETS_IN_MEMORY = 4
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
        facts: for `manifest.json`.
        headline: to print at the start.
    """

    found: Collection
    task: TaskT
    workers: int
    settings: dict[str, Any]
    digest: str
    facts: dict[str, Any]
    headline: str


@dataclass
class Work:
    """What an attempt has to do, and what it keeps of earlier ones: numbers, and by bucket the scenes.

    Attributes:
        buckets: into how many the scenes are sorted.
        todo: scenes to work on.
        wanted: the scenes that the tables are about.
        first: the first scene to work on, by its id.
        known: how many scenes the tables hold without those.
        scores: how many rows of scores earlier attempts have left.
        failed: how many scenes are known to have failed.
        gone: ids of scenes that are no longer in the input, or no longer whole, and whose outcomes stay.
        not_whole: how many of these are no longer whole: they have failed, and what they gave before stays.
        nothing_to_do: the tables already stand as they should.
    """

    buckets: int
    todo: Spool[tuple[Any, ...]] = field(default_factory=Spool)
    wanted: Spool[Wanted] = field(default_factory=lambda: Spool(BUCKETS_IN_MEMORY))
    first: Scene | None = None
    known: int = 0
    scores: int = 0
    failed: int = 0
    gone: list[str] = field(default_factory=list)
    not_whole: int = 0
    nothing_to_do: bool = False

    @property
    def scenes(self) -> int:
        """How many scenes the tables will hold."""
        return len(self.todo) + self.known

    def scenes_to_do(self) -> Iterator[Scene]:
        """Yield the scenes to work on, sorted within each bucket."""
        for number in range(self.buckets):
            yield from map(scene_from_tuple, self.todo.bucket(number, self.buckets))

    def add(self, number: int, scenes: Sequence[tuple[Any, ...]], wanted: Wanted, change: Diff) -> None:
        """Take what there is to do in one more bucket.

        Args:
            number: of the bucket.
            scenes: whole ones in it, in the form of `records.scene_to_tuple`, sorted by id.
            wanted: the same as the tables are about.
            change: against earlier outcomes.
        """
        todo = [scene for scene in scenes if scene[0] in change.todo]
        for scene in todo:
            self.todo.add(scene[0], scene)
        if todo and (self.first is None or todo[0][0] < self.first.scene_id):
            self.first = scene_from_tuple(todo[0])
        kept, broken = [*change.kept, *change.gone], {failure.scene_id for failure in wanted.failures}
        self.wanted.add_to(number, wanted)
        self.known += len({one.scene_id for one in kept} | broken)
        self.scores += sum(one.restored for one in kept)
        self.failed += sum(not one.restored for one in kept) + len(broken)
        self.gone += (one.scene_id for one in change.gone)
        self.not_whole += sum(one.scene_id in broken for one in change.gone)


def make_job(
    options: DeblurOptions | ScoreOptions | WatchOptions,
    found: Collection,
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
    """
    digest = provenance.digest(settings)
    facts = {
        "format": 1,
        "command": command_line(options),
        "input": without_secrets(store.absolute(options.input, resolve=True)),
        "layout": found.layout,
        "unselected": found.unselected,
        "settings": settings,
        "options": record(options),
        "card": card,
        "threads": threads,
        "runner": options.runner,
        "workers": at_once,
        "versions": provenance.versions(),
        "machine": provenance.machine(),
    }
    return Job(found, task, at_once, settings, digest, facts, headline)


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
        UsageError: the folder holds a run with other settings, many of its scenes are no longer in the input, or pictures of
            scenes lie where the run would write its own.
    """
    before = {} if restart else folder.manifest()
    check_same_settings(before, job, folder)
    work = Work(folder.buckets(job.found.scenes + job.found.failures))
    earlier = NoOutcomes() if restart else folder.earlier(work.buckets)
    told, lost, had, same = frozenset(before.get("gone", ())), _Lost(), 0, before.get("finished") is not None
    for number in range(work.buckets):
        there, done = job.found.bucket(number, work.buckets), earlier.bucket(number).done
        _check_apart(there.plain, folder)
        scenes, lost_targets = (there.plain, []) if prune else without_lost_targets(there.plain, done)
        keys = {plain[0]: plain_input_key(plain, job.digest) for plain in scenes}
        failures = [replace(failure, input_key=job.digest) for failure in (*there.failures, *lost_targets)]
        wanted = with_former_keys(Wanted(keys, failures, there.unselected), scenes, done, job.digest)
        change = diff(wanted, done, retry_failed=retry_failed, prune=prune)
        lost.add(change.lost - told)
        had, same = had + change.before, same and change.same
        work.add(number, scenes, wanted, change)
    _check_few(lost, had, job, folder)
    work.nothing_to_do = same and frozenset(work.gone) == told and not work.todo and folder.is_whole()
    return work


@dataclass
class _Lost:
    """Scenes that are no longer in the input, or no longer whole: how many, and the first by id."""

    count: int = 0
    first: str = ""

    def add(self, scene_ids: frozenset[str]) -> None:
        if scene_ids:
            self.count += len(scene_ids)
            self.first = min(scene_ids | {self.first or min(scene_ids)})


def _check_few(lost: _Lost, had: int, job: Job[Any], folder: RunFolder) -> None:
    """Refuse to go on where many scenes are lost at once: a disk that is not mounted looks like that."""
    if lost.count > max(FEW_GONE, FEW_GONE_SHARE * had):
        raise UsageError(
            f"{lost.count} of the {counted(had, 'scene')} in {folder.uri} are no longer in {job.found.source}, or no longer "
            f"whole, such as {lost.first}. Is a disk not mounted, or a folder renamed? Nothing was changed. "
            "If they are to go, choose another --output, or begin anew with --restart."
        )


def _check_apart(scenes: Sequence[tuple[Any, ...]], folder: RunFolder) -> None:
    """Refuse images of others in a run's own folder: they would be overwritten, and deleted by --restart."""
    ours = folder.images.uri + "/"
    for _, _, _, *files in scenes:
        for file in files:
            if file and file[0].startswith(ours):
                raise UsageError(f"{file[0]} lies where the run keeps its own pictures: choose another --output.")


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
    said = [{name: settings.get(name, "the default") for name in names} for settings in (before, now)]
    changed = [f"{name}: {said[0][name]} → {said[1][name]}" for name in names if said[0][name] != said[1][name]]
    raise UsageError(
        f"{folder.uri} holds a run with other settings ({'; '.join(changed)}). "
        "Choose another --output, or begin anew with --restart."
    )
