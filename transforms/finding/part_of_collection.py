"""Select part of a collection that does not fit into memory: like `selection.select`, in two passes over its buckets."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.finding.gather import gather
from dpdeblur.transforms.selection import Selection, selected


def collect_part(source: str, layout: str, selection: Selection) -> Collection:
    """Find the selected scenes of a place without holding all of them in memory.

    Args:
        source: a folder, a manifest or a tar; a local path or any URI that Beam's file systems open.
        layout: one of `LAYOUTS`, or "auto" to recognise it.
        selection: which scenes of it are wanted.

    Raises:
        UsageError: none is, or they cannot be found; says why.
    """
    return part_of(gather(source, layout), selection)


@dataclass(frozen=True, slots=True)
class PartOfPlace:
    """A place and a selection of its scenes; calling it finds them in this process, like `collect_part`.

    Attributes:
        source: a folder, a manifest or a tar, by its absolute path or URI.
        layout: one of `LAYOUTS`, or "auto" to recognise it.
        selection: which scenes of it are wanted.
    """

    source: str
    layout: str
    selection: Selection

    def __call__(self) -> Collection:
        """Return the scenes. Raises: UsageError: as `collect_part`."""
        return collect_part(self.source, self.layout, self.selection)


def part_of(collection: Collection, selection: Selection) -> Collection:
    """Return a collection reduced to the selected scenes; the others count as unselected.

    In memory are, beside one bucket, the ids of the scenes that the filters of `selection` let through, and those only where it
    has a limit or a part.

    Args:
        collection: all that lies in a place.
        selection: which scenes of it are wanted.

    Raises:
        UsageError: none is, or an id or a subset does not exist; says which do.
    """
    if selection == Selection():
        return collection
    passes, ranked = filter_of(selection), selection.limit is not None or selection.part is not None
    subsets, count, ids = Counter[str](), 0, list[pa.Array]()
    for bucket in collection.parts():
        subsets.update(item.subset for item in bucket.asked_for)
        through = [item.scene_id for item in bucket.asked_for if passes(item.scene_id, item.subset)]
        count += len(through)
        if ranked:
            ids.append(pa.array(through, pa.large_string()))
    if not is_met(selection, subsets, count):
        selected({item.scene_id: item.subset for part in collection.parts() for item in part.asked_for}, selection)  # raises
    chosen = iter(taken(pa.chunked_array(ids, pa.large_string()), selection)) if ranked else None
    part = Collection(collection.source, collection.layout, collection.left_out, collection.remarks)
    for bucket in collection.parts():
        part.add(bucket.only(lambda name, subset: passes(name, subset) and (chosen is None or bool(next(chosen)))))
    return part


def without_empty_subsets(collection: Collection) -> Collection:
    """Leave out subsets without a complete scene, if another subset has one: such subsets were not meant to be scored.

    Restored pictures of a test set are compared with the whole collection in this way. The scenes left out count as unselected,
    and a remark counts them.

    Args:
        collection: all that lies in a place.
    """
    there, empty = collection.subsets, Counter[str]()
    if there and collection.failures:
        for bucket in collection.parts():
            empty.update(failure.subset for failure in bucket.failures if failure.subset and failure.subset not in there)
    if not empty:
        return collection
    names = " and ".join(f"{name} ({count})" for name, count in sorted(empty.items()))
    remark = f"Left out, because none of their scenes is complete: the subsets {names}."
    rest = Collection(collection.source, collection.layout, collection.left_out, (*collection.remarks, remark))
    for bucket in collection.parts():
        rest.add(bucket.only(lambda _, subset: subset not in empty))
    return rest


def filter_of(selection: Selection) -> Callable[[str, str], bool]:
    """Return a function from id and subset to whether a scene passes the filters of a selection."""
    ids = None if selection.ids is None else frozenset(selection.ids)

    def passes(scene_id: str, subset: str) -> bool:
        if selection.subset is not None and subset != selection.subset:
            return False
        if selection.pattern is not None and not fnmatch.fnmatchcase(scene_id, selection.pattern):
            return False
        return ids is None or scene_id in ids

    return passes


def is_met(selection: Selection, subsets: Counter[str], count: int) -> bool:
    """Return whether `selected` would raise nothing.

    Args:
        selection: which scenes are wanted.
        subsets: how many scenes each has.
        count: of those that the filters let through.
    """
    limited = count if selection.limit is None else min(count, selection.limit)
    return (
        (selection.subset is None or bool(selection.subset and subsets[selection.subset]))
        and (selection.pattern is None or count > 0)
        and (selection.ids is None or 0 < len(set(selection.ids)) == count)
        and (selection.part is None or selection.part.parts <= limited)
    )


def taken(ids: pa.ChunkedArray, selection: Selection) -> NDArray[np.bool_]:
    """Return those of the ids, given in any order, that the limit and the part of a selection keep."""
    ranks = pc.sort_indices(ids).to_numpy()[: selection.limit]  # by bytes of UTF-8, which is the order of code points
    if selection.part is not None:
        ranks = ranks[selection.part.number - 1 :: selection.part.parts]
    chosen = np.zeros(len(ids), np.bool_)
    chosen[ranks] = True
    return chosen
