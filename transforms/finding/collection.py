"""What lies in a place, however much: numbers in memory, and the scenes themselves in buckets outside of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from dpdeblur.transforms.layouts.find import Found
from dpdeblur.transforms.layouts.left_out import LeftOut
from dpdeblur.transforms.records import ROLES, Failure, Scene, scene_from_tuple, scene_to_tuple
from dpdeblur.transforms.storage.spool import Spool, buckets_for, in_order

SHOWN = 3
"""Scenes and failures that are kept in memory as examples."""

OPTIONAL_ROLES = ("combined", "target", "restored")
PLACES = {role: 3 + ROLES.index(role) for role in OPTIONAL_ROLES}
"""Where `scene_to_tuple` has them."""

SCENES_AT_ONCE = 20_000
"""Scenes of a bucket, about."""

Item = Scene | Failure | str
"""A whole scene, one that cannot be used, or the id of one that was not asked for."""


ItemT = TypeVar("ItemT", Scene, Failure)


@dataclass(frozen=True, slots=True)
class BucketScenes:
    """The scenes of one bucket.

    Attributes:
        plain: whole ones, in the form of `records.scene_to_tuple`, sorted by id.
        failures: sorted by id.
        unselected: ids of those that were not asked for.
    """

    plain: list[tuple[Any, ...]]
    failures: list[Failure]
    unselected: frozenset[str]

    @property
    def scenes(self) -> list[Scene]:
        """Return the whole scenes, sorted by id."""
        return list(map(scene_from_tuple, self.plain))

    @property
    def asked_for(self) -> list[Scene | Failure]:
        """Return the scenes and the failures."""
        return [*self.scenes, *self.failures]


@dataclass(slots=True)
class Overview:
    """What is said of the scenes of a place as a whole.

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
    """What is known of the scenes of a place, or of a part of it; those of several parts add up.

    Attributes:
        subsets: how many whole scenes each subset has.
        first: the first whole scenes by id, at most `SHOWN`.
        first_failures: likewise.
    """

    subsets: Counter[str] = field(default_factory=Counter)
    first: list[Scene] = field(default_factory=list)
    first_failures: list[Failure] = field(default_factory=list)

    def overview(self) -> Overview:
        """Return what is said of them as a whole."""
        return Overview(**{column.name: getattr(self, column.name) for column in fields(Overview)})

    def count(self, item: Item) -> None:
        """Count one more; no id comes twice."""
        if isinstance(item, Scene):
            self._count_scene(item, scene_to_tuple(item))
        elif isinstance(item, Failure):
            self.failures += 1
            _keep_first(self.first_failures, item)
        else:
            self.unselected += 1

    def _count_scene(self, scene: Scene, plain: tuple[Any, ...]) -> None:
        self.scenes += 1
        if scene.subset:
            self.subsets[scene.subset] += 1
        for role, place in PLACES.items():
            if plain[place]:
                self.with_role[role] += 1
        _keep_first(self.first, scene)

    def merge(self, other: Census) -> None:
        """Add what is known of another part."""
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
    """What lies in a place: as `Found`, without holding it in memory."""

    _items: Spool[tuple[Any, ...] | Failure | str] = field(default_factory=Spool)

    @classmethod
    def of(cls, found: Found) -> Collection:
        """Return a collection of what was found in memory."""
        collection = cls(found.source, found.layout, found.left_out, found.remarks)
        for items in (found.scenes, found.failures, found.unselected):
            for item in items:
                collection.add(item)
        return collection

    def add(self, item: Item) -> None:
        """Take one more; no id comes twice."""
        if isinstance(item, Scene):
            plain = scene_to_tuple(item)
            self._count_scene(item, plain)
            self._items.add(item.scene_id, plain)
            return
        self.count(item)
        if isinstance(item, str):
            self._items.add(item, item)
        else:
            self._items.add(item.scene_id, item)

    def parts(self) -> Iterator[BucketScenes]:
        """Yield all scenes, a bucket at a time."""
        buckets = buckets_for(len(self._items), SCENES_AT_ONCE)
        return (self.bucket(number, buckets) for number in range(buckets))

    def in_order(self) -> Iterator[Scene]:
        """Return the whole scenes sorted by id, with about one bucket of them in memory."""
        buckets = buckets_for(len(self._items), SCENES_AT_ONCE)
        return map(scene_from_tuple, in_order((part.plain for part in self.parts()), buckets, itemgetter(0)))

    def bucket(self, number: int, buckets: int) -> BucketScenes:
        """Return the scenes of one bucket.

        Args:
            number: of the bucket, from 0.
            buckets: how many there are: a power of two.
        """
        plain, failures, unselected = list[tuple[Any, ...]](), list[Failure](), set[str]()
        for item in self._items.bucket(number, buckets):
            if isinstance(item, tuple):
                plain.append(item)
            elif isinstance(item, Failure):
                failures.append(item)
            else:
                unselected.add(item)
        return BucketScenes(
            sorted(plain, key=itemgetter(0)), sorted(failures, key=attrgetter("scene_id")), frozenset(unselected)
        )


def _keep_first(kept: list[ItemT], item: ItemT) -> None:
    if len(kept) < SHOWN or item.scene_id < kept[-1].scene_id:
        kept.append(item)
        kept.sort(key=lambda each: each.scene_id)
        del kept[SHOWN:]
