"""The outcomes of one bucket: rows of the tables, and outcomes of the journal beyond them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, repeat
from typing import Any

import pyarrow as pa

from dpdeblur.transforms.records import Failure, Outcome, Score
from dpdeblur.transforms.resuming.diff import Done, of_outcome, pictures_of
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.schemas import arrow_schema, to_table

TABLES: dict[str, type] = {"metrics": Score, "failures": Failure}


@dataclass(frozen=True, slots=True)
class BucketOutcomes:
    """The outcomes of one bucket.

    Attributes:
        tables: rows of the metrics and of the failures table, by the name of the table.
        journaled: outcomes that the journal holds.
        done: what matters of all of them, in the order metrics, failures, journal; but for scores that have lost their picture.
        in_place: whether each table is one file, whole, named as this bucket's, and none of its rows has lost its picture.
    """

    tables: Mapping[str, pa.Table]
    journaled: Sequence[Outcome]
    done: Sequence[Done]
    in_place: bool

    def with_pictures(self, there: Container[str]) -> BucketOutcomes:
        """Return the outcomes without scores whose picture is not among the existing ones."""
        return self._only([one for one in self.done if not one.image_path or store.name(one.image_path) in there])

    def without_pictures(self, lost: Container[str]) -> BucketOutcomes:
        """Return the outcomes without scores whose picture is among the lost ones."""
        return self._only([one for one in self.done if not one.image_path or store.name(one.image_path) not in lost])

    def _only(self, done: Sequence[Done]) -> BucketOutcomes:
        return replace(self, done=done, in_place=self.in_place and len(done) == len(self.done))

    def and_also(self, outcomes: Sequence[Outcome]) -> BucketOutcomes:
        """Return the outcomes with further ones from the journal, whose pictures exist."""
        first = sum(table.num_rows for table in self.tables.values()) + len(self.journaled)
        more = [of_outcome(outcome, first + row) for row, outcome in enumerate(outcomes)]
        return replace(self, journaled=[*self.journaled, *outcomes], done=[*self.done, *more])

    def rows(self, done: Sequence[Done], keys: Mapping[str, str]) -> dict[str, pa.Table]:
        """Return the whole rows of some outcomes, by the name of their table.

        Args:
            done: which; all from `self.done`.
            keys: the `input_key` to give to a scene's row instead of its own.
        """
        rows, begin, first = dict[str, pa.Table](), 0, sum(table.num_rows for table in self.tables.values())
        journaled = [self.journaled[one.row - first] for one in done if one.row >= first]
        for name, row_type in TABLES.items():
            end = begin + self.tables[name].num_rows
            stay = [one for one in done if begin <= one.row < end]
            table = self.tables[name].take(pa.array([one.row - begin for one in stay], pa.int64()))
            begin = end
            if any(one.scene_id in keys for one in stay):
                position = table.schema.get_field_index("input_key")
                present = pa.array([keys.get(one.scene_id, one.input_key) for one in stay], pa.string())
                table = table.set_column(position, table.schema.field(position), present)
            rows[name] = pa.concat_tables([table, to_table((o for o in journaled if isinstance(o, row_type)), row_type)])
        return rows


class NoOutcomes:
    """The earlier outcomes of a new run: none."""

    def bucket(self, number: int) -> BucketOutcomes:
        """Return no outcomes."""
        return BucketOutcomes({name: arrow_schema(row_type).empty_table() for name, row_type in TABLES.items()}, (), (), False)


def bucket_outcomes(
    tables: Mapping[str, Sequence[pa.Table]], journaled: Sequence[Outcome], *, in_place: bool
) -> BucketOutcomes:
    """Return the outcomes of one bucket, as if no picture were lost.

    Args:
        tables: what is left of its rows, by the name of the table, in any number of parts.
        journaled: its outcomes that the tables lack.
        in_place: whether each table has one file for the bucket, by its name.
    """
    whole = {name: pa.concat_tables([arrow_schema(kind).empty_table(), *tables[name]]) for name, kind in TABLES.items()}
    one_each = all(len(parts) == 1 for parts in tables.values())
    return BucketOutcomes(whole, (), list(_of_tables(whole)), in_place and one_each).and_also(journaled)


def _of_tables(tables: Mapping[str, pa.Table]) -> Iterator[Done]:
    """Yield what matters of the rows of both tables, numbered from the first of the metrics to the last of the failures."""
    metrics, failures = (tables[name] for name in TABLES)
    names, keys, finished, paths, pictures, scores = _values(metrics, "image_path", "pictures", "psnr_db")
    had, no = map(pictures_of, pictures, scores), repeat("")
    yield from map(Done, names, keys, repeat(True), finished, no, no, no, (path or "" for path in paths), had, count())
    names, keys, finished, *why = _values(failures, "stage", "error_type", "message")
    yield from map(Done, names, keys, repeat(False), finished, *why, no, no, count(metrics.num_rows))


def _values(table: pa.Table, *more: str) -> list[list[Any]]:
    """Return columns: ids, keys, times in milliseconds, and those asked for."""
    whole = table.set_column(table.schema.get_field_index("finished_at"), "finished_at", table["finished_at"].cast(pa.int64()))
    return [whole[name].to_pylist() for name in ("scene_id", "input_key", "finished_at", *more)]
