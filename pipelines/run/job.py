"""The job of a run: everything asked for, checked, and what is left to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from dpdeblur.pipelines.options.command_line import command_line, record
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions, WatchOptions
from dpdeblur.pipelines.run import provenance
from dpdeblur.pipelines.run.refusal import check_ours, would_overwrite
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.finding.collection import Collection, Overview
from dpdeblur.transforms.records import Scene, UsageError, scene_from_tuple
from dpdeblur.transforms.resuming.bucket_outcomes import NoOutcomes
from dpdeblur.transforms.resuming.bucket_plan import BucketPlan, Counts, Terms, plan_bucket
from dpdeblur.transforms.resuming.diff import Wanted
from dpdeblur.transforms.scene_work import Task
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.spool import Spool, collector_paused
from dpdeblur.transforms.wording import counted, without_secrets

TaskT = TypeVar("TaskT", bound=Task)

BUCKETS_IN_MEMORY = 4
FEW_GONE, FEW_GONE_SHARE = 3, 0.01  # scenes of a run that may be gone from its input at once, or a share of all
# What a card says that changes a result: with or without flags, from the file or from next to it.
CARD_SETTINGS = (
    "views", "output", "layout", "channel_order", "value_range", "transfer", "size_multiple", "halo_px", "blend_tiles",
)  # fmt: skip


@dataclass(frozen=True)
class Job(Generic[TaskT]):
    """The checked job of a command.

    Attributes:
        found: the scenes of the input, and those that were not found whole.
        task: what to do with each.
        workers: scenes in progress at once in one process.
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
    """The work of one attempt: counts, and the scenes by bucket; what earlier attempts finished is kept.

    Attributes:
        buckets: into how many the scenes are sorted.
        todo: scenes to work on.
        wanted: the scenes that the tables are about.
        first: the first scene to work on, by its id.
        counts: of all of them.
        nothing_to_do: the tables already stand as they should.
    """

    buckets: int
    todo: Spool[tuple[Any, ...]] = field(default_factory=Spool)
    wanted: Spool[Wanted] = field(default_factory=lambda: Spool(BUCKETS_IN_MEMORY))
    first: Scene | None = None
    counts: Counts = field(default_factory=Counts)
    nothing_to_do: bool = False

    def scenes_to_do(self) -> Iterator[Scene]:
        """Yield the scenes to work on, sorted within each bucket."""
        for number in range(self.buckets):
            yield from map(scene_from_tuple, self.todo.bucket(number, self.buckets))

    def add(self, number: int, plan: BucketPlan) -> None:
        """Add the plan of one more bucket.

        Args:
            number: of the bucket.
            plan: of it.
        """
        for scene in plan.todo:
            self.todo.add(scene[0], scene)
        if plan.todo and (self.first is None or plan.todo[0][0] < self.first.scene_id):
            self.first = scene_from_tuple(plan.todo[0])
        self.wanted.add_to(number, plan.wanted)
        self.counts.add(plan.counts)


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
        at_once: scenes in progress at once in one process.
        card: of the model, or what is known of whoever restored the images.
        threads: of the model for one scene; 0 if there is none.
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


@collector_paused()
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
            scenes are where the run would write its own.
    """
    before = {} if restart else folder.manifest()
    theirs = check_ours(folder, job.settings)
    check_same_settings(before, job, folder)
    told = frozenset(before.get("gone", ()))
    terms = Terms(job.digest, folder.images.uri, told, retry_failed, prune, theirs)
    work = Work(folder.buckets(len(job.found)))
    earlier = NoOutcomes() if restart else folder.earlier(work.buckets)
    for number in range(work.buckets):
        work.add(number, plan_bucket(job.found.bucket(number, work.buckets), earlier.bucket(number), terms))
    check_counts(work.counts, job.found.source, folder.uri)
    work.nothing_to_do = before.get("finished") is not None and nothing_to_do(work.counts, told, folder)
    return work


def nothing_to_do(counts: Counts, told: frozenset[str], folder: RunFolder) -> bool:
    """Return whether the tables of a finished run already stand as they should.

    Args:
        counts: of all scenes.
        told: ids of scenes that the user knows to be gone.
        folder: of the run.
    """
    return counts.same and frozenset(counts.gone) == told and not counts.todo and folder.is_whole()


def check_counts(counts: Counts, source: str, run: str) -> None:
    """Refuse to continue if pictures would be overwritten, or if many scenes are missing at once.

    Images of others in the run's folder would be overwritten, and deleted by --restart. A disk that is not mounted looks as
    if many scenes were lost.

    Args:
        counts: of all scenes.
        source: where they are.
        run: folder of the run.

    Raises:
        UsageError: it is so; nothing was changed.
    """
    if counts.misplaced:
        raise UsageError(f"{counts.misplaced} is where the run keeps its own pictures: choose another --output.")
    if counts.overwritten:
        raise would_overwrite(run, counts.overwritten)
    if counts.lost > max(FEW_GONE, FEW_GONE_SHARE * counts.before):
        raise UsageError(
            f"{counts.lost} of the {counted(counts.before, 'scene')} in {run} are no longer in {source}, or no longer "
            f"complete, such as {counts.first_lost}. Is a disk not mounted, or a folder renamed? Nothing was changed. "
            "If they are meant to be gone, choose another --output, or start over with --restart."
        )


def check_same_settings(earlier: dict[str, Any], job: Job[Any], folder: RunFolder) -> None:
    """Check that a job may continue the run in a folder.

    Args:
        earlier: manifest of that run; empty if there is none.
        job: the job that would continue it.
        folder: of the run.

    Raises:
        UsageError: it was made with other settings, which are named.
    """
    before, now = earlier.get("settings"), job.settings
    if before is None or before == now:
        return
    raise UsageError(
        f"{folder.uri} holds a run with other settings ({'; '.join(_differences(before, now))}). "
        "Choose another --output, or start over with --restart."
    )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield the settings that differ; of two models only the names, where these tell them apart."""
    told_by_name = {"card", "model_sha256"} if before.get("model") != now.get("model") else set()
    for name in sorted({*before, *now} - told_by_name):
        one, other = before.get(name, "the default"), now.get(name, "the default")
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from (f"{name}: {each}" for each in _differences(one, other))
        elif one != other:
            yield f"{name}: {one} → {other}"


def scenes_line(found: Overview, counts: Counts) -> str:
    """Return a line on the scenes of a job."""
    already = found.scenes - counts.todo
    return (
        f"{counted(len(found), 'scene')}, layout {found.layout}, {found.with_role['target']} with a target"
        + (f"; {already} already done" if already else "")
        + (f"; {found.failures} incomplete" if found.failures else "")
        + (f"; {found.unselected} others not selected" if found.unselected else "")
        + gone_line(counts)
    )


def gone_line(counts: Counts) -> str:
    """Return a clause on scenes that are no longer in the input, to append to a line; empty if there are none."""
    scenes = counted(len(counts.gone), "scene")
    also = f" ({counts.not_whole} of them incomplete)" if counts.not_whole else ""
    return f"; {scenes} no longer in the input{also}: rows and pictures stay until --prune" if counts.gone else ""
