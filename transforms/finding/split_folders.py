"""Find the scenes of folders and of shards on the workers of an engine.

places ─ first folders ─┬─ other folders ─ files ───────────────────┬─ by what belongs together ─ candidates ─ by id ─ scenes
                        └─ links, and indexes of shards ─ files, rows ┘

A small tree is walked by the first worker alone. Links to folders come last, one after the other, since a folder that is
reached both ways keeps its real path.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from dpdeblur.transforms.finding.folder_files import (
    SHARDS,
    Candidates,
    Entry,
    key_of,
    layouts_for,
    read_together,
    refusal,
    root_name,
    settle_together,
)
from dpdeblur.transforms.finding.layout_counts import LISTED, READ, LayoutCounts, Refusal
from dpdeblur.transforms.finding.split_finding import (
    COUNTS,
    MAIN,
    Batch,
    Batches,
    Place,
    counts_of,
    found_scenes,
    grouped,
    items_of,
    place_and_partition,
    step,
)
from dpdeblur.transforms.layouts.find import is_archive, walk_place
from dpdeblur.transforms.layouts.shard_index import folder_of_shards, index_rows, is_index
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.spool import PARTITIONS, bucket_of
from dpdeblur.transforms.storage.uris import is_local
from dpdeblur.transforms.storage.walk import ClosedFolder, File, Folder, Identity, SkippedEntry, Walker

FOLDERS, LATER = "folders", "later"
FOLDERS_AT_ONCE, FOLDERS_IN_A_PART = 1000, 100


@dataclass(slots=True)
class Links:
    """What a part of a walk leaves for later steps.

    Attributes:
        links: to folders, that it has met.
        seen: the folders that it has walked, two numbers for each: there may be millions, and links are rare.
    """

    links: list[Folder]
    seen: array[int]

    @classmethod
    def of(cls, walker: Walker) -> Links:
        """Return what a walk leaves for later steps."""
        return cls(walker.links, array("Q", chain.from_iterable(walker.seen)))

    def identities(self) -> Iterator[Identity]:
        """Yield the folders that were walked."""
        return zip(self.seen[::2], self.seen[1::2], strict=True)


class FindInFolders(beam.PTransform):
    """Find the scenes of folders; return `MAIN`, the scenes by key, and `COUNTS`, by the number of the place."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__()
        self.places = places

    def expand(self, root: Any) -> dict[str, beam.PCollection[Any]]:  # noqa: D102
        places = {place.number: place for place in self.places}
        first = root | "Folders" >> beam.Create(self.places, reshuffle=False) | "First" >> step(_First(), FOLDERS, LATER)
        others = first[FOLDERS] | "Spread" >> beam.Reshuffle() | "Walk" >> step(_Walk(), LATER)
        later = grouped([first[LATER], others[LATER]], "Later") | "LinksAndIndexes" >> step(_LinksAndIndexes(places))
        read = grouped([first[MAIN], others[MAIN], later[MAIN]], "Together") | "Candidates" >> step(_Read(places))
        scenes = grouped(read[MAIN], "CandidatesById") | "Settle" >> step(_Settle(places))
        counts = [each[COUNTS] for each in (first, others, later, read, scenes)]
        return {MAIN: scenes[MAIN], COUNTS: counts | "Counts" >> beam.Flatten()}


class _First(beam.DoFn):
    """Walks the first folders of a place; yields its entries by key, to `FOLDERS` the others, to `LATER` what waits."""

    def process(self, place: Place) -> Iterator[Any]:
        try:
            if is_archive(place.source) or not is_local(place.source):
                yield from _sorted_out(place, walk_place(place.source))
            else:
                walker = Walker(place.source)
                yield from _sorted_out(place, walker.walk([Folder("", place.source)], FOLDERS_AT_ONCE))
                if not walker.waiting:
                    yield from _sorted_out(place, walker.follow())
                else:
                    yield from (TaggedOutput(FOLDERS, (place, part)) for part in _parts(walker.waiting))
                    yield TaggedOutput(LATER, (place.key(0), Links.of(walker)))
        except UsageError as error:
            yield counts_of(place, {layouts_for(place.layout)[0]: LayoutCounts(refusal=Refusal(LISTED, 0, str(error)))})
            return
        yield counts_of(place, {})


def _parts(folders: Sequence[Folder]) -> Iterator[list[Folder]]:
    """Yield folders in parts: the lowest of them many at a time, each of the others, which may hold most, by itself."""
    depths = [folder.path.count("/") for folder in folders]
    lowest = [folder for folder, depth in zip(folders, depths, strict=True) if depth == max(depths)]
    yield from ([folder] for folder, depth in zip(folders, depths, strict=True) if depth < max(depths))
    size = min(FOLDERS_IN_A_PART, -(-len(lowest) // FOLDERS_IN_A_PART))
    yield from (lowest[start : start + size] for start in range(0, len(lowest), size))


class _Walk(beam.DoFn):
    """Walks some folders; yields entries by key, and to `LATER` what waits."""

    def process(self, part: tuple[Place, list[Folder]]) -> Iterator[Any]:
        place, folders = part
        walker = Walker(place.source)
        yield from _sorted_out(place, walker.walk(folders))
        yield TaggedOutput(LATER, (place.key(0), Links.of(walker)))


class _LinksAndIndexes(beam.DoFn):
    """Follows all links of a place, and reads the indexes of shards; yields entries by key."""

    def __init__(self, places: dict[int, Place]) -> None:
        self.places = places

    def process(self, waiting: tuple[int, Iterable[Links | File]]) -> Iterator[Any]:
        place = self.places[place_and_partition(waiting[0])[0]]
        parts, indexes = list[Links](), list[File]()
        for one in waiting[1]:
            parts.append(one) if isinstance(one, Links) else indexes.append(one)
        links = [link for part in parts for link in part.links]
        if links:
            walker = Walker(place.source, chain.from_iterable(part.identities() for part in parts))
            walker.links = links
            for record in _sorted_out(place, walker.follow()):
                if isinstance(record, TaggedOutput):
                    indexes.append(record.value[1])
                else:
                    yield record
        for index in indexes:
            yield from _rows(place, index)


def _sorted_out(place: Place, entries: Iterable[File | ClosedFolder | SkippedEntry]) -> Iterator[Any]:
    """Yield entries by key; indexes of shards go to `LATER` too."""
    batches = Batches[Entry]()
    for entry in entries:
        yield from batches.add(_key(place, entry), entry)
        if isinstance(entry, File) and is_index(entry) and SHARDS in layouts_for(place.layout):
            yield TaggedOutput(LATER, (place.key(bucket_of(entry.path, PARTITIONS)), entry))
    yield from batches.rest()


def _key(place: Place, entry: Entry) -> int:
    return place.key(bucket_of(key_of(entry), PARTITIONS))


def _rows(place: Place, index: File) -> Iterator[Any]:
    """Yield the rows of an index by key, if there are shards that it may be about."""
    batches = Batches[Entry]()
    try:
        if any(name.lower().endswith(".tar") and not name.startswith(".") for name in store.names_in(folder_of_shards(index))):
            for row in index_rows(index):
                yield from batches.add(_key(place, row), row)
    except UsageError as error:
        yield counts_of(place, {SHARDS: LayoutCounts(refusal=refusal(READ, SHARDS, error))})
    yield from batches.rest()


class _Read(beam.DoFn):
    """From entries that belong together to the candidates of each layout, by the partition of their ids."""

    def __init__(self, places: dict[int, Place]) -> None:
        self.places = places

    def process(self, entries: tuple[int, Iterable[Batch[Entry]]]) -> Iterator[Any]:
        place = self.places[place_and_partition(entries[0])[0]]
        found, counts = read_together(items_of(entries[1]), root_name(place.source), place.layout)
        yield counts_of(place, counts)
        by_partition: dict[int, dict[str, Candidates]] = {}
        for name, candidates in found.items():
            for partition, some in candidates.by_bucket(PARTITIONS).items():
                by_partition.setdefault(partition, {})[name] = some
        yield from ((place.key(partition), some) for partition, some in by_partition.items())


class _Settle(beam.DoFn):
    """From candidates of the same ids to scenes and failures."""

    def __init__(self, places: dict[int, Place]) -> None:
        self.places = places

    def process(self, candidates: tuple[int, Iterable[dict[str, Candidates]]]) -> Iterator[Any]:
        number, partition = place_and_partition(candidates[0])
        by_layout: dict[str, Candidates] = {}
        for some in candidates[1]:
            for name, found in some.items():
                by_layout.setdefault(name, Candidates()).add(found)
        for name, found in by_layout.items():
            yield from found_scenes(self.places[number], partition, name, *settle_together(name, found))
