"""Find the scenes of manifests on the workers of an engine.

manifests ─ parts ─ rows by id ─┬─ candidates ─┬─ scenes and failures
                                               └─ views by digest ─ rows that share one

A part is a row group of Parquet, or some megabytes of text, which one worker cuts: it reads all of it, without looking into
most lines. To read a manifest is a small part of the work: to look for the three or four files of each row is most of it, and
that is done by id, by all workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from dpdeblur.transforms.finding.layout_counts import LISTED, MANIFEST, LayoutCounts, Refusal
from dpdeblur.transforms.finding.manifest_rows import NumberedRow, settle_rows
from dpdeblur.transforms.finding.split_finding import (
    BY_KEY,
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
from dpdeblur.transforms.layouts.find import check_manifest
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.layouts.manifest import Part, Reader
from dpdeblur.transforms.layouts.slips import Views, unread_columns
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage.spool import PARTITIONS, bucket_of

VIEWS, PARTS_OF_VIEWS = "views", 64


class FindInManifests(beam.PTransform):
    """Find the scenes of manifests; return `MAIN`, the scenes by key, and `COUNTS`, by the number of the place."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__()
        self.places = places

    def expand(self, root: Any) -> dict[str, beam.PCollection[Any]]:  # noqa: D102
        parts = root | "Manifests" >> beam.Create(self.places, reshuffle=False) | "Parts" >> step(_Parts())
        rows = parts[MAIN] | "Spread" >> beam.Reshuffle() | "Rows" >> step(_Rows())
        places = {place.number: place for place in self.places}
        scenes = grouped(rows[MAIN], "RowsById") | "Candidates" >> step(_Scenes(places), VIEWS)
        shared = grouped(scenes[VIEWS], "ViewsByDigest") | "Shared" >> beam.Map(_shared).with_output_types(BY_KEY)
        counts = [parts[COUNTS], rows[COUNTS], scenes[COUNTS], shared]
        return {MAIN: scenes[MAIN], COUNTS: counts | "Counts" >> beam.Flatten()}


class _Parts(beam.DoFn):
    def process(self, place: Place) -> Iterator[Any]:
        counts = LayoutCounts()
        try:
            check_manifest(place.source)
            yield from ((place, part) for part in Reader(place.source).parts())
            counts.unread_columns = unread_columns(place.source)
        except UsageError as error:
            counts.refuse(Refusal(LISTED, 0, str(error)))
        yield counts_of(place, {MANIFEST: counts})


class _Rows(beam.DoFn):
    def process(self, place_and_part: tuple[Place, Part | None]) -> Iterator[Any]:
        place, part = place_and_part
        reader, batches = Reader(place.source), Batches[NumberedRow]()
        try:
            for number, row in reader.plain_rows(part):
                partition = bucket_of(printable(reader.name(number, row)), PARTITIONS)
                yield from batches.add(place.key(partition), (number, row))
        except UsageError as error:
            refusal = Refusal(LISTED, part.number if part else 0, str(error))
            yield counts_of(place, {MANIFEST: LayoutCounts(refusal=refusal)})
        yield from batches.rest()


class _Scenes(beam.DoFn):
    def __init__(self, places: dict[int, Place]) -> None:
        self.places = places

    def process(self, rows: tuple[int, Iterable[Batch[NumberedRow]]]) -> Iterator[Any]:
        number, partition = place_and_partition(rows[0])
        place = self.places[number]
        settled = settle_rows(Reader(place.source), items_of(rows[1]))
        for part, views in Views.of(settled.views).by_digest(PARTS_OF_VIEWS):
            yield TaggedOutput(VIEWS, (place.key(part), views))
        yield from found_scenes(place, partition, MANIFEST, settled.bucket, settled.counts)


def _shared(views: tuple[int, Iterable[Views]]) -> tuple[int, dict[str, LayoutCounts]]:
    counts = LayoutCounts()
    counts.slips.add_shared(views[1])
    return place_and_partition(views[0])[0], {MANIFEST: counts}
