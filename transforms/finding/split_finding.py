"""Find scenes on the workers of an engine: like `gather`, with a GroupByKey in place of a spool.

A key is the number of a place and, within it, a partition: of an id, or of what has to be looked at together. Partitions are
the buckets of `spool.PARTITIONS`, so that nobody has to know how much there is before it is sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from dpdeblur.transforms.finding.collection import BucketScenes
from dpdeblur.transforms.finding.layout_counts import CountsByLayout, LayoutCounts
from dpdeblur.transforms.storage.spool import PARTITIONS

ItemT = TypeVar("ItemT")

BY_KEY = tuple[int, Any]
"""A record under a whole number, whose coder is the same everywhere."""
MAIN, COUNTS = "main", "counts"
ITEMS_WAITING = 50_000


@dataclass(frozen=True, slots=True)
class Place:
    """A place to find scenes in: its number among several, its address, and the layout asked for."""

    number: int
    source: str
    layout: str

    def key(self, partition: int) -> int:
        """Return the key of a partition of this place."""
        return self.number * PARTITIONS + partition


def place_and_partition(key: int) -> tuple[int, int]:
    """Return the number of the place and the partition that a key was made of."""
    return divmod(key, PARTITIONS)


@dataclass(slots=True)
class Batch(Generic[ItemT]):
    """Some items with the same key as one record, since each record costs an engine time."""

    items: list[ItemT]


@dataclass(slots=True)
class FoundScenes:
    """The scenes of one partition, as one layout reads them."""

    layout: str
    scenes: BucketScenes


class Batches(Generic[ItemT]):
    """Collects items with the same key, and emits them in batches."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[ItemT]] = {}
        self._count = 0

    def add(self, key: int, item: ItemT) -> Iterator[tuple[int, Batch[ItemT]]]:
        """Add an item; yield the batch that is full now, if any."""
        self._waiting.setdefault(key, []).append(item)
        self._count += 1
        if self._count >= ITEMS_WAITING:
            yield from self.rest()

    def rest(self) -> Iterator[tuple[int, Batch[ItemT]]]:
        """Yield the items that are left."""
        waiting, self._waiting, self._count = self._waiting, {}, 0
        for key, items in waiting.items():
            yield key, Batch(items)


def items_of(batches: Iterable[Batch[ItemT]]) -> Iterator[ItemT]:
    """Yield the items of some batches."""
    for batch in batches:
        yield from batch.items


def counts_of(place: Place, counts: CountsByLayout) -> TaggedOutput:
    """Return the counts of a part of a place, for the output `COUNTS`."""
    return TaggedOutput(COUNTS, (place.number, counts))


def found_scenes(place: Place, partition: int, layout: str, scenes: BucketScenes, counts: LayoutCounts) -> Iterator[Any]:
    """Yield the scenes of a partition, and the counts with them."""
    counts.scenes.count(scenes)
    if scenes.plain or scenes.failures:
        yield place.key(partition), FoundScenes(layout, scenes)
    yield counts_of(place, {layout: counts})


def step(work: beam.DoFn, *outputs: str) -> beam.PTransform:
    """Return a step with an output of counts, and others."""
    return beam.ParDo(work).with_outputs(COUNTS, *outputs, main=MAIN)


def grouped(records: beam.PCollection[Any] | Sequence[beam.PCollection[Any]], name: str) -> beam.PCollection[Any]:
    """Return records by their key."""
    several = records if isinstance(records, Sequence) else [records]
    keyed = [one | f"{name}{number}" >> beam.Map(_same).with_output_types(BY_KEY) for number, one in enumerate(several)]
    return (keyed | f"{name}All" >> beam.Flatten() if len(keyed) > 1 else keyed[0]) | name >> beam.GroupByKey()


def _same(record: tuple[int, Any]) -> tuple[int, Any]:
    return record
