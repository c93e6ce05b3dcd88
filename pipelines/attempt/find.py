"""Find the scenes of an attempt: sorted into buckets, with an overview."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsSingleton, TaggedOutput

from dpdeblur.pipelines.attempt.attempt import Attempt
from dpdeblur.pipelines.attempt.earlier import sources
from dpdeblur.transforms.finding.collection import BucketScenes, Overview
from dpdeblur.transforms.finding.find_scenes import FindInPlaces
from dpdeblur.transforms.finding.layout_counts import CountsByLayout, chosen, merged
from dpdeblur.transforms.finding.part_of_collection import PartOfPlace
from dpdeblur.transforms.finding.select_by_name import Names, Wanted, select_by_name
from dpdeblur.transforms.finding.split_finding import COUNTS, MAIN, FoundScenes, Place, grouped, place_and_partition
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.selection import Selection

SCENES_IN_A_RECORD = 1000
FOUND, SOURCES = "found", "sources"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a place.

    Attributes:
        overview: of the scenes; None if they cannot be found.
        buckets: into how many they are sorted.
        refusal: why they cannot be found, for the user.
        wanted: which of all that is there are asked for; None if one worker has selected them.
    """

    overview: Overview | None
    buckets: int = 0
    refusal: str = ""
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Some scenes of a bucket.

    Attributes:
        buckets: into how many all scenes are sorted.
        scenes: some of the bucket.
    """

    buckets: int
    scenes: BucketScenes


class FindBuckets(beam.PTransform):
    """Find the scenes of an attempt.

    Gives a dictionary of collections: `MAIN` has one `Piece` or more under the number of each bucket; `FOUND`, one `Found`; and
    `SOURCES`, each with the number of buckets, where earlier attempts have left something.

    All workers take part. Only `score` with a folder of restored pictures finds its scenes on one worker.
    """

    def __init__(self, attempt: Attempt) -> None:
        super().__init__()
        self.attempt = attempt

    def expand(self, root: Any) -> dict[str, beam.PCollection[Any]]:  # noqa: D102
        find = self.attempt.find
        if not isinstance(find, PartOfPlace):
            start = root | "Attempt" >> beam.Create([self.attempt], reshuffle=False)
            found = start | "Find" >> beam.ParDo(Find()).with_outputs(FOUND, SOURCES, main=MAIN)
            return {name: found[name] for name in (MAIN, FOUND, SOURCES)}
        places = root | "InPlace" >> FindInPlaces([Place(0, find.source, find.layout)])
        counts, scenes = places[COUNTS], places[MAIN]
        names = [] if find.selection == Selection() else [scenes | "Names" >> beam.Map(_names)]
        known = grouped([counts, *names], "Known") | "Choose" >> beam.ParDo(Choose(self.attempt)).with_outputs(
            FOUND, SOURCES, main=MAIN
        )
        pieces = scenes | "ToBuckets" >> beam.FlatMap(to_buckets, AsSingleton(known[FOUND]))
        return {MAIN: [known[MAIN], pieces] | "Pieces" >> beam.Flatten(), FOUND: known[FOUND], SOURCES: known[SOURCES]}


class Find(beam.DoFn):
    """Finds the scenes on one worker; with the outputs of `FindBuckets`."""

    def process(self, attempt: Attempt) -> Iterator[Any]:  # noqa: D102
        try:
            collection = attempt.find()
            buckets = attempt.folder().buckets(len(collection))
        except UsageError as error:
            yield TaggedOutput(FOUND, Found(None, refusal=str(error)))
            return
        yield from _begin(attempt, Found(collection.overview(), buckets))
        for number in range(buckets):
            for scenes in _cut(collection.bucket(number, buckets)):
                yield number, Piece(buckets, scenes)


class Choose(beam.DoFn):
    """Decides from the counts which layout the place has and which scenes are selected; with the outputs of `FindBuckets`.

    Args:
        attempt: the attempt.
    """

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt

    def process(self, known: tuple[int, Iterable[CountsByLayout | FoundNames]]) -> Iterator[Any]:  # noqa: D102
        find, counts, names = self.attempt.find, list[CountsByLayout](), list[FoundNames]()
        assert isinstance(find, PartOfPlace)
        for one in known[1]:
            names.append(one) if isinstance(one, FoundNames) else counts.append(one)
        try:
            scenes = chosen(find.source, find.layout, merged(counts))
            of_layout = (one.names for one in names if one.layout == scenes.layout)
            overview, wanted = select_by_name(scenes.overview(), of_layout, find.selection)
            found = Found(overview, self.attempt.folder().buckets(len(overview)), wanted=wanted)
        except UsageError as error:
            yield TaggedOutput(FOUND, Found(None, refusal=str(error)))
            return
        yield from _begin(self.attempt, found)


@dataclass(frozen=True, slots=True)
class FoundNames:
    """The names of some scenes, as one layout reads them."""

    layout: str
    names: Names


def _names(found: tuple[int, FoundScenes]) -> tuple[int, FoundNames]:
    key, part = found
    return place_and_partition(key)[0], FoundNames(part.layout, Names.of(part.scenes))


def _begin(attempt: Attempt, found: Found) -> Iterator[Any]:
    """Yield the outputs besides scenes, and one empty piece for each bucket, so that empty buckets are planned too."""
    yield TaggedOutput(FOUND, found)
    for source in sources(attempt):
        yield TaggedOutput(SOURCES, (source, found.buckets))
    for number in range(found.buckets):
        yield number, Piece(found.buckets, BucketScenes([], [], frozenset()))


def to_buckets(scenes: tuple[int, FoundScenes], found: Found) -> Iterator[tuple[int, Piece]]:
    """Yield the scenes of a partition under the number of its bucket, if they have the layout of the place.

    Args:
        scenes: of a partition.
        found: what is said of all.
    """
    key, part = scenes
    if found.overview and found.wanted and part.layout == found.overview.layout:
        for piece in _cut(found.wanted.of(part.scenes)):
            yield place_and_partition(key)[1] % found.buckets, Piece(found.buckets, piece)


def _cut(bucket: BucketScenes) -> Iterator[BucketScenes]:
    """Yield a bucket in records small enough for an engine."""
    size, unselected = SCENES_IN_A_RECORD, sorted(bucket.unselected)
    for start in range(0, max(len(bucket.plain), len(bucket.failures), len(unselected)), size):
        part = slice(start, start + size)
        yield BucketScenes(bucket.plain[part], bucket.failures[part], frozenset(unselected[part]))


def joined(pieces: list[Piece]) -> BucketScenes:
    """Return a bucket whose records came in any order."""
    parts = [piece.scenes for piece in pieces]
    return BucketScenes(
        sorted((scene for part in parts for scene in part.plain), key=itemgetter(0)),
        sorted((failure for part in parts for failure in part.failures), key=attrgetter("scene_id")),
        frozenset().union(*(part.unselected for part in parts)),
    )
