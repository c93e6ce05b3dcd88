"""Plan on the workers what is left to do in each bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import pyarrow as pa

from dpdeblur.pipelines.attempt.attempt import Attempt
from dpdeblur.pipelines.attempt.earlier import Rows, read_part
from dpdeblur.pipelines.attempt.find import Piece, joined
from dpdeblur.transforms.records import Outcome, UsageError, scene_from_tuple
from dpdeblur.transforms.resuming.bucket_outcomes import TABLES, BucketOutcomes, bucket_outcomes
from dpdeblur.transforms.resuming.bucket_plan import Counts, plan_bucket
from dpdeblur.transforms.resuming.diff import Wanted
from dpdeblur.transforms.resuming.earlier import outcomes_of
from dpdeblur.transforms.storage import store

CARRIED, REPORT = "carried", "report"


@dataclass(frozen=True, slots=True)
class Carried:
    """What the commit of a bucket must know of its plan.

    Attributes:
        wanted: the scenes that the tables are about.
        lines: of the journal, from earlier attempts.
        rows: of tables that are split otherwise.
        lost: names of pictures that rows speak of, and that are not there.
    """

    wanted: Wanted
    lines: Sequence[bytes] = ()
    rows: Sequence[Rows] = ()
    lost: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Report:
    """Report on the plan of one bucket.

    Attributes:
        counts: of its scenes.
        damaged: what is wrong with files of tables, in words.
        refusal: why it cannot be planned, for the user.
    """

    counts: Counts = field(default_factory=Counts)
    damaged: tuple[str, ...] = ()
    refusal: str = ""


class Plan(beam.DoFn):
    """Plans a bucket: emits scenes to do, and to `CARRIED` and `REPORT` what the commit and the decision must know.

    The commit gets the scenes too, in the pieces in which they came, if it has to choose some for the report.

    Args:
        attempt: the attempt.
    """

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt

    def process(self, bucket: tuple[int, Iterable[Any]]) -> Iterator[Any]:  # noqa: D102
        number, there = bucket
        items = list(there)
        pieces, lines, rows = _of(Piece, items), _of(bytes, items), _of(Rows, items)
        buckets = pieces[0].buckets
        tables, damaged = dict[str, list[pa.Table]](), list[str]()
        try:
            for name in TABLES:
                tables[name] = own_rows(name, number, buckets, self.attempt, rows, damaged)
        except UsageError as error:
            yield beam.pvalue.TaggedOutput(REPORT, Report(refusal=str(error)))
            return
        outcomes = whole_outcomes(number, buckets, self.attempt, tables, outcomes_of(lines))
        sound = outcomes.with_pictures(frozenset(_of(str, items)))
        plan = plan_bucket(joined(pieces), sound, self.attempt.terms)
        yield beam.pvalue.TaggedOutput(REPORT, Report(plan.counts, tuple(damaged)))
        paths = {one.image_path for one in outcomes.done} - {one.image_path for one in sound.done}
        lost = frozenset(map(store.name, filter(None, paths)))
        yield beam.pvalue.TaggedOutput(CARRIED, (number, Carried(plan.wanted, lines, rows, lost)))
        if self.attempt.shows_pictures:
            yield from (beam.pvalue.TaggedOutput(CARRIED, (number, piece)) for piece in pieces)
        yield from map(scene_from_tuple, plan.todo)


def whole_outcomes(
    number: int, buckets: int, attempt: Attempt, tables: Mapping[str, list[pa.Table]], journaled: Sequence[Outcome]
) -> BucketOutcomes:
    """Return the outcomes of a bucket, as if no picture were lost.

    Args:
        number: of the bucket.
        buckets: how many there are.
        attempt: the attempt.
        tables: rows of earlier attempts, by the name of the table.
        journaled: outcomes that no table has.
    """
    in_place = not attempt.restart and attempt.tables.are_buckets(buckets) and attempt.tables.are_one(number, buckets)
    return bucket_outcomes(tables, journaled, in_place=in_place)


def own_rows(
    table: str, number: int, buckets: int, attempt: Attempt, rows: Iterable[Rows], damaged: list[str]
) -> list[pa.Table]:
    """Return the rows of a bucket that a table holds, in one or more parts.

    Raises:
        UsageError: a file is of another version.
    """
    if attempt.restart or not attempt.tables.are_buckets(buckets):
        return [one.rows for one in rows if one.table == table]
    found = [read_part(uri, TABLES[table]) for uri in attempt.tables.of_bucket(table, number, buckets)]
    damaged += _of(str, found)
    return _of(pa.Table, found)


def _of(kind: type, items: Iterable[Any]) -> list[Any]:
    return [item for item in items if isinstance(item, kind)]
