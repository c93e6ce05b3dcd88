"""Select part of a collection: which of the scenes found are to be restored. A pure function of names and numbers.

The filters apply in this order: subset, scenes, limit, part. Scenes that could not be found whole count as scenes too, so that
no part of a collection hides them.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.wording import did_you_mean

if TYPE_CHECKING:  # the options of a command line need `Part`, and none of these
    from dpdeblur.transforms.layouts.find import Found

SHOWN = 5  # names in an error


@attrs.frozen
class Part:
    """One of several parts of nearly equal size.

    Attributes:
        number: of this part, from 1.
        parts: how many there are.
    """

    number: int
    parts: int

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"


@attrs.frozen
class Selection:
    """Which scenes of a collection to select; by default all.

    Attributes:
        subset: only those of this subset, such as "test".
        pattern: only those whose id it matches, with `*`, `?` and `[abc]` as in a shell.
        ids: only those with these ids, all of which must exist.
        limit: at most so many, the first by id.
        part: only those of this part of them: scenes go to the parts in turn.
    """

    subset: str | None = None
    pattern: str | None = None
    ids: tuple[str, ...] | None = None
    limit: int | None = None
    part: Part | None = None


def select(found: Found, selection: Selection) -> Found:
    """Return `found` reduced to the selected scenes; the ids of the others are in `unselected`.

    Args:
        found: all that lies in a place.
        selection: which scenes of it are wanted.

    Raises:
        UsageError: none is, or an id or a subset does not exist; says which do.
    """
    every = {scene.scene_id: scene.subset for scene in found.scenes}
    every |= {failure.scene_id: failure.subset for failure in found.failures}
    wanted = frozenset(selected(every, selection))
    return dataclasses.replace(
        found,
        scenes=tuple(scene for scene in found.scenes if scene.scene_id in wanted),
        failures=tuple(failure for failure in found.failures if failure.scene_id in wanted),
        incomplete=found.incomplete & wanted,
        unselected=found.unselected | (frozenset(every) - wanted),
    )


def selected(scenes: Mapping[str, str], selection: Selection) -> list[str]:
    """Return the ids of the scenes that are wanted, sorted.

    Args:
        scenes: the subset of each scene, by its id; empty for none.
        selection: which are wanted.

    Raises:
        UsageError: none is, or an id or a subset does not exist; says which do.
    """
    ids = sorted(scenes)
    if selection.subset is not None:
        ids = _of_subset(ids, scenes, selection.subset)
    if selection.pattern is not None:
        ids = _matching(ids, selection.pattern)
    if selection.ids is not None:
        ids = _listed(ids, selection.ids)
    ids = ids[: selection.limit]
    return ids if selection.part is None else _part(ids, selection.part)


def _of_subset(ids: list[str], scenes: Mapping[str, str], subset: str) -> list[str]:
    there = Counter(filter(None, scenes.values()))
    if subset not in there:
        names = ", ".join(f"{name} ({count})" for name, count in sorted(there.items()))
        known = f"The subsets are {names}.{did_you_mean(subset, there)}" if there else "The input has no subsets."
        raise UsageError(f"--subset {subset}: there is no such subset. {known}")
    return [scene_id for scene_id in ids if scenes[scene_id] == subset]


def _matching(ids: list[str], pattern: str) -> list[str]:
    found = [scene_id for scene_id in ids if fnmatch.fnmatchcase(scene_id, pattern)]
    if not found:
        raise UsageError(f"--scenes {pattern}: no scene has such an id. Ids are {_some(ids)}.{did_you_mean(pattern, ids)}")
    return found


def _listed(ids: list[str], wanted: Sequence[str]) -> list[str]:
    unknown = sorted(set(wanted) - set(ids))
    if unknown:
        raise UsageError(
            f"--scenes: {len(unknown)} of the {len(wanted)} ids listed do not exist: {_some(unknown)}. "
            f"Ids are {_some(ids)}.{did_you_mean(unknown[0], ids)}"
        )
    if not wanted:
        raise UsageError("--scenes: the file lists no id.")
    return sorted(set(wanted))


def _part(ids: list[str], part: Part) -> list[str]:
    if part.parts > len(ids):
        raise UsageError(f"--part {part}: {len(ids)} scenes cannot be split into {part.parts} parts.")
    return ids[part.number - 1 :: part.parts]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
