"""The scenes of a place: counts in memory, the scenes themselves in buckets outside it."""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter, itemgetter
from typing import TypeVar

from dpdeblur.transforms.layouts.find import Found
from dpdeblur.transforms.layouts.left_out import LeftOut
from dpdeblur.transforms.records import ROLES, Failure, PlainScene, Scene, scene_from_tuple, scene_to_tuple
from dpdeblur.transforms.storage.spool import Spool, buckets_for, in_order

SHOWN = 3
"""Scenes and failures that are kept in memory as examples."""

OPTIONAL_ROLES = ("combined", "target", "restored")
PLACES = {role: 3 + ROLES.index(role) for role in OPTIONAL_ROLES}
"""Where `scene_to_tuple` has them."""

SCENES_AT_ONCE = 20_000
"""Scenes of a bucket, about."""

ItemT = TypeVar("ItemT", Scene, Failure)


@dataclass(frozen=True, slots=True)
class BucketScenes:
    """The scenes of one bucket.

    Attributes:
        plain: whole ones, in the form of `records.scene_to_tuple`, sorted by id.
        failures: sorted by id.
        unselected: ids of those that were not asked for.
    """

    plain: list[PlainScene]
    failures: list[Failure]
    unselected: frozenset[str] = frozenset()

    @classmethod
    def of(cls, items: Iterable[Scene | Failure]) -> BucketScenes:
        """Return a bucket of scenes, whole or not, in any order."""
        plain, failures = list[PlainScene](), list[Failure]()
        for item in items:
            plain.append(scene_to_tuple(item)) if isinstance(item, Scene) else failures.append(item)
        return cls(sorted(plain, key=itemgetter(0)), sorted(failures, key=attrgetter("scene_id")))

    @property
    def scenes(self) -> list[Scene]:
        """Return the whole scenes, sorted by id."""
        return list(map(scene_from_tuple, self.plain))

    def only(self, wants: Callable[[str, str], bool]) -> BucketScenes:
        """Return the bucket reduced to scenes whose id and subset are wanted; the others count as unselected too."""
        plain = [scene for scene in self.plain if wants(scene[0], scene[1])]
        failures = [failure for failure in self.failures if wants(failure.scene_id, failure.subset)]
        there = {*map(itemgetter(0), self.plain), *(failure.scene_id for failure in self.failures)}
        kept = {*map(itemgetter(0), plain), *(failure.scene_id for failure in failures)}
        return BucketScenes(plain, failures, self.unselected | (there - kept))

    @property
    def asked_for(self) -> list[Scene | Failure]:
        """Return the scenes and the failures."""
        return [*self.scenes, *self.failures]


@dataclass(slots=True)
class Overview:
    """Overview of the scenes of a place.

    Attributes:
        source: the place; a local path is made absolute.
        layout: the layout that was used.
        left_out: files that take no part, by kind.
        remarks: what looks like a slip, though it can be used, in sentences.
        scenes, failures, unselected: how many there are: whole, not whole, and not asked for.
        with_role: how many whole scenes have a picture of each of `OPTIONAL_ROLES`.
    """

    source: str
    layout: str
    left_out: tuple[LeftOut, ...] = ()
    remarks: tuple[str, ...] = ()
    scenes: int = 0
    failures: int = 0
    unselected: int = 0
    with_role: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OPTIONAL_ROLES, 0))

    def __len__(self) -> int:
        """Return how many scenes were asked for, whole or not."""
        return self.scenes + self.failures


@dataclass(slots=True)
class Census(Overview):
    """Counts of the scenes of a place, or of a part of it; the counts of several parts can be added.

    Attributes:
        subsets: how many whole scenes each subset has.
        first: the first whole scenes by id, at most `SHOWN`.
        first_failures: likewise.
    """

    subsets: Counter[str] = field(default_factory=Counter)
    first: list[Scene] = field(default_factory=list)
    first_failures: list[Failure] = field(default_factory=list)

    def overview(self) -> Overview:
        """Return the overview of these scenes."""
        return Overview(**{column.name: getattr(self, column.name) for column in fields(Overview)})

    def count(self, bucket: BucketScenes) -> None:
        """Count the scenes of one more bucket; no id may come twice."""
        plain = bucket.plain
        self.scenes += len(plain)
        self.failures += len(bucket.failures)
        self.unselected += len(bucket.unselected)
        self.subsets.update(filter(None, map(itemgetter(1), plain)))
        for role, place in PLACES.items():
            self.with_role[role] += len(plain) - [*map(itemgetter(place), plain)].count(None)
        for scene in plain[:SHOWN]:
            _keep_first(self.first, scene_from_tuple(scene))
        for failure in bucket.failures[:SHOWN]:
            _keep_first(self.first_failures, failure)

    def merge(self, other: Census) -> None:
        """Add the counts of another part."""
        self.scenes += other.scenes
        self.failures += other.failures
        self.unselected += other.unselected
        self.subsets.update(other.subsets)
        for role in OPTIONAL_ROLES:
            self.with_role[role] += other.with_role[role]
        for scene in other.first:
            _keep_first(self.first, scene)
        for failure in other.first_failures:
            _keep_first(self.first_failures, failure)


@dataclass(slots=True)
class Collection(Census):
    """The scenes of a place: like `Found`, without holding them in memory."""

    _plain: Spool[PlainScene] = field(default_factory=lambda: Spool(format=marshal))
    _failures: Spool[Failure] = field(default_factory=Spool)
    _unselected: Spool[str] = field(default_factory=Spool)

    @classmethod
    def of(cls, found: Found) -> Collection:
        """Return scenes found in memory as a collection."""
        collection = cls(found.source, found.layout, found.left_out, found.remarks)
        collection.add(replace(BucketScenes.of([*found.scenes, *found.failures]), unselected=found.unselected))
        return collection

    def add(self, bucket: BucketScenes) -> None:
        """Add the scenes of one more bucket; no id may come twice."""
        self.count(bucket)
        self._plain.add_all(map(itemgetter(0), bucket.plain), bucket.plain)
        self._failures.add_all((failure.scene_id for failure in bucket.failures), bucket.failures)
        self._unselected.add_all(bucket.unselected, bucket.unselected)

    def parts(self) -> Iterator[BucketScenes]:
        """Yield all scenes, a bucket at a time."""
        buckets = self._buckets()
        return (self.bucket(number, buckets) for number in range(buckets))

    def _buckets(self) -> int:
        return buckets_for(len(self._plain) + len(self._failures) + len(self._unselected), SCENES_AT_ONCE)

    def in_order(self) -> Iterator[Scene]:
        """Return the whole scenes sorted by id, with about one bucket of them in memory."""
        buckets = self._buckets()
        return map(scene_from_tuple, in_order((part.plain for part in self.parts()), buckets, itemgetter(0)))

    def bucket(self, number: int, buckets: int) -> BucketScenes:
        """Return the scenes of one bucket.

        Args:
            number: of the bucket, from 0.
            buckets: how many there are: a power of two.
        """
        return BucketScenes(
            sorted(self._plain.bucket(number, buckets), key=itemgetter(0)),
            sorted(self._failures.bucket(number, buckets), key=attrgetter("scene_id")),
            frozenset(self._unselected.bucket(number, buckets)),
        )


def _keep_first(kept: list[ItemT], item: ItemT) -> None:
    if len(kept) < SHOWN or item.scene_id < kept[-1].scene_id:
        kept.append(item)
        kept.sort(key=lambda each: each.scene_id)
        del kept[SHOWN:]
