"""Work out what is left to do: compare the scenes of an input with the outcomes of earlier attempts. Pure functions.

Scenes and outcomes are compared bucket by bucket, so that memory holds one bucket and not a collection.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dpdeblur.transforms.records import ROLES, Failure, Outcome, Score, failure_to_find, scene_from_tuple
from dpdeblur.transforms.storage.patient_read import InputUnreachableError
from dpdeblur.transforms.tables.input_key import former_input_key

_OPTIONAL = {role: 3 + ROLES.index(role) for role in ("target", "combined")}
"""Pictures that a scene may lack, and where `scene_to_tuple` has them."""


class Done(NamedTuple):
    """What matters of an outcome of an earlier attempt for deciding what to do.

    Attributes:
        scene_id, input_key: as in its row.
        restored: whether it is a score, not a failure.
        finished_ms: when the scene was finished, in milliseconds since 1970.
        stage, error_type, message: of a failure.
        image_path: of a score that has a picture; else empty.
        pictures: of a score: the roles of the pictures that the scene had, separated by spaces.
        row: where the whole row is: its number in `earlier.BucketOutcomes`.
    """

    scene_id: str
    input_key: str
    restored: bool
    finished_ms: int
    stage: str = ""
    error_type: str = ""
    message: str = ""
    image_path: str = ""
    pictures: str = ""
    row: int = -1

    @property
    def not_found_whole(self) -> bool:
        """Whether the scene was incomplete, so that nothing was tried."""
        return self.stage == "find"

    @property
    def unreachable(self) -> bool:
        """Whether its files could not be reached, which may have passed."""
        return self.error_type == InputUnreachableError.__name__


@dataclass(frozen=True, slots=True)
class Wanted:
    """The scenes of one bucket that an attempt covers.

    Attributes:
        keys: the `input_key` that each whole scene has now.
        failures: scenes that were not found whole, as their rows are to be.
        unselected: scenes that are there, and were not asked for.
        former: the `input_key` that an earlier version gave to scenes whose outcome has it.
    """

    keys: Mapping[str, str]
    failures: Sequence[Failure] = ()
    unselected: Collection[str] = frozenset()
    former: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diff:
    """What an attempt has to do in one bucket, and what it keeps.

    Attributes:
        todo: ids of the scenes to work on.
        kept: outcomes that still hold, and those of scenes that were not asked for.
        gone: outcomes of scenes that are no longer in the input, or no longer whole, and stay.
        lost: ids of scenes that are no longer in the input, or no longer whole.
        before: how many scenes had an outcome.
        same: whether the tables would hold the rows that they hold, once each.
    """

    todo: frozenset[str]
    kept: tuple[Done, ...]
    gone: tuple[Done, ...]
    lost: frozenset[str]
    before: int
    same: bool


def diff(
    wanted: Wanted, done: Sequence[Done], *, retry_failed: bool = False, retry_unreachable: bool = True, prune: bool = False
) -> Diff:
    """Compare the scenes of one bucket with their earlier outcomes.

    Args:
        wanted: the scenes.
        done: the outcomes; of a scene that was tried again there are several.
        retry_failed: whether scenes that failed are to be done again.
        retry_unreachable: whether scenes whose files could not be reached are to be done again.
        prune: whether to drop the outcomes of scenes that are no longer in the input, or no longer whole.
    """
    unchanged = _unchanged(wanted, done)
    if unchanged:
        done = [one for one in done if one.scene_id not in unchanged]
    holding: dict[str, Done] = {}
    for one in done:
        if _present_key(one, wanted) == wanted.keys.get(one.scene_id) and not (retry_unreachable and one.unreachable):
            _keep_better(holding, one)
    if retry_failed:
        holding = {scene_id: one for scene_id, one in holding.items() if one.restored}
    latest = _latest(done)
    there = wanted.keys.keys() | set(wanted.unselected)
    lost = {one.scene_id: one for one in latest if one.scene_id not in there and not one.not_found_whole}
    not_whole = {failure.scene_id for failure in wanted.failures}
    gone = () if prune else tuple(one for name, one in lost.items() if one.restored or name not in not_whole)
    kept = (*holding.values(), *(one for one in latest if one.scene_id in wanted.unselected))
    after = Counter((one.scene_id, one.message) for one in (*kept, *gone))  # the unchanged would be on both sides
    after.update((failure.scene_id, failure.message) for failure in wanted.failures)
    return Diff(
        todo=frozenset(wanted.keys.keys() - unchanged.keys() - holding.keys()),
        kept=(*unchanged.values(), *kept),
        gone=gone,
        lost=frozenset(lost),
        before=len(unchanged) + len({one.scene_id for one in done}),
        same=after == Counter((one.scene_id, one.message) for one in done),
    )


def without_lost_pictures(
    scenes: Iterable[tuple[Any, ...]], done: Sequence[Done]
) -> tuple[list[tuple[Any, ...]], list[Failure]]:
    """Turn scenes that have lost their target or combined picture into failures, like scenes that have lost a view.

    To restore them again would lose what is finished: the score against the target, or the gain over the combined picture.

    Args:
        scenes: whole ones, in the form of `records.scene_to_tuple`.
        done: outcomes of earlier attempts.
    """
    scenes, roles_lost = list(scenes), dict[str, str]()
    for role, place in reversed(_OPTIONAL.items()):
        had = {one.scene_id for one in done if role in one.pictures}
        roles_lost.update((scene[0], role) for scene in scenes if scene[place] is None and scene[0] in had)
    if not roles_lost:
        return scenes, []
    kept, failures = list[tuple[Any, ...]](), list[Failure]()
    for scene in scenes:
        if lost := roles_lost.get(scene[0]):
            what = "target that it was scored against" if lost == "target" else f"{lost} picture that it had"
            message = f"The {what} is missing. Bring it back, or restore the scene without it by --prune."
            failures.append(failure_to_find(scene[0], message, subset=scene[1]))
        else:
            kept.append(scene)
    return kept, failures


def pictures_of(pictures: str | None, psnr_db: float | None) -> str:
    """Return the roles of the pictures that a scene had, as far as its row says.

    Args:
        pictures: as in the row; None in those of earlier versions.
        psnr_db: as in the row.
    """
    return ("target" if psnr_db is not None else "") if pictures is None else pictures


def with_former_keys(wanted: Wanted, scenes: Iterable[tuple[Any, ...]], done: Sequence[Done], settings_digest: str) -> Wanted:
    """Use the keys of earlier versions for scenes whose outcome has one, so that a run begun with such a version continues.

    Args:
        wanted: the scenes.
        scenes: the same, with their files, in the form of `records.scene_to_tuple`.
        done: outcomes of earlier attempts.
        settings_digest: of the settings of the run.
    """
    others: dict[str, set[str]] = {}
    for one in done:
        if one.scene_id in wanted.keys and one.input_key not in ("", wanted.keys[one.scene_id]):
            others.setdefault(one.scene_id, set()).add(one.input_key)
    suspects = (scene_from_tuple(scene) for scene in scenes if scene[0] in others) if others else ()
    formers = {scene.scene_id: former_input_key(scene, settings_digest) for scene in suspects}
    return dataclasses.replace(wanted, former={name: key for name, key in formers.items() if key in others[name]})


def of_outcome(outcome: Outcome, row: int = -1) -> Done:
    """Return what matters of a row for deciding what to do."""
    restored = isinstance(outcome, Score)
    return Done(
        outcome.scene_id,
        outcome.input_key,
        restored,
        round(outcome.finished_at.timestamp() * 1000),
        stage="" if isinstance(outcome, Score) else outcome.stage,
        error_type="" if isinstance(outcome, Score) else outcome.error_type,
        message="" if isinstance(outcome, Score) else outcome.message,
        image_path=(outcome.image_path or "") if isinstance(outcome, Score) else "",
        pictures=pictures_of(outcome.pictures, outcome.psnr_db) if isinstance(outcome, Score) else "",
        row=row,
    )


def _latest(done: Iterable[Done]) -> list[Done]:
    """Return the last outcome of each scene; if that says it was incomplete, its last score too."""
    latest: dict[str, list[Done]] = {}
    for one in sorted(done, key=lambda one: one.finished_ms):
        before = latest.get(one.scene_id, [])
        stays = [each for each in before if each.restored] if one.not_found_whole else []
        latest[one.scene_id] = [*stays, one]
    return [one for last in latest.values() for one in last]


def _unchanged(wanted: Wanted, done: Sequence[Done]) -> dict[str, Done]:
    """Return the outcomes of unchanged scenes that have one outcome, a score: usually nearly all scenes."""
    sole = {one.scene_id: one for one in done}
    if wanted.former or len(sole) < len(done):
        return {}
    keys = wanted.keys
    return {name: one for name, one in sole.items() if one.restored and one.input_key == keys.get(name)}


def _present_key(one: Done, wanted: Wanted) -> str:
    former = wanted.former.get(one.scene_id)
    return wanted.keys.get(one.scene_id, "") if former and one.input_key == former else one.input_key


def _keep_better(holding: dict[str, Done], one: Done) -> None:
    """Keep a score rather than a failure, and the later of two of the same kind."""
    other = holding.get(one.scene_id)
    if other is None or (one.restored, one.finished_ms) >= (other.restored, other.finished_ms):
        holding[one.scene_id] = one
