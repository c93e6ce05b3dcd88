"""Select part of the scenes of a place on one worker, from their names alone: like `part_of_collection`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dpdeblur.transforms.finding.collection import OPTIONAL_ROLES, PLACES, BucketScenes, Overview
from dpdeblur.transforms.finding.part_of_collection import filter_of, is_met, taken
from dpdeblur.transforms.selection import Selection, selected


@dataclass(frozen=True, slots=True)
class Names:
    """What selecting needs to know of the scenes of one bucket.

    Attributes:
        ids: of those that were asked for, whole or not.
        subsets: the subset of each.
        roles: the pictures of each, by `_roles_of`.
    """

    ids: pa.Array
    subsets: pa.Array
    roles: NDArray[np.uint8]

    @classmethod
    def of(cls, bucket: BucketScenes) -> Names:
        """Return the names of a bucket."""
        ids = [*map(itemgetter(0), bucket.plain), *(failure.scene_id for failure in bucket.failures)]
        subsets = [*map(itemgetter(1), bucket.plain), *(failure.subset for failure in bucket.failures)]
        roles = [*map(_roles_of, bucket.plain), *[0] * len(bucket.failures)]
        return cls(pa.array(ids, pa.large_string()), pa.array(subsets, pa.large_string()), np.array(roles, np.uint8))


@dataclass(frozen=True, slots=True)
class Wanted:
    """The selected scenes, decided from the names of all.

    Attributes:
        selection: with the filters.
        last: the last id that a limit lets through; None where there is none.
        ids: those that a part holds; None where all is wanted.
    """

    selection: Selection
    last: str | None = None
    ids: frozenset[str] | None = None

    def of(self, bucket: BucketScenes) -> BucketScenes:
        """Return a bucket reduced to the selected scenes; the others count as unselected."""
        if self.selection == Selection():
            return bucket
        passes = filter_of(self.selection)

        def wants(scene_id: str, subset: str) -> bool:
            beyond = self.last is not None and scene_id > self.last
            return passes(scene_id, subset) and not beyond and (self.ids is None or scene_id in self.ids)

        return bucket.only(wants)


def select_by_name(found: Overview, names: Iterable[Names], selection: Selection) -> tuple[Overview, Wanted]:
    """Select scenes like `part_of`, from names alone: return their overview, and which they are.

    Args:
        found: what is said of all.
        names: of all.
        selection: which are wanted.

    Raises:
        UsageError: none is, or an id or a subset does not exist; says which do.
    """
    if selection == Selection():
        return found, Wanted(selection)
    passes, subsets, through, roles = filter_of(selection), Counter[str](), list[str](), list[int]()
    buckets = list(names)
    for bucket in buckets:
        for scene_id, subset, of_scene in zip(bucket.ids.to_pylist(), bucket.subsets.to_pylist(), bucket.roles, strict=True):
            subsets[subset] += 1
            if passes(scene_id, subset):
                through.append(scene_id)
                roles.append(of_scene)
    if not is_met(selection, subsets, len(through)):
        pairs = (zip(bucket.ids.to_pylist(), bucket.subsets.to_pylist(), strict=True) for bucket in buckets)
        selected(dict(chain.from_iterable(pairs)), selection)  # raises
    ids = pa.chunked_array([pa.array(through, pa.large_string())])
    within = taken(ids, selection)
    chosen, count = np.array(roles, np.uint8)[within], int(within.sum())
    whole = int(np.count_nonzero(chosen))
    with_role = {role: int(np.count_nonzero(chosen & bit)) for role, bit in _ROLE_BITS.items()}
    unselected = found.unselected + len(found) - count
    overview = replace(found, scenes=whole, failures=count - whole, unselected=unselected, with_role=with_role)
    if selection.part is not None:
        return overview, Wanted(selection, ids=frozenset(ids.filter(pa.array(within)).to_pylist()))
    last = pc.max(ids.filter(pa.array(within))).as_py() if selection.limit is not None else None
    return overview, Wanted(selection, last)


_WHOLE = 1
_ROLE_BITS = {role: 2 << number for number, role in enumerate(OPTIONAL_ROLES)}


def _roles_of(plain: tuple[Any, ...]) -> int:
    return _WHOLE | sum(bit for role, bit in _ROLE_BITS.items() if plain[PLACES[role]])
