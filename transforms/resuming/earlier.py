"""The outcomes of earlier attempts, bucket by bucket: rows of the tables, and lines of the journal beyond them.

The tables of a run are split by the same buckets (`part-00003.parquet` is bucket 3), so that most often a bucket is one file
of each. Where they are not, as in a run of an earlier version, or one whose input has grown manyfold, their rows are sorted
into buckets first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dpdeblur.transforms.records import Failure, Outcome, Score
from dpdeblur.transforms.resuming.diff import Done, of_outcome, pictures_of
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.spool import Spool, bucket_of
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.schemas import arrow_schema, to_table
from dpdeblur.transforms.wording import counted

TABLES: dict[str, type] = {"metrics": Score, "failures": Failure}
_TABLES_IN_MEMORY = 64  # parts of tables that are being sorted into buckets

_log = logging.getLogger("dpdeblur")


def part_name(bucket: int) -> str:
    """Return the name of the file of a bucket, in the folder of its table."""
    return f"part-{bucket:05d}.parquet"


@dataclass(frozen=True, slots=True)
class BucketOutcomes:
    """The outcomes of one bucket.

    Attributes:
        tables: rows of the metrics and of the failures table, by the name of the table.
        journaled: outcomes that the journal holds.
        done: what matters of all of them, in the order metrics, failures, journal; but for scores that have lost their picture.
        in_place: whether each table is one file, whole, and named as this bucket's.
    """

    tables: Mapping[str, pa.Table]
    journaled: Sequence[Outcome]
    done: Sequence[Done]
    in_place: bool

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


class EarlierOutcomes:
    """What earlier attempts have finished.

    Args:
        parts: the files of each table, by its name.
        read_part: from a file and its row type to its rows; None where it is damaged, which is said.
        buckets: into how many the outcomes are to be sorted; a power of two.
        split: into how many the files are; 0 where that is not known.
        journal_folder: of the run.
        pictures: names of the pictures that are there; a score whose picture is not does not count.
    """

    def __init__(
        self,
        parts: Mapping[str, Sequence[str]],
        read_part: Callable[[str, type], pa.Table | None],
        buckets: int,
        split: int,
        journal_folder: str,
        pictures: Iterator[str],
    ) -> None:
        self._parts = {table: {store.name(uri): uri for uri in uris} for table, uris in parts.items()}
        self._read_part, self._buckets = read_part, buckets
        self._in_place = buckets in (1, split)
        self._sorted = Spool[tuple[str, pa.Table]](_TABLES_IN_MEMORY)
        if not self._in_place:
            for name, row_type in TABLES.items():
                for uri in parts[name]:
                    self._sort(name, read_part(uri, row_type))
        self._journal = journal_lines(journal_folder)
        self._pictures = Spool[str]()
        for picture in pictures:
            self._pictures.add(picture.partition(".")[0], picture)

    def bucket(self, number: int) -> BucketOutcomes:
        """Return the outcomes of one bucket."""
        parts = {name: list(self._tables(name, number)) for name in TABLES}
        tables = {name: pa.concat_tables([arrow_schema(TABLES[name]).empty_table(), *found]) for name, found in parts.items()}
        lines = self._journal.bucket(number, self._buckets)
        journaled = [outcome for line in lines if (outcome := _outcome(line)) is not None]
        there = set(self._pictures.bucket(number, self._buckets))
        first = sum(table.num_rows for table in tables.values())
        done = [*_of_tables(tables), *(of_outcome(outcome, first + row) for row, outcome in enumerate(journaled))]
        sound = [one for one in done if not one.image_path or store.name(one.image_path) in there]
        own = all(part_name(number) in uris and (self._buckets > 1 or len(uris) == 1) for uris in self._parts.values())
        in_place = self._in_place and own and all(len(found) == 1 for found in parts.values())
        return BucketOutcomes(tables, journaled, sound, in_place)

    def _tables(self, name: str, number: int) -> Iterator[pa.Table]:
        if not self._in_place:
            yield from (table for kind, table in self._sorted.bucket(number, self._buckets) if kind == name)
            return
        parts, own = self._parts[name], part_name(number)
        for uri in parts.values() if self._buckets == 1 else [parts[own]] if own in parts else ():
            table = self._read_part(uri, TABLES[name])
            if table is not None:
                yield table

    def _sort(self, name: str, table: pa.Table | None) -> None:
        if table is None:
            return
        buckets = pa.array([bucket_of(scene_id, self._buckets) for scene_id in table["scene_id"].to_pylist()], pa.int32())
        for number in pc.unique(buckets).to_pylist():
            self._sorted.add_to(number, (name, table.filter(pc.equal(buckets, number))))


class NoOutcomes:
    """The earlier outcomes of a run that begins anew."""

    def bucket(self, number: int) -> BucketOutcomes:
        """Return no outcomes."""
        return BucketOutcomes({name: arrow_schema(row_type).empty_table() for name, row_type in TABLES.items()}, (), (), False)


def journal_lines(folder: str) -> Spool[bytes]:
    """Return the whole lines of a journal, by the bucket of their scene. What a lost line held is done again."""
    lines, lost = Spool[bytes](), 0
    for line in journal.lines_in(folder):
        scene_id = journal.scene_of(line)
        if scene_id is None:
            lost += 1
        else:
            lines.add(scene_id, line)
    if lost:
        _log.warning("%s of the journal in %s cut short or damaged: done again", counted(lost, "line"), folder)
    return lines


def _outcome(line: bytes) -> Outcome | None:
    outcome = journal.from_line(line)
    if outcome is None:
        _log.warning("A line of the journal is of another version: %s is done again", journal.scene_of(line))
    return outcome


def _of_tables(tables: Mapping[str, pa.Table]) -> Iterator[Done]:
    """Yield what matters of the rows of both tables, numbered from the first of the metrics to the last of the failures."""
    metrics, failures = (tables[name] for name in TABLES)
    for row, (name, key, ms, path, pictures, psnr) in enumerate(_values(metrics, "image_path", "pictures", "psnr_db")):
        had = pictures_of(pictures, psnr)
        yield Done(name, key, restored=True, finished_ms=ms, image_path=path or "", pictures=had, row=row)
    failed = enumerate(_values(failures, "stage", "error_type", "message"), metrics.num_rows)
    for row, (name, key, ms, stage, error, message) in failed:
        yield Done(name, key, restored=False, finished_ms=ms, stage=stage, error_type=error, message=message, row=row)


def _values(table: pa.Table, *more: str) -> Iterator[tuple[Any, ...]]:
    finished = table["finished_at"].cast(pa.int64()).to_pylist()
    columns = (table[name].to_pylist() for name in ("scene_id", "input_key"))
    return zip(*columns, finished, *(table[name].to_pylist() for name in more), strict=True)
