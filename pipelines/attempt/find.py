"""Finding on a worker: the scenes of a place, a bucket at a time, and what is said of them as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from dpdeblur.pipelines.attempt.attempt import Attempt
from dpdeblur.pipelines.attempt.earlier import sources
from dpdeblur.transforms.finding.collection import BucketScenes, Overview
from dpdeblur.transforms.records import UsageError

SCENES_IN_A_RECORD = 1000
FOUND, SOURCES = "found", "sources"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a place.

    Attributes:
        overview: of the scenes; None where they cannot be found.
        buckets: into how many they are sorted.
        refusal: why they cannot be found, for the user.
    """

    overview: Overview | None
    buckets: int = 0
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some scenes of a bucket.

    Attributes:
        buckets: into how many all scenes are sorted.
        scenes: some of the bucket.
    """

    buckets: int
    scenes: BucketScenes


class Find(beam.DoFn):
    """Finds the scenes: at least one `Piece` under the number of each bucket.

    To the output `FOUND` goes one `Found`; to `SOURCES`, each with the number of buckets, where earlier attempts have left
    something.
    """

    def process(self, attempt: Attempt) -> Iterator[Any]:  # noqa: D102
        try:
            collection = attempt.find()
            buckets = attempt.folder().buckets(len(collection))
        except UsageError as error:
            yield TaggedOutput(FOUND, Found(None, refusal=str(error)))
            return
        yield TaggedOutput(FOUND, Found(collection.overview(), buckets))
        for source in sources(attempt):
            yield TaggedOutput(SOURCES, (source, buckets))
        for number in range(buckets):
            for scenes in _cut(collection.bucket(number, buckets)):
                yield number, Piece(buckets, scenes)


def _cut(bucket: BucketScenes) -> Iterator[BucketScenes]:
    """Yield a bucket in records that an engine likes to carry."""
    size, unselected = SCENES_IN_A_RECORD, sorted(bucket.unselected)
    for start in range(0, max(len(bucket.plain), len(bucket.failures), len(unselected), 1), size):
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
