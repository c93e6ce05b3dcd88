"""Plan the work of one bucket, and add up the counts of all buckets: pure functions, used here and on workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dpdeblur.transforms.finding.collection import BucketScenes
from dpdeblur.transforms.records import Failure
from dpdeblur.transforms.resuming.bucket_outcomes import BucketOutcomes
from dpdeblur.transforms.resuming.diff import Diff, Wanted, diff, with_former_keys, without_lost_pictures
from dpdeblur.transforms.tables.input_key import plain_input_key


@dataclass(frozen=True, slots=True)
class Terms:
    """How an attempt continues earlier ones.

    Attributes:
        settings_digest: of the settings of the run.
        images: folder of the run's own pictures.
        told: ids of scenes that the user knows to be gone.
        retry_failed: whether scenes that failed are to be done again.
        prune: whether to drop the outcomes of scenes that are no longer in the input, or no longer whole.
        pictures_of_others: those that a run would overwrite, by the id of the scene.
    """

    settings_digest: str
    images: str
    told: frozenset[str] = frozenset()
    retry_failed: bool = False
    prune: bool = False
    pictures_of_others: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Counts:
    """Counts of the scenes of some buckets; they can be added.

    Attributes:
        todo: scenes to work on.
        known: how many scenes the tables hold without those.
        scores: how many rows of scores earlier attempts have left.
        failed: how many scenes are known to have failed.
        gone: ids of scenes that are no longer in the input, or no longer whole, and whose outcomes stay.
        not_whole: how many of these are no longer whole: they have failed, and what they gave before stays.
        before: how many scenes had an outcome.
        lost: how many of these are no longer in the input, or no longer whole, and were not known to be.
        first_lost: the first of these, by its id.
        same: whether the tables would hold the rows that they hold, once each.
        misplaced: a picture of the input among those of the run.
        overwritten: a picture of somebody else's that a run would overwrite.
    """

    todo: int = 0
    known: int = 0
    scores: int = 0
    failed: int = 0
    gone: list[str] = field(default_factory=list)
    not_whole: int = 0
    before: int = 0
    lost: int = 0
    first_lost: str = ""
    same: bool = True
    misplaced: str = ""
    overwritten: str = ""

    @property
    def scenes(self) -> int:
        """How many scenes the tables will hold."""
        return self.todo + self.known

    def add(self, other: Counts) -> None:
        """Add the counts of other buckets."""
        for name in ("todo", "known", "scores", "failed", "gone", "not_whole", "before", "lost"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("first_lost", "misplaced", "overwritten"):
            setattr(self, name, min(filter(None, (getattr(self, name), getattr(other, name))), default=""))
        self.same = self.same and other.same


@dataclass(frozen=True, slots=True)
class BucketPlan:
    """Plan of an attempt for one bucket.

    Attributes:
        todo: scenes to work on, in the form of `records.scene_to_tuple`, sorted by id.
        wanted: the scenes that the tables are about.
        counts: of all of them.
    """

    todo: list[tuple[Any, ...]]
    wanted: Wanted
    counts: Counts


def plan_bucket(there: BucketScenes, outcomes: BucketOutcomes, terms: Terms) -> BucketPlan:
    """Work out what is left to do in one bucket.

    Args:
        there: its scenes.
        outcomes: of earlier attempts.
        terms: of this attempt.
    """
    done = outcomes.done
    scenes, incomplete = (there.plain, []) if terms.prune else without_lost_pictures(there.plain, done)
    keys = {plain[0]: plain_input_key(plain, terms.settings_digest) for plain in scenes}
    failures = [replace(failure, input_key=terms.settings_digest) for failure in (*there.failures, *incomplete)]
    wanted = with_former_keys(Wanted(keys, failures, there.unselected), scenes, done, terms.settings_digest)
    change = diff(wanted, done, retry_failed=terms.retry_failed, prune=terms.prune)
    todo = [scene for scene in scenes if scene[0] in change.todo]
    return BucketPlan(todo, wanted, _counts(there, failures, change, terms))


def _counts(there: BucketScenes, failures: list[Failure], change: Diff, terms: Terms) -> Counts:
    kept, broken = [*change.kept, *change.gone], {failure.scene_id for failure in failures}
    lost, ours = change.lost - terms.told, terms.images + "/"
    misplaced = [file[0] for scene in there.plain for file in scene[3:] if file and file[0].startswith(ours)]
    overwritten = [terms.pictures_of_others[name] for name in change.todo if name in terms.pictures_of_others]
    return Counts(
        todo=len(change.todo),
        known=len({one.scene_id for one in kept} | broken),
        scores=sum(one.restored for one in kept),
        failed=sum(not one.restored for one in kept) + len(broken),
        gone=[one.scene_id for one in change.gone],
        not_whole=sum(one.scene_id in broken for one in change.gone),
        before=change.before,
        lost=len(lost),
        first_lost=min(lost, default=""),
        same=change.same,
        misplaced=min(misplaced, default=""),
        overwritten=min(overwritten, default=""),
    )
